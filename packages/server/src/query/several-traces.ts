import {
  compareTraces,
  describeComparison,
  similarTraces,
  tellStory,
  traceFromOtlp,
  typicalTrace,
  type ComparisonReport,
  type SimilarTrace,
  type Trace,
} from '@throughline/trace';
import { comparisonMarkdown } from '../terminal/write-comparison.ts';
import { assembleTrace, assembleTraces, type TraceRows } from './trace.ts';

/** What can be asked of several traces together, with their rows as the engine answers them. */
export type SeveralJob =
  | { readonly query: 'compare'; readonly a: TraceRows; readonly b: TraceRows }
  | ComparisonMarkdownJob
  | TypicalJob
  | {
      readonly query: 'similar';
      readonly trace: TraceRows;
      readonly others: readonly Uint8Array[];
      readonly limit: number;
    };

export interface TypicalJob {
  readonly query: 'typical';
  readonly trace: TraceRows;
  readonly others: readonly Uint8Array[];
  /** How many requests each of the others represents, by trace ID. */
  readonly weights: ReadonlyMap<string, number>;
}

export interface ComparisonMarkdownJob {
  readonly query: 'comparison-markdown';
  readonly a: TraceRows;
  readonly b: TraceRows;
  readonly rowsMax: number;
  /** What a reader must know before believing the rest. */
  readonly warnings: readonly string[];
}

export interface SeveralResults {
  readonly compare: ComparisonReport;
  readonly 'comparison-markdown': string;
  readonly typical: OfOthers<{ readonly comparison: ComparisonReport | null }>;
  readonly similar: OfOthers<{ readonly traces: readonly SimilarTrace[] }>;
}

/** The result, and how many other traces it was made of. */
type OfOthers<T> = T & { readonly comparedCount: number };

/** With fewer traces nothing is typical. */
export const TYPICAL_TRACES_MIN = 10;

/** In this turn of the event loop, or of a thread's. */
export function resultOfSeveral<J extends SeveralJob>(job: J): SeveralResults[J['query']] {
  return resultOf(job) as SeveralResults[J['query']];
}

function resultOf(job: SeveralJob): SeveralResults[SeveralJob['query']] {
  if (job.query === 'compare') return compare(readOf(job.a), readOf(job.b));
  if (job.query === 'comparison-markdown') return compareInMarkdown(job);
  const own = readOf(job.trace);
  const others = Array.from(assembleTraces(job.others).values(), (data) => traceFromOtlp(data));
  const comparedCount = others.length;
  if (job.query === 'similar') return { comparedCount, traces: similarTraces(own.trace, others, job.limit) };
  const weights = others.map(({ traceId }) => job.weights.get(traceId) ?? 1);
  const typical = comparedCount < TYPICAL_TRACES_MIN ? undefined : others[typicalTrace(others, weights)];
  return {
    comparedCount,
    comparison: typical === undefined ? null : compare({ trace: typical, spansInTrace: 0 }, own),
  };
}

/** The bytes of the rows. */
export function bytesOfSeveral(job: SeveralJob): readonly Uint8Array[] {
  return 'a' in job ? [...job.a.answers, ...job.b.answers] : [...job.trace.answers, ...job.others];
}

interface ReadTrace {
  readonly trace: Trace;
  /** How many spans are stored of one that was cut; else 0. */
  readonly spansInTrace: number;
}

function readOf(rows: TraceRows): ReadTrace {
  const { data, truncated, storedSpanCount } = assembleTrace(rows);
  return { trace: traceFromOtlp(data), spansInTrace: truncated ? storedSpanCount : 0 };
}

function compare(a: ReadTrace, b: ReadTrace): ComparisonReport {
  return describeComparison(a.trace, b.trace, { spansInTraceA: a.spansInTrace, spansInTraceB: b.spansInTrace });
}

const MARKDOWN_WIDTH = 100;

function compareInMarkdown({ a, b, rowsMax, warnings }: ComparisonMarkdownJob): string {
  const [one, other] = [a, b].map((rows) => {
    const { trace, spansInTrace } = readOf(rows);
    return { trace, story: tellStory(trace, spansInTrace === 0 ? {} : { spansInTrace }), warnings: [] };
  });
  const comparison = compareTraces(one!.trace, other!.trace);
  return comparisonMarkdown(comparison, one!, { ...other!, warnings }, rowsMax, MARKDOWN_WIDTH);
}
