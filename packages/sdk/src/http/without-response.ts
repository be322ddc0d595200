import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { errorType } from '../span/exception.ts';
import { property } from '../runtime/property.ts';

/** Why a connection closed before the response on it was done. */
export interface WithoutResponse {
  /** The value of `error.type`. */
  readonly type: string;
  readonly error?: Error;
  /** The server's own failure, not caused by the client. */
  readonly isServers: boolean;
}

/** The client went away, or broke the protocol: nothing that the server did wrong. */
const CLIENT_CODES: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE']);

/** What `pipeline` says of a response whose connection is gone: a consequence, whose cause the connection knows. */
const PREMATURE_CLOSE = 'ERR_STREAM_PREMATURE_CLOSE';

/**
 * Node since 24 destroys the responses that wait behind others with an error of its own when the connection is gone;
 * what the application says destroys both.
 */
function isConsequence(error: unknown, socket: Socket): boolean {
  const code = property(error, 'code');
  if (code === PREMATURE_CLOSE) return true;
  return code === 'ECONNRESET' && property(error, 'message') === 'aborted' && error !== socket.errored;
}

/**
 * Node keeps apart who closed: `response.errored` is what the application destroyed the response with, and a failed
 * `pipeline` does so; a connection that the client ended or reset says so; whatever is left the server closed, by a
 * timeout or without a word.
 */
export function whyWithoutResponse(response: ServerResponse, socket: Socket, hasTimedOut: boolean): WithoutResponse {
  const own = response.errored as unknown;
  if (own !== null && own !== undefined && !isConsequence(own, socket)) {
    return { type: errorType(own) || 'error', error: own as Error, isServers: true };
  }
  if (hasTimedOut) return { type: 'timeout', isServers: true };
  const { errored, readableEnded } = socket;
  const code = errored === null ? undefined : property(errored, 'code');
  const isClients = typeof code === 'string' && (CLIENT_CODES.has(code) || code.startsWith('HPE_'));
  if (isClients || (errored === null && readableEnded)) return { type: 'client_disconnected', isServers: false };
  if (errored === null) return { type: 'connection_closed', isServers: true };
  return { type: errorType(errored) || 'error', error: errored, isServers: true };
}
