import { processWide } from './process-wide.ts';

/** Someone who has something to send before the process ends. */
export interface ProcessEndListener {
  /** Whether there is anything to send. */
  hasPending(): boolean;
  /** Sends it, within a deadline of its own, and returns whether all of it went; never rejects. */
  flush(): Promise<boolean>;
  /** The same while the process is blocked, in at most so many milliseconds; never throws. */
  flushBlocking(withinMs: number): void;
  /** When a request last ended, as `performance.now()`, given up or not. */
  lastEndedAtMs?(): number;
  /** Counts what is still there as dropped. */
  discardPending(): void;
}

/**
 * SIGHUP comes when a terminal is closed. SIGUSR2, which nodemon restarts with, is left alone: add-ons take it in ways
 * that Node does not see, and a process that listened for it here would end of it.
 */
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;
type EndingSignal = (typeof SIGNALS)[number];

/** `process.exit` is held up no longer than this: nothing else runs meanwhile. */
const STANDS_STILL_MS = 1_000;

/** Behind its own flush the process rests; what comes later than this, something else has kept it running for. */
const RESTED_MS = 1_000;

/**
 * Calls its listeners when the event loop runs empty, on the signals that end a process, and at `process.exit`. A
 * signal is raised again afterwards, unless somebody else owns it: who listens for it decides when the process ends.
 */
class ProcessEnd {
  readonly #listeners = new Set<ProcessEndListener>();
  /** When the last flush of an empty event loop had ended; null while it goes on, and before the first. */
  #flushedAtMs: number | null = null;
  #hasFlushed = false;

  add(listener: ProcessEndListener): void {
    if (this.#listeners.size === 0) this.#watch();
    this.#listeners.add(listener);
  }

  remove(listener: ProcessEndListener): void {
    if (!this.#listeners.delete(listener) || this.#listeners.size > 0) return;
    process.off('beforeExit', this.#onBeforeExit);
    process.off('exit', this.#onExit);
    this.#leaveSignals();
  }

  #watch(): void {
    process.on('beforeExit', this.#onBeforeExit);
    process.on('exit', this.#onExit);
    process.on('newListener', this.#onNewListener);
    for (const signal of SIGNALS) process.prependListener(signal, this.#onSignal);
  }

  #leaveSignals(): void {
    process.off('newListener', this.#onNewListener);
    for (const signal of SIGNALS) process.off(signal, this.#onSignal);
  }

  /**
   * Node emits this again after what it started has finished. An application that ends spans whenever it hears of it is
   * not flushed for each time, or the process would never rest: `exit` has the rest.
   */
  readonly #onBeforeExit = (): void => {
    if (this.#hasFlushed && !this.#hasRested()) return;
    const pending = [...this.#listeners].filter((listener) => listener.hasPending());
    if (pending.length === 0) return;
    this.#hasFlushed = true;
    this.#flushedAtMs = null;
    void this.#flushEmpty(pending);
  };

  async #flushEmpty(pending: readonly ProcessEndListener[]): Promise<void> {
    await Promise.all(pending.map(flushOrDiscard));
    this.#flushedAtMs = performance.now();
  }

  /** What our own requests have kept running has not rested: their responses may come long after they timed out. */
  #hasRested(): boolean {
    if (this.#flushedAtMs === null) return false;
    const ended = [...this.#listeners].map((listener) => listener.lastEndedAtMs?.() ?? -Infinity);
    return performance.now() - Math.max(this.#flushedAtMs, ...ended) > RESTED_MS;
  }

  /** `process.exit`, or an uncaught exception: nothing asynchronous comes after it. */
  readonly #onExit = (): void => {
    // However many there are: one second for all.
    const until = performance.now() + STANDS_STILL_MS;
    for (const listener of this.#listeners) {
      if (listener.hasPending()) listener.flushBlocking(Math.max(0, until - performance.now()));
      listener.discardPending();
    }
  };

  readonly #onSignal = (signal: NodeJS.Signals): void => {
    const isOursToEnd = countOwners(signal) === 0;
    // A second signal ends the process at once, as it would without us, and those that only tidy up find themselves
    // alone; but not yet in this round, or they would end it.
    if (isOursToEnd) process.nextTick(() => this.#leaveSignals());
    void this.#flushAll(isOursToEnd ? signal : null);
  };

  async #flushAll(raised: NodeJS.Signals | null): Promise<void> {
    await Promise.allSettled([...this.#listeners].map((listener) => listener.flush()));
    if (raised !== null) process.kill(process.pid, raised);
  }

  /** A `once` listener is gone before it is called: owners are counted before any other listener is. */
  readonly #onNewListener = (event: string | symbol, listener: unknown): void => {
    if (listener === this.#onSignal || !isEndingSignal(event)) return;
    process.nextTick(() => this.#comeFirst(event));
  };

  #comeFirst(signal: EndingSignal): void {
    const listeners = process.listeners(signal);
    if (listeners[0] === this.#onSignal || !listeners.includes(this.#onSignal)) return;
    process.off(signal, this.#onSignal);
    process.prependListener(signal, this.#onSignal);
  }
}

function isEndingSignal(event: string | symbol): event is EndingSignal {
  return (SIGNALS as readonly (string | symbol)[]).includes(event);
}

async function flushOrDiscard(listener: ProcessEndListener): Promise<void> {
  if (!(await listener.flush())) listener.discardPending();
}

/** Those who listen for the signal beside us and want to decide when the process ends. */
function countOwners(signal: NodeJS.Signals): number {
  return process.listenerCount(signal) - 1 - countTidiers();
}

/**
 * The package `signal-exit` (which comes with ora, inquirer, write-file-atomic and others) listens to tidy up, and ends
 * the process where nobody else is there. Each of its copies has one listener a signal, and says how many there are:
 * version 4 for the whole process, version 3 as well.
 */
function countTidiers(): number {
  const counters: unknown[] = [
    Reflect.get(globalThis, Symbol.for('signal-exit emitter')),
    Reflect.get(process, '__signal_exit_emitter__'),
  ];
  return counters.reduce<number>((sum, counter) => {
    const count: unknown = typeof counter === 'object' && counter !== null ? Reflect.get(counter, 'count') : undefined;
    return sum + (typeof count === 'number' && count > 0 ? count : 0);
  }, 0);
}

/** Copies of the package in one process, of whatever version, share one: each would take the other for an owner. */
function shared(): Pick<ProcessEnd, 'add' | 'remove'> {
  return processWide('processEnd.1', () => new ProcessEnd());
}

/**
 * Calls the listener when the event loop runs empty, on SIGTERM, SIGINT and SIGHUP, and at `process.exit`, until
 * `unwatchProcessEnd`.
 */
export function watchProcessEnd(listener: ProcessEndListener): void {
  shared().add(listener);
}

export function unwatchProcessEnd(listener: ProcessEndListener): void {
  shared().remove(listener);
}
