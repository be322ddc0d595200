import { nodeModules } from '../../runtime/node-modules.ts';
import type { Route } from './route.ts';

export interface BlockingPost {
  readonly route: Route;
  readonly headers: Readonly<Record<string, string>>;
  readonly bodies: readonly Uint8Array[];
  /** Requests under way at once. */
  readonly connections: number;
}

/** What says whom TLS trusts, and is read while a process runs. */
const TRUST_VARIABLES = ['NODE_TLS_REJECT_UNAUTHORIZED'];

/**
 * Runs in the worker, as text, so that bundlers need not find a second file. It stores each response's status after
 * the first word, which becomes 1 when all have come.
 */
const WORKER_SOURCE = `
const { workerData } = require('node:worker_threads');
const plain = require('node:http');
const secure = require('node:https');
const { route, headers, bodies, connections, shared } = workerData;
const { address, isSecure, path, servername, tls, tunnel } = route;
const options = { ...address, ...(isSecure && { ...tls, servername }) };
const agent = new (isSecure ? secure : plain).Agent({ keepAlive: true, maxSockets: connections });
const state = new Int32Array(shared);
let next = 0;
let left = bodies.length;
const send = () => {
  if (next === bodies.length) return;
  const at = next++;
  let isDone = false;
  const done = (status) => {
    if (isDone) return;
    isDone = true;
    state[at + 1] = status;
    if (--left > 0) return send();
    Atomics.store(state, 0, 1);
    Atomics.notify(state, 0);
  };
  const post = (socket) => {
    // An agent would make a connection of its own.
    const connection = socket
      ? { createConnection: () => require('node:tls').connect({ ...options, socket }) }
      : { agent };
    const sent = (isSecure ? secure : plain).request({
      ...options,
      ...connection,
      path,
      method: 'POST',
      headers: { ...headers, 'content-length': String(bodies[at].length) },
    });
    // A response that comes before all is sent may end the connection: the status is known by then.
    sent.on('response', (response) => {
      response.on('error', () => undefined);
      response.resume().on('close', () => done(response.statusCode));
    });
    sent.on('error', () => done(sent.res ? sent.res.statusCode : 0));
    sent.end(bodies[at]);
  };
  if (!tunnel) return post();
  const asked = (tunnel.isSecure ? secure : plain).request({
    ...tunnel.address,
    method: 'CONNECT',
    path: tunnel.target,
    headers: { host: tunnel.target, ...tunnel.headers },
    agent: false,
  });
  asked.on('connect', ({ statusCode }, socket) => {
    if (statusCode >= 200 && statusCode < 300) return post(socket);
    socket.destroy();
    done(0);
  });
  asked.on('error', () => done(0));
  asked.end();
};
for (let i = 0; i < connections; i++) send();
`;

/** Trust that is not in the options of a connection: a worker has an environment and options of its own. */
function trusted(route: Route): Route {
  const { getCACertificates } = nodeModules.tls as { getCACertificates?: (type: string) => string[] };
  const isSystems = /--use-system-ca/.test(`${process.execArgv.join(' ')} ${process.env['NODE_OPTIONS'] ?? ''}`);
  if (!isSystems || route.tls.ca !== undefined || getCACertificates === undefined) return route;
  return { ...route, tls: { ...route.tls, ca: getCACertificates('default').join('\n') } };
}

/**
 * Posts bodies while this thread is blocked, for the moment when the process has stopped doing anything asynchronous:
 * a worker thread does the work. Returns each body's status, 0 where there was none within `timeoutMs`; never throws.
 */
export function postBlocking(post: BlockingPost, timeoutMs: number): readonly number[] {
  const shared = new SharedArrayBuffer(4 * (post.bodies.length + 1));
  const state = new Int32Array(shared);
  try {
    // Nothing of the application's loaders and hooks: they cost time, and would trace this.
    const worker = new nodeModules.workerThreads.Worker(WORKER_SOURCE, {
      eval: true,
      env: Object.fromEntries(TRUST_VARIABLES.map((name) => [name, process.env[name]])),
      execArgv: [],
      workerData: { ...post, route: trusted(post.route), shared },
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
