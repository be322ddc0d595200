import { readFileSync } from 'node:fs';

/** Pages of files that a process has in memory, as Linux lists them in `/proc/self/smaps`. */
export interface FileMapping {
  /** Addresses, the second one behind its end. */
  readonly start: bigint;
  readonly end: bigint;
  readonly path: string;
  readonly residentBytes: number;
}

/** Unmaps the pages between two addresses; false where the system refuses. */
export type Unmap = (start: bigint, bytes: bigint) => boolean;

/** Below this a mapping is not worth a call. */
const RESIDENT_BYTES_MIN = 256 * 1024;
/** What must have come back before it is unmapped again: to read `smaps` and to fault pages in costs milliseconds. */
const GROWTH_BYTES_MIN = 24 * 1024 * 1024;
/** So many failed looks in a row are the last. */
const FAILURES_MAX = 10;
const MADV_DONTNEED = 4;
const HEADER = /^([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ (\d+) +(.*)$/;
const FIELD = /^(Rss|Anonymous|Private_Dirty): +(\d+) kB$/;

/**
 * The mappings of files whose pages the system has on the disk as they are: not writable, and none of their pages was
 * ever written to by this process. Unmapping them loses nothing, whatever runs in them: the next one to use a page has
 * it back from the page cache.
 */
export function cleanMappings(smaps: string): FileMapping[] {
  const found: FileMapping[] = [];
  let mapping: { start: bigint; end: bigint; path: string; isClean: boolean; residentBytes: number } | null = null;
  const add = (): void => {
    if (mapping === null || !mapping.isClean || mapping.residentBytes < RESIDENT_BYTES_MIN) return;
    const { start, end, path, residentBytes } = mapping;
    found.push({ start, end, path, residentBytes });
  };
  for (const line of smaps.split('\n')) {
    const [, start, end, access = '', inode, path = ''] = HEADER.exec(line) ?? [];
    if (start !== undefined && end !== undefined) {
      add();
      const isClean = inode !== '0' && access.startsWith('r-') && access.endsWith('p');
      mapping = { start: BigInt(`0x${start}`), end: BigInt(`0x${end}`), path, isClean, residentBytes: 0 };
      continue;
    }
    const [, name, kilobytes = '0'] = FIELD.exec(line) ?? [];
    if (mapping === null || name === undefined) continue;
    if (name === 'Rss') mapping.residentBytes = Number(kilobytes) * 1024;
    else if (kilobytes !== '0') mapping.isClean = false;
  }
  add();
  return found;
}

export interface FilePagesOptions {
  /** How often; 0 for never. */
  readonly intervalMs: number;
  readonly unmap: Unmap;
  /** `/proc/self/smaps` by default. */
  readonly readSmaps?: () => string;
  /** Bytes of files that are resident; from `/proc/self/status` by default. */
  readonly residentBytes?: () => number;
  /** Milliseconds that only increase. */
  readonly now?: () => number;
}

/**
 * Gives back what a program has in memory of its own files and does not use. The engine's library has half a gigabyte:
 * opening a store touches a third of it once, which counts as the process's memory for as long as it lives. What is
 * used comes back at once, 64 KB at a time.
 */
export class FilePages {
  readonly #options: FilePagesOptions;
  readonly #readSmaps: () => string;
  readonly #residentBytes: () => number;
  readonly #now: () => number;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  /** Resident when it last unmapped anything. */
  #leftBytes = 0;
  /** Of the look before: what has just been mapped may still be written to, by the loader of a library. */
  #seen = new Set<string>();
  #unmappedBytes = 0;
  /** Looks that failed, one behind the other. */
  #failures = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: FilePagesOptions) {
    this.#options = options;
    this.#readSmaps = options.readSmaps ?? (() => readFileSync('/proc/self/smaps', 'latin1'));
    this.#residentBytes = options.residentBytes ?? residentFileBytes;
    this.#now = options.now ?? ((): number => performance.now());
  }

  /** Since the start. */
  get unmappedBytes(): number {
    return this.#unmappedBytes;
  }

  start(): void {
    const { intervalMs } = this.#options;
    if (intervalMs === 0) return;
    this.look();
    this.#timer = setInterval(() => this.look(), intervalMs).unref();
  }

  /**
   * Looks before something that takes much memory of its own, unless it has just looked: the two then do not come
   * together.
   */
  lookBeforeLargeWork(): void {
    const { intervalMs } = this.#options;
    if (intervalMs === 0 || this.#failures >= FAILURES_MAX) return;
    if (this.#now() - this.#lookedAtMs >= intervalMs / 2) this.look();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  /**
   * Unmaps what was mapped in the same way at the look before. Never throws: a system that does not list its pages
   * keeps them, and is tried again a few times.
   */
  look(): void {
    this.#lookedAtMs = this.#now();
    const seen = new Set<string>();
    let hasUnmapped = false;
    try {
      if (this.#residentBytes() - this.#leftBytes < GROWTH_BYTES_MIN) return;
      for (const { start, end, path, residentBytes } of cleanMappings(this.#readSmaps())) {
        const key = `${start}-${end} ${path}`;
        seen.add(key);
        if (!this.#seen.has(key) || !this.#options.unmap(start, end - start)) continue;
        this.#unmappedBytes += residentBytes;
        hasUnmapped = true;
      }
      if (hasUnmapped) this.#leftBytes = this.#residentBytes();
      this.#failures = 0;
    } catch {
      this.#failures += 1;
      if (this.#failures >= FAILURES_MAX) this.stop();
    }
    this.#seen = seen;
  }
}

function residentFileBytes(): number {
  return Number(/^RssFile:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? 0) * 1024;
}

/**
 * Null where there is no such system call, or nothing to call it with: koffi is optional, and Linux alone lists its
 * pages.
 */
export async function loadUnmap(): Promise<Unmap | null> {
  if (process.platform !== 'linux') return null;
  try {
    const { default: koffi } = await import('koffi');
    const madvise = koffi.load(null).func('int madvise(uintptr_t address, size_t length, int advice)');
    return (start, bytes) => madvise(start, bytes, MADV_DONTNEED) === 0;
  } catch {
    return null;
  }
}
