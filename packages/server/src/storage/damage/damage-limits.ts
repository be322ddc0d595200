/** What the collector does by itself about parts of the store that are damaged on the disk. */
export interface DamageLimits {
  /** Damaged parts that are detached without a request; they count until their directory is emptied. */
  readonly detachedPartsMax: number;
  /** How often the engine is queried for parts that it has detached, and for merges that failed on damage. */
  readonly lookIntervalMs: number;
  /** For the engine to verify a part; one that takes longer is taken for what the failed statement said of it. */
  readonly verifyTimeoutMs: number;
}

export const DAMAGE_LIMITS: DamageLimits = {
  detachedPartsMax: 20,
  lookIntervalMs: 60_000,
  verifyTimeoutMs: 20_000,
};
