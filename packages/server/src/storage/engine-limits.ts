export interface EngineLimits {
  /** Memory that the engine's process may use for queries, inserts and merges together. */
  readonly memoryBytesMax: number;
  /** Memory of one query. */
  readonly queryMemoryBytesMax: number;
  /** An answer that is larger is refused. */
  readonly resultBytesMax: number;
  readonly resultRowsMax: number;
  readonly markCacheBytesMax: number;
  /** Queries that run at the same time; inserts have a session of their own. */
  readonly concurrentQueries: number;
  /** Queries that wait for a free session; one more is answered `unavailable`. */
  readonly queuedQueriesMax: number;
  /** Threads of one query. */
  readonly queryThreads: number;
  /**
   * A query takes a second thread, and each further one, only where the engine has so much of its memory left for it.
   */
  readonly queryThreadMemoryBytes: number;
  /** Threads that merge parts in the background. */
  readonly mergeThreads: number;
  /** How often new parts that merges have made are looked at … */
  readonly mergeLookIntervalMs: number;
  /** … and how long those that they replaced stay, to take their place where a write has failed. */
  readonly replacedPartsMs: number;
  /**
   * Behind a merge that was not written whole others wait for this, and for twice the time whenever it happens soon
   * again …
   */
  readonly mergePauseMs: number;
  /** … up to this. */
  readonly mergePauseMsMax: number;
  /**
   * How often the engine, and the collector, give back what they have in memory of their program files and do not use;
   * 0 for never.
   */
  readonly unmapIntervalMs: number;
  /** How long one statement of `command` may take. */
  readonly commandTimeoutMs: number;
  /** How long an insert may take before the engine is considered hung and restarted. */
  readonly insertTimeoutMs: number;
  /** The engine's process is pinged every so often … */
  readonly pingIntervalMs: number;
  /** … is reported as down after so many pings without a reply … */
  readonly unansweredPingsDown: number;
  /** … and is restarted after so many. */
  readonly unansweredPingsMax: number;
  /** An engine that died is started again after this, and after twice the time whenever it dies soon again … */
  readonly restartDelayMs: number;
  /** … up to this. One that stayed up for longer than this begins again at the first. */
  readonly restartDelayMsMax: number;
  /** How long `close` waits for a running insert and for the process to end, together. */
  readonly closeTimeoutMs: number;
}

export const ENGINE_LIMITS: EngineLimits = {
  memoryBytesMax: 1024 * 1024 * 1024,
  queryMemoryBytesMax: 640 * 1024 * 1024,
  resultBytesMax: 256 * 1024 * 1024,
  resultRowsMax: 2_000_000,
  markCacheBytesMax: 64 * 1024 * 1024,
  concurrentQueries: 4,
  queuedQueriesMax: 64,
  queryThreads: 2,
  queryThreadMemoryBytes: 64 * 1024 * 1024,
  mergeThreads: 2,
  mergeLookIntervalMs: 10_000,
  replacedPartsMs: 60_000,
  mergePauseMs: 10_000,
  mergePauseMsMax: 120_000,
  unmapIntervalMs: 5_000,
  commandTimeoutMs: 120_000,
  insertTimeoutMs: 300_000,
  pingIntervalMs: 1_000,
  unansweredPingsDown: 3,
  unansweredPingsMax: 10,
  restartDelayMs: 100,
  restartDelayMsMax: 2_000,
  closeTimeoutMs: 2_000,
};
