import { DAY_SECONDS, startOfDayMs } from '../storage/utc-day.ts';

/** The spans of a store that start in one second. */
export interface SecondOfSpans {
  /** Since the epoch. */
  readonly second: number;
  readonly spans: number;
  /** A sum over the spans, modulo 2^64: another one where the spans are others. */
  readonly digest: bigint;
}

/** Spans that are moved together: those of some seconds of a day, or a part of those of one second. */
export interface Slice {
  /** Since the epoch. */
  readonly from: number;
  /** A power of two; those behind the end of the day are none. */
  readonly seconds: number;
  /** From 0; below `parts`, a power of two, which is above 1 for a single second alone. */
  readonly part: number;
  readonly parts: number;
}

/** A slice with what is in it. Of a part of a second, `digest` is that of the whole second, and `spans` its share. */
export interface FilledSlice extends Slice {
  readonly spans: number;
  readonly digest: bigint;
}

/** The least power of two that a day fits into. */
const WHOLE_DAY_SECONDS = 131_072;
/** A second is parted by the span's id, whatever of it is random, in a way that every ClickHouse computes alike. */
const PARTING_PRIME = 65_521;
const PARTS_MAX = 32_768;
const DIGESTS = 1n << 64n;

/**
 * Cuts a day (`YYYY-MM-DD`) into slices of no more than `spansMax`, by halves: where the spans of a time stay the same,
 * so does its slice. `seconds` is in order. Yields no slice without spans.
 */
export function* slicesOf(day: string, seconds: readonly SecondOfSpans[], spansMax: number): Generator<FilledSlice> {
  const from = startOfDayMs(day) / 1_000;
  yield* cut({ from, seconds: WHOLE_DAY_SECONDS, part: 0, parts: 1 }, seconds, spansMax);
}

function* cut(slice: Slice, seconds: readonly SecondOfSpans[], spansMax: number): Generator<FilledSlice> {
  const spans = seconds.reduce((sum, second) => sum + second.spans, 0);
  if (spans === 0) return;
  const digest = seconds.reduce((sum, second) => (sum + second.digest) % DIGESTS, 0n);
  if (spans <= spansMax) {
    yield { ...slice, spans, digest };
    return;
  }
  if (slice.seconds === 1) {
    let parts = 2;
    while (parts < PARTS_MAX && spans > parts * spansMax) parts *= 2;
    // How many are in which part shows when they are read.
    const [each, rest] = [Math.floor(spans / parts), spans % parts];
    for (let part = 0; part < parts; part++)
      yield { ...slice, part, parts, spans: each + (part < rest ? 1 : 0), digest };
    return;
  }
  const [first, second] = halvesOf(slice) as [Slice, Slice];
  const at = seconds.findIndex((one) => one.second >= second.from);
  const end = at < 0 ? seconds.length : at;
  yield* cut(first, seconds.slice(0, end), spansMax);
  yield* cut(second, seconds.slice(end), spansMax);
}

/** Two slices with the same spans between them; null for one that cannot be halved. */
export function halvesOf(slice: Slice): readonly [Slice, Slice] | null {
  const { from, part, parts } = slice;
  if (slice.seconds > 1) {
    const seconds = slice.seconds / 2;
    return [
      { ...slice, seconds },
      { ...slice, seconds, from: from + seconds },
    ];
  }
  if (parts >= PARTS_MAX) return null;
  return [
    { ...slice, parts: parts * 2 },
    { ...slice, parts: parts * 2, part: part + parts },
  ];
}

/** Unlike that of every other slice; of letters, digits and hyphens. */
export function nameOf({ from, seconds, part, parts }: Slice): string {
  return parts === 1 ? `${from}-${seconds}` : `${from}-${part}of${parts}`;
}

/** What finds its spans, on any ClickHouse. */
export function whereOf({ from, seconds, part, parts }: Slice): string {
  const dayEnd = from - (from % DAY_SECONDS) + DAY_SECONDS;
  const last = Math.min(from + seconds, dayEnd) - 1;
  const ofPart = parts === 1 ? '' : ` AND reinterpretAsUInt64(span_id) % ${PARTING_PRIME} % ${parts} = ${part}`;
  return `start_s >= toDateTime(${from}) AND start_s <= toDateTime(${last})${ofPart}`;
}
