import { similarTraces, traceFromOtlp } from '@throughline/trace';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { storedSource } from './span-sources.ts';
import { findLikeTraces, findRoot, fittingTraces, likeRootCountSql, likeRootsSql } from './like-traces.ts';
import { resultOfSeveral, TYPICAL_TRACES_MIN } from './several-traces.ts';
import { idOf } from './testing/plain-search.ts';
import { aStoredSpan, openTestStore, TEST_START_NS, type StoredSpan, type TestStore } from './testing/test-store.ts';
import { assembleTraces, findTraceRows } from './trace.ts';

const SECOND_NS = 1_000_000_000n;
const MS_NS = 1_000_000n;
const TRACES = 60;
const OWN = idOf(7);
const RANGE = { fromUnixNano: TEST_START_NS, toUnixNano: TEST_START_NS + 3_600n * SECOND_NS };

/** web calls db; every tenth trace calls a cache as well. */
function aTrace(at: number, overrides: Partial<StoredSpan> = {}): StoredSpan[] {
  const startNs = TEST_START_NS + BigInt(at) * 30n * SECOND_NS;
  const base = { traceId: idOf(at), startNs, ...overrides };
  const child = { ...base, parentSpanId: idOf(1, 16), kind: 3, durationNs: 10n * MS_NS };
  return [
    aStoredSpan({
      ...base,
      spanId: idOf(1, 16),
      service: 'web',
      name: 'GET /cart',
      durationNs: BigInt(50 + at) * MS_NS,
    }),
    aStoredSpan({ ...child, spanId: idOf(2, 16), service: 'web', name: 'SELECT carts' }),
    ...(at % 10 === 7 ? [aStoredSpan({ ...child, spanId: idOf(3, 16), service: 'cache', name: 'GET' })] : []),
  ];
}

let store: TestStore;
beforeAll(async () => {
  store = await openTestStore();
  await store.store([
    ...Array.from({ length: TRACES }, (_, at) => aTrace(at)).flat(),
    aStoredSpan({ traceId: idOf(1_000), service: 'web', name: 'GET /other' }),
    aStoredSpan({ traceId: idOf(1_001), service: 'shop', name: 'GET /cart' }),
    aStoredSpan({ traceId: idOf(1_002), service: 'web', name: 'GET /cart', parentSpanId: idOf(9, 16) }),
  ]);
});
afterAll(() => store.close());

const ROOT = { service: 'web', operation: 'GET /cart' };

describe('traces of the same root', () => {
  it('are those whose root has the name and the service, without the trace itself', async () => {
    expect(await findRoot(store.context, OWN)).toEqual({ ...ROOT, startUnixNano: TEST_START_NS + 210n * SECOND_NS });
    const { foundCount, leftOutCount, answers } = await findLikeTraces(store.context, OWN, ROOT, RANGE);
    expect([foundCount, leftOutCount]).toEqual([TRACES - 1, 0]);
    const traces = assembleTraces(answers);
    expect([...traces.keys()].toSorted()).toEqual(
      Array.from({ length: TRACES }, (_, at) => idOf(at))
        .filter((id) => id !== OWN)
        .toSorted(),
    );
    expect(traceFromOtlp(traces.get(idOf(17))!).spanCount).toBe(3);
  });

  it('start in the range', async () => {
    const toUnixNano = TEST_START_NS + 90n * SECOND_NS;
    const { foundCount } = await findLikeTraces(store.context, OWN, ROOT, { ...RANGE, toUnixNano });
    expect(foundCount).toBe(4);
  });

  it('are none of a trace without a root, and of one that is not stored', async () => {
    expect(await findRoot(store.context, idOf(1_002))).toBeNull();
    expect(await findRoot(store.context, idOf(5_000))).toBeNull();
    const none = await findLikeTraces(store.context, OWN, { service: "it's\0", operation: '\\' }, RANGE);
    expect(none).toEqual({ foundCount: 0, leftOutCount: 0, answers: [], weights: new Map() });
  });

  it('are a sample if there are many: the same one for whoever asks', async () => {
    const context = { ...store.context, limits: { ...store.context.limits, likeTracesMax: 10 } };
    const read = async (of: string) => {
      const { foundCount, answers } = await findLikeTraces(context, of, ROOT, RANGE);
      return { foundCount, ids: new Set(assembleTraces(answers).keys()) };
    };
    const [one, other] = [await read(OWN), await read(idOf(8))];
    expect([one.foundCount, one.ids.size, other.ids.size]).toEqual([TRACES - 1, 10, 10]);
    expect([...one.ids].filter((id) => other.ids.has(id)).length).toBeGreaterThanOrEqual(9);
  });

  it('are fewer if they have too many spans, or too many bytes', async () => {
    const limits = { ...store.context.limits, likeSpansMax: 20 };
    const few = await findLikeTraces({ ...store.context, limits }, OWN, ROOT, RANGE);
    const spans = [...assembleTraces(few.answers).values()].map((data) => traceFromOtlp(data).spanCount);
    expect(spans.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(20);
    expect(spans.length).toBeGreaterThan(5);
    expect(few.leftOutCount).toBe(TRACES - 1 - spans.length);
    const narrow = { ...store.context.limits, traceBytesMax: 4_000 };
    const { leftOutCount, answers } = await findLikeTraces({ ...store.context, limits: narrow }, OWN, ROOT, RANGE);
    expect(answers.reduce((sum, { length }) => sum + length, 0)).toBeLessThanOrEqual(4_000);
    expect(leftOutCount).toBeGreaterThan(20);
  });

  it('that are too large by themselves leave room for others', () => {
    const counts = new Map([
      ['a', 50],
      ['b', 900],
      ['c', 60],
      ['gone', 0],
    ]);
    expect(fittingTraces(['a', 'b', 'gone', 'c'], counts, 120)).toEqual(['a', 'c']);
  });

  it('show what is typical, and which is the most similar', async () => {
    const trace = await findTraceRows(store.context, OWN);
    if (trace === null) throw new Error('the trace is not stored');
    const { answers: others, weights } = await findLikeTraces(store.context, OWN, ROOT, RANGE);
    const similar = resultOfSeveral({ query: 'similar', trace, others, limit: 3 });
    expect(similar.comparedCount).toBe(TRACES - 1);
    expect(similar.traces.map(({ traceId }) => traceId)).toContain(idOf(17));
    expect(similar.traces).toEqual(
      similarTraces(
        traceFromOtlp(assembleTraces(trace.answers).get(OWN)!),
        [...assembleTraces(others).values()].map((data) => traceFromOtlp(data)),
        3,
      ),
    );
    const { comparison } = resultOfSeveral({ query: 'typical', trace, others, weights });
    expect(comparison?.traceIdB).toBe(OWN);
    expect(comparison?.paths.find(({ operation }) => operation === 'GET')).toMatchObject({ differences: ['only-b'] });
    const few = { ...store.context, limits: { ...store.context.limits, likeTracesMax: TYPICAL_TRACES_MIN - 1 } };
    const tooFew = await findLikeTraces(few, OWN, ROOT, RANGE);
    expect(resultOfSeveral({ query: 'typical', trace, others: tooFew.answers, weights: tooFew.weights })).toEqual({
      comparedCount: TYPICAL_TRACES_MIN - 1,
      comparison: null,
    });
  });

  it('of which a sampler kept all failures show what is typical of the requests, not of what was kept', async () => {
    await using sampled = await openTestStore();
    await sampled.store([
      ...Array.from({ length: 40 }, (_, at) => aTrace(at, { statusCode: 2, durationNs: 3_000n * MS_NS })).flat(),
      ...Array.from({ length: 20 }, (_, at) => aTrace(100 + at, { traceState: 'ot=th:fd70a4' })).flat(),
    ]);
    const trace = await findTraceRows(sampled.context, OWN);
    if (trace === null) throw new Error('the trace is not stored');
    const { answers: others, weights } = await findLikeTraces(sampled.context, OWN, ROOT, RANGE);
    expect([weights.get(idOf(8)), Math.round(weights.get(idOf(105)) ?? 0), weights.size]).toEqual([1, 100, 59]);
    const { comparison } = resultOfSeveral({ query: 'typical', trace, others, weights });
    expect(comparison?.traceIdA).toBe(idOf(109));
  });

  it('are asked for by readable SQL', async () => {
    const source = storedSource(store.context.engine.tables);
    const ask = { traceId: OWN, ...ROOT, range: RANGE };
    await expect(likeRootsSql(source, ask, 64)).toMatchFileSnapshot('snapshots/like-roots.sql');
    await expect(likeRootCountSql(source, ask)).toMatchFileSnapshot('snapshots/like-root-count.sql');
  });
});
