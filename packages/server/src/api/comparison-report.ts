import { compareTraces, traceFromOtlp } from '@throughline/trace';
import { Problem } from '../http/problem.ts';
import type { QueryContext } from '../query/rows.ts';
import { storyOf } from '../query/story-of.ts';
import { assembleTrace, bytesOf, findTraceRows, type StoredTrace } from '../query/trace.ts';
import { partialWarnings } from '../terminal/partial-warnings.ts';
import { comparisonMarkdown } from '../terminal/write-comparison.ts';
import type { StoreAnswers } from './store-answers.ts';

const WIDTH = 100;

/** Returns what differs between two stored traces, by their IDs of 32 digits, as Markdown. */
export type CompareStored = (
  traceIdA: string,
  traceIdB: string,
  rowsMax: number,
  signal: AbortSignal,
) => Promise<string>;

/**
 * Compares traces of which each is small enough to be read at once; larger ones are a `Problem`, 422: their stories say
 * more, and working on them would hold up every sender.
 */
export function compareStored(answers: StoreAnswers): CompareStored {
  return async (traceIdA, traceIdB, rowsMax, signal) => {
    const { found, partial } = await answers.find(signal, (context) =>
      Promise.all([readSmall(context, traceIdA), readSmall(context, traceIdB)]),
    );
    const [a, b] = found.map((stored) => ({ trace: traceFromOtlp(stored.data), story: storyOf(stored), warnings: [] }));
    const warnings = partialWarnings(partial);
    return comparisonMarkdown(compareTraces(a!.trace, b!.trace), a!, { ...b!, warnings }, rowsMax, WIDTH);
  };
}

async function readSmall(context: QueryContext, traceId: string): Promise<StoredTrace> {
  const rows = await findTraceRows(context, traceId);
  if (rows === null) throw new Problem(404, 'trace_not_found', `no span of trace ${traceId} is stored`);
  if (bytesOf(rows.answers) <= context.limits.traceInlineBytesMax) return assembleTrace(rows);
  const message = `trace ${traceId} has ${rows.storedSpanCount} spans, which are too many to compare; read the story of each`;
  throw new Problem(422, 'trace_too_large', message);
}
