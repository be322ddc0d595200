import type { IncomingMessage } from 'node:http';
import { Body, eachPart } from './body.ts';
import { BodyError } from './body-error.ts';
import type { ByteBudget } from './byte-budget.ts';
import { COMPRESSIONS, decompress, type Compression } from './decompress.ts';

export type BodyEncoding = 'identity' | Compression;

/** Null for an encoding that is not supported. */
export function bodyEncoding(header: string | undefined): BodyEncoding | null {
  const encoding = (header ?? '').trim().toLowerCase();
  if (encoding === '' || encoding === 'identity') return 'identity';
  if (encoding === 'x-gzip') return 'gzip';
  return COMPRESSIONS.find((compression) => compression === encoding) ?? null;
}

export interface ReadOptions {
  readonly encoding: BodyEncoding;
  /** For the body as sent … */
  readonly bytesMax: number;
  /** … and decompressed. */
  readonly decompressedBytesMax: number;
  readonly budget: ByteBudget;
}

/** Throws the `BodyError` of a body that its announced length alone forbids to read. */
export function checkAnnouncedLength(request: IncomingMessage, bytesMax: number, budget: ByteBudget): void {
  const announcedBytes = Number(request.headers['content-length'] ?? 0);
  if (announcedBytes > bytesMax) throw tooLarge(bytesMax);
  // Not taken yet, or slow senders would hold what they only announce.
  if (!budget.has(announcedBytes)) throw busy();
}

/**
 * Reads a request's body and decompresses it. Rejects with `BodyError`; with Node's own error when the connection
 * breaks. Then nothing stays taken from the budget.
 */
export async function readBody(
  request: IncomingMessage,
  { encoding, bytesMax, decompressedBytesMax, budget }: ReadOptions,
): Promise<Body> {
  let takenBytes = 0;
  const take = (bytes: number): void => {
    if (!budget.take(bytes)) throw busy();
    takenBytes += bytes;
  };
  try {
    const parts: Buffer[] = [];
    let length = 0;
    await eachPart(request, (part) => {
      length += part.length;
      if (length > bytesMax) throw tooLarge(bytesMax);
      take(part.length);
      parts.push(part);
    });
    if (encoding === 'identity' || length === 0) return new Body(parts, length, takenBytes);
    const bytes = await decompress(Buffer.concat(parts, length), encoding, decompressedBytesMax);
    take(bytes.length);
    return new Body([bytes], bytes.length, takenBytes);
  } catch (error) {
    budget.giveBack(takenBytes);
    throw error;
  }
}

function tooLarge(bytesMax: number): BodyError {
  return new BodyError(413, `the body is larger than ${bytesMax} bytes`);
}

function busy(): BodyError {
  return new BodyError(503, 'too many bytes of requests are in flight');
}
