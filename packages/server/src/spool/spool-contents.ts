import { open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { namesIn, readReason, RETRY_DIRECTORY } from './quarantined-segments.ts';
import { DATA_SUFFIX, INDEX_SUFFIX, REJECTED_DIRECTORY } from './segment-files.ts';
import { decodeRecords, type BlockRecord } from './segment-index.ts';

/** A segment as it lies in the spool, which a collector may be working on. */
export interface SpooledSegment {
  readonly name: string;
  readonly state: 'waiting' | 'retrying' | 'quarantined';
  readonly rows: number;
  readonly bytes: number;
  /** When its first block was written; where that was not noted, its last one. Milliseconds since the epoch. */
  readonly firstBlockAtMs: number;
  /** Of a quarantined one; null where none was noted. */
  readonly reason: string | null;
}

/** Where the segments of a spool may be, in the order in which they are loaded. */
const PLACES = [
  ['waiting', ''],
  ['retrying', RETRY_DIRECTORY],
  ['quarantined', REJECTED_DIRECTORY],
] as const;

/** Everything that a spool holds, by its files alone. Without segments that nothing was written to. */
export async function listSpool(directory: string): Promise<SpooledSegment[]> {
  const segments: SpooledSegment[] = [];
  for (const [state, below] of PLACES) {
    for (const name of await namesIn(join(directory, below))) {
      const file = await stat(join(directory, below, name + DATA_SUFFIX)).catch(() => null);
      const records = await readIndex(join(directory, below, name + INDEX_SUFFIX));
      // The collector has taken it meanwhile, or has created it for what comes next.
      if (file === null || (file.size === 0 && records.length === 0)) continue;
      const firstS = records[0]?.committedAtS ?? 0;
      segments.push({
        name,
        state,
        rows: records.reduce((sum, record) => sum + record.rows, 0),
        bytes: file.size,
        firstBlockAtMs: firstS > 0 ? firstS * 1000 : file.mtimeMs,
        reason: state === 'quarantined' ? await readReason(directory, name) : null,
      });
    }
  }
  return segments;
}

/** The good blocks of a segment, wherever it is. Null where there is none of that name. */
export async function readSegmentBlocks(directory: string, name: string): Promise<AsyncGenerator<Buffer> | null> {
  for (const [, below] of PLACES) {
    const path = join(directory, below, name);
    const file = await open(path + DATA_SUFFIX, 'r').catch(() => null);
    if (file === null) continue;
    const records = await readIndex(path + INDEX_SUFFIX);
    return (async function* () {
      try {
        for (const { offset, length, checksum } of records) {
          const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(length), 0, length, offset);
          const block = buffer.subarray(0, bytesRead);
          if (bytesRead === length && crc32(block) === checksum) yield block;
        }
      } finally {
        await file.close();
      }
    })();
  }
  return null;
}

async function readIndex(path: string): Promise<BlockRecord[]> {
  const bytes = await readFile(path).catch(() => Buffer.alloc(0));
  return decodeRecords(bytes).filter((record) => record !== null);
}
