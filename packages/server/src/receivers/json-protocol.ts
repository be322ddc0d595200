import type { DecodedSpans } from '../ingest/decoded-spans.ts';
import type { BlockLimits } from '../ingest/limits.ts';

/** What the thread that decodes JSON is told at its start. */
export interface JsonThreadData {
  readonly limits: BlockLimits;
  readonly objectsMax: number;
  /** Any 32 bits that senders do not know. */
  readonly seed: number;
}

/** One request. */
export interface JsonJob {
  readonly body: Uint8Array;
  /** Spans must start at these seconds or between them. */
  readonly earliestSecond: number;
  readonly latestSecond: number;
}

/** What became of it. */
export type JsonOutcome =
  | { readonly kind: 'decoded'; readonly spans: DecodedSpans }
  | { readonly kind: 'malformed'; readonly message: string }
  | { readonly kind: 'tooLarge'; readonly limit: string; readonly message: string }
  | { readonly kind: 'failed'; readonly message: string };
