import { open, readFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { LAST_SECOND, type ArrivalRange, type Batch } from '../storage/span-visibility.ts';
import { ARRIVAL_BYTES, readBlockArrival } from './block-arrival.ts';
import { DATA_SUFFIX, INDEX_SUFFIX, keepAsFound, removeSegment, replaceSegment } from './segment-files.ts';
import { decodeRecords, encodeRecord, RECORD_BYTES, type BlockRecord } from './segment-index.ts';
import { isTornBlock, isTornRecord } from './torn-tail.ts';

/** A segment that the engine may be given: a whole number of good blocks. */
export interface Segment extends Batch {
  /** Without a suffix; never used twice. */
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
  readonly firstBlockAtMs: number;
  /** Whether an earlier process may have handed it to the engine, which may have it in whole or in part. */
  readonly mayBeStored: boolean;
}

export interface Recovery {
  /** Null where no good block was left; the files are gone then. */
  readonly segment: Segment | null;
  /**
   * The last block of the newest segment, where its files are too short, or zeros, because it never reached the disk. 0
   * or 1.
   */
  readonly tornBlocks: number;
  /** Blocks that are damaged and may have been acknowledged. The segment as it was found is kept in `rejected/`. */
  readonly damagedBlocks: number;
}

export interface RecoveryOptions {
  /**
   * Whether the process, or the machine, can have died while it wrote to the segment: true for none but the newest in
   * which anything stands.
   */
  readonly mayBeTorn: boolean;
  /** Blocks beyond it were never acknowledged. */
  readonly blocksMax?: number;
  /** As `Segment.mayBeStored`. */
  readonly mayBeStored: boolean;
  /**
   * Told before anything is changed: whatever becomes of the process then, the next one finds nothing damaged any more,
   * or the same.
   */
  readonly onDamage: (damagedBlocks: number) => Promise<void>;
}

/**
 * Makes a segment whole that a process left behind when it died, or that a write failed on: what was not acknowledged
 * at its end is cut off, damaged blocks are taken out.
 */
export async function recoverSegment(
  directory: string,
  name: string,
  { mayBeTorn, blocksMax = Infinity, mayBeStored, onDamage }: RecoveryOptions,
): Promise<Recovery> {
  const path = join(directory, name + DATA_SUFFIX);
  const data = await open(path, 'r+');
  try {
    const { size, mtimeMs } = await data.stat();
    const index = await readIndex(join(directory, name + INDEX_SUFFIX));
    const slots = decodeRecords(index ?? Buffer.alloc(0)).slice(0, blocksMax);
    const good: BlockRecord[] = [];
    let isLastGood = true;
    for (const record of slots) {
      isLastGood = record !== null && (await isGood(data, record, size));
      if (record !== null && isLastGood) good.push(record);
    }
    const end = endOf(slots);
    // Only the last block can have been on its way. When the power failed, its files may have their length and not
    // their bytes.
    const isTorn = mayBeTorn && blocksMax === Infinity && !isLastGood && (await isLastTorn(data, index, slots));
    const tornBlocks = isTorn ? 1 : 0;
    const recordsAreLost = index === null ? size > 0 : !mayBeTorn && end !== null && end < size;
    const damagedBlocks = slots.length - good.length - tornBlocks + (recordsAreLost ? 1 : 0);
    if (damagedBlocks > 0) {
      await keepAsFound(directory, name);
      await onDamage(damagedBlocks);
    }
    if (good.length === 0) {
      await removeSegment(directory, name);
      return { segment: null, tornBlocks, damagedBlocks };
    }
    const bytes = good.reduce((sum, record) => sum + record.length, 0);
    const rows = good.reduce((sum, record) => sum + record.rows, 0);
    const arrivals = await readArrivals(data, good);
    // Cutting would reach the file that has been kept as well.
    if (damagedBlocks > 0) await takeOut(directory, name, data, good);
    else await cut(directory, name, data, good.length, bytes);
    const firstBlockAtMs = (good[0]?.committedAtS ?? 0) * 1_000 || mtimeMs;
    const seconds = { first: 0, last: LAST_SECOND };
    const segment = { name, path, bytes, rows, arrivals, seconds, firstBlockAtMs, mayBeStored };
    return { segment, tornBlocks, damagedBlocks };
  } finally {
    await data.close();
  }
}

/** Blocks are in the order of their arrival. */
async function readArrivals(data: FileHandle, blocks: readonly BlockRecord[]): Promise<ArrivalRange | null> {
  const [first, last] = await Promise.all(
    [blocks[0], blocks.at(-1)].map(async (record) => {
      if (record === undefined) return null;
      const head = Buffer.alloc(Math.min(ARRIVAL_BYTES, record.length));
      await data.read(head, 0, head.length, record.offset);
      return readBlockArrival(head);
    }),
  );
  return typeof first === 'number' && typeof last === 'number' ? { first, last } : null;
}

/** Where the last block ends; null where its record is damaged. */
function endOf(slots: readonly (BlockRecord | null)[]): number | null {
  const last = slots.at(-1);
  if (last === undefined) return 0;
  return last === null ? null : last.offset + last.length;
}

async function readIndex(path: string): Promise<Buffer | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

/**
 * Whether what is wrong with the last block shows that it never reached the disk; otherwise it may have been
 * acknowledged.
 */
async function isLastTorn(
  data: FileHandle,
  index: Buffer | null,
  slots: readonly (BlockRecord | null)[],
): Promise<boolean> {
  const last = slots.at(-1);
  if (last === undefined || index === null) return false;
  if (last === null)
    return isTornRecord(index.subarray((slots.length - 1) * RECORD_BYTES, slots.length * RECORD_BYTES));
  return isTornBlock(await readBlock(data, last), last.offset, last.length, last.emptySectors ?? null);
}

async function isGood(data: FileHandle, record: BlockRecord, size: number): Promise<boolean> {
  if (record.offset + record.length > size) return false;
  return crc32(await readBlock(data, record)) === record.checksum;
}

async function readBlock(data: FileHandle, { offset, length }: BlockRecord): Promise<Buffer> {
  const { buffer, bytesRead } = await data.read(Buffer.allocUnsafe(length), 0, length, offset);
  return buffer.subarray(0, bytesRead);
}

async function cut(directory: string, name: string, data: FileHandle, blocks: number, bytes: number): Promise<void> {
  const index = await open(join(directory, name + INDEX_SUFFIX), 'r+');
  try {
    await index.truncate(blocks * RECORD_BYTES);
    await data.truncate(bytes);
    await Promise.all([index.sync(), data.sync()]);
  } finally {
    await index.close();
  }
}

/** The name stays, and with it what the engine may note of the segment. */
async function takeOut(directory: string, name: string, data: FileHandle, good: readonly BlockRecord[]): Promise<void> {
  async function* blocks(): AsyncGenerator<Buffer> {
    for (const record of good) yield await readBlock(data, record);
  }
  let offset = 0;
  const records = good.map((record) => {
    // Its sectors are others there; and a segment that was repaired is not torn.
    const moved = encodeRecord({ ...record, offset, emptySectors: null });
    offset += record.length;
    return moved;
  });
  await replaceSegment(directory, name, blocks(), Buffer.concat(records));
}
