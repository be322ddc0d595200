import { crc32 } from 'node:zlib';

/**
 * The file beside a segment that says which blocks stand in it: a record of fixed size for each block, so that a torn
 * or damaged record does not hide those behind it.
 *
 * Little-endian: magic u32, rows u32, offset u64, length u32, CRC-32 of the block u32, seconds since the epoch u32, CRC-32 of
 * the 28 bytes before u32.
 */
export interface BlockRecord {
  readonly rows: number;
  /** Where the block begins in the segment. */
  readonly offset: number;
  readonly length: number;
  readonly checksum: number;
  /** When the block was written, in seconds since the epoch; 0 or missing where it was not noted. */
  readonly committedAtS?: number;
}

export const RECORD_BYTES = 32;

const MAGIC = 0x31_42_4c_54;

export function encodeRecord(record: BlockRecord): Buffer {
  const bytes = Buffer.alloc(RECORD_BYTES);
  bytes.writeUInt32LE(MAGIC, 0);
  bytes.writeUInt32LE(record.rows, 4);
  bytes.writeBigUInt64LE(BigInt(record.offset), 8);
  bytes.writeUInt32LE(record.length, 16);
  bytes.writeUInt32LE(record.checksum, 20);
  bytes.writeUInt32LE(record.committedAtS ?? 0, 24);
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
  const offset = bytes.readBigUInt64LE(8);
  const isWhole = bytes.readUInt32LE(0) === MAGIC && bytes.readUInt32LE(28) === crc32(bytes.subarray(0, 28));
  if (!isWhole || offset > BigInt(Number.MAX_SAFE_INTEGER)) return null;
  return {
    rows: bytes.readUInt32LE(4),
    offset: Number(offset),
    length: bytes.readUInt32LE(16),
    checksum: bytes.readUInt32LE(20),
    committedAtS: bytes.readUInt32LE(24),
  };
}
