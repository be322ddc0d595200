import type { IncomingMessage } from 'node:http';
import { catchRejection } from '../runtime/catch-rejection.ts';

/** A request that this process sends. */
export interface OutgoingRequest {
  /** As it is sent, mostly in upper case. */
  readonly method: string;
  /** Scheme, host and port, for instance `https://api.example.com`. */
  readonly origin: string;
  /** Path and query. */
  readonly path: string;
}

/** All are optional. A function that throws counts as one that was not given. */
export interface HttpOptions {
  /**
   * The route of an incoming request, which must have few different values (`/orders/{id}`); called once, when the
   * response is done. Where it returns `undefined`, a framework's own route is used if there is one.
   * @see https://opentelemetry.io/docs/specs/semconv/http/http-spans/#name
   */
  readonly route?: ((request: IncomingMessage) => string | undefined) | undefined;
  /** Returns true for incoming requests that are not traced, with all that happens in them, such as health checks. */
  readonly ignoreIncoming?: ((request: IncomingMessage) => boolean) | undefined;
  /**
   * Whether `Forwarded` and `X-Forwarded-For`, `-Host` and `-Proto` name the client, the host and the scheme of a
   * request. Default false: set it where a proxy of yours writes them, since others can forge them.
   */
  readonly trustForwarded?: boolean | undefined;
  /**
   * What is taken out of the query of `url.full` and `url.query` before it is recorded: names of parameters besides
   * those that are known for credentials and signatures (`token`, `api_key`, `password`, `sig`, …), or a function that
   * takes a query or a URL and returns what to record of it.
   */
  readonly redactQuery?: readonly string[] | ((text: string) => string) | undefined;
  /** Returns true for outgoing requests that are not traced and carry no headers of ours. */
  readonly ignoreOutgoing?: ((request: OutgoingRequest) => boolean) | undefined;
}

/** Calls a function of the application's; `undefined` where it throws. What an async one returns does not count. */
export function callSafely<Request, Result>(
  fn: ((request: Request) => Result) | undefined,
  request: Request,
): Result | undefined {
  try {
    const result = fn?.(request);
    catchRejection(result);
    return result;
  } catch {
    return undefined;
  }
}
