import { ZSTDDecoder } from 'zstddec';
import { BodyError } from './body-error.ts';

const FRAME_MAGIC = 0xfd2fb528;
/** Of its sixteen magic numbers the first. */
const SKIPPABLE_MAGIC = 0x184d2a50;
/** What one compressed block can become. */
const BLOCK_BYTES_MAX = 128 * 1024;
const BlockType = { raw: 0, runLength: 1, compressed: 2 } as const;

/** The reference implementation as WebAssembly: Node 20 has none of its own. */
const decoder = new ZSTDDecoder();

/**
 * Decompresses the frames of a body (RFC 8878, without dictionaries) into at most `bytesMax` bytes. Rejects with
 * `BodyError`.
 *
 * The frames are walked before. The decoder is given memory by what they can become at most, and does not have to be
 * asked what they claim. It answers nothing at all where it fails.
 */
export async function decompressZstd(sent: Buffer, bytesMax: number): Promise<Uint8Array> {
  const { announcedBytes, bytesAtMost } = measureFrames(sent);
  if (announcedBytes > bytesMax) {
    throw new BodyError(413, `the body is larger than ${bytesMax} bytes when it is decompressed`, {
      limit: 'decompressed',
    });
  }
  if (bytesAtMost === 0) return new Uint8Array();
  await decoder.init();
  const bytes = decoder.decode(sent, Math.min(bytesAtMost, bytesMax));
  if (bytes.length > 0) return bytes;
  if (bytesAtMost <= bytesMax) throw malformed('a block is broken');
  throw new BodyError(413, `the body is larger than ${bytesMax} bytes when it is decompressed, or no zstd`, {
    limit: 'decompressed',
  });
}

interface Measure {
  /** What is certain before a block is decompressed: sizes in headers, raw blocks, repeated bytes. */
  announcedBytes: number;
  bytesAtMost: number;
}

function measureFrames(sent: Buffer): Measure {
  const total: Measure = { announcedBytes: 0, bytesAtMost: 0 };
  let at = 0;
  while (at < sent.length) {
    const magic = need(sent, at, 4).readUInt32LE(at);
    if (magic >= SKIPPABLE_MAGIC && magic <= SKIPPABLE_MAGIC + 15) {
      at += 8 + need(sent, at, 8).readUInt32LE(at + 4);
      need(sent, at, 0);
    } else if (magic === FRAME_MAGIC) at = measureFrame(sent, at + 4, total);
    else throw malformed(`no frame begins at byte ${at}`);
  }
  return total;
}

/** Adds a frame, whose header begins there, to the total. Answers its end. */
function measureFrame(sent: Buffer, header: number, total: Measure): number {
  const descriptor = need(sent, header, 1).readUInt8(header);
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const hasChecksum = (descriptor & 0x04) !== 0;
  if ((descriptor & 0x03) !== 0) throw malformed('it needs a dictionary');
  const contentSizeAt = header + 1 + (isSingleSegment ? 0 : 1);
  const contentSizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >>> 6] ?? 0;
  need(sent, contentSizeAt, contentSizeBytes);
  const blocks = measureBlocks(sent, contentSizeAt + contentSizeBytes);
  const announced = contentSizeBytes === 0 ? blocks.announcedBytes : contentSize(sent, contentSizeAt, contentSizeBytes);
  total.announcedBytes += announced;
  total.bytesAtMost += contentSizeBytes === 0 ? blocks.bytesAtMost : announced;
  const end = blocks.end + (hasChecksum ? 4 : 0);
  need(sent, end, 0);
  return end;
}

function measureBlocks(sent: Buffer, begin: number): Measure & { readonly end: number } {
  let announcedBytes = 0;
  let bytesAtMost = 0;
  let at = begin;
  for (let isLast = false; !isLast;) {
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

/** The body, of which these bytes are there. */
function need(sent: Buffer, at: number, bytes: number): Buffer {
  if (at + bytes > sent.length) throw malformed('truncated');
  return sent;
}

function malformed(reason: string): BodyError {
  return new BodyError(400, `the body is no zstd: ${reason}`);
}
