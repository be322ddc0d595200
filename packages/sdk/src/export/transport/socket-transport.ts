import type { Socket } from 'node:net';
import { nodeModules } from '../../runtime/node-modules.ts';
import { systemTimers } from '../../runtime/timers.ts';
import { property } from '../../runtime/property.ts';
import { postBlocking } from './post-blocking.ts';
import { decodedBody, type Compressor } from './compression.ts';
import { RESPONSE_BYTES_MAX, HttpResponseReader } from './http-response-reader.ts';
import {
  CLOSED_CODES,
  REQUEST_TIMEOUT,
  KEEP_ALIVE_AFTER_MS,
  postCompressed,
  requestHeaders,
  retryAfterMs,
  failedPost,
  type HttpTransport,
} from './http-transport.ts';
import type { PostResult } from './post-result.ts';
import type { Route } from './route.ts';

export interface SocketTransportOptions {
  /** A direct one. */
  readonly route: Route;
  readonly url: URL;
  /** Those of the application beside our own. */
  readonly headers: Readonly<Record<string, string>>;
  readonly contentType: string;
  readonly compressor: Compressor | undefined;
  /** From the start of the request to the end of the response. */
  readonly timeoutMillis: number;
  readonly connections: number;
}

/** A connection, and the request that is under way on it. */
interface Connection {
  readonly socket: Socket;
  request: PendingRequest | undefined;
  /** Why it closes, where that is known. */
  error: unknown;
  /** As `performance.now()`: the collector closes it then, or has closed it. */
  idleUntil: number;
}

interface PendingRequest {
  readonly answer: HttpResponseReader;
  readonly wasKept: boolean;
  readonly deadline: NodeJS.Timeout;
  readonly resolve: (result: SendResult) => void;
  isWritten: boolean;
}

/**
 * Posts bodies to one address over kept connections. Its requests are not traced, and do not keep the process alive. It
 * speaks HTTP/1.1 itself: see docs/decisions/0011-exporting-over-bare-sockets.md.
 */
export class SocketTransport implements HttpTransport {
  readonly #options: SocketTransportOptions;
  readonly #headers: Readonly<Record<string, string>>;
  /** A request up to the length of its body. */
  readonly #head: string;
  readonly #connections = new Set<Connection>();
  /** The connection used last comes last. */
  readonly #idle: Connection[] = [];
  /** What a TLS connection goes on from. */
  #session: Buffer | undefined;
  #isClosed = false;

  /** @throws Error where the TLS options are no PEM. */
  constructor(options: SocketTransportOptions) {
    this.#options = options;
    const { route, url } = options;
    if (route.isSecure) nodeModules.tls.createSecureContext(route.tls);
    this.#headers = { host: route.host, ...requestHeaders(url, options) };
    const lines = Object.entries(this.#headers).map(([name, value]) => `${name}: ${value}\r\n`);
    this.#head = `POST ${route.path} HTTP/1.1\r\n${lines.join('')}connection: keep-alive\r\ncontent-length: `;
  }

  async post(body: Uint8Array): Promise<PostResult> {
    return await postCompressed(body, this.#options.compressor, (compressed) => this.#sendOnLiveConnection(compressed));
  }

  postBlocking(bodies: readonly Uint8Array[], timeoutMs: number): readonly number[] {
    const { compressor, connections, route } = this.#options;
    const compressed = compressor === undefined ? bodies : bodies.map((body) => compressor.compressNow(body));
    return postBlocking({ route, headers: this.#headers, bodies: compressed, connections }, timeoutMs);
  }

  abort(): void {
    for (const { request, socket } of this.#connections) if (request !== undefined) socket.destroy();
  }

  close(): void {
    this.#isClosed = true;
    for (const { socket } of this.#connections) socket.destroy();
  }

  /**
   * A collector may close a kept connection while a request is on its way to it. That is no trouble, and the request is
   * sent on another connection; after as many as can have been kept it is a new one.
   */
  async #sendOnLiveConnection(body: Uint8Array): Promise<PostResult> {
    for (let kept = this.#options.connections; ; kept--) {
      const result = await this.#send(body);
      if (result.kind !== 'failed' || !result.wasKept || kept === 0) return result;
    }
  }

  #send(body: Uint8Array): Promise<SendResult> {
    const { timeoutMillis } = this.#options;
    const kept = this.#takeIdle();
    const connection = kept ?? this.#connect();
    const { socket } = connection;
    return new Promise((resolve) => {
      const deadline = systemTimers.start(() => {
        socket.destroy(new Error(`timed out after ${timeoutMillis} ms`));
      }, timeoutMillis);
      deadline.unref();
      const answer = new HttpResponseReader();
      const request = { answer, wasKept: kept !== undefined, deadline, resolve, isWritten: false };
      connection.request = request;
      // Both leave together.
      socket.cork();
      socket.write(`${this.#head}${body.length}\r\n\r\n`, 'latin1');
      socket.write(body, () => {
        request.isWritten = true;
      });
      socket.uncork();
    });
  }

  #takeIdle(): Connection | undefined {
    for (;;) {
      const connection = this.#idle.pop();
      if (connection === undefined || connection.idleUntil > systemTimers.now()) return connection;
      connection.socket.destroy();
    }
  }

  #connect(): Connection {
    const { address, isSecure, servername, tls } = this.#options.route;
    const socket = isSecure
      ? nodeModules.tls
          .connect({
            ...address,
            servername,
            ALPNProtocols: ['http/1.1'],
            ...(this.#session !== undefined && { session: this.#session }),
            ...tls,
          })
          .on('session', (session: Buffer) => (this.#session = session))
      : nodeModules.net.connect('socketPath' in address ? { path: address.socketPath } : address);
    socket.unref().setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_AFTER_MS);
    const connection: Connection = { socket, request: undefined, error: undefined, idleUntil: Infinity };
    this.#connections.add(connection);
    socket.on('data', (data) => this.#read(connection, data));
    socket.on('error', (error) => (connection.error = error));
    socket.on('end', () => {
      connection.request?.answer.end();
      socket.destroy();
    });
    socket.on('close', () => this.#closed(connection));
    return connection;
  }

  #read(connection: Connection, data: Buffer): void {
    const { request, socket } = connection;
    try {
      request?.answer.push(data);
    } catch (error) {
      socket.destroy(error as Error);
      return;
    }
    if (request === undefined) socket.destroy();
    else if (request.answer.isComplete) this.#answered(connection, request);
  }

  #answered(connection: Connection, { answer, deadline, isWritten, resolve, wasKept }: PendingRequest): void {
    systemTimers.stop(deadline);
    connection.request = undefined;
    const { headers, status } = answer;
    if (status === REQUEST_TIMEOUT && wasKept) {
      // Said of the silence before, not of this request.
      connection.socket.destroy();
      resolve({ ...failedPost(new Error('the connection was closed')), wasKept: !this.#isClosed });
      return;
    }
    // The response came before all was sent: the rest must not follow once the caller uses the memory again.
    if (answer.keepsConnection && isWritten && !this.#isClosed) {
      connection.idleUntil = systemTimers.now() + idleMs(headers.get('keep-alive'));
      this.#idle.push(connection);
    } else connection.socket.destroy();
    resolve({
      kind: 'answered',
      status,
      retryAfterMs: retryAfterMs(headers.get('retry-after'), Date.now()),
      location: headers.get('location'),
      body: decodedBody(answer.body, headers.get('content-encoding'), RESPONSE_BYTES_MAX),
    });
  }

  #closed(connection: Connection): void {
    this.#connections.delete(connection);
    const at = this.#idle.indexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
    const { error, request } = connection;
    if (request === undefined) return;
    if (request.answer.isComplete) {
      this.#answered(connection, request);
      return;
    }
    systemTimers.stop(request.deadline);
    const code = String(property(error, 'code'));
    const isClosedByPeer = error === undefined || CLOSED_CODES.has(code);
    request.resolve({
      ...failedPost(error ?? new Error('the connection was closed before the response was complete')),
      wasKept: request.wasKept && !request.answer.hasBegun && isClosedByPeer && !this.#isClosed,
    });
  }
}

/** What became of a request, and of the connection that it was sent on. */
type SendResult =
  | Extract<PostResult, { kind: 'answered' }>
  | (Extract<PostResult, { kind: 'failed' }> & { readonly wasKept: boolean });

/**
 * How long a connection may be kept that the collector says it keeps so long (`timeout=5`); a second is for the way.
 */
function idleMs(keepAlive: string | undefined): number {
  const seconds = /timeout=(\d{1,9})/i.exec(keepAlive ?? '')?.[1];
  return seconds === undefined ? Infinity : Number(seconds) * 1000 - 1000;
}
