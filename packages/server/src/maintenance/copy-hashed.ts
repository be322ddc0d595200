import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

export interface CopiedFile {
  readonly bytes: number;
  readonly sha256: string;
}

const CHUNK_BYTES = 1024 * 1024;

/** Copies the first `bytesMax` bytes into a new file, which is durable when it resolves; its name is not. */
export async function copyHashed(
  from: string,
  to: string,
  { bytesMax = Infinity, signal }: { readonly bytesMax?: number; readonly signal: AbortSignal },
): Promise<CopiedFile> {
  const hash = createHash('sha256');
  const source = await open(from, constants.O_RDONLY);
  try {
    const target = await open(to, 'wx', 0o600);
    try {
      const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
      let bytes = 0;
      while (bytes < bytesMax) {
        signal.throwIfAborted();
        const { bytesRead } = await source.read(buffer, 0, Math.min(CHUNK_BYTES, bytesMax - bytes), bytes);
        if (bytesRead === 0) break;
        const chunk = buffer.subarray(0, bytesRead);
        hash.update(chunk);
        await target.writeFile(chunk);
        bytes += bytesRead;
      }
      await target.sync();
      return { bytes, sha256: hash.digest('hex') };
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}
