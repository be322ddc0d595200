import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withUsual } from '@throughline/trace';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findTraceRows } from '../query/trace.ts';
import { resultOf } from '../query/trace-query.ts';
import { idOf } from '../query/testing/plain-search.ts';
import { openTestStore, type StoredSpan, type TestStore } from '../query/testing/test-store.ts';
import type { EmbeddedEngine } from '../storage/embedded/embedded-engine.ts';
import { findNormal } from './find-normal.ts';
import { NORMALS_LIMITS } from './normals-limits.ts';
import { NormalsJob } from './normals-job.ts';
import { purchases, spansOf, type Purchase } from './testing/simple-traces.ts';
import { usualDurations } from './usual-durations.ts';

/** The begin of ten minutes. */
const BEGIN_S = 1_790_000_400;
const SLOW: Purchase = { number: 5_000, startS: BEGIN_S + 900, paymentMs: 3_000, hasFailed: false, weight: 1 };
/** Payment called by somebody else, seldom. */
const OTHERS = 5;
/** Calls that one trace makes one after the other. */
const LIKE_CALLS = 50;
const MANY: Purchase = { ...SLOW, number: 6_000, startS: BEGIN_S + 60 };

function withLikeCalls(purchase: Purchase): StoredSpan[] {
  const spans = spansOf(purchase);
  const root = spans.at(0)!;
  const calls = Array.from({ length: LIKE_CALLS }, (_, at) => ({
    ...root,
    spanId: idOf(100 + at, 16),
    parentSpanId: root.spanId,
    service: 'thumbnails',
    name: 'GET /thumbnail',
    startNs: root.startNs + BigInt(at) * 1_000_000n,
    durationNs: 900_000n,
  }));
  return [...spans, ...calls];
}

describe('what is usual for the spans of a story', () => {
  let store: TestStore;
  const all = purchases(BEGIN_S, 10, 30);
  beforeAll(async () => {
    store = await openTestStore();
    const others = purchases(BEGIN_S, 1, OTHERS, 900).flatMap((purchase) =>
      spansOf({ ...purchase, paymentMs: 3_000 }).map((span) =>
        span.service === 'web' ? { ...span, service: 'partner', resource: { 'service.name': 'partner' } } : span,
      ),
    );
    await store.put([...all.flatMap(spansOf), ...others, ...withLikeCalls(MANY), ...spansOf(SLOW)], 1);
    await store.count();
    const directory = mkdtempSync(join(tmpdir(), 'throughline-usual-'));
    const untilMs = (BEGIN_S + 700) * 1_000;
    const job = new NormalsJob({
      engine: store.context.engine as EmbeddedEngine,
      directory,
      registry: new Registry(),
      limits: { ...NORMALS_LIMITS, catchUpMs: 600_000, traceLengthMs: 10_000 },
      storedUntilMs: () => Promise.resolve(untilMs),
      now: () => untilMs,
      workerPath: new URL('../../dist/normals/normals-worker.js', import.meta.url),
    });
    while (await job.measureNext(new AbortController().signal));
    await job.close();
    rmSync(directory, { recursive: true, force: true });
  });
  afterAll(() => store.close());

  const told = async ({ number }: Purchase) => {
    const rows = await findTraceRows(store.context, idOf(number * 7_919 + 1), null);
    if (rows === null || rows === 'as_known') throw new Error('the trace is not stored');
    const { story, places } = resultOf('placedStory', rows).answer;
    const usual = await usualDurations(store.context, places);
    return { story: withUsual(story, places, ({ spanIndex }) => usual.get(spanIndex) ?? null), places, usual };
  };

  test('is that of their paths, and stands in the story', async () => {
    const { story, places, usual } = await told(SLOW);
    expect(places.map(({ service, operation }) => `${service} ${operation}`)).toEqual([
      'web POST /buy',
      'payment POST /pay',
    ]);
    const exact = all.map(({ paymentMs }) => paymentMs).toSorted((a, b) => a - b);
    const [ofRoot, ofPayment] = places.map(({ spanIndex }) => usual.get(spanIndex));
    expect([ofRoot?.count, ofPayment?.count]).toEqual([all.length + 1, all.length + 1]);
    // Weights are dealt evenly enough that the middle of them is near the middle.
    expect(ofPayment!.p50Ns / 1e6 / exact[exact.length / 2]!).toBeCloseTo(1, 0);
    expect(ofRoot!.p50Ns).toBeGreaterThan(ofPayment!.p50Ns);
    expect(story.clauses.filter(({ kind }) => kind === 'usual')).toHaveLength(2);
  });

  test('is not told of a time of which nothing was measured', async () => {
    const { places } = await told(SLOW);
    const early = places.map((place) => ({ ...place, startTimeUnixNano: '1700000000000000000' }));
    expect((await usualDurations(store.context, early)).size).toBe(0);
  });

  test('has nothing of the ten minutes in which the trace begins: the trace itself is among them', async () => {
    const { places } = await told(SLOW);
    const at = (...seconds: number[]) =>
      usualDurations(
        store.context,
        places.map((place, index) => ({
          ...place,
          startTimeUnixNano: String(BigInt(BEGIN_S + seconds.at(index)!) * 1_000_000_000n),
        })),
      );
    expect((await at(599, 599)).size).toBe(0);
    // It goes on in the next ten minutes.
    expect((await at(599, 601)).size).toBe(0);
    expect((await at(600, 601)).size).toBe(2);
  });

  test('is not told of many calls of one trace', async () => {
    const { places } = await told(SLOW);
    const place = { ...places.at(0)!, service: 'thumbnails', operation: 'GET /thumbnail', path: 'f'.repeat(16) };
    const normal = await findNormal(store.context, {
      ...place,
      atUnixNano: BigInt(SLOW.startS) * 1_000_000_000n,
    });
    expect(normal).toMatchObject({ count: LIKE_CALLS, traces: 1, source: { of: 'operation', over: 'day' } });
    expect((await usualDurations(store.context, [place])).size).toBe(0);
  });

  test('comes from the operation, and from the day, where a path has too few spans', async () => {
    const rows = await findTraceRows(store.context, idOf(901 * 7_919 + 1), null);
    if (rows === null || rows === 'as_known') throw new Error('the trace is not stored');
    const { places } = resultOf('placedStory', rows).answer;
    const payment = places.find(({ operation }) => operation === 'POST /pay')!;
    const at = (hours: number, path = payment.path) =>
      findNormal(store.context, {
        ...payment,
        path,
        atUnixNano: BigInt(BEGIN_S + hours * 3_600 + 900) * 1_000_000_000n,
      });
    const inHour = await at(0);
    expect(inHour).toMatchObject({ count: all.length + 1 + OTHERS, source: { of: 'operation', over: 'hour' } });
    expect(await at(5)).toMatchObject({ count: all.length + 1 + OTHERS, source: { of: 'operation', over: 'day' } });
    expect(await at(30)).toBeNull();
    const usual = (await told(all.at(0)!)).places.find(({ operation }) => operation === 'POST /buy')!;
    const ofPath = await findNormal(store.context, {
      ...usual,
      atUnixNano: BigInt(BEGIN_S + 5 * 3_600) * 1_000_000_000n,
    });
    expect(ofPath).toMatchObject({ count: all.length + 1, source: { of: 'path', over: 'day' } });
  });
});
