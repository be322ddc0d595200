import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { gunzipSync } from 'node:zlib';
import { readRequest, type ReadSpan } from './otlp-reader.ts';

/** How a collector in a test answers the n-th request, counted from 0. */
export type Responder = (response: ServerResponse, n: number, request: IncomingMessage) => void;

export interface Sink {
  readonly url: string;
  readonly port: number;
  readonly spans: ReadSpan[];
  readonly requests: IncomingHttpHeaders[];
  /** Resolves with the spans once there are `count` of them. */
  received(count: number): Promise<ReadSpan[]>;
  close(): Promise<void>;
}

/**
 * A collector that decodes what it gets, on a port or a unix socket. What it answers other than 200 does not count as
 * received.
 */
export async function startSink(
  answer: Responder = (response) => void response.end(),
  port: number | string = 0,
  tls?: { readonly key: string; readonly cert: string },
): Promise<Sink> {
  const spans: ReadSpan[] = [];
  const requests: IncomingHttpHeaders[] = [];
  const waiters: { count: number; done: (spans: ReadSpan[]) => void }[] = [];
  let n = 0;
  const listener: RequestListener = (request, response) => {
    const parts: Buffer[] = [];
    request.on('error', () => undefined);
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      requests.push(request.headers);
      response.on('finish', () => {
        if (response.statusCode !== 200) return;
        const body = Buffer.concat(parts);
        spans.push(...readRequest(request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body));
        for (const waiter of waiters) if (spans.length >= waiter.count) waiter.done(spans);
      });
      answer(response, n++, request);
    });
  };
  const server = tls === undefined ? createServer(listener) : createSecureServer(tls, listener);
  await new Promise<void>((resolve) => {
    if (typeof port === 'string') server.listen(port, resolve);
    else server.listen(port, '127.0.0.1', resolve);
  });
  const address = server.address();
  const portInUse = typeof address === 'object' ? (address?.port ?? 0) : 0;
  return {
    url:
      typeof address === 'string'
        ? `unix://${address}`
        : `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${portInUse}`,
    port: portInUse,
    spans,
    requests,
    received: (count) =>
      spans.length >= count ? Promise.resolve(spans) : new Promise((done) => waiters.push({ count, done })),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
