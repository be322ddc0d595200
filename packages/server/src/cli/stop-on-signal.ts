import { constants } from 'node:os';

/** npm passes on the Ctrl-C that the terminal has sent to everybody already: within this time two are one. */
const SAME_SIGNAL_MS = 500;

/** Aborts at the first SIGINT or SIGTERM; at a later one ends this process at once, after `beforeExit`. */
export function stopOnSignal(beforeExit: () => void = () => {}): AbortSignal {
  const controller = new AbortController();
  let firstAtMs = 0;
  const onSignal = (signal: 'SIGINT' | 'SIGTERM'): void => {
    if (!controller.signal.aborted) {
      firstAtMs = performance.now();
      controller.abort();
    } else if (performance.now() - firstAtMs > SAME_SIGNAL_MS) {
      beforeExit();
      process.exit(128 + constants.signals[signal]);
    }
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return controller.signal;
}
