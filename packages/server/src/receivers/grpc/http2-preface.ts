import type { Socket } from 'node:net';

/** What HTTP/2 begins with (RFC 9113, section 3.4). */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** For how long what such a sender sends is thrown away. */
const DISCARD_MS = 1_000;

const FOREIGN = `{"code":3,"message":"this port speaks HTTP/2, which OTLP/gRPC needs; OTLP/HTTP has a port of its own, 4318 by default"}\n`;

/**
 * Calls back once it is known whether a connection begins as HTTP/2 does, and never for one that ends before. What has
 * been read of it is put back.
 */
export function readBeginning(socket: Socket, onKnown: (isHttp2: boolean) => void): void {
  let bytes = Buffer.alloc(0);
  const look = (): void => {
    const part = socket.read() as Buffer | null;
    if (part === null) return;
    bytes = Buffer.concat([bytes, part]);
    const length = Math.min(bytes.length, PREFACE.length);
    const isLike = bytes.subarray(0, length).equals(PREFACE.subarray(0, length));
    if (isLike && length < PREFACE.length) return;
    socket.off('readable', look);
    // Once it is known alone: what is put back is announced as something to read.
    socket.unshift(bytes);
    onKnown(isLike);
  };
  socket.on('readable', look);
  // A connection that breaks has ended, and nobody waits for it.
  socket.on('error', () => {});
}

/** Tells whoever speaks HTTP/1.1 where that is spoken, and closes the connection. */
export function respondToOtherOrigin(socket: Socket): void {
  // What is still to come must not reset the connection before its answer is read.
  socket.resume();
  setTimeout(() => socket.destroy(), DISCARD_MS).unref();
  const head = [
    'HTTP/1.1 400 Bad Request',
    'Connection: close',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(FOREIGN)}`,
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${FOREIGN}`);
}
