import type { Story } from '@throughline/trace';
import { otlpChunks } from './otlp-text.ts';
import { storyOf } from './story.ts';
import { assembleTrace, type StoredTrace, type TraceRows } from './trace.ts';
import { samplingFactsOf, type TraceSamplingFacts } from './trace-sampling.ts';

/** What can be made of a trace. All of it can be handed from thread to thread. */
export interface TraceAnswers {
  /** The trace as OTLP JSON, in parts. */
  readonly otlp: readonly Uint8Array<ArrayBuffer>[];
  readonly story: Story;
  readonly sampling: TraceSamplingFacts;
}

export type TraceQuestion = keyof TraceAnswers;

/** The answer, and of how much of the trace it is made. */
export interface OfTrace<T> extends Pick<StoredTrace, 'storedSpanCount' | 'truncated'> {
  readonly answer: T;
}

const ANSWER: { readonly [Q in TraceQuestion]: (trace: StoredTrace) => TraceAnswers[Q] } = {
  otlp: ({ data }) => [...otlpChunks(data)],
  story: storyOf,
  sampling: ({ data }) => samplingFactsOf(data),
};

/** In this turn of the event loop, or of a thread's. */
export function answerOf<Q extends TraceQuestion>(question: Q, rows: TraceRows): OfTrace<TraceAnswers[Q]> {
  const trace = assembleTrace(rows);
  const { storedSpanCount, truncated } = trace;
  return { answer: ANSWER[question](trace), storedSpanCount, truncated };
}
