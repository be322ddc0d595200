import * as fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { newestTraces } from './newest-traces.ts';
import { ALL_COUNTED } from '../storage/span-visibility.ts';
import type { TimeRange } from './rows.ts';
import { extentOf, storedExtent } from './search-windows.ts';
import { findTraceSummaries } from './trace-summary.ts';
import { aMoment, EVERYTHING, idOf, plainSearch, randomSpans } from './testing/plain-search.ts';
import { aStoredSpan, openTestStore, TEST_START_NS, type StoredSpan, type TestStore } from './testing/test-store.ts';

const SECOND_NS = 1_000_000_000n;
/** Behind every span of these tests. */
const LATER = TEST_START_NS + 100_000n * SECOND_NS;
const ALWAYS: TimeRange = { fromUnixNano: null, toUnixNano: null };

async function newest({ context }: TestStore, range: TimeRange, wanted: number): ReturnType<typeof newestTraces> {
  const view = ALL_COUNTED.view();
  return newestTraces(context, view, await storedExtent(context, view), range, wanted);
}

/** So many traces of one span each, one after the other. */
function tracesOf(count: number, secondsApart: number): StoredSpan[] {
  return Array.from({ length: count }, (_, i) =>
    aStoredSpan({ traceId: idOf(i + 1), startNs: TEST_START_NS + BigInt(i * secondsApart) * SECOND_NS }),
  );
}

/** A trace every two seconds: of some a span starts, or a root, far behind the others. */
function mostlyTidy(count: number): StoredSpan[] {
  return Array.from({ length: count }, (_, i) => {
    const traceId = idOf((i * 7919) % 100_003);
    const parentSpanId = idOf(1, 16);
    return [
      aStoredSpan({ traceId, spanId: parentSpanId, startNs: at(BigInt(i * 2 + (i % 41 === 0 ? 30 : 0))) }),
      aStoredSpan({ traceId, spanId: idOf(2, 16), parentSpanId, startNs: at(BigInt(i * 2 + (i % 3))) }),
      aStoredSpan({ traceId, spanId: idOf(3, 16), parentSpanId, startNs: at(BigInt(i * 2 + (i % 37 === 0 ? 40 : 1))) }),
    ];
  }).flat();
}

function at(seconds: bigint): bigint {
  return TEST_START_NS + seconds * SECOND_NS;
}

describe('newestTraces', () => {
  let store: TestStore;
  /** Of single tests. */
  let other: TestStore;
  const spans = randomSpans(600);
  beforeAll(async () => {
    store = await openTestStore();
    other = await openTestStore();
    await store.store(spans);
  });
  afterEach(() => other.empty());
  afterAll(() => Promise.all([store.close(), other.close()]));

  it('answers what a plain look at all spans finds, or that it does not know', async () => {
    let known = 0;
    let unknown = 0;
    const range = fc.record({
      fromUnixNano: fc.option(aMoment(600)),
      toUnixNano: fc.constantFrom(null, LATER),
    });
    await fc.assert(
      fc.asyncProperty(range, fc.integer({ min: 1, max: 60 }), async (asked, wanted) => {
        const found = await newest(store, asked, wanted);
        if (found === null) {
          unknown += 1;
          return;
        }
        known += 1;
        const expected = plainSearch(spans, { ...EVERYTHING, range: asked }).slice(0, wanted);
        expect(found.map(({ traceId }) => traceId)).toEqual(expected);
        const whole = await findTraceSummaries(store.context, ALL_COUNTED.view(), expected);
        expect(found).toEqual(expected.map((traceId) => whole.get(traceId)?.trace));
      }),
      { numRuns: 150, seed: 11 },
    );
    expect([known > 40, unknown > 20]).toEqual([true, true]);
  });

  it('answers the same of a range that ends before what is stored, where few traces are odd', async () => {
    const tidy = mostlyTidy(300);
    await other.store(tidy);
    let known = 0;
    let unknown = 0;
    await fc.assert(
      fc.asyncProperty(aMoment(600), fc.integer({ min: 1, max: 20 }), async (toUnixNano, wanted) => {
        const asked = { fromUnixNano: TEST_START_NS, toUnixNano };
        const found = await newest(other, asked, wanted);
        if (found === null) {
          unknown += 1;
          return;
        }
        known += 1;
        const expected = plainSearch(tidy, { ...EVERYTHING, range: asked }).slice(0, wanted);
        expect(found.map(({ traceId }) => traceId)).toEqual(expected);
      }),
      { numRuns: 150, seed: 12 },
    );
    expect([known > 20, unknown > 20]).toEqual([true, true]);
  });

  it('knows the newest of a range that ends long before the newest spans', async () => {
    await other.store(tracesOf(300, 10));
    const ended = { ...ALWAYS, toUnixNano: TEST_START_NS + 1_005n * SECOND_NS };
    expect(await newest(other, ended, 2)).toMatchObject([{ traceId: idOf(101) }, { traceId: idOf(100) }]);
  });

  it.each([
    ['goes on for longer than it looks behind the range', 1_000n, 1_003n, 1_010n],
    ['has a root behind the range', 1_001n, 1_000n, 1_000n],
    ['has a root far behind the range', 1_400n, 1_000n, 1_000n],
    ['has spans on both sides of the range, and lasts for an hour', 4_000n, 400n, 400n],
  ])('does not know the newest of a range where a trace %s', async (_case, root, start, last) => {
    const parentSpanId = idOf(1, 16);
    await other.store([
      ...tracesOf(300, 10),
      aStoredSpan({ traceId: idOf(999), spanId: parentSpanId, startNs: at(root) }),
      aStoredSpan({ traceId: idOf(999), spanId: idOf(2, 16), parentSpanId, startNs: at(start) }),
      aStoredSpan({ traceId: idOf(999), spanId: idOf(3, 16), parentSpanId, startNs: at(last) }),
    ]);
    expect(await newest(other, { fromUnixNano: at(800n), toUnixNano: at(1_000n) }, 2)).toBeNull();
  });

  it('does not know the newest where one of them began before the seconds that it looks at', async () => {
    await other.store(tracesOf(300, 10));
    expect(await newest(other, ALWAYS, 1)).toMatchObject([{ traceId: idOf(300) }]);
    const startNs = TEST_START_NS + 3_000n * SECOND_NS;
    await other.store([aStoredSpan({ traceId: idOf(1), spanId: idOf(9, 16), startNs })]);
    const extent = extentOf([
      { spans: 301, first: Number(TEST_START_NS / SECOND_NS), last: Number(startNs / SECOND_NS) },
    ]);
    expect(await newestTraces(other.context, ALL_COUNTED.view(), extent, ALWAYS, 1)).toBeNull();
  });

  it('leaves seconds with very many spans to the search for candidates', async () => {
    const view = ALL_COUNTED.view();
    const { firstSecond: first, lastSecond: last } = await storedExtent(store.context, view);
    const extent = extentOf([{ spans: 10 ** 9, first, last }]);
    expect(await newestTraces(store.context, view, extent, ALWAYS, 1)).toBeNull();
  });
});
