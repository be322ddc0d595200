// @ts-check
/** What the four services share: a JSON server, a JSON client, and how their process ends. */
import { createServer } from 'node:http';

const BODY_BYTES_MAX = 16 * 1024;
const STOP_DEADLINE_MS = 1_500;

/**
 * @typedef {{ status: number, body: string | object, type?: string }} Answer
 * A string is sent as it is with `type`, an object as JSON.
 *
 * @typedef {(body: any) => Answer | Promise<Answer>} Handler
 * Takes the request's JSON body, `undefined` for a GET.
 *
 * @typedef {Record<string, Handler>} Routes
 * Keys are method and path, such as `POST /pay`.
 */

/** An answer that is not a success, thrown from a handler. */
export class HttpError extends Error {
  /**
   * @param {number} status
   * @param {string} message
   */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/**
 * Names a server span by its path when it is one of ours; any other path would give each visitor an operation of his
 * own.
 *
 * @param {Routes} routes
 * @returns {(request: import('node:http').IncomingMessage) => string | undefined}
 */
export function routeOf(routes) {
  return (request) => (`${request.method} ${request.url}` in routes ? request.url : undefined);
}

/**
 * Serves the routes on loopback at `PORT` (a free port unless set), prints the address as one line of JSON, and ends
 * the process when it is told to or when the process that started it goes away.
 *
 * @param {string} service
 * @param {import('@throughline/sdk').Tracer} tracer
 * @param {Routes} routes
 */
export function serve(service, tracer, routes) {
  const server = createServer((request, response) => {
    void respond(request, response, routes, tracer);
  });
  server.on('error', (error) => {
    console.error(`${service}: ${error.message}`);
    process.exit(1);
  });
  server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => {
    const address = server.address();
    if (address === null || typeof address === 'string') return;
    console.log(JSON.stringify({ service, url: `http://127.0.0.1:${address.port}` }));
  });
  endWithParent(async () => {
    server.close();
    await tracer.shutdown(STOP_DEADLINE_MS);
  });
}

/**
 * @param {import('node:http').IncomingMessage} request
 * @param {import('node:http').ServerResponse} response
 * @param {Routes} routes
 * @param {import('@throughline/sdk').Tracer} tracer
 */
async function respond(request, response, routes, tracer) {
  const { status, body, type = 'application/json' } = await answerTo(request, routes, tracer);
  // A caller that gave up has closed its connection; there is nobody left to answer.
  if (response.destroyed) return;
  response.writeHead(status, { 'content-type': type });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}

/**
 * @param {import('node:http').IncomingMessage} request
 * @param {Routes} routes
 * @param {import('@throughline/sdk').Tracer} tracer
 * @returns {Promise<Answer>}
 */
async function answerTo(request, routes, tracer) {
  try {
    const handler = routes[`${request.method} ${request.url}`];
    if (handler === undefined) throw new HttpError(404, `nothing is at ${request.method} ${request.url}`);
    return await handler(request.method === 'POST' ? await readJson(request) : undefined);
  } catch (error) {
    if (error instanceof HttpError) return { status: error.status, body: { error: error.message } };
    tracer.activeSpan()?.recordException(error instanceof Error ? error : String(error));
    return { status: 500, body: { error: 'something went wrong here' } };
  }
}

/**
 * @param {import('node:http').IncomingMessage} request
 * @returns {Promise<unknown>}
 */
async function readJson(request) {
  let text = '';
  request.setEncoding('utf8');
  for await (const chunk of request) {
    text += chunk;
    if (text.length > BODY_BYTES_MAX) throw new HttpError(413, `a body has at most ${BODY_BYTES_MAX} characters`);
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new HttpError(400, 'the body is not JSON');
  }
}

/**
 * Throws a `TimeoutError` (a DOMException) when there is no answer after `timeoutMs`.
 *
 * @param {string} url
 * @param {object} body
 * @param {number} timeoutMs
 * @returns {Promise<{ status: number, body: any }>}
 */
export async function postJson(url, body, timeoutMs) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(timeoutMs),
  });
  return { status: response.status, body: await response.json() };
}

/**
 * A setting that has no sensible default.
 *
 * @param {string} name
 * @returns {string}
 */
export function setting(name) {
  const value = process.env[name] ?? '';
  if (value === '') {
    console.error(`${name} is not set; README.md shows how the services are started by hand`);
    process.exit(1);
  }
  return value;
}

/**
 * Ends the process on SIGTERM, and when the process that started it over an IPC channel is gone, however that ended.
 * Ctrl-C reaches a whole terminal at once: a started process leaves it to the one that started it.
 *
 * @param {() => Promise<void>} stop what to do before
 */
export function endWithParent(stop) {
  let stopping = false;
  const end = () => {
    if (stopping) return;
    stopping = true;
    void stop().finally(() => process.exit(0));
  };
  process.on('SIGTERM', end);
  process.on('SIGINT', () => {
    if (!process.connected) end();
  });
  process.on('disconnect', end);
}
