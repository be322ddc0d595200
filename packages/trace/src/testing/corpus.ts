import { readdirSync, readFileSync } from 'node:fs';
import type { ErrorOrigin } from '../analysis/error-origins.ts';
import type { TracesData } from '../otlp.ts';
import { anException, aTrace, keyValues, type SpanPlan } from './a-trace.ts';

/** A small trace, with the answer that a person would give who knows what happened. */
export interface CorpusCase {
  readonly name: string;
  /** What happened. */
  readonly truth: string;
  readonly spans: readonly CorpusSpan[];
  /** How many spans the trace has where `spans` are only the first of them. */
  readonly spansInTrace?: number;
  readonly expect: Expected;
}

/** Times are milliseconds. */
interface CorpusSpan extends Pick<SpanPlan, 'service' | 'name' | 'from' | 'to' | 'kind' | 'attributes' | 'message'> {
  readonly status?: 'error' | 'unset';
  /** Type, message and stack trace of a recorded exception. */
  readonly exception?: readonly [type: string, message: string, stack?: string];
  /** Of a parent that is not among the spans. */
  readonly parent?: string;
  readonly children?: readonly CorpusSpan[];
}

/** Spans are named by their name, or by service and name. What is not given may be anything. */
export interface Expected {
  readonly outcome?: string;
  readonly cause?: SpanName | null;
  readonly kind?: ErrorOrigin['kind'];
  readonly confidence?: ErrorOrigin['confidence'];
  readonly waiter?: SpanName;
  readonly origins?: readonly SpanName[];
  readonly notOrigins?: readonly SpanName[];
  readonly notHandled?: readonly SpanName[];
  readonly onPath?: readonly SpanName[];
  readonly notOnPath?: readonly SpanName[];
  readonly patterns?: readonly string[];
  readonly notPatterns?: readonly string[];
  /** By service: between which milliseconds its clock is corrected. */
  readonly skewMs?: Readonly<Record<string, readonly [number, number]>>;
  /** The headline. */
  readonly sentence?: string;
  /** Words of the headline. */
  readonly says?: readonly string[];
  /** Words that stand neither in the headline nor in a clause about a failure, a pattern or a clock. */
  readonly saysNot?: readonly string[];
  /** Kinds of clauses that are there. */
  readonly clauses?: readonly string[];
}

export type SpanName = string | readonly [service: string, name: string];

/** All cases by file. */
export function readCorpus(): [file: string, cases: readonly CorpusCase[]][] {
  const folder = new URL('../../corpus/', import.meta.url);
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .map((file) => [file, JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as readonly CorpusCase[]]);
}

export function corpusTrace({ spans }: CorpusCase): TracesData {
  const data = aTrace(...spans.map(planOf));
  const plans = flatten(spans);
  data.resourceSpans.forEach(({ scopeSpans }, index) => {
    const exception = plans[index]?.exception;
    const event = scopeSpans[0]?.spans[0]?.events?.[0];
    if (exception?.[2] !== undefined) event?.attributes?.push(...keyValues({ 'exception.stacktrace': exception[2] }));
    const message = plans[index]?.message;
    const span = scopeSpans[0]?.spans[0];
    if (plans[index]?.status === 'unset' && message !== undefined && span !== undefined) span.status = { message };
  });
  return data;
}

function planOf(span: CorpusSpan): SpanPlan {
  const { status, exception, parent, children = [], ...plan } = span;
  return {
    ...plan,
    ...(status === 'error' && { error: '' }),
    ...(exception !== undefined && { events: [anException(span.to, exception[0], exception[1])] }),
    ...(parent !== undefined && { parentSpanId: parent }),
    children: children.map(planOf),
  };
}

function flatten(spans: readonly CorpusSpan[]): CorpusSpan[] {
  return spans.flatMap((span) => [span, ...flatten(span.children ?? [])]);
}
