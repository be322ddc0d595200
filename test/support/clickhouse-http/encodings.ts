import type { Transform } from 'node:stream';
import {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  brotliCompressSync,
  deflateSync,
  gzipSync,
} from 'node:zlib';
import { ClickHouseException } from './exception.ts';

/** Encodings of answers, the most wanted first; those that Node has. */
const ANSWERS: readonly [name: string, encode: (bytes: Uint8Array) => Uint8Array][] = [
  ['br', (bytes) => brotliCompressSync(bytes)],
  ['gzip', (bytes) => gzipSync(bytes, { level: 3 })],
  ['deflate', (bytes) => deflateSync(bytes, { level: 3 })],
];

/** Encodings of bodies that the engine reads itself, by the name that INFILE has for them. */
const OF_THE_ENGINE = new Set(['zstd', 'lz4', 'xz', 'bz2', 'snappy']);

/** What reads a body of this Content-Encoding: nothing, a stream, or the engine. Throws 48 for an unknown one. */
export function decoderOf(encoding: string | undefined): Transform | 'none' | 'engine' {
  if (encoding === undefined || encoding === '' || encoding === 'identity') return 'none';
  if (encoding === 'gzip' || encoding === 'x-gzip') return createGunzip();
  if (encoding === 'deflate') return createInflate();
  if (encoding === 'br') return createBrotliDecompress();
  if (OF_THE_ENGINE.has(encoding)) return 'engine';
  throw ClickHouseException.of(
    48,
    `Unknown compression method '${encoding}'. Only 'auto', 'none', 'gzip', 'deflate', 'br', 'xz', 'zstd', 'lz4', 'bz2', 'snappy' are supported as compression methods`,
  );
}

/** The answer's bytes in the best encoding that the client takes. */
export function encode(bytes: Uint8Array, accepted: string): { encoding: string | null; bytes: Uint8Array } {
  const found = ANSWERS.find(([name]) => accepted.includes(name));
  return found === undefined ? { encoding: null, bytes } : { encoding: found[0], bytes: found[1](bytes) };
}
