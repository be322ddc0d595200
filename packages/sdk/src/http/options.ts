import type { IncomingMessage } from 'node:http';

/** A request that this process sends. */
export interface OutgoingRequest {
  readonly method: string;
  /** Scheme, host and port, for instance `https://api.example.com`. */
  readonly origin: string;
  /** Path and query. */
  readonly path: string;
}

export interface HttpOptions {
  /**
   * The route of an incoming request, which must have few different values (`/orders/{id}`); asked once, when the
   * response is done. Where it answers `undefined`, a framework's own route is taken if there is one.
   */
  readonly route?: ((request: IncomingMessage) => string | undefined) | undefined;
  /** Incoming requests that are not traced, with all that happens in them: health checks. */
  readonly ignoreIncoming?: ((request: IncomingMessage) => boolean) | undefined;
  /** Outgoing requests that are not traced and carry no headers of ours. */
  readonly ignoreOutgoing?: ((request: OutgoingRequest) => boolean) | undefined;
}

/** Asks a function of the application's; what it throws counts as no answer. */
export function ask<Request, Answer>(
  question: ((request: Request) => Answer) | undefined,
  request: Request,
): Answer | undefined {
  try {
    return question?.(request);
  } catch {
    return undefined;
  }
}
