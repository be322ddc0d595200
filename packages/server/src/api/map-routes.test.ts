import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MapResponse } from '@throughline/trace/client';
import { quantilesOf } from '@throughline/trace/insight';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NormalsJob } from '../normals/normals-job.ts';
import { NORMALS_LIMITS } from '../normals/normals-limits.ts';
import { purchases, spansOf } from '../normals/testing/simple-traces.ts';
import { openTestStore, type TestStore } from '../query/testing/test-store.ts';
import type { EmbeddedEngine } from '../storage/embedded/embedded-engine.ts';
import { mapRoutes } from './map-routes.ts';
import { StoreAnswers } from './store-answers.ts';

/** The begin of ten minutes. */
const BEGIN_S = 1_790_000_400;
const NOW_MS = (BEGIN_S + 1_200) * 1_000;

/** In nanoseconds, of a bucket of a sketch. */
function valueOf(bucket: number): number {
  return quantilesOf([[bucket, 1]], [0.5]).at(0)!;
}

function ids({ nodes }: MapResponse): string[] {
  return nodes.map(({ id }) => id).toSorted();
}

describe('the map of services', () => {
  let store: TestStore;
  const all = purchases(BEGIN_S, 10, 30);
  beforeAll(async () => {
    store = await openTestStore();
    await store.put(all.flatMap(spansOf), 1);
    const directory = mkdtempSync(join(tmpdir(), 'throughline-map-'));
    const job = new NormalsJob({
      engine: store.context.engine as EmbeddedEngine,
      directory,
      registry: new Registry(),
      limits: { ...NORMALS_LIMITS, catchUpMs: 1_200_000 },
      storedUntilMs: () => Promise.resolve(NOW_MS),
      now: () => NOW_MS,
      workerPath: new URL('../../dist/normals/normals-worker.js', import.meta.url),
    });
    while (await job.measureNext(new AbortController().signal));
    await job.close();
    rmSync(directory, { recursive: true, force: true });
  });
  afterAll(() => store.close());

  const ask = async (query: Readonly<Record<string, string>> = {}): Promise<MapResponse> => {
    const answers = new StoreAnswers({ query: store.context, registry: new Registry(), shardsAway: () => 0 });
    const route = mapRoutes({ answers, now: () => NOW_MS }).at(0)!;
    const { body } = await route.handle({
      path: {},
      query: new URLSearchParams(query),
      headers: {},
      body: new Uint8Array(),
      access: { isAllowed: true },
      signal: new AbortController().signal,
    });
    return JSON.parse(body as string) as MapResponse;
  };
  const weight = all.reduce((sum, purchase) => sum + purchase.weight, 0);

  test('has what was measured in a range, as estimates from sampling weights', async () => {
    const from = String(BigInt(BEGIN_S) * 1_000_000_000n);
    const map = await ask({ from, to: String(BigInt(BEGIN_S + 600) * 1_000_000_000n) });
    expect(map).toMatchObject({
      fromUnixNano: from,
      measuredSeconds: 600,
      measuredUntilUnixNano: String(BigInt(BEGIN_S + 600) * 1_000_000_000n),
      storedSpanCount: 1_200,
      readSpanCount: 1_200,
      share: 1,
      truncated: false,
    });
    expect(ids(map)).toEqual(['clients', 'database:orders database', 'service:payment', 'service:web']);
    const edge = map.edges.find(({ to }) => to === 'service:payment')!;
    expect(edge).toMatchObject({ from: 'service:web', sampledCalls: 300, estimate: { basis: 'estimated' } });
    expect(edge.callsPerSecond).toBeCloseTo(weight / 600, 6);
    const sorted = all
      .flatMap(({ paymentMs, weight: times }) => Array.from({ length: times }, () => paymentMs + 10))
      .toSorted((a, b) => a - b);
    const exact = sorted[Math.ceil(sorted.length / 2) - 1]! * 1e6;
    expect(Math.abs(edge.p50Ns! - exact) / exact).toBeLessThanOrEqual(0.021);
    const failed = all.filter(({ hasFailed }) => hasFailed).reduce((sum, one) => sum + one.weight, 0);
    expect(edge.errorRate).toBeCloseTo(failed / weight, 6);
  });

  test('is that of the last hour by default, around a service, and as large as asked for', async () => {
    expect(ids(await ask())).toHaveLength(4);
    expect(ids(await ask({ service: 'payment', depth: '1' }))).toEqual([
      'database:orders database',
      'service:payment',
      'service:web',
    ]);
    expect(ids(await ask({ service: 'payment' }))).toHaveLength(4);
    expect(await ask({ service: 'nobody' })).toMatchObject({ nodes: [], edges: [] });
    const one = await ask({ limit: '1' });
    expect([one.edges.length, one.truncated]).toEqual([1, true]);
  });

  test('says where nothing has been measured, and rejects ranges that are none', async () => {
    const map = await ask({ from: '1700000000', to: '1700000100' });
    expect(map).toMatchObject({ measuredSeconds: 0, measuredUntilUnixNano: null, nodes: [], edges: [] });
    await expect(ask({ from: '1700000100', to: '1700000000' })).rejects.toThrow(/before/);
    await expect(ask({ from: '1700000000', to: '1790000000' })).rejects.toThrow(/31 days/);
  });
});

test('a map has the few calls of a service beside thousands of others, with how long they take', async () => {
  await using store = await openTestStore();
  const engine = store.context.engine as EmbeddedEngine;
  const { call_edges: edges, normal_steps: steps } = engine.tables;
  const time = `toDateTime(${BEGIN_S})`;
  await engine.command(
    `INSERT INTO ${steps.write} (time, run, steps, stored_spans, taken_spans, share)
VALUES (${time}, 7, 5, 4000, 4200, 1), (${time}, 7, 5, 6000, 2900, 0.5)`,
  );
  const insert = (select: string): Promise<void> =>
    engine.command(`INSERT INTO ${edges.write} (time, run, service_name, callee_kind, callee, calls, weight,
\`latencyMap.bucket\`, \`latencyMap.weight\`) SELECT ${time}, 7, ${select}`);
  await insert(`'hub', 'service', concat('s', toString(number)), 100, 100, [100, 300], [60., 40.] FROM numbers(7000)`);
  await insert(`'it''s rare', 'database', 'lonely', 2, 2, [200], [2.]`);
  const answers = new StoreAnswers({ query: store.context, registry: new Registry(), shardsAway: () => 0 });
  const route = mapRoutes({ answers, now: () => NOW_MS }).at(0)!;
  const ask = async (query: Readonly<Record<string, string>>): Promise<MapResponse> => {
    const { body } = await route.handle({
      path: {},
      query: new URLSearchParams(query),
      headers: {},
      body: new Uint8Array(),
      access: { isAllowed: true },
      signal: new AbortController().signal,
    });
    return JSON.parse(body as string) as MapResponse;
  };
  const rare = await ask({ service: "it's rare" });
  expect(rare.edges).toMatchObject([{ from: "service:it's rare", to: 'database:lonely', sampledCalls: 2 }]);
  expect(rare.edges.at(0)!.p50Ns).toBeCloseTo(valueOf(200), 0);
  expect(rare.truncated).toBe(false);
  expect(rare).toMatchObject({ storedSpanCount: 10_000, readSpanCount: 7_100, share: 0.5 });
  const most = await ask({ limit: '600' });
  expect([most.edges.length, most.truncated]).toEqual([600, true]);
  expect(new Set(most.edges.map(({ p50Ns, p95Ns }) => `${p50Ns} ${p95Ns}`))).toEqual(
    new Set([`${valueOf(100)} ${valueOf(300)}`]),
  );
});
