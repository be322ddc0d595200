import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newestTraces } from './newest-traces.ts';
import { ALL_COUNTED } from '../storage/span-visibility.ts';
import type { TimeRange } from './rows.ts';
import { storedExtent } from './search-windows.ts';
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

describe('newestTraces', () => {
  let store: TestStore;
  const spans = randomSpans(600);
  beforeAll(async () => {
    store = await openTestStore();
    await store.store(spans);
  });
  afterAll(() => store.close());

  it('answers what a plain look at all spans finds, or that it does not know', async () => {
    let known = 0;
    let unknown = 0;
    const range = fc.record({ fromUnixNano: fc.option(aMoment(600)), toUnixNano: fc.constantFrom(null, LATER) });
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

  it('does not know where traces stand whose range ends before the newest spans', async () => {
    expect(await newest(store, { ...ALWAYS, toUnixNano: TEST_START_NS + SECOND_NS }, 3)).toBeNull();
  });

  it('does not know the newest where one of them began before the seconds that it looks at', async () => {
    await using other = await openTestStore();
    await other.store(tracesOf(300, 10));
    expect(await newest(other, ALWAYS, 1)).toMatchObject([{ traceId: idOf(300) }]);
    const startNs = TEST_START_NS + 3_000n * SECOND_NS;
    await other.store([aStoredSpan({ traceId: idOf(1), spanId: idOf(9, 16), startNs })]);
    const seconds = { firstSecond: Number(TEST_START_NS / SECOND_NS), lastSecond: Number(startNs / SECOND_NS) };
    const extent = { spanCount: 301, ...seconds };
    expect(await newestTraces(other.context, ALL_COUNTED.view(), extent, ALWAYS, 1)).toBeNull();
  });

  it('leaves seconds with very many spans to the search for candidates', async () => {
    const view = ALL_COUNTED.view();
    const extent = { ...(await storedExtent(store.context, view)), spanCount: 10 ** 9 };
    expect(await newestTraces(store.context, view, extent, ALWAYS, 1)).toBeNull();
  });
});
