import { brotliCompress, constants, createBrotliCompress, createGzip, gzip } from 'node:zlib';
import type { Transform } from 'node:stream';
import { promisify } from 'node:util';

export type ContentCoding = 'br' | 'gzip';

/** A smaller answer fits into a packet or two as it is. */
export const COMPRESSED_BYTES_MIN = 1_024;

/** Whether answers of the type become smaller. Images and fonts are compressed already. */
export function isCompressible(contentType: string): boolean {
  return /^(?:text\/|application\/(?:json|openmetrics-text|manifest\+json)|image\/(?:svg\+xml|x-icon))/.test(
    contentType,
  );
}

/**
 * The coding that a client prefers by its Accept-Encoding (RFC 9110, section 12.5.3); of equals the first that is
 * offered. Null for none.
 */
export function preferredCoding(accepted: string | undefined, offered: readonly ContentCoding[]): ContentCoding | null {
  if (accepted === undefined) return null;
  const weights = new Map<string, number>();
  for (const item of accepted.toLowerCase().split(',')) {
    const [name = '', ...parameters] = item.split(';').map((part) => part.trim());
    const weight = parameters.find((parameter) => parameter.startsWith('q='));
    weights.set(name, weight === undefined ? 1 : Number(weight.slice(2)) || 0);
  }
  const weightOf = (name: string): number => weights.get(name) ?? weights.get('*') ?? 0;
  // An identity that is not named is acceptable, and the last choice.
  let best: ContentCoding | null = null;
  let bestWeight = weights.get('identity') ?? 0;
  for (const coding of offered) {
    const weight = weightOf(coding);
    if (weight === 0 || weight < bestWeight || (weight === bestWeight && best !== null)) continue;
    best = coding;
    bestWeight = weight;
  }
  return best;
}

/** For what is compressed once and sent often. */
export function compressBest(bytes: Uint8Array, coding: ContentCoding): Promise<Buffer> {
  if (coding === 'gzip') return gzipped(bytes, { level: constants.Z_BEST_COMPRESSION });
  const params = { [constants.BROTLI_PARAM_QUALITY]: 9, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  return brotlied(bytes, { params });
}

/** For an answer: most of what there is to win, at 100 MB/s. */
export function compressFast(body: string | Uint8Array, coding: ContentCoding): Promise<Buffer> {
  return coding === 'gzip' ? gzipped(body, GZIP_FAST) : brotlied(body, BROTLI_FAST);
}

/** The same for an answer in pieces; each that is written comes out at once. */
export function compressor(coding: ContentCoding): Transform {
  return coding === 'gzip'
    ? createGzip({ ...GZIP_FAST, flush: constants.Z_SYNC_FLUSH })
    : createBrotliCompress({ ...BROTLI_FAST, flush: constants.BROTLI_OPERATION_FLUSH });
}

const gzipped = promisify(gzip) as (bytes: string | Uint8Array, options: object) => Promise<Buffer>;
const brotlied = promisify(brotliCompress) as (bytes: string | Uint8Array, options: object) => Promise<Buffer>;

const GZIP_FAST = { level: 2 };
const BROTLI_FAST = { params: { [constants.BROTLI_PARAM_QUALITY]: 2 } };
