import type { ServerHttp2Stream } from 'node:http2';
import type { ByteBudget } from './byte-budget.ts';
import { BodyError } from './body-error.ts';
import { decompress, type Compression } from './decompress.ts';
import { GrpcError } from './grpc-status.ts';
import { StatusCode } from './otlp-response.ts';
import type { Body } from './request-body.ts';

/** Compressed flag, and length of the message as four bytes. */
const PREFIX_BYTES = 5;

export interface ReadMessageOptions {
  /** What `grpc-encoding` says. */
  readonly encoding: Compression | 'identity';
  /** For the message as sent … */
  readonly bytesMax: number;
  /** … and decompressed. */
  readonly decompressedBytesMax: number;
  readonly budget: ByteBudget;
}

/**
 * Reads the one message of a unary call. A message that its prefix alone forbids to read is refused before more of it is
 * taken. Rejects with `GrpcError` or `BodyError`; with Node's own error when the sender goes away. Then nothing stays
 * taken from the budget.
 */
export async function readMessage(
  stream: ServerHttp2Stream,
  { encoding, bytesMax, decompressedBytesMax, budget }: ReadMessageOptions,
): Promise<Body> {
  let takenBytes = 0;
  const take = (bytes: number): void => {
    if (!budget.take(bytes)) throw new BodyError(503, 'too many bytes of requests are in flight');
    takenBytes += bytes;
  };
  try {
    const chunks: Buffer[] = [];
    let length = 0;
    let expected = PREFIX_BYTES;
    for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      const hadPrefix = length >= PREFIX_BYTES;
      take(chunk.length);
      chunks.push(chunk);
      length += chunk.length;
      if (!hadPrefix && length >= PREFIX_BYTES) {
        expected = PREFIX_BYTES + checkPrefix(Buffer.concat(chunks, PREFIX_BYTES), encoding, bytesMax);
        // Only looked at, or slow senders would hold what they only announce.
        if (!budget.has(expected - length)) throw new BodyError(503, 'too many bytes of requests are in flight');
      }
      if (length > expected) throw malformed('the call holds more than one message');
    }
    if (length < expected) {
      const missing = expected - length;
      throw malformed(length < PREFIX_BYTES ? 'the call holds no message' : `the message ends ${missing} bytes early`);
    }
    const frame = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, length);
    const sent = frame.subarray(PREFIX_BYTES);
    if (frame[0] === 0 || encoding === 'identity' || sent.length === 0) return { bytes: sent, takenBytes };
    const bytes = await decompress(sent, encoding, decompressedBytesMax);
    take(bytes.length);
    return { bytes, takenBytes };
  } catch (error) {
    budget.giveBack(takenBytes);
    throw error;
  }
}

/** Puts a message that is not compressed into its frame. */
export function framed(message: Uint8Array): Buffer {
  const frame = Buffer.alloc(PREFIX_BYTES + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, PREFIX_BYTES);
  return frame;
}

/** The length that the prefix announces. */
function checkPrefix(prefix: Buffer, encoding: ReadMessageOptions['encoding'], bytesMax: number): number {
  const flag = prefix[0] ?? 0;
  if (flag > 1) throw malformed(`the message's compressed flag is ${flag}; 0 and 1 are accepted`);
  if (flag === 1 && encoding === 'identity') {
    throw malformed('the message is marked as compressed, but grpc-encoding names no compression');
  }
  const bytes = prefix.readUInt32BE(1);
  if (bytes > bytesMax) {
    throw new BodyError(413, `the message has ${bytes} bytes; at most ${bytesMax} are taken`);
  }
  return bytes;
}

function malformed(message: string): GrpcError {
  return new GrpcError(StatusCode.invalidArgument, message);
}
