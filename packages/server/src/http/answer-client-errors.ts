import { STATUS_CODES, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

export interface ClientErrorOptions {
  /** What the server takes as a request's line and headers. */
  readonly headerBytesMax: number;
  /** Puts the status and the sentence into the server's own form; `isInHeaders`: they had not arrived whole. */
  readonly answer: (status: number, why: string, isInHeaders: boolean) => ClientErrorResponse;
}

export interface ClientErrorResponse {
  readonly contentType: string;
  readonly body: string | Uint8Array;
}

/** The parser's error; `rawPacket` is what it was reading. */
interface ClientError extends Error {
  readonly code?: string;
  readonly reason?: string;
  readonly rawPacket?: Uint8Array;
}

/**
 * Answers what Node itself refuses before there is a request, such as TLS on a port without it: with a body that says
 * why, and closes the connection.
 */
export function answerClientErrors(server: Server, { headerBytesMax, answer }: ClientErrorOptions): void {
  const responses = new WeakMap<Duplex, ServerResponse>();
  for (const event of ['request', 'checkContinue', 'checkExpectation']) {
    server.prependListener(event, ({ socket }: { socket: Duplex }, response: ServerResponse) => {
      responses.set(socket, response);
    });
  }
  server.on('clientError', (error: ClientError, socket: Duplex) => {
    const response = responses.get(socket);
    // In the middle of another answer ours would be taken for a part of it.
    const isAnswering = response?.headersSent === true && !response.writableFinished;
    if (!socket.writable || isAnswering || error.code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    const status = statusOf(error.code);
    const { contentType, body } = answer(
      status,
      explain(error, headerBytesMax),
      response === undefined || response.writableFinished,
    );
    const head = [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      'Connection: close',
      `Content-Type: ${contentType}`,
      `Content-Length: ${Buffer.byteLength(body)}`,
    ];
    socket.write(`${head.join('\r\n')}\r\n\r\n`);
    socket.end(body, () => socket.destroy());
  });
}

function statusOf(code = ''): number {
  const statuses: Readonly<Record<string, number>> = {
    HPE_HEADER_OVERFLOW: 431,
    HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
    ERR_HTTP_REQUEST_TIMEOUT: 408,
  };
  return statuses[code] ?? 400;
}

/** The first bytes of a TLS handshake: its record type and the protocol's major version. */
const TLS_HANDSHAKE = [0x16, 0x03];

/** What HTTP/2 begins with, and so gRPC. */
const HTTP2_PREFACE = Buffer.from('PRI * HTTP/2');

function explain({ code, reason, message, rawPacket }: ClientError, headerBytesMax: number): string {
  if (TLS_HANDSHAKE.every((byte, index) => rawPacket?.[index] === byte)) {
    return 'this port speaks HTTP without TLS; use http:// instead of https://';
  }
  if (rawPacket !== undefined && HTTP2_PREFACE.every((byte, index) => rawPacket[index] === byte)) {
    return 'this port speaks HTTP/1.1, not HTTP/2; OTLP/gRPC has a port of its own, 4317 by default';
  }
  if (code === 'HPE_HEADER_OVERFLOW') return `the request's line and headers take more than ${headerBytesMax} bytes`;
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'timed out waiting for the request';
  return `malformed HTTP/1.1 request: ${reason ?? message}`;
}
