import type { Logger } from 'pino';

/** What is stopped in order takes less than this; whatever then still holds the process is broken. */
const STOP_TIMEOUT_MS = 15_000;
/** One error can be the cause of many, to be logged among them. */
const LOGGED_MAX = 20;

/**
 * Aborts at the first error that nobody has handled, thrown or as a rejected promise: whoever waits for it stops in
 * order and ends with exit code 1. Each is logged with its stack. Where stopping takes too long, ends this process by
 * itself.
 */
export function abortOnFatalError(log: Pick<Logger, 'fatal'>, stopTimeoutMs = STOP_TIMEOUT_MS): AbortSignal {
  const controller = new AbortController();
  let logged = 0;
  const onError = (error: unknown, origin: 'uncaughtException' | 'unhandledRejection'): void => {
    const what = origin === 'uncaughtException' ? 'uncaught exception' : 'unhandled promise rejection';
    const then = controller.signal.aborted ? 'already stopping' : 'stopping the collector';
    try {
      if (++logged <= LOGGED_MAX) log.fatal({ err: asError(error) }, `${what}; ${then}`);
    } catch {
      // The log may be what is broken.
    }
    if (controller.signal.aborted) return;
    setTimeout(() => process.exit(1), stopTimeoutMs).unref();
    controller.abort();
  };
  process.on('uncaughtException', onError);
  process.on('unhandledRejection', (error) => onError(error, 'unhandledRejection'));
  return controller.signal;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
