import type { DecodedSpans } from '../../columns/decoded-spans.ts';
import type { BlockLimits } from '../../columns/limits.ts';
import type { RollupLimits } from '../../columns/rollup-bounds.ts';
import type { OtlpEncoding } from '../otlp/otlp-response.ts';
import type { OtherSignal, Signal } from '../otlp/signals.ts';

/** The settings of the thread that decodes large bodies, handed over at its start. */
export interface BodyThreadData {
  readonly limits: BlockLimits;
  readonly rollupLimits: RollupLimits;
  /** Any 32 bits that senders do not know. */
  readonly seed: number;
}

/** How a body is to be read. */
export interface BodyForm {
  readonly encoding: OtlpEncoding;
  /** Of other signals than traces the records are counted. */
  readonly signal: Signal;
  /** Objects and arrays that it may have as JSON. */
  readonly objectsMax: number;
}

/** One request. */
export interface BodyJob extends BodyForm {
  /**
   * Handed over with it, and back with the answer: a body is nothing that either thread's collection of garbage has to
   * look for.
   */
  readonly memory: ArrayBuffer;
  /** The body's length, from the beginning of the memory. */
  readonly length: number;
  /** Spans must start at these seconds or between them. */
  readonly earliestSecond: number;
  readonly latestSecond: number;
}

export interface BodyResponse {
  readonly outcome: BodyOutcome;
  readonly memory: ArrayBuffer;
}

/** What became of it. */
export type BodyOutcome =
  | { readonly kind: 'decoded'; readonly spans: DecodedSpans }
  | { readonly kind: 'counted'; readonly signal: OtherSignal; readonly records: number }
  | { readonly kind: 'malformed'; readonly message: string }
  | { readonly kind: 'tooLarge'; readonly limit: string; readonly message: string }
  | { readonly kind: 'failed'; readonly message: string };
