import * as fc from 'fast-check';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ALL_COUNTED, type SpanView, type Visibility } from '../storage/span-visibility.ts';
import { isLong } from '../storage/testing/sample-of.ts';
import type { QueryContext } from './rows.ts';
import { searchTraces } from './search-traces.ts';
import { findSeries } from './find-series.ts';
import { findOperations, findServices } from './services.ts';
import { EVERYTHING, plainSearch, randomSpans } from './testing/plain-search.ts';
import { openTestStore, TEST_START_NS, type StoredSpan, type TestStore } from './testing/test-store.ts';
import { findTrace } from './trace.ts';
import { findSpanCounts } from './trace-summary.ts';

const SECOND_NS = 1_000_000_000n;
const FIRST_SECOND = Number(TEST_START_NS / SECOND_NS);

/**
 * Spans of four batches: counted; stored and not counted; stored a moment ago, while queries still read them as
 * fresh; fresh alone. Each in turn may be the one that a query sees.
 */
describe('queries while spans move from the fresh tables to the store and into the derived tables', () => {
  let store: TestStore;
  let counted: StoredSpan[];
  let uncounted: StoredSpan[];
  let moving: StoredSpan[];
  let fresh: StoredSpan[];
  /** Arrivals that `openTestStore` gives, one for each call. */
  let lastCounted = 0;
  const directory = mkdtempSync(join(tmpdir(), 'throughline-fresh-'));

  beforeAll(async () => {
    store = await openTestStore();
    const parts: StoredSpan[][] = [[], [], [], []];
    for (const [index, span] of randomSpans(600).entries()) parts[(index * 7) % 4]?.push(span);
    [counted = [], uncounted = [], moving = [], fresh = []] = parts;
    lastCounted = await store.store(counted);
    await store.put(uncounted, lastCounted + 1);
    await store.put(moving, lastCounted + 2);
    for (const [arrival, spans] of [
      [lastCounted + 2, moving],
      [lastCounted + 3, fresh],
      // An exporter has sent again what was stored before a restart.
      [lastCounted + 4, counted],
    ] as const) {
      const path = join(directory, `${arrival}.native`);
      writeFileSync(path, await store.native(spans, arrival));
      await store.context.engine.fresh?.insert(0, path);
    }
  });
  afterAll(async () => {
    rmSync(directory, { recursive: true, force: true });
    await store.close();
  });

  const seen = (view: Partial<SpanView>): QueryContext => {
    const whole: SpanView = {
      fresh: [{ first: lastCounted + 2, last: lastCounted + 3 }],
      uncounted: {
        countedUntil: lastCounted,
        seconds: { first: FIRST_SECOND, last: FIRST_SECOND + 1_000 },
        hasLate: false,
      },
      isCurrent: () => true,
      release: () => {},
      ...view,
    };
    const visibility: Visibility = { ...ALL_COUNTED, view: () => whole };
    return { ...store.context, visibility };
  };
  /** What the views below see, and the spans of each. */
  const views = (): [string, QueryContext, StoredSpan[]][] => [
    ['all', seen({}), [...counted, ...uncounted, ...moving, ...fresh]],
    [
      'before the last were fresh',
      seen({ fresh: [{ first: lastCounted + 2, last: lastCounted + 2 }] }),
      [...counted, ...uncounted, ...moving],
    ],
    ['nothing fresh', seen({ fresh: [] }), [...counted, ...uncounted, ...moving]],
    [
      'what has been stored is no longer fresh',
      seen({ fresh: [{ first: lastCounted + 3, last: lastCounted + 3 }] }),
      [...counted, ...uncounted, ...moving, ...fresh],
    ],
  ];

  it('find each trace once, in order', async () => {
    for (const [name, context, spans] of views()) {
      for (const limit of [50, 1_000]) {
        const ids: string[] = [];
        for (let after = EVERYTHING.after; ;) {
          const page = await searchTraces(context, { ...EVERYTHING, limit, after });
          ids.push(...page.traces.map(({ traceId }) => traceId));
          if (page.next === null) break;
          after = page.next;
        }
        expect(ids, `${name}, ${limit} a page`).toEqual(plainSearch(spans, EVERYTHING));
      }
    }
  });

  it('find by filter, duration and range what a plain look finds', async () => {
    const queries = fc.sample(
      fc.record({
        service: fc.option(fc.constantFrom('a', 'b')),
        status: fc.option(fc.constantFrom('error' as const, 'ok' as const)),
        value: fc.option(fc.constantFrom('1', '2')),
        second: fc.integer({ min: 0, max: 600 }),
        length: fc.integer({ min: 1, max: 300 }),
        minDurationNs: fc.option(fc.bigInt(0n, 4_000_000_000n)),
      }),
      { numRuns: isLong ? 8 : 4, seed: 5 },
    );
    for (const [name, context, spans] of views()) {
      for (const { service, status, value, second, length, minDurationNs } of queries) {
        const search = {
          ...EVERYTHING,
          filter: { service, operation: null, status, tags: value === null ? [] : [{ key: 'k', value }] },
          range: {
            fromUnixNano: TEST_START_NS + BigInt(second) * SECOND_NS,
            toUnixNano: TEST_START_NS + BigInt(second + length) * SECOND_NS,
          },
          minDurationNs,
          limit: 1_000,
        };
        const { traces } = await searchTraces(context, search);
        expect(
          traces.map(({ traceId }) => traceId),
          name,
        ).toEqual(plainSearch(spans, search));
      }
    }
  });

  it('read every span of a trace once', async () => {
    for (const [name, context, spans] of views()) {
      const ids = [...new Set(spans.map(({ traceId }) => traceId))];
      const counts = await findSpanCounts(context, ids);
      for (const traceId of ids) expect(counts.get(traceId), name).toBe(sizeOf(spans, traceId));
      for (const traceId of ids.slice(0, 20)) {
        expect((await findTrace(context, traceId))?.spanCount, name).toBe(sizeOf(spans, traceId));
      }
    }
  });

  it('count a span once that came again and is fresh', async () => {
    const context = seen({ fresh: [{ first: lastCounted + 2, last: lastCounted + 4 }] });
    const spans = [...counted, ...uncounted, ...moving, ...fresh];
    const sizes = (ids: readonly string[]): [string, number][] =>
      ids.map((traceId) => [traceId, sizeOf(spans, traceId)]);
    const ids = [...new Set(spans.map(({ traceId }) => traceId))];
    expect(await findSpanCounts(context, ids)).toEqual(new Map(sizes(ids)));
    // So few are summarised here, and so many by the engine.
    for (const limit of [50, 1_000]) {
      const { traces } = await searchTraces(context, { ...EVERYTHING, limit });
      expect(traces.map(({ traceId, spanCount }) => [traceId, spanCount])).toEqual(
        sizes(traces.map(({ traceId }) => traceId)),
      );
    }
  });

  it('count every span once, of all time and of ranges that begin and end within a quarter', async () => {
    const range = { fromUnixNano: TEST_START_NS + 33n * SECOND_NS, toUnixNano: TEST_START_NS + 500n * SECOND_NS };
    for (const [name, context, spans] of views()) {
      for (const asked of [{ fromUnixNano: null, toUnixNano: null }, range]) {
        const within = spans.filter(
          ({ startNs }) => startNs >= (asked.fromUnixNano ?? startNs) && startNs <= (asked.toUnixNano ?? startNs),
        );
        const services = await findServices(context, asked);
        for (const service of ['a', 'b']) {
          const own = within.filter((span) => span.service === service);
          expect(services.find((found) => found.name === service)?.spanCount, name).toBe(own.length);
          const operations = await findOperations(context, service, asked);
          for (const { name: operation, spanCount } of operations) {
            expect(spanCount, name).toBe(own.filter((span) => span.name === operation).length);
          }
        }
      }
    }
  });

  it('count every request once over time', async () => {
    const fromSecond = Math.floor(FIRST_SECOND / 60) * 60;
    const query = {
      service: null,
      operation: null,
      groupBy: 'service',
      fromSecond,
      toSecond: fromSecond + 1_200,
      seriesMax: 10,
    } as const;
    for (const [name, context, spans] of views()) {
      for (const stepSeconds of [10, 60]) {
        const { series } = await findSeries(context, { ...query, stepSeconds }, () => 0);
        for (const { service, requestCount } of series) {
          const roots = spans.filter((span) => span.service === service && /^0+$/.test(span.parentSpanId));
          const expected = requestCount.map((_, step) => {
            const begin = fromSecond + step * stepSeconds;
            return roots.filter(({ startNs }) => {
              const second = Number(startNs / SECOND_NS);
              return second >= begin && second < begin + stepSeconds;
            }).length;
          });
          expect(requestCount, name).toEqual(expected);
        }
      }
    }
  });
});

function sizeOf(spans: readonly StoredSpan[], traceId: string): number {
  return spans.filter((span) => span.traceId === traceId).length;
}
