import { Worker } from 'node:worker_threads';
import type { Route } from './route.ts';

export interface BlockingPost {
  readonly route: Route;
  readonly headers: Readonly<Record<string, string>>;
  readonly bodies: readonly Uint8Array[];
}

/**
 * Runs in the worker, as text, so that bundlers need not find a second file. It stores each answer's status behind the first word, which
 * becomes 1 when all have come.
 */
const WORKER_SOURCE = `
const { workerData } = require('node:worker_threads');
const plain = require('node:http');
const secure = require('node:https');
const { route, headers, bodies, shared } = workerData;
const { address, isSecure, path, servername, tls, tunnel } = route;
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
  const post = (socket) => {
    const options = { ...address, ...(isSecure && { ...tls, servername }) };
    // An agent would make a connection of its own.
    const connection = socket
      ? { createConnection: () => require('node:tls').connect({ ...options, socket }) }
      : { agent: false };
    const sent = (isSecure ? secure : plain).request({
      ...options,
      ...connection,
      path,
      method: 'POST',
      headers: { ...headers, 'content-length': String(body.length) },
    });
    sent.on('response', (response) => response.resume().on('close', () => done(response.statusCode)));
    sent.on('error', () => done(0));
    sent.end(body);
  };
  if (!tunnel) return post();
  const asked = (tunnel.isSecure ? secure : plain).request({
    ...tunnel.address,
    method: 'CONNECT',
    path: tunnel.target,
    headers: { host: tunnel.target, ...tunnel.headers },
    agent: false,
  });
  asked.on('connect', (response, socket) => (response.statusCode === 200 ? post(socket) : done(0)));
  asked.on('error', () => done(0));
  asked.end();
});
`;

/**
 * Posts bodies while this thread stands still, for the moment when the process has stopped doing anything asynchronous: a worker
 * thread does the work. Returns each body's status, 0 where there was none within `timeoutMs`; never throws.
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
