import type { Engine } from '../storage/engine.ts';
import type { SpanView } from '../storage/span-visibility.ts';
import type { QueryContext, TimeRange } from './rows.ts';
import { queryRows, where } from './rows.ts';
import { freshSource, storedSource, type SpanSource } from './span-sources.ts';

/** What the store holds, from the metadata of its parts. */
export interface StoredExtent {
  /** Seconds since the epoch of the earliest and the latest start; 0 where nothing is stored. */
  readonly firstSecond: number;
  readonly lastSecond: number;
  /** The newest first. Without days on which no span starts. */
  readonly days: readonly StoredDay[];
}

/** The spans that start on one UTC day, and the seconds of the earliest and the latest start. */
export interface StoredDay {
  readonly spans: number;
  readonly first: number;
  readonly last: number;
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
  return `SELECT toDate(start_s) AS day, count(), toUnixTimestamp(min(start_s)), toUnixTimestamp(max(start_s))
FROM ${table}
${where(conditions)}
GROUP BY day`;
}

/** The extent is read again when the last result is older. It guides how long windows are, not what is found. */
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
  const { tables } = context.engine;
  const stored = storedSource(tables, []);
  const sources = view.fresh.length === 0 ? [stored] : [stored, freshSource(tables, [])];
  const found = (await Promise.all(sources.map((source) => queryRows(context, extentSql(source))))).flat();
  const days = new Map<string, StoredDay>();
  for (const row of found) {
    const day = { spans: row.number(1), first: row.number(2), last: row.number(3) };
    const known = days.get(row.text(0));
    days.set(row.text(0), known === undefined ? day : together(known, day));
  }
  const extent = extentOf([...days.values()]);
  lastExtents.set(context.engine, { extent, askedAtMs });
  return extent;
}

export function extentOf(days: readonly StoredDay[]): StoredExtent {
  const newestFirst = days.toSorted((a, b) => b.first - a.first);
  return {
    firstSecond: newestFirst.at(-1)?.first ?? 0,
    lastSecond: newestFirst[0]?.last ?? 0,
    days: newestFirst,
  };
}

function together(a: StoredDay, b: StoredDay): StoredDay {
  return { spans: a.spans + b.spans, first: Math.min(a.first, b.first), last: Math.max(a.last, b.last) };
}

/** Whether a span starts in this time, as far as days show. */
export function mayStartIn({ days }: StoredExtent, { fromUnixNano, toUnixNano }: SearchWindow): boolean {
  return days.some(
    ({ first, last }) => BigInt(first) * SECOND_NS <= toUnixNano && BigInt(last + 1) * SECOND_NS > fromUnixNano,
  );
}

/** Of the day of this moment, or of the newest before it. */
export function spansPerSecond({ days }: StoredExtent, unixNano: bigint | null): number {
  const day = days.find(({ first }) => unixNano === null || BigInt(first) * SECOND_NS <= unixNano);
  return day === undefined ? 0 : day.spans / (day.last - day.first + 1);
}

/**
 * Windows without gaps or overlaps over the whole range, the newest first; the first and the last are open to what has
 * been stored since the extent was read. Each has more spans than the one before, so a rare match costs little more
 * than one look at everything, and a frequent one costs next to nothing. Where the spans of a day are even in time, the
 * first window holds `firstWindowSpans`.
 */
export function* searchWindows(
  extent: StoredExtent,
  range: TimeRange,
  firstWindowSpans: number,
  hasMatches: () => boolean,
): Generator<SearchWindow> {
  const oldest = range.fromUnixNano ?? 0n;
  let to = smaller(LAST_NS, range.toUnixNano);
  let spans = firstWindowSpans;
  while (to >= oldest) {
    const from = secondBefore(extent, to, spans);
    const window = { fromUnixNano: from === null ? oldest : larger(oldest, from), toUnixNano: to };
    yield window;
    to = window.fromUnixNano - 1n;
    spans *= hasMatches() ? GROWTH : GROWTH_WITHOUT_MATCH;
  }
}

/** The begin of the second from which on about so many spans start, until then; null where there are fewer. */
function secondBefore({ days }: StoredExtent, toUnixNano: bigint, spans: number): bigint | null {
  const to = Number(toUnixNano / SECOND_NS);
  let left = spans;
  for (const { spans: ofDay, first, last } of days) {
    if (first > to) continue;
    const newest = Math.min(last, to);
    const aSecond = ofDay / (last - first + 1);
    const seconds = Math.max(1, Math.ceil(left / aSecond));
    if (newest - seconds + 1 > first) return BigInt(newest - seconds + 1) * SECOND_NS;
    left -= (newest - first + 1) * aSecond;
  }
  return null;
}

function larger(a: bigint, b: bigint): bigint {
  return b > a ? b : a;
}

function smaller(a: bigint, b: bigint | null): bigint {
  return b !== null && b < a ? b : a;
}
