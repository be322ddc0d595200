import { connect, isIP, type Socket } from 'node:net';
import { unescape } from 'node:querystring';
import { connect as connectSecure, createSecureContext } from 'node:tls';
import { runWith } from '../active-store.ts';
import { SUPPRESSED_CONTEXT } from '../context.ts';
import { errorMessage } from '../exception.ts';
import { AnswerReader, ANSWER_BYTES_MAX } from './answer-reader.ts';
import { postBlocking } from './blocking-post.ts';
import { decodedAnswer, type Compressor } from './compression.ts';
import { property } from '../property.ts';
import { VERSION } from '../version.ts';

export type PostResult =
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly retryAfterMs: number | undefined;
      /** Where a redirect leads, as it says. */
      readonly location?: string | undefined;
      readonly body: Uint8Array;
    }
  /** No complete answer: refused, reset, timed out. */
  | {
      readonly kind: 'unreachable';
      readonly message: string;
      /** No connection was made: nobody listens there, or there is no way. */
      readonly isAway?: boolean | undefined;
    };

/** Where a request ends is for us to say. */
const FRAMING_HEADERS: ReadonlySet<string> = new Set(['connection', 'content-length', 'expect', 'transfer-encoding']);

/** When a connection has been silent so long, the system begins to look whether the other side is still there. */
const KEEP_ALIVE_AFTER_MS = 1000;

/** OTLP asks exporters to name themselves. */
const USER_AGENT = `Throughline-OTLP-Exporter-Node/${VERSION}`;

/** PEM text for connections by https; what is undefined is Node's default. */
export interface TlsOptions {
  /** The authorities that the collector's certificate may come from, instead of the well-known ones. */
  readonly ca?: string | undefined;
  /** This client's own certificate and its key, where the collector asks for one. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

export interface PosterOptions {
  readonly url: URL;
  /** Those of the application beside our own. */
  readonly headers: Readonly<Record<string, string>>;
  readonly contentType: string;
  readonly compressor: Compressor | undefined;
  readonly tls: TlsOptions;
  /** From the start of the request to the end of the answer. */
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
  readonly answer: AnswerReader;
  readonly wasKept: boolean;
  readonly deadline: NodeJS.Timeout;
  readonly resolve: (result: SendResult) => void;
  isWritten: boolean;
}

/**
 * Posts bodies to one address over kept connections. Its requests are not traced, and do not keep the process alive. It speaks HTTP/1.1
 * itself: see docs/decisions/0011-exporting-over-bare-sockets.md.
 */
export class Poster {
  readonly #options: PosterOptions;
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
  constructor(options: PosterOptions) {
    this.#options = options;
    const { compressor, contentType, tls, url } = options;
    if (url.protocol === 'https:') createSecureContext(tlsOf(tls));
    const given = Object.entries(options.headers).map(([name, value]) => [name.toLowerCase(), value] as const);
    this.#headers = {
      host: url.host,
      'user-agent': USER_AGENT,
      ...(url.username === '' && url.password === '' ? {} : { authorization: basicAuthorization(url) }),
      ...Object.fromEntries(given.filter(([name]) => !FRAMING_HEADERS.has(name))),
      'content-type': contentType,
      ...(compressor === undefined ? {} : { 'content-encoding': compressor.contentEncoding }),
    };
    const lines = Object.entries(this.#headers).map(([name, value]) => `${name}: ${value}\r\n`);
    this.#head = `POST ${url.pathname}${url.search} HTTP/1.1\r\n${lines.join('')}connection: keep-alive\r\ncontent-length: `;
  }

  /** Never rejects. When it resolves, `body` is not read any more. */
  async post(body: Uint8Array): Promise<PostResult> {
    return await runWith(SUPPRESSED_CONTEXT, async () => {
      try {
        const { compressor } = this.#options;
        return await this.#sendOnLiveConnection(compressor === undefined ? body : await compressor.compress(body));
      } catch (error) {
        return { kind: 'unreachable', message: errorMessage(error) || String(error) };
      }
    });
  }

  /** Posts all of them while the process stands still; answers their statuses, 0 where there was none in time. */
  postBlocking(bodies: readonly Uint8Array[], timeoutMs: number): readonly number[] {
    const { url, compressor, tls } = this.#options;
    const compressed = compressor === undefined ? bodies : bodies.map((body) => compressor.compressNow(body));
    return postBlocking({ url: url.href, headers: this.#headers, tls: tlsOf(tls), bodies: compressed }, timeoutMs);
  }

  close(): void {
    this.#isClosed = true;
    for (const { socket } of this.#connections) socket.destroy();
  }

  /**
   * A collector may close a kept connection while a request is on its way to it. That is no trouble, and the request is sent on another
   * connection; after as many as can have been kept it is a new one.
   */
  async #sendOnLiveConnection(body: Uint8Array): Promise<PostResult> {
    for (let kept = this.#options.connections; ; kept--) {
      const result = await this.#send(body);
      if (result.kind !== 'unreachable' || !result.wasKept || kept === 0) return result;
    }
  }

  #send(body: Uint8Array): Promise<SendResult> {
    const { timeoutMillis } = this.#options;
    const kept = this.#takeIdle();
    const connection = kept ?? this.#connect();
    const { socket } = connection;
    return new Promise((resolve) => {
      const deadline = setTimeout(() => {
        socket.destroy(new Error(`no answer within ${timeoutMillis} ms`));
      }, timeoutMillis).unref();
      const answer = new AnswerReader();
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
      if (connection === undefined || connection.idleUntil > performance.now()) return connection;
      connection.socket.destroy();
    }
  }

  #connect(): Connection {
    const { url, tls } = this.#options;
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const isSecure = url.protocol === 'https:';
    const port = Number(url.port) || (isSecure ? 443 : 80);
    const socket = isSecure
      ? connectSecure({
          host,
          port,
          servername: isIP(host) === 0 ? host : '',
          ALPNProtocols: ['http/1.1'],
          ...(this.#session !== undefined && { session: this.#session }),
          ...tlsOf(tls),
        }).on('session', (session: Buffer) => (this.#session = session))
      : connect({ host, port });
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

  #answered(connection: Connection, { answer, deadline, isWritten, resolve }: PendingRequest): void {
    clearTimeout(deadline);
    connection.request = undefined;
    const { headers, status } = answer;
    // Answered before all was sent: the rest must not follow once the caller uses the memory again.
    if (answer.keepsConnection && isWritten && !this.#isClosed) {
      connection.idleUntil = performance.now() + idleMs(headers.get('keep-alive'));
      this.#idle.push(connection);
    } else connection.socket.destroy();
    resolve({
      kind: 'answered',
      status,
      retryAfterMs: retryAfterMs(headers.get('retry-after'), Date.now()),
      location: headers.get('location'),
      body: decodedAnswer(answer.body, headers.get('content-encoding'), ANSWER_BYTES_MAX),
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
    clearTimeout(request.deadline);
    const code = String(property(error, 'code'));
    const isClosedByPeer = error === undefined || CLOSED_CODES.has(code);
    request.resolve({
      kind: 'unreachable',
      message: error === undefined ? 'the connection was closed without a whole answer' : connectionMessage(error),
      wasKept: request.wasKept && !request.answer.hasBegun && isClosedByPeer && !this.#isClosed,
      isAway: AWAY_CODES.has(code),
    });
  }
}

/** What became of a request, and of the connection that it was sent on. */
type SendResult =
  | Extract<PostResult, { kind: 'answered' }>
  | (Extract<PostResult, { kind: 'unreachable' }> & { readonly wasKept: boolean });

const CLOSED_CODES: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED']);
const AWAY_CODES: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);

/** What kept a request from being made. A name with several addresses fails with an error of each, and none of its own. */
export function connectionMessage(error: unknown): string {
  const errors = property(error, 'errors');
  const parts = Array.isArray(errors) ? errors.map(errorMessage).filter((text) => text !== '') : [];
  return errorMessage(error) || parts.join('; ') || String(error);
}

function tlsOf(tls: TlsOptions): TlsOptions {
  return Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined));
}

/** How long a connection may be kept that the collector says it keeps so long (`timeout=5`); a second is for the way. */
function idleMs(keepAlive: string | undefined): number {
  const seconds = /timeout=(\d{1,9})/i.exec(keepAlive ?? '')?.[1];
  return seconds === undefined ? Infinity : Number(seconds) * 1000 - 1000;
}

function basicAuthorization({ username, password }: URL): string {
  const pair = `${unescape(username)}:${unescape(password)}`;
  return `Basic ${Buffer.from(pair).toString('base64')}`;
}

/** Milliseconds that a Retry-After header asks to wait, as seconds or as a date; `undefined` when it says neither. */
export function retryAfterMs(header: string | undefined, nowUnixMs: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowUnixMs);
}
