import { describeCriticalPath, traceFromOtlp, type CriticalPathReport, type Story } from '@throughline/trace';
import { traceBodyMarkdown, type MarkdownFacts } from '../terminal/write-trace.ts';
import { otlpChunks } from './otlp-chunks.ts';
import { placedStoryOf, storyOf, type PlacedStory } from './story-of.ts';
import { assembleTrace, type StoredTrace, type TraceRows } from './trace.ts';
import { samplingFactsOf, type TraceSamplingFacts } from './trace-sampling.ts';

/** What can be made of a trace. All of it can be handed from thread to thread. */
export interface TraceResults {
  /** The trace as OTLP JSON, in parts. */
  readonly otlp: readonly Uint8Array<ArrayBuffer>[];
  readonly story: Story;
  readonly 'critical-path': CriticalPathReport;
  readonly markdown: TraceMarkdown;
  readonly placedStory: PlacedStory;
  readonly sampling: TraceSamplingFacts;
}

/** Story and waterfall; `endMarkdown` ends them. */
export interface TraceMarkdown extends MarkdownFacts {
  readonly body: string;
}

export type TraceQuery = keyof TraceResults;

/** The answer, and of how much of the trace it is made. */
export interface OfTrace<T> extends Pick<StoredTrace, 'storedSpanCount' | 'truncated'> {
  readonly answer: T;
}

const RESULTS: { readonly [Q in TraceQuery]: (trace: StoredTrace) => TraceResults[Q] } = {
  otlp: ({ data }) => [...otlpChunks(data)],
  story: storyOf,
  'critical-path': ({ data, truncated, storedSpanCount }) =>
    describeCriticalPath(traceFromOtlp(data), truncated ? { spansInTrace: storedSpanCount } : {}),
  markdown: markdownOf,
  placedStory: placedStoryOf,
  sampling: ({ data }) => samplingFactsOf(data),
};

/** Of a larger trace, what decided it. */
const MARKDOWN_ROWS_MAX = 100;
const MARKDOWN_WIDTH = 100;

function markdownOf(stored: StoredTrace): TraceMarkdown {
  const story = storyOf(stored);
  const rows = { critical: false, errors: false, depthMax: Infinity, rowsMax: MARKDOWN_ROWS_MAX, isExpanded: false };
  const body = traceBodyMarkdown(traceFromOtlp(stored.data), story, rows, MARKDOWN_WIDTH);
  const { traceId, spanCount, durationNs } = story;
  return { body, traceId, spanCount, durationNs };
}

/** In this turn of the event loop, or of a thread's. */
export function resultOf<Q extends TraceQuery>(query: Q, rows: TraceRows): OfTrace<TraceResults[Q]> {
  const trace = assembleTrace(rows);
  const { storedSpanCount, truncated } = trace;
  return { answer: RESULTS[query](trace), storedSpanCount, truncated };
}
