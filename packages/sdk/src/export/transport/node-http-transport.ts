import type { Agent, ClientRequest, IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { nodeModules } from '../../runtime/node-modules.ts';
import { systemTimers } from '../../runtime/timers.ts';
import { property } from '../../runtime/property.ts';
import { postBlocking } from './post-blocking.ts';
import { decodedBody, type Compressor } from './compression.ts';
import { RESPONSE_BYTES_MAX } from './http-response-reader.ts';
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
import type { Route, Tunnel } from './route.ts';

export interface NodeHttpTransportOptions {
  readonly route: Route;
  readonly url: URL;
  /** Those of the application beside our own. */
  readonly headers: Readonly<Record<string, string>>;
  readonly contentType: string;
  readonly compressor: Compressor | undefined;
  /** The application's own, which then decides how connections are made. */
  readonly agent: Agent | undefined;
  /** From the start of the request to the end of the response. */
  readonly timeoutMillis: number;
  readonly connections: number;
}

/** What became of a request, and of the connection that it was sent on. */
type SendResult = PostResult & {
  /** Closed by the other side before it said anything, on a connection that had been kept. */
  readonly wasStale: boolean;
};

/**
 * Posts bodies over kept connections of `node:http`: through proxies, and with the application's agent. Its requests
 * are not traced, and do not keep the process alive.
 */
export class NodeHttpTransport implements HttpTransport {
  readonly #options: NodeHttpTransportOptions;
  readonly #route: Route;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #agent: Agent;
  readonly #tunnels: Tunnels | undefined;
  readonly #request: typeof request;
  readonly #requestOptions: object;
  readonly #underWay = new Set<ClientRequest>();
  #isClosed = false;

  /** @throws Error where the TLS options are no PEM. */
  constructor(options: NodeHttpTransportOptions) {
    this.#options = options;
    const { agent, connections, route, timeoutMillis, url } = options;
    this.#route = route;
    this.#headers = { host: route.host, ...route.headers, ...requestHeaders(url, options) };
    if (route.isSecure) nodeModules.tls.createSecureContext(route.tls);
    const kept = {
      keepAlive: true,
      keepAliveMsecs: KEEP_ALIVE_AFTER_MS,
      maxSockets: connections,
      maxFreeSockets: connections,
    };
    const { Agent, request } = route.isSecure ? nodeModules.https : nodeModules.http;
    this.#request = request;
    this.#agent = agent ?? new Agent(kept);
    if (agent === undefined && route.tunnel !== undefined) {
      this.#tunnels = new Tunnels(this.#agent, route.tunnel, timeoutMillis);
    }
    const { address, path, servername } = route;
    this.#requestOptions = {
      ...address,
      ...(route.isSecure && { servername, ...route.tls }),
      method: 'POST',
      path,
      agent: this.#agent,
    };
  }

  async post(body: Uint8Array): Promise<PostResult> {
    return await postCompressed(body, this.#options.compressor, (compressed) => this.#sendOnLiveConnection(compressed));
  }

  postBlocking(bodies: readonly Uint8Array[], timeoutMs: number): readonly number[] {
    const { agent, compressor, connections } = this.#options;
    // How an agent of the application makes connections no other thread knows, and without it there may be no way.
    if (agent !== undefined) return bodies.map(() => 0);
    const compressed = compressor === undefined ? bodies : bodies.map((body) => compressor.compressNow(body));
    return postBlocking({ route: this.#route, headers: this.#headers, bodies: compressed, connections }, timeoutMs);
  }

  abort(): void {
    for (const request of this.#underWay) request.destroy(new Error('the tracer has shut down'));
    this.#tunnels?.abort();
  }

  close(): void {
    this.#isClosed = true;
    this.abort();
    if (this.#options.agent === undefined) this.#agent.destroy();
  }

  /**
   * A collector may close a kept connection while a request is on its way to it. That is no trouble, and the request is
   * sent on another connection; after as many as can have been kept it is a new one.
   */
  async #sendOnLiveConnection(body: Uint8Array): Promise<PostResult> {
    for (let kept = this.#options.connections; ; kept--) {
      const result = await this.#send(body);
      if (!result.wasStale || kept === 0 || this.#isClosed) return result;
    }
  }

  #send(body: Uint8Array): Promise<SendResult> {
    const { timeoutMillis } = this.#options;
    return new Promise((resolve) => {
      const request = this.#request({
        ...this.#requestOptions,
        headers: { ...this.#headers, 'content-length': String(body.length) },
      });
      this.#underWay.add(request);
      const deadline = systemTimers.start(() => {
        request.destroy(new Error(`timed out after ${timeoutMillis} ms`));
      }, timeoutMillis);
      deadline.unref();
      let answer: PartialResponse | undefined;
      let error: unknown;
      const failed = (reason: unknown): void => {
        error ??= reason;
      };
      request.on('socket', (socket: Socket) => socket.unref());
      request.on('response', (response: IncomingMessage) => {
        answer = new PartialResponse(response);
        response.on('error', failed);
        // The response came before all was sent: the rest must not follow once the caller uses the memory again.
        response.on('end', () => {
          if (!request.writableFinished) request.destroy();
        });
      });
      request.on('error', failed);
      // It comes last, whatever happened: nothing reads the body any more.
      request.on('close', () => {
        systemTimers.stop(deadline);
        this.#underWay.delete(request);
        if (answer?.isWhole !== true) resolve(this.#failed(request, answer, error));
        else {
          const result = answer.result();
          // Said of the silence before this request.
          resolve({ ...result, wasStale: request.reusedSocket && result.status === REQUEST_TIMEOUT });
        }
      });
      request.end(body);
    });
  }

  #failed(request: ClientRequest, answer: PartialResponse | undefined, error: unknown): SendResult {
    const code = String(property(error, 'code'));
    const isClosedByPeer = error === undefined || CLOSED_CODES.has(code);
    const { proxy } = this.#route;
    const result = failedPost(
      isHangUp(error) ? new Error('the connection was closed before the response was complete') : error,
    );
    return {
      ...result,
      message: proxy === undefined ? result.message : `${result.message} (via proxy ${proxy})`,
      wasStale: request.reusedSocket && answer === undefined && isClosedByPeer,
    };
  }
}

/** Node's codes for an end before or within a response. */
function isHangUp(error: unknown): boolean {
  const message = property(error, 'message');
  return error === undefined || message === 'socket hang up' || message === 'aborted';
}

/** The body of a response as it comes, up to its limit. */
class PartialResponse {
  readonly #response: IncomingMessage;
  readonly #parts: Buffer[] = [];
  #bytes = 0;
  #isCut = false;

  constructor(response: IncomingMessage) {
    this.#response = response;
    response.on('data', (part: Buffer) => {
      this.#parts.push(part.subarray(0, RESPONSE_BYTES_MAX - this.#bytes));
      this.#bytes += part.length;
      if (this.#bytes <= RESPONSE_BYTES_MAX) return;
      this.#isCut = true;
      response.destroy();
    });
  }

  get isWhole(): boolean {
    return this.#response.complete || this.#isCut;
  }

  result(): PostResult & { readonly kind: 'answered' } {
    const { headers, statusCode = 0 } = this.#response;
    return {
      kind: 'answered',
      status: statusCode,
      retryAfterMs: retryAfterMs(headers['retry-after'], Date.now()),
      location: headers.location,
      body: decodedBody(Buffer.concat(this.#parts), headers['content-encoding'], RESPONSE_BYTES_MAX),
    };
  }
}

/** Node has it called with an error alone, which its types do not say. */
type Created = (error: Error | null, socket?: Duplex) => void;

/** How an agent of Node makes a connection, which its types do not say in full. */
type Connect = (options: object, done?: Created) => Duplex | undefined;

/**
 * Leads the connections of an agent with TLS through a proxy. The agent is not extended: to do so would load its module
 * together with this one.
 */
class Tunnels {
  readonly #connect: Connect;
  readonly #tunnel: Tunnel;
  readonly #timeoutMillis: number;
  /** Requests for a tunnel without a response yet. */
  readonly #asked = new Set<ClientRequest>();

  constructor(agent: Agent, tunnel: Tunnel, timeoutMillis: number) {
    // As Node's own agent does, which keeps TLS sessions to go on from.
    this.#connect = (agent.createConnection as Connect).bind(agent);
    this.#tunnel = tunnel;
    this.#timeoutMillis = timeoutMillis;
    Object.assign(agent, { createConnection: (options: object, created: Created) => this.#open(options, created) });
  }

  /** Requests no tunnel any more. */
  abort(): void {
    for (const asked of this.#asked) asked.destroy(new Error('the tracer has shut down'));
  }

  #open(options: object, created: Created): undefined {
    const { isSecure, address, headers, target } = this.#tunnel;
    const { request } = isSecure ? nodeModules.https : nodeModules.http;
    const asked = request({
      ...address,
      method: 'CONNECT',
      path: target,
      headers: { host: target, ...headers },
      agent: false,
    });
    this.#asked.add(asked);
    const deadline = systemTimers.start(
      () => asked.destroy(new Error(`no tunnel after ${this.#timeoutMillis} ms`)),
      this.#timeoutMillis,
    );
    deadline.unref();
    asked.on('socket', (socket: Socket) => socket.unref());
    asked.on('error', created);
    asked.on('close', () => {
      systemTimers.stop(deadline);
      this.#asked.delete(asked);
    });
    asked.on('connect', ({ statusCode = 0 }, socket) => {
      if (statusCode >= 200 && statusCode < 300) created(null, this.#connect({ ...options, socket }));
      else {
        socket.destroy();
        created(new Error(`CONNECT failed with status ${statusCode}`));
      }
    });
    asked.end();
  }
}
