import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TraceSearch } from './trace-search.ts';
import { candidatesSql, matchesOfTracesSql } from './candidates.ts';
import { farFromRootSql, longTracesSql } from './far-traces.ts';
import { searchTraces } from './search-traces.ts';
import { storedSource } from './span-sources.ts';
import { isLong } from '../storage/testing/sample-of.ts';
import { aMoment, EVERYTHING, idOf, plainSearch, randomSpans } from './testing/plain-search.ts';
import type { TestStore } from './testing/test-store.ts';
import { aStoredSpan, openTestStore, TEST_START_NS } from './testing/test-store.ts';
import { singleServerTables } from '../storage/tables.ts';

const TABLES = singleServerTables();
const STORED = storedSource(TABLES);

/**
 * Several pages of the largest, and a moment that a quarter of them shares; each page costs the engine a dozen
 * statements.
 */
const TRACES = 100;

/** Returns the trace ids of all pages together. */
async function allPages({ context }: TestStore, search: TraceSearch): Promise<string[]> {
  const ids: string[] = [];
  for (let after = search.after; ;) {
    const page = await searchTraces(context, { ...search, after });
    ids.push(...page.traces.map(({ traceId }) => traceId));
    if (page.next === null) return ids;
    after = page.next;
  }
}

describe('searchTraces', () => {
  let store: TestStore;
  beforeAll(async () => void (store = await openTestStore()));
  afterAll(() => store.close());

  it('answers nothing from an empty store', async () => {
    expect(await searchTraces(store.context, EVERYTHING)).toEqual({ traces: [], next: null });
  });

  it('finds what a plain look at all spans finds, in the same order, whatever the filter, the page and the windows', async () => {
    const seconds = 600;
    const spans = randomSpans(seconds, TRACES);
    await store.store(spans);
    const search = fc.record({
      filter: fc.record({
        service: fc.option(fc.constantFrom('a', 'b', 'none')),
        operation: fc.option(fc.constantFrom('x', 'y')),
        status: fc.option(fc.constantFrom('error', 'ok', 'unset')),
        tags: fc.array(fc.record({ key: fc.constantFrom('k', 'r'), value: fc.constantFrom('1', '2') }), {
          maxLength: 2,
        }),
      }),
      range: fc.record({ fromUnixNano: fc.option(aMoment(seconds)), toUnixNano: fc.option(aMoment(seconds)) }),
      minDurationNs: fc.option(fc.bigInt(0n, 4_000_000_000n)),
      maxDurationNs: fc.option(fc.bigInt(0n, 100_000_000_000n)),
      limit: fc.integer({ min: 1, max: 50 }),
      after: fc.constant(null),
    }) as fc.Arbitrary<TraceSearch>;
    await fc.assert(
      fc.asyncProperty(search, fc.constantFrom(1, 20, 50_000), async (asked, searchWindowSpans) => {
        const limits = { ...store.context.limits, searchWindowSpans };
        const found = await allPages({ ...store, context: { ...store.context, limits } }, asked);
        expect(found).toEqual(plainSearch(spans, asked));
      }),
      { numRuns: isLong ? 40 : 15, seed: 7 },
    );
  });

  it('finds what a plain look finds, whatever spans of a trace came together', async () => {
    await using own = await openTestStore();
    const spans = randomSpans(600, TRACES);
    for (let batch = 0; batch < 4; batch++) await own.store(spans.filter((_, index) => (index * 7) % 4 === batch));
    const search = fc.record({
      filter: fc.record({
        service: fc.option(fc.constantFrom('a', 'b')),
        operation: fc.option(fc.constantFrom('x', 'y')),
        status: fc.option(fc.constantFrom('error', 'ok')),
        tags: fc.constant([]),
      }),
      range: fc.record({ fromUnixNano: fc.option(aMoment(600)), toUnixNano: fc.option(aMoment(600)) }),
      minDurationNs: fc.option(fc.bigInt(0n, 300_000_000_000n)),
      maxDurationNs: fc.constant(null),
      limit: fc.integer({ min: 1, max: 50 }),
      after: fc.constant(null),
    }) as fc.Arbitrary<TraceSearch>;
    await fc.assert(
      fc.asyncProperty(search, fc.constantFrom(1, 20, 50_000), async (asked, searchWindowSpans) => {
        const limits = { ...own.context.limits, searchWindowSpans };
        const found = await allPages({ ...own, context: { ...own.context, limits } }, asked);
        expect(found).toEqual(plainSearch(spans, asked));
      }),
      { numRuns: isLong ? 40 : 15, seed: 7 },
    );
  });

  it('finds a trace of short spans by its duration, and on a later page, whenever its spans came', async () => {
    await using own = await openTestStore();
    const minute = 60_000_000_000n;
    const workflow = idOf(1);
    const begin = aStoredSpan({ traceId: workflow, spanId: idOf(1, 16), startNs: TEST_START_NS });
    const failure = aStoredSpan({
      traceId: workflow,
      spanId: idOf(2, 16),
      parentSpanId: idOf(1, 16),
      startNs: TEST_START_NS + 120n * minute,
      statusCode: 2,
    });
    const between = aStoredSpan({
      traceId: idOf(2),
      spanId: idOf(3, 16),
      startNs: TEST_START_NS + 60n * minute,
      statusCode: 2,
    });
    await own.store([begin]);
    await own.store([between]);
    await own.store([failure]);
    const errors = { ...EVERYTHING, filter: { ...EVERYTHING.filter, status: 'error' as const } };
    expect(await allPages(own, { ...errors, limit: 20 })).toEqual([idOf(2), workflow]);
    expect(await allPages(own, { ...errors, limit: 1 }), 'one a page').toEqual([idOf(2), workflow]);
    expect(await allPages(own, { ...EVERYTHING, minDurationNs: 100n * minute }), 'by duration').toEqual([workflow]);
  });

  it('finds a trace of short spans that began on the day before, on a later page', async () => {
    await using own = await openTestStore();
    const midnight = (TEST_START_NS / 86_400_000_000_000n + 1n) * 86_400_000_000_000n;
    const minute = 60_000_000_000n;
    const workflow = idOf(1);
    await own.store([
      aStoredSpan({ traceId: workflow, spanId: idOf(1, 16), startNs: midnight - 60n * minute }),
      aStoredSpan({
        traceId: workflow,
        spanId: idOf(2, 16),
        parentSpanId: idOf(1, 16),
        startNs: midnight + 60n * minute,
        statusCode: 2,
      }),
      aStoredSpan({ traceId: idOf(2), spanId: idOf(3, 16), startNs: midnight + 30n * minute, statusCode: 2 }),
    ]);
    const errors = { ...EVERYTHING, filter: { ...EVERYTHING.filter, status: 'error' as const } };
    expect(await allPages(own, { ...errors, limit: 1 }), 'one a page').toEqual([idOf(2), workflow]);
    expect(await allPages(own, { ...EVERYTHING, minDurationNs: 100n * minute }), 'by duration').toEqual([workflow]);
  });

  it('summarises the whole trace and not only the spans that match', async () => {
    const traceId = 'ab'.repeat(16);
    const root = aStoredSpan({
      traceId,
      spanId: idOf(1, 16),
      startNs: TEST_START_NS + 10n,
      durationNs: 99n,
      name: 'buy',
    });
    const child = { traceId, parentSpanId: root.spanId, service: 'db', startNs: root.startNs + 1n };
    await store.store([
      aStoredSpan({ ...child, spanId: idOf(2, 16), statusCode: 2, attributes: { only: 'here' } }),
      aStoredSpan({ ...child, spanId: idOf(3, 16) }),
      root,
    ]);
    const filter = { ...EVERYTHING.filter, tags: [{ key: 'only', value: 'here' }] };
    const { traces } = await searchTraces(store.context, { ...EVERYTHING, filter });
    expect(traces).toEqual([
      {
        traceId,
        rootService: 'shop',
        rootOperation: 'buy',
        hasRoot: true,
        startTimeUnixNano: String(root.startNs),
        durationNs: '99',
        extentNs: '1000001',
        spanCount: 3,
        errorCount: 1,
        services: [
          { name: 'db', spanCount: 2, errorCount: 1 },
          { name: 'shop', spanCount: 1, errorCount: 0 },
        ],
      },
    ]);
  });

  it('shows the earliest span and the whole extent of a trace whose root has not arrived', async () => {
    const traceId = 'cd'.repeat(16);
    const parentSpanId = 'f'.repeat(16);
    const startNs = TEST_START_NS + 5n;
    await store.store([
      aStoredSpan({
        traceId,
        parentSpanId,
        spanId: idOf(1, 16),
        startNs: startNs + 50n,
        durationNs: 100n,
        name: 'late',
      }),
      aStoredSpan({
        traceId,
        parentSpanId,
        spanId: idOf(2, 16),
        startNs,
        durationNs: 10n,
        name: 'early',
        service: 'rootless',
      }),
    ]);
    const filter = { ...EVERYTHING.filter, service: 'rootless' };
    const { traces } = await searchTraces(store.context, { ...EVERYTHING, filter });
    expect(traces).toMatchObject([
      { hasRoot: false, rootService: 'rootless', rootOperation: 'early', durationNs: '150' },
    ]);
  });

  it('shows a span that was sent without an end as one that took no time', async () => {
    await store.store([aStoredSpan({ traceId: 'ef'.repeat(16), service: 'endless', durationNs: -TEST_START_NS })]);
    const filter = { ...EVERYTHING.filter, service: 'endless' };
    const { traces } = await searchTraces(store.context, { ...EVERYTHING, filter, maxDurationNs: 0n });
    expect(traces).toMatchObject([{ durationNs: '0' }]);
  });

  it('finds what has been stored a moment ago, later and earlier than everything before', async () => {
    const filter = { ...EVERYTHING.filter, service: 'fresh' };
    const day = 86_400_000_000_000n;
    const found: string[][] = [];
    for (const [i, startNs] of [TEST_START_NS, TEST_START_NS + day, TEST_START_NS - day].entries()) {
      await store.store([aStoredSpan({ traceId: idOf(0xf1 + i), service: 'fresh', startNs })]);
      found.push(await allPages(store, { ...EVERYTHING, filter }));
    }
    expect(found).toEqual([[idOf(0xf1)], [idOf(0xf2), idOf(0xf1)], [idOf(0xf2), idOf(0xf1), idOf(0xf3)]]);
  });

  it('summarises traces that last longer than most', async () => {
    const traceId = 'dc'.repeat(16);
    const spans = [0n, 60n, 3_600n].map((seconds, i) =>
      aStoredSpan({
        traceId,
        spanId: idOf(i + 1, 16),
        parentSpanId: idOf(i, 16),
        service: `long ${i}`,
        startNs: TEST_START_NS + seconds * 1_000_000_000n,
      }),
    );
    await store.store(spans);
    const filter = { ...EVERYTHING.filter, service: 'long 0' };
    const { traces } = await searchTraces(store.context, { ...EVERYTHING, filter });
    expect(traces).toMatchObject([{ traceId, spanCount: 3, services: spans.map(({ service: name }) => ({ name })) }]);
  });

  it('keeps to the range of time behind a position that lies outside of it', async () => {
    const filter = { ...EVERYTHING.filter, service: 'ranged' };
    const traceIds = [idOf(0xe1), idOf(0xe2)];
    const startsNs = [TEST_START_NS, TEST_START_NS + 1_000_000_000n];
    await store.store(
      traceIds.map((traceId, i) => aStoredSpan({ traceId, service: 'ranged', startNs: startsNs[i] ?? 0n })),
    );
    const { traces } = await searchTraces(store.context, {
      ...EVERYTHING,
      filter,
      range: { fromUnixNano: null, toUnixNano: TEST_START_NS },
      after: { startTimeUnixNano: TEST_START_NS + 2_000_000_000n, traceId: idOf(1) },
    });
    expect(traces.map(({ traceId }) => traceId)).toEqual([idOf(0xe1)]);
  });

  it('looks at durations first where it refuses most traces that match, and at matches first where it refuses few', async () => {
    const spans = Array.from({ length: 2_000 }, (_, i) =>
      aStoredSpan({
        traceId: `dd${idOf(i, 30)}`,
        service: 'durations',
        startNs: TEST_START_NS + BigInt(i) * 50_000_000n,
        durationNs: i % 400 === 399 ? 9_000_000_000n : BigInt(i % 2) * 5_000_000n,
      }),
    );
    await store.store(spans);
    const filter = { ...EVERYTHING.filter, service: 'durations' };
    const find = async (minDurationNs: bigint): Promise<{ found: string[]; statements: string[] }> => {
      const statements: string[] = [];
      const query: typeof store.context.engine.query = (sql, options) => {
        statements.push(sql);
        return store.context.engine.query(sql, options);
      };
      const engine = Object.assign(Object.create(store.context.engine) as typeof store.context.engine, { query });
      const { traces } = await searchTraces({ ...store.context, engine }, { ...EVERYTHING, filter, minDurationNs });
      return { found: traces.map(({ traceId }) => traceId), statements };
    };
    const expected = (least: bigint): string[] =>
      spans
        .filter(({ durationNs }) => durationNs >= least)
        .toReversed()
        .slice(0, 20)
        .map(({ traceId }) => traceId);
    const ofDurations = 'HAVING max(start_ns';
    const rare = await find(1_000_000_000n);
    expect(rare.found).toEqual(expected(1_000_000_000n));
    expect(rare.found).toHaveLength(5);
    expect(rare.statements.some((sql) => sql.includes(ofDurations))).toBe(true);
    const frequent = await find(1_000_000n);
    expect(frequent.found).toEqual(expected(1_000_000n));
    expect(frequent.statements.filter((sql) => sql.includes(ofDurations))).toEqual([]);
  });

  it('summarises large traces as it does small ones', async () => {
    const numbers = 'SELECT number FROM numbers(6000)';
    const at = `toInt64(${TEST_START_NS}) + number * 1000`;
    await store.context.engine.command(`INSERT INTO throughline.spans
      (arrival, trace_id, span_id, parent_span_id, service, name, status_code, start_s, start_ns, duration_ns)
SELECT 1, toFixedString(unhex('${idOf(0xb16)}'), 16), toFixedString(unhex(leftPad(hex(number + 1), 16, '0')), 8),
  toFixedString(unhex(if(number = 0, '${'0'.repeat(16)}', '${idOf(1, 16)}')), 8), if(number % 3 = 0, 'huge', 'other'), 'n',
  if(number % 10 = 0, 2, 0), toDateTime(intDiv(${at}, 1000000000), 'UTC'), ${at}, 1000000 FROM (${numbers})`);
    await store.count();
    const filter = { ...EVERYTHING.filter, service: 'huge' };
    const { traces } = await searchTraces(store.context, { ...EVERYTHING, filter });
    expect(traces).toMatchObject([
      {
        traceId: idOf(0xb16),
        rootService: 'huge',
        durationNs: '1000000',
        extentNs: String(5_999 * 1_000 + 1_000_000),
        spanCount: 6_000,
        errorCount: 600,
        services: [
          { name: 'other', spanCount: 4_000 },
          { name: 'huge', spanCount: 2_000 },
        ],
      },
    ]);
  });

  it('takes hostile values as values', async () => {
    const hostile = [
      "'",
      "\\'",
      "'; DROP TABLE throughline.spans; --",
      '\0',
      '\n\n',
      '{x:String}',
      '$1',
      '/*',
      '\u2028',
      '`',
    ];
    await store.store(
      hostile.map((value, i) =>
        aStoredSpan({
          traceId: `ee${idOf(i, 30)}`,
          service: `hostile ${value}`,
          name: value,
          attributes: { [`key ${value}`]: value },
        }),
      ),
    );
    for (const [i, value] of hostile.entries()) {
      const filter = {
        service: `hostile ${value}`,
        operation: value,
        status: null,
        tags: [{ key: `key ${value}`, value }],
      };
      const { traces } = await searchTraces(store.context, { ...EVERYTHING, filter });
      expect(traces.map(({ traceId }) => traceId)).toEqual([`ee${idOf(i, 30)}`]);
    }
  });

  it('starts no further statement once its caller has left', async () => {
    const signal = AbortSignal.abort(new Error('left'));
    await expect(searchTraces({ ...store.context, signal }, EVERYTHING)).rejects.toThrow('left');
  });
});

describe('candidatesSql', () => {
  it('reads as written here', async () => {
    const filter = {
      service: 'shop',
      operation: "it's",
      status: 'error',
      tags: [{ key: 'http.route', value: '/=\\' }],
    } as const;
    const search = { ...EVERYTHING, filter, minDurationNs: 5_000_000n, maxDurationNs: 9_000_000n };
    const window = { fromUnixNano: TEST_START_NS, toUnixNano: TEST_START_NS + 59_999_999_999n };
    const query = { window, crossing: null, after: null, limit: 21, byDuration: true, isLoose: true };
    const newest = candidatesSql(TABLES, EVERYTHING, STORED, [], query, true);
    await expect(newest).toMatchFileSnapshot('snapshots/candidates-newest.sql');
    const after = { matchUnixNano: window.toUnixNano, traceId: 'ab'.repeat(16) };
    const filtered = candidatesSql(
      TABLES,
      search,
      STORED,
      [],
      { ...query, after, crossing: { unixNano: TEST_START_NS, reaches: 'behind' }, isLoose: false },
      true,
    );
    await expect(filtered).toMatchFileSnapshot('snapshots/candidates-filtered.sql');
    const range = { first: 1_700_000_000, last: 1_700_000_059 };
    await expect(longTracesSql(TABLES, range, 10_000)).toMatchFileSnapshot('snapshots/long-traces.sql');
    const farFromRoot = farFromRootSql(TABLES, [], range, { before: 3_600, behind: 3_600 }, 10_000);
    await expect(farFromRoot).toMatchFileSnapshot('snapshots/far-from-root.sql');
    const traceIds = ['ab'.repeat(16)];
    const matches = matchesOfTracesSql(search, STORED, traceIds, [range], false);
    await expect(matches).toMatchFileSnapshot('snapshots/matches-of-traces.sql');
  });
});
