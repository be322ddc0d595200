import * as fc from 'fast-check';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ALL_COUNTED, type SpanView, type Visibility } from '../storage/span-visibility.ts';
import { isLong, sampleOf } from '../storage/testing/sample-of.ts';
import type { QueryContext } from './rows.ts';
import { searchTraces } from './search-traces.ts';
import type { TraceSearch } from './trace-search.ts';
import { EVERYTHING, farSpans, idOf, plainSearch } from './testing/plain-search.ts';
import { aStoredSpan, openTestStore, TEST_START_NS, type StoredSpan, type TestStore } from './testing/test-store.ts';

const MINUTE = 60_000_000_000n;
const NOW = TEST_START_NS + 5n * 1_440n * MINUTE;
const minutesAgo = (minutes: bigint): bigint => NOW - minutes * MINUTE;

async function allPages(context: QueryContext, search: TraceSearch): Promise<string[]> {
  const ids: string[] = [];
  for (let after = search.after; ;) {
    const page = await searchTraces(context, { ...search, after });
    ids.push(...page.traces.map(({ traceId }) => traceId));
    if (page.next === null) return ids;
    after = page.next;
  }
}

/** The same for all spans of a trace. */
function part({ traceId }: StoredSpan): number {
  return (Number.parseInt(traceId, 16) * 5) % 4;
}

/** Stores three batches, and sees the first as counted, the second as not counted yet, and the third as fresh. */
async function seeing(
  store: TestStore,
  counted: readonly StoredSpan[],
  uncounted: readonly StoredSpan[],
  fresh: readonly StoredSpan[],
): Promise<QueryContext> {
  const arrival = await store.store(counted);
  await store.put(uncounted, arrival + 1);
  if (fresh.length > 0) {
    const directory = mkdtempSync(join(tmpdir(), 'throughline-far-'));
    const path = join(directory, 'fresh.native');
    writeFileSync(path, await store.native(fresh, arrival + 2));
    await store.context.engine.fresh?.insert(0, path);
    rmSync(directory, { recursive: true });
  }
  const seconds = uncounted.map(({ startNs }) => Number(startNs / 1_000_000_000n));
  const view: SpanView = {
    fresh: fresh.length === 0 ? [] : [{ first: arrival + 2, last: arrival + 2 }],
    uncounted:
      uncounted.length === 0
        ? null
        : {
            countedUntil: arrival,
            seconds: { first: Math.min(...seconds), last: Math.max(...seconds) },
            hasLate: false,
          },
    isCurrent: () => true,
    release: () => {},
  };
  const visibility: Visibility = { ...ALL_COUNTED, view: () => view };
  return { ...store.context, visibility };
}

function ofTrace(n: number, span: Partial<StoredSpan>): StoredSpan {
  return aStoredSpan({ traceId: idOf(n + 1), ...span });
}

describe('a search of a range', () => {
  let store: TestStore;
  beforeAll(async () => void (store = await openTestStore()));
  afterEach(() => store.empty());
  afterAll(() => store.close());

  it('finds every trace that overlaps it, wherever its matches are, in order, whatever has been counted', async () => {
    const spans = farSpans(80);
    const context = await seeing(
      store,
      spans.filter((span) => part(span) < 2),
      spans.filter((span) => part(span) === 2),
      spans.filter((span) => part(span) === 3),
    );
    const moment = fc.oneof(fc.integer({ min: -10, max: 380 }), fc.constantFrom(-2_900, -1_500, 600, 1_700, 3_100));
    const search = fc.record({
      filter: fc.record({
        service: fc.option(fc.constantFrom('a', 'b', 'phone')),
        operation: fc.option(fc.constantFrom('x', 'y')),
        status: fc.option(fc.constantFrom('error', 'ok')),
        tags: fc.constantFrom([], [{ key: 'k', value: '1' }]),
      }),
      range: fc.tuple(fc.option(moment), fc.option(fc.integer({ min: 1, max: 200 }))).map(([from, length]) => ({
        fromUnixNano: from === null ? null : TEST_START_NS + BigInt(from) * MINUTE,
        toUnixNano: length === null ? null : TEST_START_NS + BigInt((from ?? 0) + length) * MINUTE,
      })),
      minDurationNs: fc.option(fc.constantFrom(3_000_000_000n, 300n * MINUTE), { freq: 2 }),
      maxDurationNs: fc.option(fc.constantFrom(1_000_000_000n, 10_000_000_000n), { freq: 2 }),
      limit: fc.constantFrom(7, 1_000),
      after: fc.constant(null),
    }) as fc.Arbitrary<TraceSearch>;
    await fc.assert(
      fc.asyncProperty(search, async (asked) => {
        expect(await allPages(context, asked)).toEqual(plainSearch(spans, asked));
      }),
      { numRuns: isLong ? 40 : 10, seed: 11 },
    );
  });

  describe('of a workflow that began long ago and failed a minute ago', () => {
    const begins = [119n, 121n, 300n, 1_430n, 1_500n, 4_000n];
    const workflows = begins.flatMap((minutes, index) => {
      const began = minutesAgo(minutes);
      const alone = aStoredSpan({
        traceId: idOf(index + 1),
        service: `alone ${minutes}`,
        startNs: began,
        durationNs: minutesAgo(1n) - began,
        statusCode: 2,
      });
      const root = { ...alone, traceId: idOf(index + 101), service: `root ${minutes}`, statusCode: 0 };
      const step = aStoredSpan({
        traceId: root.traceId,
        spanId: idOf(9, 16),
        parentSpanId: root.spanId,
        startNs: minutesAgo(2n),
        durationNs: MINUTE,
        statusCode: 2,
      });
      return [alone, root, step];
    });

    it.each(['counted', 'uncounted', 'fresh'])('finds it by its root, %s', async (state) => {
      const of = (wanted: string): StoredSpan[] => (state === wanted ? workflows : []);
      const context = await seeing(store, of('counted'), of('uncounted'), of('fresh'));
      const queries = begins.flatMap((minutes) =>
        [`alone ${minutes}`, `root ${minutes}`].flatMap((service) =>
          [15n, 60n, 180n, 1_440n].map((range) => ({ service, range })),
        ),
      );
      // Others in each state.
      for (const { service, range } of sampleOf(queries, 8, state.length)) {
        const asked = { fromUnixNano: minutesAgo(range), toUnixNano: NOW };
        const filter = { ...EVERYTHING.filter, service };
        const { traces } = await searchTraces(context, { ...EVERYTHING, filter, range: asked });
        expect(traces, `${service}, the last ${range} minutes`).toHaveLength(1);
      }
    });

    it('finds it on a later page of all time', async () => {
      await store.store([...workflows, aStoredSpan({ traceId: idOf(999), startNs: minutesAgo(1n), statusCode: 2 })]);
      const filter = { ...EVERYTHING.filter, status: 'error' as const };
      const found = await allPages(store.context, { ...EVERYTHING, filter, limit: 1 });
      expect(found).toEqual([idOf(999), ...begins.flatMap((_, index) => [idOf(index + 1), idOf(index + 101)])]);
    });
  });

  describe('of which the one span with the attribute is beyond its end, or before its begin', () => {
    const range = { fromUnixNano: minutesAgo(90n), toUnixNano: minutesAgo(60n) };
    const marked = { k: '1' };
    /** A root and its child, which has the attribute. */
    const trace = (n: number, root: Partial<StoredSpan>, child: Partial<StoredSpan>): StoredSpan[] => [
      aStoredSpan({ traceId: idOf(n), ...root }),
      aStoredSpan({ traceId: idOf(n), spanId: idOf(9, 16), parentSpanId: idOf(2, 16), attributes: marked, ...child }),
    ];
    const spans = [
      ...trace(1, { startNs: minutesAgo(61n) }, { startNs: minutesAgo(50n) }),
      ...trace(2, { startNs: minutesAgo(60n) + 1n }, { startNs: minutesAgo(50n) }),
      ...trace(3, { startNs: minutesAgo(110n), durationNs: 25n * MINUTE }, { startNs: minutesAgo(105n) }),
      ...trace(4, { startNs: minutesAgo(110n), durationNs: 15n * MINUTE }, { startNs: minutesAgo(105n) }),
      ...trace(5, { startNs: minutesAgo(110n) }, { startNs: minutesAgo(105n), durationNs: 25n * MINUTE }),
    ];
    const search = { ...EVERYTHING, filter: { ...EVERYTHING.filter, tags: [{ key: 'k', value: '1' }] }, range };

    it.each([
      ['counted', 0],
      ['uncounted', 0],
      ['fresh', 0],
      // More than one statement answers.
      ['counted', 2_001],
      ['uncounted', 2_001],
    ])('finds it where it overlaps the range, %s, beside %i others there', async (state, others) => {
      const all = [
        ...spans,
        ...Array.from({ length: others }, (_, n) =>
          aStoredSpan({ traceId: idOf(1_000 + n), startNs: minutesAgo(40n) + BigInt(n), attributes: marked }),
        ),
      ];
      const of = (wanted: string): StoredSpan[] => (state === wanted ? all : []);
      const context = await seeing(store, of('counted'), of('uncounted'), of('fresh'));
      const found = await allPages(context, { ...search, limit: 2 });
      expect(found).toEqual([1, 3, 5].map((n) => idOf(n)));
      expect(found).toEqual(plainSearch(all, search));
    });
  });

  describe('of a phone whose clock is off', () => {
    const clocks = [-2n * 1_440n, 50n, 300n];
    const traces = clocks.map((minutes, index) => {
      const traceId = idOf(index + 1);
      const service = `phone ${minutes}`;
      const tap = aStoredSpan({
        traceId,
        service,
        startNs: minutesAgo(2n) + minutes * MINUTE,
        durationNs: 300_000_000n,
      });
      const cart = aStoredSpan({
        traceId,
        spanId: idOf(9, 16),
        parentSpanId: tap.spanId,
        service: `api ${minutes}`,
        startNs: minutesAgo(2n),
        durationNs: 200_000_000n,
        statusCode: 2,
      });
      return { tap, cart };
    });
    const taps = traces.map(({ tap }) => tap);
    const carts = traces.map(({ cart }) => cart);
    const states = [
      ['together', [...taps, ...carts], [], []],
      ['the phone first', taps, carts, []],
      ['the phone last', carts, taps, []],
      ['the phone a moment ago', carts, [], taps],
      ['both not counted', [], taps, carts],
    ] as const;

    it.each(states)('finds it by the phone and by the server, %s', async (state, counted, uncounted, fresh) => {
      const context = await seeing(store, counted, uncounted, fresh);
      const queries = clocks.flatMap((minutes) =>
        [`phone ${minutes}`, `api ${minutes}`].flatMap((service) =>
          [15n, 60n, 1_440n].flatMap((length) =>
            [null, 1_000_000_000n].map((maxDurationNs) => ({ service, length, maxDurationNs })),
          ),
        ),
      );
      // Others in each state.
      for (const { service, length, maxDurationNs } of sampleOf(queries, 6, state.length)) {
        const range = { fromUnixNano: minutesAgo(length), toUnixNano: NOW };
        const filter = { ...EVERYTHING.filter, service };
        const found = await searchTraces(context, { ...EVERYTHING, filter, range, maxDurationNs });
        expect(found.traces, `${service}, the last ${length} minutes`).toHaveLength(1);
      }
    });

    it.each([1, 70])('shows %i whose root has not arrived at the earliest span whose parent has not', async (count) => {
      const startOf = (n: number): bigint => minutesAgo(30n) + BigInt(n);
      const numbers = Array.from({ length: count }, (_, n) => n);
      const lost = idOf(99, 16);
      const tops = numbers.map((n) =>
        ofTrace(n, { spanId: idOf(1, 16), parentSpanId: lost, service: 'server', name: 'top', startNs: startOf(n) }),
      );
      const beside = numbers.map((n) =>
        ofTrace(n, { spanId: idOf(2, 16), parentSpanId: lost, service: 'other', startNs: startOf(n) + 1n }),
      );
      const phones = numbers.map((n) =>
        ofTrace(n, {
          spanId: idOf(3, 16),
          parentSpanId: idOf(1, 16),
          service: 'phone',
          startNs: minutesAgo(2n * 1_440n),
        }),
      );
      const context = await seeing(store, phones, beside, tops);
      const range = { fromUnixNano: minutesAgo(60n), toUnixNano: NOW };
      const filter = { ...EVERYTHING.filter, service: 'phone' };
      const page = await searchTraces(context, { ...EVERYTHING, filter, range, limit: 100 });
      const starts = page.traces.map(({ startTimeUnixNano }) => BigInt(startTimeUnixNano));
      expect(starts).toEqual(numbers.map(startOf).toReversed());
      const shown = { rootService: 'server', rootOperation: 'top', hasRoot: false, spanCount: 3 };
      expect(page.traces).toMatchObject(numbers.map(() => shown));
    });

    it('finds it when the two were counted one after the other', async () => {
      await store.store(taps);
      await store.store(carts);
      const range = { fromUnixNano: minutesAgo(15n), toUnixNano: NOW };
      for (const minutes of clocks) {
        const filter = { ...EVERYTHING.filter, service: `phone ${minutes}` };
        const { traces: found } = await searchTraces(store.context, { ...EVERYTHING, filter, range });
        expect(found).toHaveLength(1);
      }
    });
  });
});
