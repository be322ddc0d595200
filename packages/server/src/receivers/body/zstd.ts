import { ZSTDDecoder } from 'zstddec';
import { BodyError } from './body-error.ts';
import { measureFrames } from './measure-frames.ts';

/** The reference implementation as WebAssembly: Node 20 has none of its own. */
const decoder = new ZSTDDecoder();

/**
 * What a body becomes at most, as its frames announce before they are decompressed; never more than `bytesMax`. Throws
 * `BodyError`.
 */
export function zstdBytesAtMost(sent: Buffer, bytesMax: number): number {
  const { announcedBytes, bytesAtMost } = measureFrames(sent);
  if (announcedBytes > bytesMax) {
    throw new BodyError(413, `the body is larger than ${bytesMax} bytes when it is decompressed`, {
      limit: 'decompressed',
    });
  }
  return Math.min(bytesAtMost, bytesMax);
}

/**
 * Decompresses the frames of a body into at most `bytesMax` bytes, in one step of this thread. Rejects with
 * `BodyError`.
 *
 * The frames are walked before. The decoder is given memory by what they can become at most, and does not have to be
 * read for what they claim. It returns nothing at all where it fails.
 */
export async function decompressZstd(sent: Buffer, bytesMax: number): Promise<Uint8Array> {
  const size = zstdBytesAtMost(sent, bytesMax);
  if (size === 0) return new Uint8Array();
  await decoder.init();
  const bytes = decoder.decode(sent, size);
  if (bytes.length > 0) return bytes;
  if (size < bytesMax) throw new BodyError(400, 'the body is not valid zstd: a block is broken');
  throw new BodyError(413, `the body is larger than ${bytesMax} bytes when it is decompressed, or not valid zstd`, {
    limit: 'decompressed',
  });
}
