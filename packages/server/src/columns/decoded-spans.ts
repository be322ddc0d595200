import type { Seconds } from '../storage/span-visibility.ts';
import type { SpanRejection } from './ingest-result.ts';

/** The spans of a request that were rejected one by one. */
export interface RejectionSummary {
  readonly total: number;
  readonly counts: ReadonlyMap<SpanRejection['code'], number>;
  /** How many were beyond each limit. */
  readonly limits: ReadonlyMap<string, number>;
  /** '' where none was rejected. */
  readonly message: string;
}

/** A request's spans that were decoded elsewhere; may be handed between threads. */
export interface DecodedSpans {
  /** One block in the Native format, without its arrival yet; empty without rows. */
  readonly native: Uint8Array;
  readonly rows: number;
  /** When they start. */
  readonly seconds: Seconds;
  /** How many of them the rollups count as others. */
  readonly otherSpans: number;
  readonly rejected: RejectionSummary;
  /** What was dropped of them, by the key of the limit, … */
  readonly losses: ReadonlyMap<string, number>;
  /** … and in words. */
  readonly message: string;
}
