import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { LAST_SECOND, type ArrivalRange, type Seconds } from '../storage/span-visibility.ts';
import { DATA_SUFFIX, INDEX_SUFFIX, removeSegment } from './segment-files.ts';
import { syncDirectory } from '../durable-file.ts';
import { encodeRecord, RECORD_BYTES } from './segment-index.ts';
import type { Segment } from './segment-recovery.ts';
import { countEmptySectors } from './torn-tail.ts';

/** What is known of a block of spans: when it came, and in which seconds its spans start. */
export interface BlockFacts {
  readonly arrival: number;
  readonly seconds: Seconds;
}

/** The segment that blocks are appended to. */
export class OpenSegment {
  readonly name: string;
  /** Set by whoever appends the first block. */
  firstBlockAtMs = 0;
  readonly #directory: string;
  readonly #data: FileHandle;
  readonly #index: FileHandle;
  bytes = 0;
  rows = 0;
  blocks = 0;
  #arrivals: ArrivalRange | null = null;
  #seconds: Seconds | null = null;

  private constructor(directory: string, name: string, data: FileHandle, index: FileHandle) {
    this.#directory = directory;
    this.name = name;
    this.#data = data;
    this.#index = index;
  }

  /** Creates the files, durably. */
  static async create(directory: string, name: string): Promise<OpenSegment> {
    try {
      const index = await open(join(directory, name + INDEX_SUFFIX), 'wx', 0o600);
      try {
        const data = await open(join(directory, name + DATA_SUFFIX), 'wx', 0o600);
        await syncDirectory(directory);
        return new OpenSegment(directory, name, data, index);
      } catch (error) {
        await index.close();
        throw error;
      }
    } catch (error) {
      await removeSegment(directory, name);
      throw error;
    }
  }

  /** Resolves when the block is durable. After a rejection the files' ends are unknown: close and recover them. */
  async append(block: Uint8Array, rows: number, facts?: BlockFacts): Promise<void> {
    const record = encodeRecord({
      rows,
      offset: this.bytes,
      length: block.length,
      checksum: crc32(block),
      committedAtS: Math.floor(Date.now() / 1_000),
      emptySectors: countEmptySectors(block, this.bytes),
    });
    const writes = await Promise.allSettled([
      writeDurably(this.#data, block, this.bytes),
      writeDurably(this.#index, record, this.blocks * RECORD_BYTES),
    ]);
    for (const write of writes) if (write.status === 'rejected') throw write.reason;
    this.bytes += block.length;
    this.rows += rows;
    this.blocks += 1;
    if (facts !== undefined) this.#note(facts);
  }

  /** When its first block came; null before that. */
  get firstArrival(): number | null {
    return this.#arrivals?.first ?? null;
  }

  #note({ arrival, seconds }: BlockFacts): void {
    const { first, last } = this.#seconds ?? seconds;
    this.#arrivals = { first: this.#arrivals?.first ?? arrival, last: arrival };
    this.#seconds = { first: Math.min(first, seconds.first), last: Math.max(last, seconds.last) };
  }

  /** False where somebody has removed the files: what is written to them would be lost. */
  async isThere(): Promise<boolean> {
    const found = await Promise.all([this.#data.stat(), this.#index.stat()]);
    return found.every(({ nlink }) => nlink > 0);
  }

  /** Removes the files of a segment that nothing was appended to. */
  async discard(): Promise<void> {
    await this.close();
    await removeSegment(this.#directory, this.name);
  }

  /** Never rejects: what was acknowledged is on the disk, whatever closing says. */
  async close(): Promise<Segment> {
    await Promise.allSettled([this.#data.close(), this.#index.close()]);
    const { name, bytes, rows, firstBlockAtMs } = this;
    const path = join(this.#directory, name + DATA_SUFFIX);
    const seconds = this.#seconds ?? { first: 0, last: LAST_SECOND };
    return { name, path, bytes, rows, arrivals: this.#arrivals, seconds, firstBlockAtMs, mayBeStored: false };
  }
}

async function writeDurably(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    const { bytesWritten } = await file.write(bytes, written, bytes.length - written, position + written);
    written += bytesWritten;
  }
  await file.datasync();
}
