import { BodyError } from './body-error.ts';

const FRAME_MAGIC = 0xfd2fb528;
/** Of its sixteen magic numbers the first. */
const SKIPPABLE_MAGIC = 0x184d2a50;
/** What one compressed block can become. */
const BLOCK_BYTES_MAX = 128 * 1024;
const BlockType = { raw: 0, runLength: 1, compressed: 2 } as const;

/**
 * Frames and blocks of a body. Of 16 MiB there are 128; a sender that flushes after each span writes as many as spans.
 */
const PARTS_MAX = 128 * 1024;

export interface ZstdMeasure {
  /** What is certain before a block is decompressed: sizes in headers, raw blocks, repeated bytes. */
  announcedBytes: number;
  bytesAtMost: number;
  /** Frames and blocks. */
  parts: number;
}

/**
 * Walks the frames of a body (RFC 8878, without dictionaries) without looking into their blocks. Throws `BodyError` for
 * what is no zstd.
 */
export function measureFrames(sent: Buffer): ZstdMeasure {
  const total: ZstdMeasure = { announcedBytes: 0, bytesAtMost: 0, parts: 0 };
  let at = 0;
  while (at < sent.length) {
    countPart(total);
    const magic = need(sent, at, 4).readUInt32LE(at);
    if (magic >= SKIPPABLE_MAGIC && magic <= SKIPPABLE_MAGIC + 15) {
      at += 8 + need(sent, at, 8).readUInt32LE(at + 4);
      need(sent, at, 0);
    } else if (magic === FRAME_MAGIC) at = measureFrame(sent, at + 4, total);
    else throw malformed(`no frame begins at byte ${at}`);
  }
  return total;
}

/** Adds a frame, whose header begins there, to the total. Returns its end. */
function measureFrame(sent: Buffer, header: number, total: ZstdMeasure): number {
  const descriptor = need(sent, header, 1).readUInt8(header);
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const hasChecksum = (descriptor & 0x04) !== 0;
  if ((descriptor & 0x03) !== 0) throw malformed('it needs a dictionary');
  const contentSizeAt = header + 1 + (isSingleSegment ? 0 : 1);
  const contentSizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >>> 6] ?? 0;
  need(sent, contentSizeAt, contentSizeBytes);
  const blocks = measureBlocks(sent, contentSizeAt + contentSizeBytes, total);
  const announced = contentSizeBytes === 0 ? blocks.announcedBytes : contentSize(sent, contentSizeAt, contentSizeBytes);
  total.announcedBytes += announced;
  total.bytesAtMost += contentSizeBytes === 0 ? blocks.bytesAtMost : announced;
  const end = blocks.end + (hasChecksum ? 4 : 0);
  need(sent, end, 0);
  return end;
}

interface BlockMeasure {
  readonly announcedBytes: number;
  readonly bytesAtMost: number;
  readonly end: number;
}

function measureBlocks(sent: Buffer, begin: number, total: ZstdMeasure): BlockMeasure {
  let announcedBytes = 0;
  let bytesAtMost = 0;
  let at = begin;
  for (let isLast = false; !isLast;) {
    countPart(total);
    const blockHeader = need(sent, at, 3).readUIntLE(at, 3);
    isLast = (blockHeader & 1) !== 0;
    const type = (blockHeader >>> 1) & 3;
    const size = blockHeader >>> 3;
    if (type > BlockType.compressed) throw malformed(`the block at byte ${at} is of no known type`);
    at += 3 + (type === BlockType.runLength ? 1 : size);
    announcedBytes += type === BlockType.compressed ? 0 : size;
    bytesAtMost += type === BlockType.compressed ? BLOCK_BYTES_MAX : size;
    need(sent, at, 0);
  }
  return { announcedBytes, bytesAtMost, end: at };
}

function contentSize(sent: Buffer, at: number, bytes: number): number {
  if (bytes === 8) return Number(sent.readBigUInt64LE(at));
  return sent.readUIntLE(at, bytes) + (bytes === 2 ? 256 : 0);
}

/** Walking them is a turn of the event loop, however small they are. */
function countPart(total: ZstdMeasure): void {
  total.parts += 1;
  if (total.parts > PARTS_MAX) throw malformed(`it has more than ${PARTS_MAX} frames and blocks`);
}

/** The body, of which these bytes are there. */
function need(sent: Buffer, at: number, bytes: number): Buffer {
  if (at + bytes > sent.length) throw malformed('truncated');
  return sent;
}

function malformed(reason: string): BodyError {
  return new BodyError(400, `the body is not valid zstd: ${reason}`);
}
