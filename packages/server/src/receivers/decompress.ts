import { promisify } from 'node:util';
import { gunzip, gunzipSync, inflate, inflateSync, type ZlibOptions } from 'node:zlib';
import { BodyError } from './body-error.ts';
import { decompressZstd } from './zstd.ts';

/** In the order in which a sender is told of them. */
export const COMPRESSIONS = ['gzip', 'deflate', 'zstd'] as const;

export type Compression = (typeof COMPRESSIONS)[number];

/** Below it a thread costs more than it saves. */
const SYNC_BYTES_MAX = 64 * 1024;

const gunzipAsync = promisify<Buffer, ZlibOptions, Buffer>(gunzip);
const inflateAsync = promisify<Buffer, ZlibOptions, Buffer>(inflate);

/** Stops as soon as there are more than `bytesMax` bytes, however many more would come. Rejects with `BodyError`. */
export async function decompress(sent: Buffer, compression: Compression, bytesMax: number): Promise<Uint8Array> {
  if (compression === 'zstd') return decompressZstd(sent, bytesMax);
  const options = { maxOutputLength: bytesMax, chunkSize: 128 * 1024 };
  try {
    if (sent.length <= SYNC_BYTES_MAX)
      return compression === 'gzip' ? gunzipSync(sent, options) : inflateSync(sent, options);
    return await (compression === 'gzip' ? gunzipAsync(sent, options) : inflateAsync(sent, options));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    if (code === 'ERR_BUFFER_TOO_LARGE') {
      throw new BodyError(413, `the body is larger than ${bytesMax} bytes when it is decompressed`, {
        limit: 'decompressed',
        cause: error,
      });
    }
    const reason = error instanceof Error ? error.message : String(error);
    throw new BodyError(400, `the body is no ${compression}: ${reason}`, { cause: error });
  }
}
