import type { IncomingMessage, ServerResponse } from 'node:http';

export interface DiscardOptions {
  readonly bytesMax: number;
  readonly timeoutMs: number;
  /** Called with the limit that a sender was cut off for. */
  readonly onCut: (limit: 'bytes' | 'time') => void;
}

/**
 * Sends the answer whose head has been written. Where the request's body has not been read, its rest is read and thrown
 * away: cutting the connection under a sender would lose the answer, and leaving the rest would be taken for the next
 * request. A sender that has too much left, or takes too long, is cut off.
 */
export function respondAndDiscard(
  request: IncomingMessage,
  response: ServerResponse,
  body: Buffer,
  { bytesMax, timeoutMs, onCut }: DiscardOptions,
): void {
  if (request.complete || !hasBody(request)) {
    response.end(body);
    return;
  }
  // The answer is whole for its receiver by its length; for Node it ends when the request has ended.
  if (body.length > 0) response.write(body);
  else response.flushHeaders();
  let discardedBytes = 0;
  const cut = (limit: 'bytes' | 'time'): void => {
    if (request.socket.destroyed) return;
    onCut(limit);
    request.socket.destroy();
  };
  const timer = setTimeout(() => cut('time'), timeoutMs);
  request.on('data', (chunk: Buffer) => {
    discardedBytes += chunk.length;
    if (discardedBytes > bytesMax) cut('bytes');
  });
  request.on('end', () => response.end());
  request.on('close', () => clearTimeout(timer));
  request.on('error', () => {});
  request.resume();
}

/** Who waits for "100 Continue" has sent nothing, and Node closes such a connection itself. */
function hasBody(request: IncomingMessage): boolean {
  const { headers } = request;
  const announced = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  return announced && headers.expect === undefined;
}
