import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { TLSSocket, type TlsOptions } from 'node:tls';
import { sendResponse, sendException, withVersion } from './response.ts';
import { authenticate } from './authenticate.ts';
import type { Engine } from './engine.ts';
import { ClickHouseException } from './exception.ts';
import { noFaults, type Faults } from './faults.ts';
import type { ClickHouseHttpOptions, Tls } from './options.ts';
import { readAsked, settingsOf } from './request.ts';

/** A request, as it arrived at the socket. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly parameters: URLSearchParams;
  /** Names and values in turn, as they were sent. */
  readonly rawHeaders: readonly string[];
  /** The connection that it came on, from 1 on. */
  readonly connection: number;
  /** The parameter `query`, or else the body of a statement. */
  sql: string;
  /** As sent, before it was decoded. */
  bodyBytes: number;
}

/** Listens on the loopback interface and answers as ClickHouse does. */
export class HttpInterface {
  readonly seen: SeenRequest[] = [];
  readonly faults: Faults;
  readonly users: Record<string, string>;
  /** By their query ids. */
  readonly running = new Map<string, AbortController>();
  version = '';
  readonly #engine: Engine;
  readonly #folder: string;
  readonly #options: ClickHouseHttpOptions;
  readonly #server: Server;
  readonly #connections = new WeakMap<Socket, { readonly number: number; requests: number }>();
  #connectionCount = 0;
  #files = 0;
  #answering = 0;
  #port = 0;
  #isShuttingDown = false;

  constructor(engine: Engine, folder: string, options: ClickHouseHttpOptions) {
    this.#engine = engine;
    this.#folder = folder;
    this.#options = options;
    this.users = { default: options.password ?? '', ...options.users };
    this.faults = Object.assign(noFaults(), options.faults);
    // A statement in the URL may have up to 128 KiB before it is encoded.
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      this.#answering += 1;
      response.once('close', () => (this.#answering -= 1));
      this.#handle(request, response).catch((error: unknown) => {
        if (!response.destroyed) response.destroy(error instanceof Error ? error : undefined);
      });
    };
    // A statement in the URL may have up to 128 KiB before it is encoded.
    const limits = { maxHeaderSize: 2 * 1024 * 1024 };
    const { tls } = options;
    this.#server =
      tls === undefined ? createServer(limits, answer) : createTlsServer({ ...limits, ...secure(tls) }, answer);
    this.#server.keepAliveTimeout = options.keepAliveTimeoutMs ?? 10_000;
    this.#server.on(options.tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
      this.#connections.set(socket, { number: ++this.#connectionCount, requests: 0 });
    });
  }

  async open(): Promise<void> {
    await this.#engine.opened();
    this.version = String((await this.#engine.rows('SELECT version()'))[0]?.[0]);
    await this.listen();
  }

  url(): string {
    return `${this.#options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${this.#port}`;
  }

  async listen(): Promise<void> {
    this.#isShuttingDown = false;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject).listen(this.#port, '127.0.0.1', () => resolve());
    });
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Shows another certificate on connections that are made from now on. */
  setCertificate(tls: Tls): void {
    (this.#server as TlsServer).setSecureContext(secure(tls));
    this.#server.closeIdleConnections();
  }

  async shutDown(): Promise<void> {
    if (this.#isShuttingDown) return;
    this.#isShuttingDown = true;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const running of this.running.values()) running.abort();
    // What is ended is answered; what a test holds back, or nobody reads, is not waited for.
    for (let waited = 0; this.#answering > 0 && waited < 200; waited++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    this.#server.closeAllConnections();
    await closed;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { faults } = this;
    const connection = this.#connections.get(request.socket) ?? { number: 0, requests: 0 };
    connection.requests += 1;
    if (connection.requests > 1 && faults.closeReused > 0) {
      faults.closeReused -= 1;
      request.socket.resetAndDestroy();
      return;
    }
    const url = new URL(request.url ?? '/', this.url());
    const { pathname: path, searchParams: parameters } = url;
    const method = request.method ?? 'GET';
    const sql = parameters.get('query') ?? '';
    const { rawHeaders } = request;
    const seen: SeenRequest = {
      method,
      path,
      parameters,
      rawHeaders,
      connection: connection.number,
      sql,
      bodyBytes: 0,
    };
    this.seen.push(seen);
    request.on('data', (chunk: Buffer) => (seen.bodyBytes += chunk.length)).pause();
    if (faults.proxy !== null) {
      await drain(request);
      const { status, body = `<html><body><h1>${status}</h1></body></html>`, contentType = 'text/html' } = faults.proxy;
      response.writeHead(status, { 'Content-Type': contentType, Server: 'proxy' }).end(body);
      return;
    }
    if (path === '/ping' || path === '/replicas_status') {
      response.writeHead(200, { 'Content-Type': 'text/html; charset=UTF-8' }).end('Ok.\n');
    } else if (path !== '/') {
      await drain(request);
      const text = `There is no handle ${request.url}\nUse / or /ping for health checks.\nOr /replicas_status for more sophisticated health checks.\nSend queries from your program with POST method or GET /?query=...\n`;
      response.writeHead(404, { 'Content-Type': 'text/plain; charset=UTF-8' }).end(text);
    } else if (method === 'GET' && url.search === '') {
      response.writeHead(200, { 'Content-Type': 'text/html; charset=UTF-8' }).end('Ok.\n');
    } else {
      await this.#query(request, response, seen).catch(async (error: unknown) => {
        if (!(error instanceof ClickHouseException)) throw error;
        // What is left of the body would be read as the next request.
        await drain(request);
        sendException(response, error, this.version);
      });
    }
  }

  async #query(request: IncomingMessage, response: ServerResponse, seen: SeenRequest): Promise<void> {
    const { parameters, method } = seen;
    if (method === 'POST' && request.headers['transfer-encoding'] === undefined) {
      const hasLength = request.headers['content-length'] !== undefined;
      if (!hasLength)
        throw ClickHouseException.of(
          381,
          'The Transfer-Encoding is not chunked and there is no Content-Length header for POST request',
        );
    }
    if ((request.url ?? '').length > URI_BYTES_MAX) throw ClickHouseException.of(1000, 'Too long URI');
    for (const value of parameters.values()) {
      if (Buffer.byteLength(value) > FIELD_BYTES_MAX)
        throw ClickHouseException.of(1000, 'HTML Form Exception: Field value too long');
    }
    authenticate(request.headers, parameters, {
      passwords: this.users,
      certificates: this.#options.certificateUsers ?? {},
      commonName: commonNameOf(request.socket),
    });
    const settings = settingsOf(parameters);
    const path = join(this.#folder, `body-${++this.#files}`);
    try {
      const asked = await readAsked(request, parameters, path);
      if (seen.sql === '') seen.sql = asked.sql;
      await this.#run(request, response, { ...asked, settings, seen });
    } finally {
      await rm(path, { force: true });
    }
  }

  async #run(request: IncomingMessage, response: ServerResponse, asked: Run): Promise<void> {
    const { faults } = this;
    const { sql, isInsert, format, settings, seen } = asked;
    const { method, parameters } = seen;
    if (faults.loseRequest(sql)) {
      request.socket.destroy();
      return;
    }
    if (faults.refuse !== null && (faults.refuse.of?.(sql) ?? true)) {
      throw ClickHouseException.of(faults.refuse.code, faults.refuse.message);
    }
    const killed = /^\s*KILL\s+QUERY\s+WHERE\s+query_id\s*=\s*'([^']*)'/i.exec(sql)?.[1];
    if (killed !== undefined) {
      const found = this.running.get(killed);
      found?.abort();
      response.end(found === undefined ? '' : `waiting\t${killed}\tdefault\t\n`);
      return;
    }
    const queryId = parameters.get('query_id') || randomUUID();
    if (this.running.has(queryId)) {
      throw ClickHouseException.of(216, `Query with id = ${queryId} is already running`);
    }
    const cancel = new AbortController();
    this.running.set(queryId, cancel);
    const given = this.#options.profile ?? {};
    const profile = method === 'GET' && Number(given['readonly'] ?? 0) === 0 ? { ...given, readonly: '2' } : given;
    const inForce = { ...profile, ...settings };
    const isReadonly = Number(inForce['readonly'] ?? 0) > 0;
    if (isReadonly && inForce['cancel_http_readonly_queries_on_client_close'] === '1') {
      response.once('close', () => cancel.abort());
    }
    const begin = process.hrtime.bigint();
    try {
      await faults.hold?.(sql);
      const database = String(request.headers['x-clickhouse-database'] ?? parameters.get('database') ?? '');
      const { signal } = cancel;
      const answer = await this.#engine.run(sql, { format, settings, profile, database, signal });
      if (faults.loseResponse(sql)) {
        request.socket.destroy();
        return;
      }
      const broken = faults.breakResponse;
      sendResponse(
        request,
        response,
        answer,
        {
          queryId,
          format,
          timeZone: this.#options.timeZone ?? 'UTC',
          isInsert,
          elapsedNs: Number(process.hrtime.bigint() - begin),
          mayEncode: inForce['enable_http_compression'] === '1',
        },
        broken === null
          ? null
          : {
              ...broken,
              exception: withVersion(ClickHouseException.of(broken.code, broken.message), this.version),
            },
      );
    } catch (error) {
      if (this.#isShuttingDown) throw ClickHouseException.of(236, 'Query is cancelled: the server is shutting down');
      throw error;
    } finally {
      this.running.delete(queryId);
    }
  }
}

function secure({ clientCa, ...own }: Tls): TlsOptions {
  return clientCa === undefined ? own : { ...own, ca: clientCa, requestCert: true, rejectUnauthorized: true };
}

/** Of the client's certificate; '' where it has none. */
function commonNameOf(socket: Socket): string {
  const name = socket instanceof TLSSocket ? socket.getPeerCertificate().subject?.CN : undefined;
  return typeof name === 'string' ? name : '';
}

interface Run {
  readonly sql: string;
  readonly isInsert: boolean;
  readonly format: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly seen: SeenRequest;
}

/** `http_max_uri_size` and `http_max_field_value_size` of a server that nobody has set up otherwise. */
const URI_BYTES_MAX = 1024 * 1024;
const FIELD_BYTES_MAX = 128 * 1024;

async function drain(request: IncomingMessage): Promise<void> {
  if (request.complete || request.destroyed) return;
  request.resume();
  await new Promise<void>((resolve) => request.once('end', resolve).once('close', resolve));
}
