import { Worker } from 'node:worker_threads';

export interface BlockingPost {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Options of a TLS connection: ca, cert, key. */
  readonly tls: object;
  readonly bodies: readonly Uint8Array[];
}

/**
 * Runs in the worker, as text, so that bundlers need not find a second file. It stores each answer's status behind the first word, which
 * becomes 1 when all have come.
 */
const WORKER_SOURCE = `
const { workerData } = require('node:worker_threads');
const { url, headers, tls, bodies, shared } = workerData;
const { request } = require(url.startsWith('https:') ? 'node:https' : 'node:http');
const state = new Int32Array(shared);
let left = bodies.length;
bodies.forEach((body, i) => {
  let isDone = false;
  const done = (status) => {
    if (isDone) return;
    isDone = true;
    state[i + 1] = status;
    if (--left > 0) return;
    Atomics.store(state, 0, 1);
    Atomics.notify(state, 0);
  };
  const sent = request(url, { ...tls, method: 'POST', headers: { ...headers, 'content-length': body.length } });
  sent.on('response', (response) => response.resume().on('close', () => done(response.statusCode)));
  sent.on('error', () => done(0));
  sent.end(body);
});
`;

/**
 * Posts bodies while this thread stands still, for the moment when the process has stopped doing anything asynchronous: a worker
 * thread does the work. Answers each body's status, 0 where there was none within `timeoutMs`; never throws.
 */
export function postBlocking(post: BlockingPost, timeoutMs: number): readonly number[] {
  const shared = new SharedArrayBuffer(4 * (post.bodies.length + 1));
  const state = new Int32Array(shared);
  try {
    // Nothing of the application's loaders and hooks: they cost time, and would trace this.
    const worker = new Worker(WORKER_SOURCE, {
      eval: true,
      env: {},
      execArgv: [],
      workerData: { ...post, shared },
    });
    worker.on('error', () => undefined);
    worker.unref();
    Atomics.wait(state, 0, 0, timeoutMs);
    void worker.terminate();
  } catch {
    // No threads here (a permission, a limit): then nothing is sent.
  }
  return [...state.subarray(1)];
}
