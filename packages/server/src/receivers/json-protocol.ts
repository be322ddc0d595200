import type { DecodedSpans } from '../ingest/decoded-spans.ts';
import type { BlockLimits } from '../ingest/limits.ts';
import type { RollupLimits } from '../ingest/rollup-bounds.ts';
import type { OtherSignal, Signal } from './signals.ts';

/** What the thread that decodes JSON is told at its start. */
export interface JsonThreadData {
  readonly limits: BlockLimits;
  readonly rollupLimits: RollupLimits;
  readonly objectsMax: number;
  /** Any 32 bits that senders do not know. */
  readonly seed: number;
}

/** One request. */
export interface JsonJob {
  /** Handed over with it, and back with the answer: a body is nothing that either thread's collection of garbage has to look for. */
  readonly memory: ArrayBuffer;
  /** The body's length, from the beginning of the memory. */
  readonly length: number;
  /** Of other signals than traces the records are counted. */
  readonly signal: Signal;
  /** Spans must start at these seconds or between them. */
  readonly earliestSecond: number;
  readonly latestSecond: number;
}

export interface JsonAnswer {
  readonly outcome: JsonOutcome;
  readonly memory: ArrayBuffer;
}

/** What became of it. */
export type JsonOutcome =
  | { readonly kind: 'decoded'; readonly spans: DecodedSpans }
  | { readonly kind: 'counted'; readonly signal: OtherSignal; readonly records: number }
  | { readonly kind: 'malformed'; readonly message: string }
  | { readonly kind: 'tooLarge'; readonly limit: string; readonly message: string }
  | { readonly kind: 'failed'; readonly message: string };
