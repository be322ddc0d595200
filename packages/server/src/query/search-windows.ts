import type { Engine } from '../storage/engine.ts';
import type { SpanView } from '../storage/span-visibility.ts';
import type { QueryContext, TimeRange } from './rows.ts';
import { queryRows, where } from './rows.ts';
import type { SpanSource } from './span-sources.ts';

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
export const SECOND_NS = 1_000_000_000n;
const LAST_NS = 2n ** 63n - 1n;

export function extentSql({ table, conditions }: SpanSource): string {
  return `SELECT count(), toUnixTimestamp(min(start_s)), toUnixTimestamp(max(start_s))
FROM ${table}
${where(conditions)}`;
}

/** The extent is asked for again when the last answer is older. It guides how long windows are, not what is found. */
const EXTENT_AGE_MS_MAX = 250;
const lastExtents = new WeakMap<Engine, { readonly extent: StoredExtent; readonly askedAtMs: number }>();

export async function storedExtent(
  context: QueryContext,
  view: SpanView,
  now: () => number = Date.now,
): Promise<StoredExtent> {
  const last = lastExtents.get(context.engine);
  const askedAtMs = now();
  if (last !== undefined && Math.abs(askedAtMs - last.askedAtMs) <= EXTENT_AGE_MS_MAX) return last.extent;
  // It is a guide: the metadata of all that is stored is enough, and what is hidden of it meanwhile does not matter.
  const sources = view.fresh.length === 0 ? [ALL_STORED] : [ALL_STORED, ALL_FRESH];
  const found = (await Promise.all(sources.map((source) => queryRows(context, extentSql(source))))).flat();
  const some = found.filter((row) => row.number(0) > 0);
  const extent =
    some.length === 0
      ? { spanCount: 0, firstSecond: 0, lastSecond: 0 }
      : {
          spanCount: some.reduce((sum, row) => sum + row.number(0), 0),
          firstSecond: Math.min(...some.map((row) => row.number(1))),
          lastSecond: Math.max(...some.map((row) => row.number(2))),
        };
  lastExtents.set(context.engine, { extent, askedAtMs });
  return extent;
}

const ALL_STORED: SpanSource = { table: 'throughline.spans', conditions: [] };
const ALL_FRESH: SpanSource = { table: 'throughline.spans_fresh', conditions: [] };

/**
 * Windows without gaps or overlaps over the whole range, the newest first; the first and the last are open to what has been
 * stored since the extent was asked for. Each is longer than the one before, so a rare match costs little more than one
 * look at everything, and a frequent one costs next to nothing. Where spans are even in time, the first window holds
 * `firstWindowSpans`.
 */
export function* searchWindows(
  extent: StoredExtent,
  range: TimeRange,
  firstWindowSpans: number,
  hasMatches: () => boolean,
): Generator<SearchWindow> {
  const oldest = range.fromUnixNano ?? 0n;
  const firstStored = BigInt(extent.firstSecond) * SECOND_NS;
  let to = smaller(LAST_NS, range.toUnixNano);
  const seconds = extent.lastSecond - extent.firstSecond + 1;
  let width = Math.max(1, Math.ceil((seconds * firstWindowSpans) / Math.max(1, extent.spanCount)));
  while (to >= oldest) {
    const newestStored = smaller(BigInt(extent.lastSecond + 1) * SECOND_NS - 1n, to);
    const from = newestStored - (newestStored % SECOND_NS) - BigInt(width - 1) * SECOND_NS;
    const window = { fromUnixNano: from <= firstStored ? oldest : larger(oldest, from), toUnixNano: to };
    yield window;
    to = window.fromUnixNano - 1n;
    width *= hasMatches() ? GROWTH : GROWTH_WITHOUT_MATCH;
  }
}

function larger(a: bigint, b: bigint): bigint {
  return b > a ? b : a;
}

function smaller(a: bigint, b: bigint | null): bigint {
  return b !== null && b < a ? b : a;
}
