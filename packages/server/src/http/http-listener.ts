import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import { answerClientErrors, type ClientErrorResponse } from './answer-client-errors.ts';
import { Listener } from './listener.ts';
import type { Refusal } from './refusal.ts';
import { RequestsInTurn } from './requests-in-turn.ts';

export interface HttpListenerLimits {
  /** A request that has not arrived whole by then is answered 408 and cut off … */
  readonly requestTimeoutMs: number;
  /** … and one whose headers have not. */
  readonly headersTimeoutMs: number;
  /** How often Node looks for such requests; Node's own 30 s by default. */
  readonly timeoutCheckIntervalMs?: number;
  /** A request's line and headers; more are answered 431. */
  readonly headerBytesMax: number;
  /** What Node reads of them, where the server itself refuses what is over its limit; the same by default. */
  readonly headerBytesRead?: number;
  /** A connection without a request is closed after it; Node's own 5 s by default. */
  readonly keepAliveTimeoutMs?: number;
  /** A connection on which nothing moves for so long is closed: whoever is there reads no answers. */
  readonly stalledTimeoutMs: number;
  readonly connectionsMax: number;
  /**
   * Requests that wait for the answer to the one before on their connection, over all connections; that of one more is
   * closed.
   */
  readonly pipelinedRequestsMax: number;
}

export type HttpLimitHit =
  | 'requestTimeoutMs'
  | 'headersTimeoutMs'
  | 'headerBytesMax'
  | 'connectionsMax'
  | 'pipelinedRequestsMax';

export interface HttpListenerOptions {
  /** For the log. */
  readonly name: string;
  readonly log: Logger;
  readonly limits: HttpListenerLimits;
  /**
   * Answers a request, after those before it on its connection. Where it rejects, which nothing should make it do, the
   * connection is closed.
   */
  readonly serve: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  /** Puts into the server's own form what Node itself refuses before there is a request. */
  readonly refuse: (refusal: Refusal) => ClientErrorResponse;
  readonly onLimit: (limit: HttpLimitHit) => void;
  readonly onFailed: (error: unknown) => void;
}

/** A port for HTTP/1.1: what is the same whatever is served there. */
export class HttpListener {
  readonly #listener: Listener;

  constructor({ name, log, limits, serve, refuse, onLimit, onFailed }: HttpListenerOptions) {
    const server = createServer({
      requestTimeout: limits.requestTimeoutMs,
      headersTimeout: limits.headersTimeoutMs,
      maxHeaderSize: limits.headerBytesRead ?? limits.headerBytesMax,
      ...(limits.keepAliveTimeoutMs !== undefined && { keepAliveTimeout: limits.keepAliveTimeoutMs }),
      // We answer those that name none, so that they learn why.
      requireHostHeader: false,
      ...(limits.timeoutCheckIntervalMs !== undefined && {
        connectionsCheckingInterval: limits.timeoutCheckIntervalMs,
      }),
    });
    server.timeout = limits.stalledTimeoutMs;
    server.maxConnections = limits.connectionsMax;
    server.on('drop', () => onLimit('connectionsMax'));
    const requests = new RequestsInTurn(
      (request, response) => {
        // Nothing that goes wrong with one request is to end the process.
        serve(request, response).catch((error: unknown) => {
          onFailed(error);
          response.destroy();
        });
      },
      { waitingMax: limits.pipelinedRequestsMax, onCut: () => onLimit('pipelinedRequestsMax') },
    );
    // Whoever asks before sending the body learns of a refusal before sending it.
    for (const event of ['request', 'checkContinue', 'checkExpectation']) {
      server.on(event, (request: IncomingMessage, response: ServerResponse) => requests.take(request, response));
    }
    answerClientErrors(server, {
      headerBytesMax: limits.headerBytesMax,
      answer: (status, message, isInHeaders) => {
        if (status === 431) onLimit('headerBytesMax');
        if (status === 408) onLimit(isInHeaders ? 'headersTimeoutMs' : 'requestTimeoutMs');
        return refuse({ status, code: 'not_http', message });
      },
    });
    this.#listener = new Listener(server, {
      name,
      log,
      endIdle: () => server.closeIdleConnections(),
      endAll: () => server.closeAllConnections(),
    });
  }

  get isClosing(): boolean {
    return this.#listener.isClosing;
  }

  /** Listens. Rejects with Node's own error (`code` `EADDRINUSE`, …) when it cannot. */
  start(host: string, port: number): Promise<AddressInfo> {
    return this.#listener.start(host, port);
  }

  /**
   * Refuses new connections and resolves when the running requests have been answered, or were cut off at the deadline.
   */
  close(timeoutMs: number): Promise<void> {
    return this.#listener.close(timeoutMs);
  }
}
