import { describe, expect, it } from 'vitest';
import { extentOf, mayStartIn, searchWindows, type SearchWindow, type StoredDay } from './search-windows.ts';

const SECOND_NS = 1_000_000_000n;
const DAY = 86_400;
const HOUR = 3_600;

/** The spans of each day start evenly, in so many hours of it. */
function days(
  ...all: readonly { readonly day: number; readonly spans: number; readonly hours: number }[]
): StoredDay[] {
  return all.map(({ day, spans, hours }) => ({ spans, first: day * DAY, last: day * DAY + hours * HOUR - 1 }));
}

function at(second: number): bigint {
  return BigInt(second) * SECOND_NS;
}

function lengthOf({ fromUnixNano, toUnixNano }: SearchWindow): number {
  return Number((toUnixNano + 1n - fromUnixNano) / SECOND_NS);
}

const QUIET = { spans: 200_000, hours: 6 };
const EXTENT = extentOf(
  days({ day: 8, ...QUIET }, { day: 9, ...QUIET }, { day: 10, spans: 10_000_000, hours: 6 }, { day: 11, ...QUIET }),
);

describe('searchWindows', () => {
  it('begins with a window that holds so many spans of the day it ends on, whatever other days have', () => {
    const to = at(10 * DAY + 6 * HOUR) - 1n;
    const [busy] = searchWindows(EXTENT, { fromUnixNano: at(10 * DAY), toUnixNano: to }, 50_000, () => false);
    expect(busy && lengthOf(busy)).toBe(108);
    const open = { fromUnixNano: null, toUnixNano: null };
    const [quiet] = searchWindows(EXTENT, open, 50_000, () => false);
    expect(quiet?.fromUnixNano).toBe(at(11 * DAY + 6 * HOUR - 5_400));
  });

  it('reaches over what is empty to the day before, and from the end of one to the begin of the range without a gap', () => {
    const range = { fromUnixNano: at(9 * DAY + HOUR), toUnixNano: at(11 * DAY + HOUR) - 1n };
    const all = [...searchWindows(EXTENT, range, 100_000, () => true)];
    expect(all[0]?.toUnixNano).toBe(range.toUnixNano);
    expect(all.at(-1)?.fromUnixNano).toBe(range.fromUnixNano);
    expect(all.slice(1).map(({ toUnixNano }) => toUnixNano + 1n)).toEqual(
      all.slice(0, -1).map(({ fromUnixNano }) => fromUnixNano),
    );
    // 33,333 spans of the newest day, and the rest of the busy one.
    expect(all[0]?.fromUnixNano).toBe(at(10 * DAY + 6 * HOUR - 144));
  });

  it('has one window over everything where nothing is stored', () => {
    const open = { fromUnixNano: null, toUnixNano: null };
    expect([...searchWindows(extentOf([]), open, 100, () => false)]).toEqual([
      { fromUnixNano: 0n, toUnixNano: 2n ** 63n - 1n },
    ]);
  });
});

describe('mayStartIn', () => {
  it('tells what lies between days from what does not', () => {
    const between = { fromUnixNano: at(10 * DAY + 6 * HOUR), toUnixNano: at(11 * DAY) - 1n };
    expect(mayStartIn(EXTENT, between)).toBe(false);
    expect(mayStartIn(EXTENT, { ...between, toUnixNano: at(11 * DAY) })).toBe(true);
    expect(mayStartIn(EXTENT, { ...between, fromUnixNano: between.fromUnixNano - 1n })).toBe(true);
  });
});
