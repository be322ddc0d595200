import { catchRejection } from '../runtime/catch-rejection.ts';
import { nodeModules } from '../runtime/node-modules.ts';

/** Where a tracer gets its random bits from; an argument, so that tests can repeat a run. */
export interface IdGenerator {
  /** 32 random bits as a signed integer. */
  int32(): number;
}

/**
 * The standard SDK's interface: a generator written for it works here, such as the one for X-Ray's ids. Where it throws
 * or returns anything else, cryptographic randomness is used.
 * @see https://opentelemetry.io/docs/specs/otel/trace/sdk/#id-generators
 */
export interface OtelIdGenerator {
  /** 32 lower-case hex digits, not all zero. */
  generateTraceId(): string;
  /** 16 lower-case hex digits, not all zero. */
  generateSpanId(): string;
}

/** 16 KiB: an integer costs 2.2 ns so, 4.7 when drawn by the thousand. */
const BATCH_INTEGERS = 4096;
/** Of a trace id; a span id has half of them. */
const TRACE_ID_INTEGERS = 4;

/**
 * Random integers in reach: `take(count)` returns where in `batch` they are. An id costs one check so, and no call
 * for each of its integers.
 */
export class RandomBatch {
  readonly batch: Int32Array = new Int32Array(BATCH_INTEGERS);
  /** W3C's random flag is set: an OpenTelemetry generator cannot say of its ids that they are random. */
  readonly isRandom: boolean;
  readonly #generator: IdGenerator | OtelIdGenerator | undefined;
  #next = BATCH_INTEGERS;

  /**
   * Without a generator they are cryptographic, drawn for many ids at once: a call for each id would cost ten times as
   * much.
   */
  constructor(generator?: IdGenerator | OtelIdGenerator) {
    this.#generator = generator;
    this.isRandom = generator === undefined || 'int32' in generator;
  }

  take(count: number): number {
    const at = this.#next;
    if (at + count > BATCH_INTEGERS) return this.#refill(count);
    this.#next = at + count;
    return at;
  }

  #refill(count: number): number {
    if (this.#generator !== undefined && this.#generate(this.#generator, count)) return 0;
    nodeModules.crypto.randomFillSync(this.batch);
    // With a generator the next call uses that one again.
    if (this.#generator === undefined) this.#next = count;
    return 0;
  }

  /** Never draws ahead: whoever brings a generator sees the calls that ids need. */
  #generate(generator: IdGenerator | OtelIdGenerator, count: number): boolean {
    try {
      if ('int32' in generator) {
        for (let i = 0; i < count; i++) {
          const integer: unknown = generator.int32();
          catchRejection(integer);
          this.batch[i] = integer as number;
        }
      } else
        return this.#setHex(
          count === TRACE_ID_INTEGERS ? generator.generateTraceId() : generator.generateSpanId(),
          count,
        );
      return true;
    } catch {
      return false;
    }
  }

  #setHex(id: string, count: number): boolean {
    catchRejection(id);
    if (typeof id !== 'string' || id.length !== count * 8) return false;
    let any = 0;
    for (let i = 0; i < count; i++) {
      const value = int32OfHex(id, i * 8);
      if (Number.isNaN(value)) return false;
      this.batch[i] = value;
      any |= value;
    }
    return any !== 0;
  }
}

const HEX_OF_BYTE: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Eight lower-case hex digits of a 32-bit integer. */
export function hexOfInt32(value: number): string {
  return (
    (HEX_OF_BYTE[value >>> 24] ?? '') +
    (HEX_OF_BYTE[(value >>> 16) & 0xff] ?? '') +
    (HEX_OF_BYTE[(value >>> 8) & 0xff] ?? '') +
    (HEX_OF_BYTE[value & 0xff] ?? '')
  );
}

/**
 * The 32-bit integer of eight lower-case hex digits at `offset`, as a signed integer; NaN when they are anything else.
 */
export function int32OfHex(text: string, offset: number): number {
  let value = 0;
  for (let i = offset; i < offset + 8; i++) {
    const digit = hexDigit(text.charCodeAt(i));
    if (digit < 0) return NaN;
    value = (value << 4) | digit;
  }
  return value;
}

/** The value of a lower-case hex digit's character code, −1 for any other. */
export function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  if (code >= 97 && code <= 102) return code - 87;
  return -1;
}
