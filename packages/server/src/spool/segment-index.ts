import { crc32 } from 'node:zlib';

/**
 * The file beside a segment that says which blocks are in it: a record of fixed size for each block, so that a torn
 * or damaged record does not hide those behind it.
 *
 * Little-endian: magic u32, rows u32, offset u48, empty sectors u16, length u32, CRC-32 of the block u32, seconds since
 * the epoch u32, CRC-32 of the 28 bytes before u32.
 */
export interface BlockRecord {
  readonly rows: number;
  /** Where the block begins in the segment. */
  readonly offset: number;
  readonly length: number;
  readonly checksum: number;
  /** When the block was written, in seconds since the epoch; 0 or missing where it was not noted. */
  readonly committedAtS?: number;
  /** Of how many of the file's sectors the block has nothing but zeros; null or missing where it was not noted. */
  readonly emptySectors?: number | null;
}

export const RECORD_BYTES = 32;

const MAGIC = 0x31_42_4c_54;
/** A block with more of them is noted to have so many: it would take 33 MB of zeros. */
const EMPTY_SECTORS_MAX = 0xff_fe;

export function encodeRecord(record: BlockRecord): Buffer {
  const bytes = Buffer.alloc(RECORD_BYTES);
  bytes.writeUInt32LE(MAGIC, 0);
  bytes.writeUInt32LE(record.rows, 4);
  bytes.writeUIntLE(record.offset, 8, 6);
  // One more than there are, as records without it have 0.
  bytes.writeUInt16LE(Math.min((record.emptySectors ?? -1) + 1, EMPTY_SECTORS_MAX + 1), 14);
  bytes.writeUInt32LE(record.length, 16);
  bytes.writeUInt32LE(record.checksum, 20);
  // A clock beyond the year 2106 is wrong, and no reason to take nothing.
  bytes.writeUInt32LE(Math.min(record.committedAtS ?? 0, 0xffff_ffff), 24);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 28)), 28);
  return bytes;
}

/** One item for each record: null for one that is damaged. A torn record at the end has none. */
export function decodeRecords(bytes: Buffer): (BlockRecord | null)[] {
  const records: (BlockRecord | null)[] = [];
  for (let at = 0; at + RECORD_BYTES <= bytes.length; at += RECORD_BYTES) {
    records.push(decodeRecord(bytes.subarray(at, at + RECORD_BYTES)));
  }
  return records;
}

function decodeRecord(bytes: Buffer): BlockRecord | null {
  const isWhole = bytes.readUInt32LE(0) === MAGIC && bytes.readUInt32LE(28) === crc32(bytes.subarray(0, 28));
  if (!isWhole) return null;
  const noted = bytes.readUInt16LE(14);
  return {
    rows: bytes.readUInt32LE(4),
    offset: bytes.readUIntLE(8, 6),
    length: bytes.readUInt32LE(16),
    checksum: bytes.readUInt32LE(20),
    committedAtS: bytes.readUInt32LE(24),
    emptySectors: noted === 0 || noted > EMPTY_SECTORS_MAX ? null : noted - 1,
  };
}
