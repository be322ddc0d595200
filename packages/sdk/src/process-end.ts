/** Someone who has something to send before the process ends. */
export interface ProcessEndListener {
  /** Whether there is anything to send. */
  hasPending(): boolean;
  /** Sends it, within a deadline of its own, and answers whether all of it went; never rejects. */
  flush(): Promise<boolean>;
  /** The same while the process stands still, within a deadline of its own; never throws. */
  flushBlocking(): void;
  /** Counts what is still there as dropped. */
  discardPending(): void;
}

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

const listeners = new Set<ProcessEndListener>();

/** Calls the listener when the event loop runs empty, on SIGTERM and SIGINT, and at `process.exit`, until `unwatchProcessEnd`. */
export function watchProcessEnd(listener: ProcessEndListener): void {
  if (listeners.size === 0) {
    process.on('beforeExit', onBeforeExit);
    process.on('exit', onExit);
    for (const signal of SIGNALS) process.on(signal, onSignal);
  }
  listeners.add(listener);
}

export function unwatchProcessEnd(listener: ProcessEndListener): void {
  if (!listeners.delete(listener) || listeners.size > 0) return;
  process.off('beforeExit', onBeforeExit);
  process.off('exit', onExit);
  for (const signal of SIGNALS) process.off(signal, onSignal);
}

/** Node emits this again after what it started has finished: what could not be sent is given up, or it would never rest. */
function onBeforeExit(): void {
  for (const listener of listeners) {
    if (!listener.hasPending()) continue;
    void flushOrDiscard(listener);
  }
}

/** `process.exit`, or an uncaught exception: nothing asynchronous comes after it. */
function onExit(): void {
  for (const listener of listeners) {
    if (listener.hasPending()) listener.flushBlocking();
    listener.discardPending();
  }
}

function onSignal(signal: NodeJS.Signals): void {
  // A listener of the application's decides itself when the process ends; ours only sends.
  const isOursToEnd = process.listenerCount(signal) === 1;
  if (isOursToEnd) {
    // A second signal ends the process at once, as it would without us.
    for (const each of SIGNALS) process.off(each, onSignal);
  }
  void flushAll().then(() => isOursToEnd && process.kill(process.pid, signal));
}

async function flushOrDiscard(listener: ProcessEndListener): Promise<void> {
  if (!(await listener.flush())) listener.discardPending();
}

async function flushAll(): Promise<void> {
  await Promise.allSettled([...listeners].map((listener) => listener.flush()));
}
