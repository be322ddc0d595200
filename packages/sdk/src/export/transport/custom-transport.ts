import { systemTimers } from '../../runtime/timers.ts';
import { property } from '../../runtime/property.ts';
import { decodedBody, type Compressor } from './compression.ts';
import { RESPONSE_BYTES_MAX } from './http-response-reader.ts';
import { postCompressed, requestHeaders, retryAfterMs, type HttpTransport } from './http-transport.ts';
import type { PostResult } from './post-result.ts';
import type { Transport, TransportRequest, TransportResponse } from './transport.ts';

export interface CustomTransportOptions {
  readonly transport: Transport;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly contentType: string;
  readonly compressor: Compressor | undefined;
  readonly timeoutMillis: number;
}

const CLOSED = 'the tracer has shut down';

/**
 * Posts through a transport of the application, which is code of others: what it throws, forgets or makes up is a
 * failed request.
 */
export class CustomTransport implements HttpTransport {
  readonly #options: CustomTransportOptions;
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #underWay = new Set<AbortController>();
  #isClosed = false;
  #lastEndedAtMs = -Infinity;

  constructor(options: CustomTransportOptions) {
    this.#options = options;
    const url = new URL(options.url);
    this.#headers = Object.freeze(requestHeaders(url, options));
    url.username = '';
    url.password = '';
    this.#url = url.href;
  }

  /** A transport that does not listen to its signal goes on after it was given up. */
  get lastEndedAtMs(): number {
    return this.#lastEndedAtMs;
  }

  async post(body: Uint8Array): Promise<PostResult> {
    return await postCompressed(body, this.#options.compressor, (compressed) => this.#send(compressed));
  }

  postBlocking(bodies: readonly Uint8Array[], timeoutMs: number): readonly number[] {
    const { compressor, transport } = this.#options;
    try {
      const requests = bodies.map((body) =>
        this.#requestOf(compressor === undefined ? body : compressor.compressNow(body)),
      );
      const statuses: unknown = transport.sendBlocking?.(requests, timeoutMs);
      return bodies.map((_, i) => Number(property(statuses, String(i))) || 0);
    } catch {
      return bodies.map(() => 0);
    }
  }

  /** The transport itself is closed by whoever shares it out. */
  close(): void {
    this.#isClosed = true;
    this.abort();
  }

  abort(): void {
    for (const aborting of this.#underWay) aborting.abort(new Error(CLOSED));
  }

  async #send(body: Uint8Array): Promise<PostResult> {
    if (this.#isClosed) throw new Error(CLOSED);
    const { timeoutMillis, transport } = this.#options;
    const aborting = new AbortController();
    const { signal } = aborting;
    this.#underWay.add(aborting);
    const deadline = systemTimers.start(() => {
      aborting.abort(new Error(`timed out after ${timeoutMillis} ms`));
    }, timeoutMillis);
    deadline.unref();
    // It may not listen to the signal.
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error));
    });
    const ended = (): void => {
      this.#lastEndedAtMs = systemTimers.now();
    };
    const answered = (async () => resultOf(await transport.send(this.#requestOf(body), signal)))();
    answered.then(ended, ended);
    try {
      return await Promise.race([answered, aborted]);
    } finally {
      systemTimers.stop(deadline);
      this.#underWay.delete(aborting);
    }
  }

  /** With a copy of the body: only the transport knows whether it still reads it after its promise has resolved. */
  #requestOf(body: Uint8Array): TransportRequest {
    return { url: this.#url, method: 'POST', headers: this.#headers, body: new Uint8Array(body) };
  }
}

async function resultOf(response: TransportResponse): Promise<PostResult> {
  const status: unknown = property(response, 'status');
  if (typeof status !== 'number' || !Number.isInteger(status)) {
    throw new TypeError('the transport resolved without a status');
  }
  return {
    kind: 'answered',
    status,
    retryAfterMs: retryAfterMs(header(response, 'retry-after'), Date.now()),
    location: header(response, 'location'),
    body: await bodyOf(response),
  };
}

function header({ headers }: TransportResponse, name: string): string | undefined {
  const get = property(headers, 'get');
  const value: unknown = typeof get === 'function' ? get.call(headers, name) : property(headers, name);
  if (typeof value === 'string') return value;
  return Array.isArray(value) && typeof value[0] === 'string' ? value[0] : undefined;
}

async function bodyOf(response: TransportResponse): Promise<Uint8Array> {
  if ('arrayBuffer' in response) {
    // `fetch` has decoded it.
    return new Uint8Array(await response.arrayBuffer()).subarray(0, RESPONSE_BYTES_MAX);
  }
  const { body } = response;
  if (!(body instanceof Uint8Array)) return new Uint8Array();
  return decodedBody(body.subarray(0, RESPONSE_BYTES_MAX), header(response, 'content-encoding'), RESPONSE_BYTES_MAX);
}
