import diagnosticsChannel from 'node:diagnostics_channel';
import { activeContext } from '../context/active-store.ts';
import { isSuppressed } from '../context/active-context.ts';
import type { Tracer } from '../tracer.ts';
import {
  defaultPort,
  LOCAL_TRANSPORT,
  NETWORK_PEER_ADDRESS,
  NETWORK_PEER_PORT,
  NETWORK_TRANSPORT,
  redactorOf,
  SERVER_PORT,
  type Redact,
} from './attributes.ts';
import { ClientSpan } from './client-span.ts';
import { attempt } from './attempt.ts';
import { callSafely, type HttpOptions } from './options.ts';

/** What undici publishes of a request; in the built-in `fetch` and in the package alike. */
interface UndiciRequest {
  readonly method: string;
  readonly origin: string | URL;
  readonly path: string;
  /** Names and values in turn; one text in old versions. */
  readonly headers: unknown;
  /** The protocol that the connection is to speak then. */
  readonly upgrade?: unknown;
  /** Called by the client when the connection is taken over; before version 8. */
  onUpgrade?: (statusCode: unknown, ...rest: unknown[]) => unknown;
  addHeader(name: string, value: string): unknown;
}

interface UndiciMessage {
  readonly request: UndiciRequest;
  readonly response?: { readonly statusCode: number };
  readonly error?: unknown;
  readonly socket?: ClosingSocket;
}

type ClosingSocket = Pick<NodeJS.EventEmitter, 'once'> & {
  readonly remoteAddress?: unknown;
  readonly remotePort?: unknown;
};

/** Requests that are traced already, by whichever instrumentation and copy of this package. */
const TRACED = Symbol.for('throughline.http.fetch.traced');
const shared = globalThis as { [TRACED]?: WeakSet<object> };

/** Traces `fetch` and whatever else uses undici, through the channels that it publishes on; returns the way back. */
export function instrumentFetch(tracer: Tracer, options: HttpOptions): () => void {
  const followed = new FollowedRequests(tracer, options);
  const subscriptions: readonly [channel: string, (message: UndiciMessage) => void][] = [
    ['undici:request:create', ({ request }) => followed.begin(request)],
    ['undici:client:sendHeaders', ({ request, socket }) => followed.send(request, socket)],
    ['undici:request:headers', ({ request, response }) => followed.answer(request, response?.statusCode ?? 0)],
    ['undici:request:trailers', ({ request }) => followed.end(request)],
    ['undici:request:error', ({ request, error }) => followed.fail(request, error)],
  ];
  const removals = subscriptions.map(([channel, onMessage]) => subscribe(channel, onMessage));
  return () => {
    for (const remove of removals) remove();
  };
}

function subscribe(channel: string, onMessage: (message: UndiciMessage) => void): () => void {
  // A subscriber that throws becomes the application's uncaught exception.
  const guarded = (message: unknown): void => {
    attempt(() => onMessage(message as UndiciMessage));
  };
  diagnosticsChannel.subscribe(channel, guarded);
  return () => {
    diagnosticsChannel.unsubscribe(channel, guarded);
  };
}

/** A request whose span has not ended. */
class Followed {
  readonly span: ClientSpan;
  readonly #port: number | undefined;
  #isConnected = false;
  /** When the response's headers had come, in milliseconds since the epoch; null before. */
  answeredAtMs: number | null = null;
  hasEnded = false;
  /** What is under way on its connection. */
  openOnSocket: Set<Followed> | null = null;

  constructor(span: ClientSpan, port: number | undefined) {
    this.span = span;
    this.#port = port;
  }

  /**
   * Only the connection tells whether there is a port: a socket of the file system has none, and undici does not say
   * which one it is.
   */
  connected({ remoteAddress, remotePort }: ClosingSocket): void {
    const { span } = this.span;
    this.#isConnected = true;
    if (typeof remoteAddress !== 'string') {
      span.setAttribute(NETWORK_TRANSPORT, LOCAL_TRANSPORT);
      return;
    }
    this.#setPort();
    span.setAttribute(NETWORK_PEER_ADDRESS, remoteAddress);
    if (typeof remotePort === 'number') span.setAttribute(NETWORK_PEER_PORT, remotePort);
  }

  #setPort(): void {
    if (this.#port !== undefined) this.span.span.setAttribute(SERVER_PORT, this.#port);
  }

  end(end: () => void): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.openOnSocket?.delete(this);
    if (!this.#isConnected) this.#setPort();
    end();
  }
}

/**
 * The spans of undici's requests, each ended once, in whatever way its request ends: with the trailers, by an error,
 * with the answer that hands over the connection, with the connection, or, where nobody reads the body, when nobody can
 * any more.
 */
class FollowedRequests {
  readonly #tracer: Tracer;
  readonly #options: HttpOptions;
  readonly #redact: Redact;
  readonly #byRequest = new WeakMap<UndiciRequest, Followed>();
  readonly #bySocket = new WeakMap<ClosingSocket, Set<Followed>>();
  readonly #unread = new FinalizationRegistry<Followed>((followed) => {
    followed.end(() => followed.span.end(followed.answeredAtMs ?? undefined));
  });

  constructor(tracer: Tracer, options: HttpOptions) {
    this.#tracer = tracer;
    this.#options = options;
    this.#redact = redactorOf(options.redactQuery);
  }

  begin(request: UndiciRequest): void {
    if (isSuppressed(activeContext())) return;
    const traced = (shared[TRACED] ??= new WeakSet());
    if (traced.has(request)) return;
    traced.add(request);
    const url = new URL(request.origin);
    const outgoing = { method: request.method, origin: url.origin, path: request.path };
    if (callSafely(this.#options.ignoreOutgoing, outgoing) === true) return;
    const span = new ClientSpan(this.#tracer, request.method);
    attempt(() => span.inject(request, requestHeaderSetter));
    if (!span.isRecording) return;
    const scheme = url.protocol.replace(':', '');
    const address = url.hostname.replace(/^\[|\]$/g, '');
    span.setTarget(outgoing, address, undefined, this.#redact);
    const followed = new Followed(span, url.port === '' ? defaultPort(scheme) : Number(url.port));
    this.#byRequest.set(request, followed);
    this.#unread.register(request, followed, followed);
    const isTakeover = request.method === 'CONNECT' || (request.upgrade !== undefined && request.upgrade !== null);
    if (isTakeover) attempt(() => this.#followTakeover(request));
  }

  /**
   * Many versions report nothing of the response to a request that takes over the connection: it is seen where their
   * client hands it on.
   */
  #followTakeover(request: UndiciRequest): void {
    const { onUpgrade } = request;
    if (typeof onUpgrade !== 'function') return;
    request.onUpgrade = (...args) => {
      attempt(() => {
        const [statusCode] = args;
        if (typeof statusCode === 'number') this.answer(request, statusCode);
        this.end(request);
      });
      return Reflect.apply(onUpgrade, request, args);
    };
  }

  send(request: UndiciRequest, socket: ClosingSocket | undefined): void {
    const followed = this.#byRequest.get(request);
    if (followed === undefined || socket === undefined) return;
    followed.connected(socket);
    followed.openOnSocket = this.#openOn(socket).add(followed);
  }

  #openOn(socket: ClosingSocket): Set<Followed> {
    const known = this.#bySocket.get(socket);
    if (known !== undefined) return known;
    const open = new Set<Followed>();
    this.#bySocket.set(socket, open);
    socket.once('close', () => {
      // The error that undici reports says more than a closed connection.
      setImmediate(() => {
        for (const each of open) attempt(() => this.#close(each));
      });
    });
    return open;
  }

  #close(followed: Followed): void {
    followed.end(() => {
      if (followed.answeredAtMs === null) followed.span.fail(new Error('the connection closed without a response'));
      else followed.span.end();
    });
  }

  answer(request: UndiciRequest, statusCode: number): void {
    const followed = this.#byRequest.get(request);
    if (followed === undefined || followed.hasEnded) return;
    followed.answeredAtMs = Date.now();
    followed.span.setStatusCode(statusCode);
  }

  end(request: UndiciRequest): void {
    this.#settle(request, ({ span }) => span.end());
  }

  fail(request: UndiciRequest, error: unknown): void {
    // A body that is cancelled, by its reader or because nobody has it any more, is reported with the reason,
    // which is a text or nothing.
    const isCancelled = typeof error !== 'object' || error === null;
    this.#settle(request, ({ span }) => (isCancelled ? span.cancel() : span.fail(error)));
  }

  #settle(request: UndiciRequest, end: (followed: Followed) => void): void {
    const followed = this.#byRequest.get(request);
    if (followed === undefined) return;
    this.#byRequest.delete(request);
    this.#unread.unregister(followed);
    followed.end(() => end(followed));
  }
}

const requestHeaderSetter = {
  set(request: UndiciRequest, name: string, value: string): void {
    const { headers } = request;
    // A second header of the same name would make both invalid: ours takes the place of the application's.
    if (Array.isArray(headers)) {
      for (let at = headers.length - 2; at >= 0; at -= 2) {
        if (String(headers[at]).toLowerCase() === name) headers.splice(at, 2);
      }
    } else if (typeof headers === 'string' && headers.toLowerCase().includes(`${name}:`)) {
      const theirs = headers.split('\r\n').filter((line) => !line.toLowerCase().startsWith(`${name}:`));
      Object.assign(request, { headers: theirs.join('\r\n') });
    }
    request.addHeader(name, value);
  },
};
