/** What the export waits by. */
export interface Timers {
  readonly start: (fn: () => void, ms: number) => NodeJS.Timeout;
  readonly stop: (timer: NodeJS.Timeout | undefined) => void;
  /** Milliseconds that only grow. */
  readonly now: () => number;
}

const { setTimeout, clearTimeout, performance } = globalThis;

/**
 * Node's own, as they are when this package is loaded: fake timers, which a test installs later, would never let a
 * flush end, nor a request without a response.
 */
export const systemTimers: Timers = {
  start: (fn, ms) => setTimeout(fn, ms),
  stop: (timer) => clearTimeout(timer),
  now: () => performance.now(),
};
