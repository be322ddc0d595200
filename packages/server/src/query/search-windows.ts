import type { QueryContext, TimeRange } from './rows.ts';
import { queryRows } from './rows.ts';

/** What the store holds, from the metadata of its parts. */
export interface StoredExtent {
  readonly spanCount: number;
  /** Seconds since the epoch of the earliest and the latest start. */
  readonly firstSecond: number;
  readonly lastSecond: number;
}

/** Both ends are included. */
export interface SearchWindow {
  readonly fromUnixNano: bigint;
  readonly toUnixNano: bigint;
}

/** How much longer each window is than the one before … */
const GROWTH = 8;
/** … and how much while nothing has been found: what is rare is found by one look at everything. */
const GROWTH_WITHOUT_MATCH = 256;
const SECOND_NS = 1_000_000_000n;

export const EXTENT_SQL = `SELECT count(), toUnixTimestamp(min(start_s)), toUnixTimestamp(max(start_s))
FROM throughline.spans`;

export async function storedExtent(context: QueryContext): Promise<StoredExtent> {
  const [row] = await queryRows(context, EXTENT_SQL);
  if (row === undefined) return { spanCount: 0, firstSecond: 0, lastSecond: 0 };
  return { spanCount: row.number(0), firstSecond: row.number(1), lastSecond: row.number(2) };
}

/**
 * Windows without gaps or overlaps over all that is stored in the range, the newest first. Each is longer than the one
 * before, so a rare match costs little more than one look at everything, and a frequent one costs next to nothing.
 * Where spans are even in time, the first window holds `firstWindowSpans`.
 */
export function* searchWindows(
  extent: StoredExtent,
  range: TimeRange,
  firstWindowSpans: number,
  hasMatches: () => boolean,
): Generator<SearchWindow> {
  if (extent.spanCount === 0) return;
  const oldest = larger(BigInt(extent.firstSecond) * SECOND_NS, range.fromUnixNano);
  let to = smaller(BigInt(extent.lastSecond + 1) * SECOND_NS - 1n, range.toUnixNano);
  const seconds = extent.lastSecond - extent.firstSecond + 1;
  let width = Math.max(1, Math.ceil((seconds * firstWindowSpans) / extent.spanCount));
  while (to >= oldest) {
    const wholeSecond = to - (to % SECOND_NS);
    const from = larger(oldest, wholeSecond - BigInt(width - 1) * SECOND_NS);
    yield { fromUnixNano: from, toUnixNano: to };
    to = from - 1n;
    width *= hasMatches() ? GROWTH : GROWTH_WITHOUT_MATCH;
  }
}

function larger(a: bigint, b: bigint | null): bigint {
  return b !== null && b > a ? b : a;
}

function smaller(a: bigint, b: bigint | null): bigint {
  return b !== null && b < a ? b : a;
}
