import type { IncomingMessage } from 'node:http';
import { Body, eachPart } from './body.ts';
import { BodyError } from './body-error.ts';
import { BodyParts } from './body-parts.ts';
import type { ByteBudget } from './byte-budget.ts';
import { compressionOf, type Compression } from './compression.ts';
import type { Decompressor } from './decompressor.ts';

export type BodyEncoding = 'identity' | Compression;

/** Null for an encoding that is not supported, and for several on top of each other; `identity` is none. */
export function bodyEncoding(header = ''): BodyEncoding | null {
  const names = header.split(',').map((name) => name.trim().toLowerCase());
  const [encoding, ...others] = names.filter((name) => name !== '' && name !== 'identity');
  if (encoding === undefined) return 'identity';
  return others.length > 0 ? null : (compressionOf(encoding) ?? null);
}

export interface ReadOptions {
  readonly encoding: BodyEncoding;
  /** For the body as sent … */
  readonly bytesMax: number;
  /** … and decompressed. */
  readonly decompressedBytesMax: number;
  readonly budget: ByteBudget;
  readonly decompressor: Decompressor;
}

/** Throws the `BodyError` of a body that its announced length alone forbids to read. */
export function checkAnnouncedLength(request: IncomingMessage, bytesMax: number, budget: ByteBudget): void {
  const announcedBytes = Number(request.headers['content-length'] ?? 0);
  if (announcedBytes > bytesMax) throw tooLarge(bytesMax);
  // Not taken yet, or slow senders would hold what they only announce.
  budget.expect(announcedBytes);
}

/** What a request that runs takes beside its body and its headers: its objects, promises, listeners. */
const REQUEST_BYTES = 4 * 1024;
/** For each name and each value of a header, beside its text. */
const HEADER_PART_BYTES = 48;

/** What a request holds until it is answered, beside its body: a thousand small headers take ten times their text. */
function headBytes({ rawHeaders }: IncomingMessage): number {
  let bytes = REQUEST_BYTES + rawHeaders.length * HEADER_PART_BYTES;
  for (const part of rawHeaders) bytes += part.length;
  return bytes;
}

/**
 * Reads a request's body and decompresses it. Rejects with `BodyError` or `SenderGoneError`; with Node's own error when
 * the connection breaks. Then nothing stays taken from the budget.
 */
export async function readBody(
  request: IncomingMessage,
  { encoding, bytesMax, decompressedBytesMax, budget, decompressor }: ReadOptions,
): Promise<Body> {
  const reservation = budget.reserve();
  try {
    reservation.take(headBytes(request));
    const sent = new BodyParts(reservation);
    await eachPart(request, (part) => {
      if (sent.length + part.length > bytesMax) throw tooLarge(bytesMax);
      sent.add(part);
    });
    if (encoding === 'identity' || sent.length === 0) return new Body(sent.end(), sent.length, reservation);
    const { parts, length } = await decompressor.decompress(sent, {
      compression: encoding,
      bytesMax: decompressedBytesMax,
      reservation,
      sender: request.socket,
    });
    return new Body(parts, length, reservation);
  } catch (error) {
    reservation.release();
    throw error;
  }
}

function tooLarge(bytesMax: number): BodyError {
  return new BodyError(413, `the body is larger than ${bytesMax} bytes`, { limit: 'sent' });
}
