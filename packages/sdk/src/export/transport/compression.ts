import { promisify } from 'node:util';
import type { ZlibOptions } from 'node:zlib';
import { nodeModules } from '../../runtime/node-modules.ts';

/**
 * OTLP's `gzip` and `none`, and `zstd` where Node has it (22.15 and newer).
 * @see https://opentelemetry.io/docs/specs/otel/protocol/exporter/#configuration-options
 */
export type Compression = 'none' | 'gzip' | 'zstd';

/** Makes a body smaller. The asynchronous form works in Node's thread pool, and reads the bytes until it is done. */
export interface Compressor {
  readonly contentEncoding: string;
  compress(bytes: Uint8Array): Promise<Uint8Array>;
  compressNow(bytes: Uint8Array): Uint8Array;
}

/** Level 1: spans shrink to about a seventh; level 6 gains a few percent more for three times the time. */
const GZIP = { level: 1 };

type Zstd = Partial<{
  zstdCompress(bytes: Uint8Array, done: (error: Error | null, result: Uint8Array) => void): void;
  zstdCompressSync(bytes: Uint8Array): Uint8Array;
}>;

export function hasZstd(): boolean {
  return compressorOf('zstd') !== undefined;
}

/**
 * A response's bytes as they were before a collector compressed them, though nothing requested it; as they are where
 * that fails.
 */
export function decodedBody(bytes: Uint8Array, contentEncoding: string | undefined, bytesMax: number): Uint8Array {
  try {
    const limit = { maxOutputLength: bytesMax };
    switch (contentEncoding?.toLowerCase()) {
      case 'gzip':
      case 'x-gzip':
        return nodeModules.zlib.gunzipSync(bytes, limit);
      case 'deflate':
        return nodeModules.zlib.inflateSync(bytes, limit);
      case 'br':
        return nodeModules.zlib.brotliDecompressSync(bytes, limit);
      default:
        return bytes;
    }
  } catch {
    return bytes;
  }
}

/** `undefined` for 'none', and for 'zstd' where Node has none. */
export function compressorOf(compression: Compression): Compressor | undefined {
  if (compression === 'none') return undefined;
  const { zlib } = nodeModules;
  if (compression === 'gzip') {
    const gzip = promisify<Uint8Array, ZlibOptions, Uint8Array>(zlib.gzip);
    return {
      contentEncoding: 'gzip',
      compress: (bytes) => gzip(bytes, GZIP),
      compressNow: (bytes) => zlib.gzipSync(bytes, GZIP),
    };
  }
  // Absent from the types for the oldest Node that we run on.
  const { zstdCompress, zstdCompressSync } = zlib as Zstd;
  if (zstdCompress === undefined || zstdCompressSync === undefined) return undefined;
  return {
    contentEncoding: 'zstd',
    compress: promisify(zstdCompress),
    compressNow: (bytes) => zstdCompressSync(bytes),
  };
}
