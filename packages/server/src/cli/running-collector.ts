import { readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import { CommandError } from './command-error.ts';

/** The API of the collector that has the data directory, such as `http://127.0.0.1:4319`. Throws `CommandError`. */
export function apiOfRunning({ dataDirectory, host, basePath }: Config): string {
  let port: unknown;
  try {
    const lock = JSON.parse(readFileSync(join(dataDirectory, 'server.lock'), 'utf8')) as {
      ports?: Record<string, unknown>;
    };
    port = lock.ports?.['UI and API'];
  } catch {
    // It is starting or stopping.
  }
  if (typeof port !== 'number') {
    throw new CommandError(
      `the collector on ${dataDirectory} is starting or stopping, or another command uses it; try again in a moment`,
    );
  }
  // Where it listens on every address, it does on this machine's own as well.
  const own = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return `http://${isIPv6(own) ? `[${own}]` : own}:${port}${basePath}`;
}

/** The collector has answered, and with no answer to the query. */
class RefusedByCollector extends CommandError {
  readonly status: number;

  constructor(status: number, message: string) {
    super(`the collector responded with ${status}: ${message}`);
    this.status = status;
  }
}

/** Whether the error is an answer of the collector with this status. */
export function isResponse(error: unknown, status: number): boolean {
  return error instanceof RefusedByCollector && error.status === status;
}

/** Asks it. Throws `CommandError` with its own words where it says no. */
export async function askRunning(url: string, method: 'GET' | 'PUT' | 'DELETE', signal: AbortSignal): Promise<unknown> {
  const response = await fetch(url, { method, signal }).catch((error: unknown) => {
    signal.throwIfAborted();
    throw new CommandError(`the collector does not respond at ${url}: ${String(error)}`);
  });
  const text = await response.text();
  if (response.ok) return JSON.parse(text);
  let message = text.slice(0, 300);
  try {
    message = (JSON.parse(text) as { error: { message: string } }).error.message;
  } catch {
    // Not ours.
  }
  throw new RefusedByCollector(response.status, message);
}
