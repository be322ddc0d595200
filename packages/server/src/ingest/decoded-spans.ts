import type { SpanRefusal } from './result.ts';

/** The spans of a request that were refused one by one. */
export interface RefusalSummary {
  readonly total: number;
  readonly counts: ReadonlyMap<SpanRefusal['code'], number>;
  /** How many were beyond each limit. */
  readonly limits: ReadonlyMap<string, number>;
  /** '' where none was refused. */
  readonly message: string;
}

/** A request's spans that were decoded elsewhere; may be handed between threads. */
export interface DecodedSpans {
  /** Blocks of the Native format; empty without rows. */
  readonly native: Uint8Array;
  readonly rows: number;
  readonly refused: RefusalSummary;
  /** What was left out of them, by the key of the limit, … */
  readonly losses: ReadonlyMap<string, number>;
  /** … and in words. */
  readonly message: string;
}
