import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from '../config/config.ts';
import { urlOf } from '../config/url-of.ts';
import { startServer } from '../server.ts';
import { createLog } from './log.ts';
import { DemoError } from './demo-error.ts';

export interface Collector {
  /** Of the UI and the API, such as `http://127.0.0.1:4319`. */
  readonly uiUrl: string;
  readonly otlpUrl: string;
  /** False when it ran before the demo; it then runs on after it. */
  readonly startedHere: boolean;
  /** Ends a collector that was started here. */
  close(): Promise<void>;
}

/** How long a collector that runs, but is not ready, may take to become it. */
const READY_TIMEOUT_MS = 60_000;
const READY_POLL_MS = 200;
const RESPONSE_TIMEOUT_MS = 2_000;

/**
 * The ready collector at the configured address, or else one that is started there, within this process. Throws
 * DemoError when something is there that cannot be used, and what `startServer` throws.
 */
export async function findOrStartCollector(config: Config, signal: AbortSignal): Promise<Collector> {
  return (await findCollector(config, signal)) ?? (await startCollector(config, signal));
}

async function findCollector(config: Config, signal: AbortSignal): Promise<Collector | null> {
  // Port 0 names no collector that could run.
  if (config.httpPort === 0) return null;
  const uiUrl = urlOf(config.host, config.httpPort);
  const deadline = performance.now() + READY_TIMEOUT_MS;
  let problem = await notReady(uiUrl, signal);
  if (problem === 'nobody') return null;
  while (problem !== null) {
    if (performance.now() > deadline) {
      throw new DemoError('collector_unusable', `the collector at ${uiUrl} is not ready: ${problem}`);
    }
    await delay(READY_POLL_MS, undefined, { signal });
    problem = await notReady(uiUrl, signal);
    // It was stopping, and is gone.
    if (problem === 'nobody') return null;
  }
  const otlpUrl = urlOf(config.host, config.otlpHttpPort);
  if (!(await takesSpans(otlpUrl, signal))) {
    throw new DemoError(
      'collector_unusable',
      `the collector at ${uiUrl} is ready, but nothing accepts spans at ${otlpUrl}; set its port with --otlp-http-port`,
    );
  }
  return { uiUrl, otlpUrl, startedHere: false, close: async () => {} };
}

/** Why the collector at this address is not ready, `nobody` when nobody answers; null when it is ready. */
async function notReady(uiUrl: string, signal: AbortSignal): Promise<string | null> {
  let response: Response;
  try {
    response = await fetch(`${uiUrl}/readyz`, { signal: within(RESPONSE_TIMEOUT_MS, signal) });
  } catch (error) {
    signal.throwIfAborted();
    return error instanceof DOMException && error.name === 'TimeoutError' ? 'it does not respond' : 'nobody';
  }
  let answer: { ready?: unknown; problems?: { message?: string }[] } | null = null;
  try {
    answer = JSON.parse(await response.text());
  } catch {
    // Not JSON: not ours.
  }
  if (typeof answer?.ready !== 'boolean') {
    throw new DemoError(
      'collector_unusable',
      `the server at ${uiUrl} is not a Throughline collector; choose another port with --http-port`,
    );
  }
  return answer.ready ? null : (answer.problems?.[0]?.message ?? 'no reason given');
}

/** Whether a request without a span is accepted. */
async function takesSpans(otlpUrl: string, signal: AbortSignal): Promise<boolean> {
  try {
    const response = await fetch(`${otlpUrl}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
      signal: within(RESPONSE_TIMEOUT_MS, signal),
    });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    signal.throwIfAborted();
    return false;
  }
}

async function startCollector(config: Config, signal: AbortSignal): Promise<Collector> {
  const server = await startServer(config, createLog(config));
  const collector = {
    uiUrl: server.uiUrl,
    otlpUrl: server.otlpHttpUrl,
    startedHere: true,
    close: () => server.close(),
  };
  try {
    await orAborted(server.ready, signal);
    return collector;
  } catch (error) {
    await collector.close();
    throw error;
  }
}

/** Settles with the promise, or rejects with the signal's reason if that comes first. */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const settled = new AbortController();
  const aborted = new Promise<never>((_, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { signal: settled.signal });
  });
  return Promise.race([promise, aborted]).finally(() => settled.abort());
}

function within(timeoutMs: number, signal: AbortSignal): AbortSignal {
  return AbortSignal.any([AbortSignal.timeout(timeoutMs), signal]);
}
