import type { ServerHttp2Stream } from 'node:http2';
import { Body, eachPart, type Deadline } from '../body/body.ts';
import { BodyError } from '../body/body-error.ts';
import { BodyParts } from '../body/body-parts.ts';
import type { ByteBudget } from '../body/byte-budget.ts';
import type { Compression } from '../body/compression.ts';
import type { Decompressor } from '../body/decompressor.ts';
import { GrpcError } from './grpc-status.ts';
import { StatusCode } from '../otlp/otlp-response.ts';
import { countOf } from '../../count-of.ts';

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
  readonly decompressor: Decompressor;
  /** For the message as sent. */
  readonly deadline: Deadline;
}

/**
 * A message that comes in more parts has larger ones: each takes some 2 µs, however small it is, and HTTP/2 lets nobody
 * but the whole connection wait. Every sender fills its frames.
 */
const PARTS_MAX = 1_024;
const PART_BYTES_MIN = 16;

/**
 * Reads the one message of a unary call. A message that its prefix alone forbids to read is refused before more of it
 * is taken. Rejects with `GrpcError`, `BodyError` or `SenderGoneError`, and with the deadline's error; with Node's own
 * error when the sender goes away. Then nothing stays taken from the budget.
 */
export async function readMessage(
  stream: ServerHttp2Stream,
  { encoding, bytesMax, decompressedBytesMax, budget, decompressor, deadline }: ReadMessageOptions,
): Promise<Body> {
  const reservation = budget.reserve();
  try {
    const sent = new BodyParts(reservation);
    const prefix = Buffer.alloc(PREFIX_BYTES);
    let prefixLength = 0;
    let expected = 0;
    let parts = 0;
    await eachPart(
      stream,
      (part) => {
        parts += 1;
        if (parts > PARTS_MAX && sent.length < parts * PART_BYTES_MIN) {
          throw malformed(`the message comes in frames of less than ${PART_BYTES_MIN} bytes; send larger ones`);
        }
        let message = part;
        if (prefixLength < PREFIX_BYTES) {
          const copied = part.copy(prefix, prefixLength);
          prefixLength += copied;
          if (prefixLength < PREFIX_BYTES) return;
          expected = checkPrefix(prefix, encoding, bytesMax);
          message = part.subarray(copied);
          // Only looked at, or slow senders would hold what they only announce.
          budget.expect(expected);
        }
        if (sent.length + message.length > expected) throw malformed('the call holds more than one message');
        sent.add(message);
      },
      deadline,
    );
    if (prefixLength < PREFIX_BYTES) throw malformed('the call holds no message');
    const { length } = sent;
    if (length < expected) throw malformed(`the message ends ${countOf(expected - length, 'byte')} early`);
    const isCompressed = prefix[0] === 1;
    if (!isCompressed || encoding === 'identity' || length === 0) return new Body(sent.end(), length, reservation);
    const decompressed = await decompressor.decompress(sent, {
      compression: encoding,
      bytesMax: decompressedBytesMax,
      reservation,
      sender: stream,
    });
    return new Body(decompressed.parts, decompressed.length, reservation);
  } catch (error) {
    reservation.release();
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
    throw new BodyError(413, `the message has ${countOf(bytes, 'byte')}; at most ${bytesMax} are accepted`, {
      limit: 'sent',
    });
  }
  return bytes;
}

function malformed(message: string): GrpcError {
  return new GrpcError(StatusCode.invalidArgument, message);
}
