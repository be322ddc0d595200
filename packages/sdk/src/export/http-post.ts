import { Agent, request as requestPlain, type IncomingMessage } from 'node:http';
import { Agent as SecureAgent, request as requestSecure } from 'node:https';
import { runWith } from '../active-store.ts';
import { SUPPRESSED_CONTEXT } from '../context.ts';
import { errorMessage } from '../exception.ts';
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

/** What is read of an answer; what a collector has to say is far shorter. */
const ANSWER_BYTES_MAX = 64 * 1024;

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

/** Posts bodies to one address over kept connections. Its requests are not traced, and do not keep the process alive. */
export class Poster {
  readonly #options: PosterOptions;
  readonly #agent: Agent;
  readonly #headers: Readonly<Record<string, string>>;

  /** @throws Error where the TLS options are no PEM. */
  constructor(options: PosterOptions) {
    this.#options = options;
    const agentOptions = { keepAlive: true, maxSockets: options.connections };
    this.#agent =
      options.url.protocol === 'https:'
        ? new SecureAgent({ ...agentOptions, ...tlsOf(options.tls) })
        : new Agent(agentOptions);
    const { compressor } = options;
    this.#headers = {
      'user-agent': USER_AGENT,
      ...options.headers,
      'content-type': options.contentType,
      ...(compressor === undefined ? {} : { 'content-encoding': compressor.contentEncoding }),
    };
  }

  /** Never rejects. When it resolves, `body` is not read any more. */
  async post(body: Uint8Array): Promise<PostResult> {
    return await runWith(SUPPRESSED_CONTEXT, async () => {
      try {
        return await this.#sendOnLiveConnection((await this.#options.compressor?.compress(body)) ?? body);
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
    this.#agent.destroy();
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
    const { url, timeoutMillis } = this.#options;
    return new Promise((resolve) => {
      let isAnswered = false;
      const unreachable = (error: unknown): void => {
        clearTimeout(deadline);
        const code = String(property(error, 'code'));
        const wasKept = !isAnswered && request.reusedSocket && CLOSED_CODES.has(code);
        resolve({ kind: 'unreachable', message: connectionMessage(error), wasKept, isAway: AWAY_CODES.has(code) });
      };
      const request = (url.protocol === 'https:' ? requestSecure : requestPlain)(url, {
        method: 'POST',
        agent: this.#agent,
        headers: { ...this.#headers, 'content-length': body.length },
      });
      const deadline = setTimeout(() => {
        request.destroy(new Error(`no answer within ${timeoutMillis} ms`));
      }, timeoutMillis).unref();
      request.on('socket', (socket) => socket.unref());
      request.on('error', unreachable);
      // An upgrade that nobody asked for ends without an error.
      request.on('close', () => {
        if (!isAnswered) unreachable(new Error('the connection was closed without an answer'));
      });
      request.on('response', (response) => {
        isAnswered = true;
        readAnswer(response)
          .finally(() => {
            // Answered before all was sent: the rest must not follow once the caller uses the memory again.
            if (!request.writableFinished) request.destroy();
            clearTimeout(deadline);
          })
          .then(resolve, unreachable);
      });
      request.end(body);
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

async function readAnswer(response: IncomingMessage): Promise<SendResult> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of response as AsyncIterable<Uint8Array>) {
    length += part.length;
    // Leaving the loop closes the connection: an endless answer ends here.
    if (length > ANSWER_BYTES_MAX) break;
    parts.push(part);
  }
  return {
    kind: 'answered',
    status: response.statusCode ?? 0,
    retryAfterMs: retryAfterMs(response.headers['retry-after'], Date.now()),
    location: response.headers.location,
    body: decodedAnswer(Buffer.concat(parts), response.headers['content-encoding'], ANSWER_BYTES_MAX),
  };
}

/** Milliseconds that a Retry-After header asks to wait, as seconds or as a date; `undefined` when it says neither. */
export function retryAfterMs(header: string | undefined, nowUnixMs: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowUnixMs);
}
