import { open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { namesIn } from './quarantined-segments.ts';
import { DATA_SUFFIX, INDEX_SUFFIX } from './segment-files.ts';
import { decodeRecords, RECORD_BYTES } from './segment-index.ts';

export interface SpoolReport {
  /** Blocks that wait for the store. */
  readonly blocks: number;
  readonly damagedSegments: readonly { readonly segment: string; readonly damagedBlocks: number }[];
}

/** Verifies the blocks that wait in a spool by their checksums. Skips segments that leave it meanwhile. */
export async function checkSpool(directory: string, signal: AbortSignal): Promise<SpoolReport> {
  let blocks = 0;
  const damagedSegments: { segment: string; damagedBlocks: number }[] = [];
  for (const segment of new Set([...(await namesIn(directory)), ...(await namesIn(directory, INDEX_SUFFIX))])) {
    // The index first: what is appended meanwhile is not in it.
    const indexPath = join(directory, segment + INDEX_SUFFIX);
    const index = await readFile(indexPath).catch(() => null);
    const file = await open(join(directory, segment + DATA_SUFFIX), 'r').catch(() => null);
    if (index === null || file === null) {
      await file?.close();
      // Of one that leaves the spool the index goes first.
      const left = (await stat(indexPath).catch(() => null))?.size ?? 0;
      const damagedBlocks = Math.floor(left / RECORD_BYTES);
      if (file === null && damagedBlocks > 0) damagedSegments.push({ segment, damagedBlocks });
      continue;
    }
    try {
      let damagedBlocks = 0;
      for (const record of decodeRecords(index)) {
        signal.throwIfAborted();
        blocks += 1;
        if (record === null) {
          damagedBlocks += 1;
          continue;
        }
        const { length, offset, checksum } = record;
        const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(length), 0, length, offset);
        if (crc32(buffer.subarray(0, bytesRead)) !== checksum) damagedBlocks += 1;
      }
      if (damagedBlocks > 0) damagedSegments.push({ segment, damagedBlocks });
    } finally {
      await file.close();
    }
  }
  return { blocks, damagedSegments };
}
