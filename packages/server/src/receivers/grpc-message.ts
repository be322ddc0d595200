import type { ServerHttp2Stream } from 'node:http2';
import type { ByteBudget } from './byte-budget.ts';
import { Body, eachPart } from './body.ts';
import { BodyError } from './body-error.ts';
import { decompress, type Compression } from './decompress.ts';
import { GrpcError } from './grpc-status.ts';
import { StatusCode } from './otlp-response.ts';

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
    const parts: Buffer[] = [];
    let length = 0;
    let expected = PREFIX_BYTES;
    await eachPart(stream, (part) => {
      const hadPrefix = length >= PREFIX_BYTES;
      take(part.length);
      parts.push(part);
      length += part.length;
      if (!hadPrefix && length >= PREFIX_BYTES) {
        expected = PREFIX_BYTES + checkPrefix(Buffer.concat(parts, PREFIX_BYTES), encoding, bytesMax);
        // Only looked at, or slow senders would hold what they only announce.
        if (!budget.has(expected - length)) throw new BodyError(503, 'too many bytes of requests are in flight');
      }
      if (length > expected) throw malformed('the call holds more than one message');
    });
    if (length < expected) {
      const missing = expected - length;
      throw malformed(length < PREFIX_BYTES ? 'the call holds no message' : `the message ends ${missing} bytes early`);
    }
    const isCompressed = parts[0]?.[0] === 1;
    const message = withoutPrefix(parts);
    const bytes = length - PREFIX_BYTES;
    if (!isCompressed || encoding === 'identity' || bytes === 0) return new Body(message, bytes, takenBytes);
    const decompressed = await decompress(Buffer.concat(message, bytes), encoding, decompressedBytesMax);
    take(decompressed.length);
    return new Body([decompressed], decompressed.length, takenBytes);
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

function withoutPrefix([first = Buffer.alloc(0), ...others]: readonly Buffer[]): Buffer[] {
  if (first.length >= PREFIX_BYTES) return [first.subarray(PREFIX_BYTES), ...others];
  return [Buffer.concat([first, ...others]).subarray(PREFIX_BYTES)];
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
