import { BLOCK_LIMITS, type BlockLimits } from '../columns/limits.ts';

export interface IngestLimits extends BlockLimits {
  /** A span that starts later than this after the collector's clock is rejected. */
  readonly futureMsMax: number;
  /** Columns that wait for the disk; beyond it a request is answered `busy`. */
  readonly pendingBytesMax: number;
  readonly retryAfterMs: number;
  /**
   * Stored requests that are remembered, so that a repeat is not stored again; 0 remembers none. At least half as many
   * are.
   */
  readonly recentRequestsMax: number;
  /** Each is remembered for so long at least, and twice as long at most. */
  readonly recentRequestMs: number;
}

export const INGEST_LIMITS: IngestLimits = {
  ...BLOCK_LIMITS,
  futureMsMax: 3_600_000,
  pendingBytesMax: 32 * 1024 * 1024,
  retryAfterMs: 1_000,
  recentRequestsMax: 50_000,
  recentRequestMs: 600_000,
};
