import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { storedSource } from '../query/span-sources.ts';
import { idOf } from '../query/testing/plain-search.ts';
import {
  aStoredSpan,
  openTestStore,
  TEST_START_NS,
  type StoredSpan,
  type TestStore,
} from '../query/testing/test-store.ts';
import { EngineError, type Engine } from '../storage/engine.ts';
import { ErrorFinder, type ErrorsQuery } from './error-finder.ts';
import { earlierErrorsSql, errorCountSql, errorSpansSql } from './error-sql.ts';
import { INSIGHT_LIMITS } from './insight-limits.ts';
import { InsightThread } from './insight-thread.ts';

const workerPath = new URL('../../dist/insight/insight-worker.js', import.meta.url);
const HOUR_NS = 3_600_000_000_000n;
const FROM = TEST_START_NS + 24n * HOUR_NS;
const WINDOW = { fromUnixNano: FROM, toUnixNano: FROM + HOUR_NS };
const TRACES = 200;

let traces = 0;
/** web calls the bank, which fails. */
function aFailure(startNs: bigint, bank: Partial<StoredSpan> = {}): StoredSpan[] {
  traces += 1;
  const failed = { traceId: idOf(traces * 7919), startNs, statusCode: 2 };
  return [
    aStoredSpan({ ...failed, spanId: idOf(1, 16), service: 'web', name: 'POST /buy', kind: 2 }),
    aStoredSpan({
      ...failed,
      spanId: idOf(2, 16),
      parentSpanId: idOf(1, 16),
      startNs: startNs + 1_000n,
      service: 'bank',
      name: 'POST /charge',
      kind: 2,
      traceState: 'ot=th:8',
      event: { 'exception.type': 'CardError', 'exception.message': `card ${traces} declined` },
      resource: { 'service.version': '1.4.2' },
      ...bank,
    }),
  ];
}

const inOrder = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

const said = (text: string) => ({ event: { 'exception.type': 'E', 'exception.message': text } });
const worded = (at: number) => [
  `user "${'abcdefghij'.charAt(at % 10)}${at}" has no order ${at * 7_919} in ${idOf(at * 104_729)}`,
  `{"fault":"card declined","order":${at}}`,
];

const typed = (type: string) => ({ attributes: { 'error.type': type } });

/** web calls the gateway, which fails, and may have called payment. */
const gateway = (type: string, startNs: bigint, deeper: readonly Partial<StoredSpan>[]): StoredSpan[] => {
  const spans = aFailure(startNs, { ...typed(type), service: 'gateway', name: 'POST /pay' });
  const { traceId } = spans.at(0)!;
  const failed = { traceId, statusCode: 2, service: 'payment', spanId: idOf(3, 16), parentSpanId: idOf(2, 16) };
  return [...spans, ...deeper.map((more) => aStoredSpan({ startNs: startNs + 2_000n, ...failed, ...more }))];
};

let store: TestStore;
beforeAll(async () => {
  store = await openTestStore();
  await store.store([
    ...Array.from({ length: TRACES }, (_, at) => aFailure(FROM + (HOUR_NS * BigInt(at)) / BigInt(TRACES))).flat(),
    ...aFailure(FROM - 9_000n),
    ...aFailure(FROM + 5n, typed('New')),
    ...aFailure(FROM + 6n, typed('Back')),
    ...aFailure(FROM - 20n * HOUR_NS, typed('Back')),
    ...aFailure(FROM - 7_000n, typed('Gone')),
    ...aFailure(FROM + 8n, typed('TimeoutError')),
    // Its callee fails when the window is over.
    ...aFailure(FROM + HOUR_NS - 500n, typed('Later')),
    aStoredSpan({ traceId: idOf(1), startNs: FROM, service: 'fine' }),
  ]);
});
afterAll(() => store.close());

async function find(
  query: Partial<ErrorsQuery> = {},
  limits: Partial<typeof INSIGHT_LIMITS> = {},
  context = store.context,
) {
  const registry = new Registry();
  const all = { registry, limits: { ...INSIGHT_LIMITS, ...limits } };
  const thread = new InsightThread({ ...all, workerPath });
  try {
    const finder = new ErrorFinder({ ...all, thread });
    const found = await finder.find(context, { window: WINDOW, service: null, skip: 0, limit: 100, ...query });
    return { ...found, metrics: await registry.metrics() };
  } finally {
    await thread.close();
  }
}

/** Whose statements of some kind take too much memory. */
function thatFails(engine: Engine, isMeant: (sql: string) => boolean): Engine {
  return new Proxy(engine, {
    get: (target, name) => {
      if (name === 'tables') return target.tables;
      return (...given: Parameters<Engine['query']>) =>
        isMeant(given[0]) ? Promise.reject(new EngineError('too_large', 'out of memory')) : target.query(...given);
    },
  });
}

describe('failures that are stored', () => {
  test('are grouped by where and why they began', async () => {
    const { groups, failedSpanCount, share, lookedBackToUnixNano, metrics } = await find();
    expect(Object.fromEntries(groups.map(({ type, state }) => [type, state]))).toEqual({
      CardError: 'ongoing',
      Back: 'back',
      New: 'new',
      TimeoutError: 'new',
      Gone: 'gone',
    });
    expect([groups.at(0)?.type, groups.at(-1)?.type, groups.length]).toEqual(['CardError', 'Gone', 5]);
    expect(groups.at(0)).toMatchObject({
      service: 'bank',
      operation: 'POST /charge',
      kind: 'error',
      message: 'card # declined',
      count: TRACES,
      estimatedCount: 2 * TRACES,
      estimatedCountBefore: 2,
      firstUnixNano: FROM - 8_000n,
      versions: [{ version: '1.4.2', count: TRACES }],
    });
    expect(groups.find(({ type }) => type === 'TimeoutError')?.kind).toBe('timeout');
    expect(groups.find(({ type }) => type === 'Back')?.firstUnixNano).toBe(FROM - 20n * HOUR_NS + 1_000n);
    expect([failedSpanCount, share]).toEqual([2 * (TRACES + 3) + 1, 1]);
    expect(lookedBackToUnixNano).toBe(FROM - 20n * HOUR_NS);
    expect(metrics).toContain('throughline_insight_questions_total{question="errors",outcome="answered"} 1');
    expect(metrics).toContain('throughline_insight_sampled_errors_total 0');
  });

  test('are new where earlier ones of the same kind were explained by a failed child', async () => {
    await using other = await openTestStore();
    const lookedBackTo = FROM - HOUR_NS;
    await other.store([
      ...gateway('Explained', FROM, []),
      ...gateway('Explained', FROM - 10n * HOUR_NS, [{}]),
      // The child begins when what is looked back at has ended.
      ...gateway('Explained', lookedBackTo - 1_500n, [{ startNs: lookedBackTo + 5n }]),
      ...gateway('Own', FROM, []),
      ...gateway('Own', FROM - 10n * HOUR_NS, [{ statusCode: 0 }]),
      ...gateway('Itself', FROM, []),
      ...gateway('Itself', FROM - 10n * HOUR_NS, []).map((span) =>
        span.service === 'gateway' ? { ...span, parentSpanId: span.spanId } : span,
      ),
    ]);
    const { groups } = await find({ service: 'gateway' }, {}, other.context);
    expect(Object.fromEntries(groups.map(({ type, state }) => [type, state]))).toEqual({
      Explained: 'new',
      Itself: 'back',
      Own: 'back',
    });
  });

  test('are known by one of many that differ in numbers, IDs and quoted text, and since when', async () => {
    await using other = await openTestStore();
    const first = FROM - 20n * HOUR_NS;
    const often = Array.from({ length: 300 }, (_, at) =>
      worded(at).flatMap((text) => aFailure(first + BigInt(at) * 1_000_000n, said(text))),
    ).flat();
    await other.store([
      ...often,
      ...aFailure(FROM - 21n * HOUR_NS, said('{"fault":"no such user","order":1}')),
      ...[...worded(7), '{"fault":"no such user","order":2}', '{"fault":"db down","order":3}'].flatMap((text) =>
        aFailure(FROM, said(text)),
      ),
    ]);
    const { groups, lookedBackToUnixNano } = await find({}, { errorSpansMax: 100 }, other.context);
    expect(
      groups
        .map(({ state, firstUnixNano }) => [state, firstUnixNano - FROM])
        .map(String)
        .toSorted(inOrder),
    ).toEqual(
      [
        ['back', 1_000n - 20n * HOUR_NS],
        ['back', 1_000n - 20n * HOUR_NS],
        ['back', 1_000n - 21n * HOUR_NS],
        ['new', 1_000n],
      ]
        .map(String)
        .toSorted(inOrder),
    );
    expect(lookedBackToUnixNano).toBe(FROM - 21n * HOUR_NS);
  });

  test('say how far back they were looked for where very many kinds were seen', async () => {
    await using other = await openTestStore();
    const kinds = 150;
    const at = (kind: number) => FROM - 3n * HOUR_NS - BigInt(kind) * 60_000_000_000n;
    await other.store([
      ...Array.from({ length: kinds }, (_, kind) => aFailure(at(kind), typed(`kind ${kind}`))).flat(),
      ...aFailure(FROM, typed('kind 3')),
      ...aFailure(FROM, typed('kind 140')),
    ]);
    const { groups, lookedBackToUnixNano } = await find({}, { errorSpansMax: 100 }, other.context);
    expect(Object.fromEntries(groups.map(({ type, state }) => [type, state]))).toEqual({
      'kind 3': 'back',
      'kind 140': 'new',
    });
    expect(lookedBackToUnixNano).toBe(at(99) + 1_000n);
  });

  test('are looked for earlier at many places with long names', async () => {
    await using other = await openTestStore();
    const services = Array.from({ length: 400 }, (_, at) => `${at} ${"it's a long name of a service ".repeat(30)}`);
    const name = 'GET /a/path/that/is/long'.repeat(20);
    const at = (startNs: bigint) => services.flatMap((service) => aFailure(startNs, { service, name }));
    await other.store([...at(FROM), ...at(FROM - 10n * HOUR_NS)]);
    const { groups, lookedBackToUnixNano } = await find({ limit: 500 }, {}, other.context);
    expect(groups.filter(({ state }) => state === 'back').length).toBe(400);
    expect(lookedBackToUnixNano).toBe(FROM - 10n * HOUR_NS);
  });

  test('are grouped also when the store does not answer what was earlier', async () => {
    const { engine } = store.context;
    const context = { ...store.context, engine: thatFails(engine, (sql) => sql.includes('first_ns')) };
    const { groups, lookedBackToUnixNano, metrics } = await find({}, {}, context);
    expect(groups.find(({ type }) => type === 'Back')?.state).toBe('new');
    expect(lookedBackToUnixNano).toBe(FROM - HOUR_NS);
    expect(metrics).toContain('throughline_insight_short_lookbacks_total 1');
    const silent = { ...store.context, engine: thatFails(engine, () => true) };
    await expect(find({}, {}, silent)).rejects.toThrow('out of memory');
  });

  test('are those of one service, a page at a time', async () => {
    expect((await find({ service: 'web' })).groups).toEqual([]);
    const all = await find({ service: 'bank' });
    const pages = [await find({ service: 'bank', limit: 2 }), await find({ service: 'bank', skip: 2, limit: 100 })];
    expect(pages.flatMap(({ groups }) => groups)).toEqual(all.groups);
    expect(pages.map(({ groupCount }) => groupCount)).toEqual([5, 5]);
  });

  test('are counted by a share of the traces if there are many, and their number is about right', async () => {
    const { groups, share, readSpanCount, failedSpanCount, metrics } = await find({}, { errorSpansMax: 100 });
    expect(share).toBeCloseTo(100 / failedSpanCount, 9);
    expect(readSpanCount).toBeLessThan(200);
    const [most] = groups;
    expect(most?.type).toBe('CardError');
    expect(most?.estimatedCount).toBeGreaterThan(2 * TRACES * 0.6);
    expect(most?.estimatedCount).toBeLessThan(2 * TRACES * 1.5);
    expect(metrics).toContain('throughline_insight_sampled_errors_total 1');
  });

  test('are none where nothing fails, and nothing was looked back to', async () => {
    const empty = await find({ window: { fromUnixNano: 5n, toUnixNano: 6n } });
    expect(empty).toMatchObject({ groups: [], groupCount: 0, failedSpanCount: 0, lookedBackToUnixNano: 5n });
  });

  test('that nobody waits for any more are given up', async () => {
    const registry = new Registry();
    const all = { registry, limits: INSIGHT_LIMITS };
    const thread = new InsightThread({ ...all, workerPath });
    const leaving = new AbortController();
    const asked = new ErrorFinder({ ...all, thread }).find(
      { ...store.context, signal: leaving.signal },
      { window: WINDOW, service: null, skip: 0, limit: 1 },
    );
    leaving.abort(new Error('left'));
    await expect(asked).rejects.toThrow('left');
    expect(await registry.metrics()).toContain('questions_total{question="errors",outcome="left"} 1');
    await thread.close();
  });

  test('are asked for by readable SQL', async () => {
    const source = storedSource(store.context.engine.tables);
    const before = { fromUnixNano: FROM - HOUR_NS, toUnixNano: FROM };
    const places = [
      { service: 'bank', operation: "it's" },
      { service: 'web', operation: null },
    ];
    await expect(errorCountSql(source, before, WINDOW)).toMatchFileSnapshot('snapshots/error-count.sql');
    await expect(errorSpansSql(source, WINDOW, 0.25)).toMatchFileSnapshot('snapshots/error-spans.sql');
    const look = { range: before, places, rowsMax: 20_000, all: [source], childrenNs: 60_000_000_000n };
    await expect(earlierErrorsSql(source, look)).toMatchFileSnapshot('snapshots/earlier-errors.sql');
  });
});
