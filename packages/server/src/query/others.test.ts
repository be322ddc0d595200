import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findSeries } from './find-series.ts';
import type { SeriesQuery } from './series-sql.ts';
import { findOperations, findServices } from './services.ts';
import { aStoredSpan, openTestStore, type TestStore } from './testing/test-store.ts';

/** A whole hour. */
const HOUR = 1_700_002_800;
const at = (second: number): bigint => BigInt(HOUR + second) * 1_000_000_000n;
const ALWAYS = { fromUnixNano: null, toUnixNano: null };
/** Its edges are read from the spans. */
const WITHIN = { fromUnixNano: at(0) + 1n, toUnixNano: at(3_600) - 2n };
const LONG = 'é'.repeat(2_048);

describe('what is not counted by its name', () => {
  let store: TestStore;
  beforeAll(async () => {
    store = await openTestStore();
    const names: [service: string, name: string, rollupOther: 0 | 1 | 2, spans: number][] = [
      ['shop', 'GET /', 0, 1],
      ['shop', '(other)', 0, 2],
      ['shop', 'beyond', 1, 3],
      ['shop', '', 0, 4],
      ['shop', '(no name)', 0, 5],
      ['shop', LONG, 0, 6],
      ['shop', `${LONG}x`, 0, 7],
      ['(other)', 'GET /', 0, 8],
      ['beyond', 'GET /', 2, 9],
      [`${LONG}x`, 'GET /', 0, 10],
      ['\uFFFD', 'GET /', 0, 11],
    ];
    await store.store(
      names.flatMap(([service, name, rollupOther, spans]) =>
        Array.from({ length: spans }, (_, index) => {
          const spanId = Math.abs(spans * 100 + index)
            .toString(16)
            .padStart(16, '0');
          const traceState = index === 0 ? 'ot=th:8' : '';
          return aStoredSpan({
            traceId: spanId.repeat(2),
            spanId,
            service,
            name,
            rollupOther,
            traceState,
            startNs: at(60),
          });
        }),
      ),
    );
  });
  afterAll(() => store.close());

  it.each([
    ['tables', ALWAYS],
    ['spans', WITHIN],
  ])('is told from names among services and operations, out of %s', async (_, range) => {
    const services = await findServices(store.context, range);
    expect(services.map(({ name, isOthers, spanCount }) => [name, isOthers, spanCount])).toEqual([
      ['(other)', false, 8],
      ['shop', false, 28],
      ['\uFFFD', false, 11],
      ['(other)', true, 19],
    ]);
    const operations = await findOperations(store.context, 'shop', range);
    expect(operations.map(({ name, isOthers, spanCount }) => [name, isOthers, spanCount])).toEqual([
      ['', false, 4],
      ['(no name)', false, 5],
      ['(other)', false, 2],
      ['GET /', false, 1],
      [LONG, false, 6],
      ['(other)', true, 10],
    ]);
    // What its weights are worth is its own.
    for (const { estimate, estimatedSpanCount, spanCount } of [...services, ...operations]) {
      expect(estimatedSpanCount).toBeGreaterThan(spanCount);
      expect(estimate.basis).toBe('estimated');
    }
    expect(await findOperations(store.context, '(other)', range)).toMatchObject([{ name: 'GET /', spanCount: 8 }]);
    expect(await findOperations(store.context, 'beyond', range)).toEqual([]);
  });

  it.each([
    ['tables', 60, 3_600],
    ['spans', 1, 100],
    // The series with the most requests are asked for by their names.
    ['names', 60, 3],
  ])('is told from names among series, out of %s', async (_, stepSeconds, seriesMax) => {
    const query: SeriesQuery = {
      service: null,
      operation: null,
      groupBy: 'service',
      fromSecond: HOUR + 60,
      toSecond: HOUR + 120,
      stepSeconds,
      seriesMax,
    };
    const counted = await findSeries(store.context, query, () => Infinity);
    expect(counted.series.map(({ service, othersOf, requestCount }) => [service, othersOf, requestCount[0]])).toEqual(
      [
        ['shop', null, 28],
        ['(other)', 'services', 19],
        ['\uFFFD', null, 11],
        ['(other)', null, 8],
      ].slice(0, seriesMax),
    );
    const byOperation = await findSeries(
      store.context,
      { ...query, groupBy: 'operation', service: 'shop' },
      () => Infinity,
    );
    expect(
      byOperation.series.map(({ operation, othersOf, requestCount }) => [operation, othersOf, requestCount[0]]),
    ).toEqual(
      [
        ['(other)', 'operations', 10],
        [LONG, null, 6],
        ['(no name)', null, 5],
        ['', null, 4],
        ['(other)', null, 2],
        ['GET /', null, 1],
      ].slice(0, seriesMax),
    );
    const named = await findSeries(store.context, { ...query, service: '(other)' }, () => Infinity);
    expect(named.series).toMatchObject([{ service: '(other)', othersOf: null, requestCount: { 0: 8 } }]);
  });
});
