import { statfs } from 'node:fs/promises';

export interface DiskSpace {
  readonly freeBytes: number;
  readonly totalBytes: number;
}

/** Of a disk of some gigabytes no more than this share is kept. */
const RESERVE_SHARE_MAX = 0.05;
/** It is read again after so many bytes, or so long: others write to the disk as well. */
const CHECKED_BYTES = 16 * 1024 * 1024;
const CHECKED_MS = 1_000;
const MIB = 1024 * 1024;

/** Of the file system that holds the path; null where it does not report them. */
export async function diskSpace(path: string): Promise<DiskSpace | null> {
  try {
    const { bavail, blocks, bsize } = await statfs(path);
    return blocks > 0 ? { freeBytes: bavail * bsize, totalBytes: blocks * bsize } : null;
  } catch {
    return null;
  }
}

export interface DiskReserveOptions {
  readonly bytes: number;
  readonly space: () => Promise<DiskSpace | null>;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

/**
 * What is left free for the store: it needs room to take what is spooled and to merge what it holds, and could not make
 * any on a disk that the spool has filled.
 */
export class DiskReserve {
  readonly #options: DiskReserveOptions;
  #uncheckedBytes = 0;
  #checkedAtMs = -Infinity;
  #lack: string | null = null;

  constructor(options: DiskReserveOptions) {
    this.#options = options;
  }

  /** Why a block of so many bytes is not to be written now; null where there is room for it. */
  async lackFor(bytes: number): Promise<string | null> {
    const { bytes: reserveBytes, space, now } = this.#options;
    if (reserveBytes === 0) return null;
    this.#uncheckedBytes += bytes;
    const isKnown = this.#uncheckedBytes <= CHECKED_BYTES && now() - this.#checkedAtMs < CHECKED_MS;
    if (isKnown && this.#lack === null) return null;
    const found = await space();
    this.#checkedAtMs = now();
    this.#uncheckedBytes = bytes;
    if (found === null) return (this.#lack = null);
    const keptBytes = Math.min(reserveBytes, found.totalBytes * RESERVE_SHARE_MAX);
    const words = `less than ${Math.ceil(keptBytes / MIB)} MiB of the disk are free, which are reserved for the store (spool.diskReserveBytes)`;
    return (this.#lack = found.freeBytes - bytes < keptBytes ? words : null);
  }
}
