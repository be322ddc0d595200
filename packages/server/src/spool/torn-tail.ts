/**
 * What a disk writes as a whole; a file system that has noted a file's new length and not its bytes shows zeros
 * instead.
 */
const SECTOR_BYTES = 512;
const ZEROS = Buffer.alloc(SECTOR_BYTES);

/** Of how many of the file's sectors the block that begins at this offset has nothing but zeros. */
export function countEmptySectors(block: Uint8Array, offset: number): number {
  let empty = 0;
  for (let at = 0; at < block.length;) {
    const end = Math.min(at + SECTOR_BYTES - ((offset + at) % SECTOR_BYTES), block.length);
    // The first byte decides for most sectors.
    if (block[at] === 0 && ZEROS.compare(block, at, end, 0, end - at) === 0) empty += 1;
    at = end;
  }
  return empty;
}

/**
 * Whether the last block of a file, which is not what was written, never reached the disk as a whole, so that nobody
 * was acknowledged as durable: the file is too short for it, or has zeros for sectors that were written with something
 * else. Any other change happened to bytes that had reached the disk.
 * @param found what the file has of the block.
 * @param emptySectors of the block as it was written; null where that is not known: it may have been full of zeros.
 */
export function isTornBlock(found: Uint8Array, offset: number, length: number, emptySectors: number | null): boolean {
  if (found.length < length) return true;
  return emptySectors !== null && countEmptySectors(found, offset) > emptySectors;
}

/** The same of its record, which never lies in two sectors. */
export function isTornRecord(found: Uint8Array): boolean {
  return ZEROS.compare(found, 0, found.length, 0, found.length) === 0;
}
