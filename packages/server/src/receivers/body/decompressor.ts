import type { Registry } from 'prom-client';
import { LimitCounter } from '../../limit-counter.ts';
import { Limiter, QueueFullError } from '../../limiter.ts';
import { registerGauge } from '../../register-gauge.ts';
import { BodyError, SenderGoneError } from './body-error.ts';
import { PART_OVERHEAD_BYTES, type BodyParts } from './body-parts.ts';
import type { Reservation } from './byte-budget.ts';
import type { Compression } from './compression.ts';
import { inflate, inflateNow, STEP_BYTES, type Inflated, type ZlibFormat } from './inflate.ts';
import { RECEIVER_LIMITS, type ReceiverLimits } from '../limits.ts';
import { decompressZstd, zstdBytesAtMost } from './zstd.ts';
import { ZstdThread } from './zstd-thread.ts';

export interface DecompressorOptions {
  readonly registry: Registry;
  readonly limits?: Partial<ReceiverLimits>;
  /** The built program of the thread for large zstd bodies. */
  readonly zstdWorkerPath?: URL | undefined;
}

export interface DecompressOptions {
  readonly compression: Compression;
  /** For the result. */
  readonly bytesMax: number;
  /** That of the request; the result is reserved in it, and the body as sent given back. */
  readonly reservation: Reservation;
  /** Of the request: where it closes, nobody waits for the result any more. */
  readonly sender: Sender;
}

/** A connection, or a stream of one. */
interface Sender {
  readonly destroyed: boolean;
  once(event: 'close', listener: () => void): unknown;
  off(event: 'close', listener: () => void): unknown;
}

/** Of a body as sent; with it the time that a result below the next bound takes is bounded as well. */
const INLINE_SENT_BYTES_MAX = 64 * 1024;
/**
 * Only results that are no larger are decompressed in a turn of the event loop, where they cost less than elsewhere.
 */
const INLINE_BYTES_MAX = 1024 * 1024;

/**
 * Decompresses the bodies of all receivers. Small ones at once; of the others a few at a time, beside the event loop.
 * Memory is reserved before there is something in it.
 */
export class Decompressor {
  readonly #limits: ReceiverLimits;
  readonly #limitCounter: LimitCounter;
  readonly #zstd: ZstdThread;
  readonly #limiter: Limiter;

  constructor({ registry, limits, zstdWorkerPath }: DecompressorOptions) {
    this.#limits = { ...RECEIVER_LIMITS, ...limits };
    this.#limitCounter = new LimitCounter(registry);
    this.#zstd = new ZstdThread({ idleMs: this.#limits.zstdThreadIdleMs, workerPath: zstdWorkerPath });
    const { decompressionsMax, decompressionsWaitingMax } = this.#limits;
    this.#limiter = new Limiter({
      name: 'decompression',
      concurrent: decompressionsMax,
      waitingMax: decompressionsWaitingMax,
    });
    registerGauge(
      registry,
      'throughline_receiver_decompressions_waiting',
      'Compressed bodies that wait until others are decompressed',
      () => this.#limiter.waiting,
    );
  }

  /** Rejects with `BodyError`, or `SenderGoneError`. What has been reserved then is for the caller to give back. */
  async decompress(sent: BodyParts, options: DecompressOptions): Promise<Inflated> {
    const parts = sent.end();
    const result =
      (sent.length <= INLINE_SENT_BYTES_MAX ? await decompressInline(joined(parts, sent.length), options) : null) ??
      (await this.#inTurn(options.sender, () => this.#decompressBeside(parts, sent.length, options)));
    options.reservation.giveBack(sent.reservedBytes);
    return result;
  }

  close(): Promise<void> {
    return this.#zstd.close();
  }

  async #inTurn<T>(sender: Sender, decompress: () => Promise<T>): Promise<T> {
    if (this.#limiter.running >= this.#limits.decompressionsMax) {
      this.#limitCounter.reached('receivers.decompressionsMax');
    }
    const left = new AbortController();
    const leave = (): void => left.abort(new SenderGoneError('the sender has gone'));
    if (sender.destroyed) leave();
    else sender.once('close', leave);
    try {
      return await this.#limiter.run({ signal: left.signal }, decompress);
    } catch (error) {
      if (!(error instanceof QueueFullError)) throw error;
      this.#limitCounter.reached('receivers.decompressionsWaitingMax');
      throw new BodyError(503, 'receiver overloaded: decompression queue full (receivers.decompressionsWaitingMax)');
    } finally {
      sender.off('close', leave);
    }
  }

  async #decompressBeside(
    parts: readonly Uint8Array[],
    length: number,
    { compression, bytesMax, reservation }: DecompressOptions,
  ): Promise<Inflated> {
    if (compression !== 'zstd') return inflate(parts, formatOf(parts, compression), bytesMax, reservation);
    reservation.take(length);
    const sent = new ArrayBuffer(length);
    const copy = Buffer.from(sent);
    let at = 0;
    for (const part of parts) {
      copy.set(part, at);
      at += part.length;
    }
    const reserved = zstdBytesAtMost(copy, bytesMax) + PART_OVERHEAD_BYTES;
    reservation.take(reserved);
    const bytes = await this.#zstd.decompress(sent, bytesMax);
    reservation.giveBack(length + reserved - bytes.length - PART_OVERHEAD_BYTES);
    return { parts: [bytes], length: bytes.length };
  }
}

/** Null for a body whose result is not known to be small. */
async function decompressInline(
  sent: Buffer,
  { compression, bytesMax, reservation }: DecompressOptions,
): Promise<Inflated | null> {
  if (compression !== 'zstd') return inflateInline(sent, formatOf([sent], compression), bytesMax, reservation);
  const size = zstdBytesAtMost(sent, bytesMax);
  if (size > INLINE_BYTES_MAX) return null;
  reservation.take(size + PART_OVERHEAD_BYTES);
  const bytes = await decompressZstd(sent, bytesMax);
  reservation.giveBack(size - bytes.length);
  return { parts: [bytes], length: bytes.length };
}

function inflateInline(sent: Buffer, format: ZlibFormat, bytesMax: number, reservation: Reservation): Inflated | null {
  // Of gzip's last member, nearly always the only one. Deflate does not say.
  const announced = format === 'gzip' && sent.length >= 4 ? sent.readUInt32LE(sent.length - 4) : null;
  if (announced !== null && announced > INLINE_BYTES_MAX) return null;
  const size = Math.min(announced ?? INLINE_BYTES_MAX, bytesMax);
  const reserved = Math.max(size, STEP_BYTES) + PART_OVERHEAD_BYTES;
  reservation.take(reserved);
  const bytes = inflateNow(sent, format, { bytesMax: size, isExpected: announced !== null });
  const kept = bytes === null ? 0 : Math.min(reserved, bytes.buffer.byteLength + PART_OVERHEAD_BYTES);
  reservation.giveBack(reserved - kept);
  return bytes === null ? null : { parts: [bytes], length: bytes.length };
}

/** Senders mean either by "deflate". Where the first two bytes are no header of zlib's, they are raw. */
function formatOf(parts: readonly Uint8Array[], compression: 'gzip' | 'deflate'): ZlibFormat {
  if (compression === 'gzip') return 'gzip';
  const header = joined(parts, 2).readUInt16BE();
  const isZlib = ((header >>> 8) & 0x0f) === 8 && header >>> 12 <= 7 && header % 31 === 0;
  return isZlib ? 'deflate' : 'deflate-raw';
}

function joined(parts: readonly Uint8Array[], length: number): Buffer {
  const [first, ...others] = parts;
  if (first !== undefined && others.length === 0 && first.length === length) {
    return Buffer.from(first.buffer, first.byteOffset, length);
  }
  return Buffer.concat(parts, length);
}
