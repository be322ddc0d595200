import { request } from 'node:http';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, startEngine, type StartedEngine } from '../storage/testing/start-engine.ts';
import { allowAll } from '../http/access.ts';
import { json } from '../http/response.ts';
import { ApiServer } from './api-server.ts';
import type { ApiLimits } from './limits.ts';
import { route } from '../http/route.ts';
import { StaticUi } from './static-ui.ts';

let store: StartedEngine;
beforeAll(async () => {
  store = await startEngine();
});
afterAll(async () => {
  await store[Symbol.asyncDispose]();
});

/** A query that takes hours. */
const endless = route({
  path: '/endless',
  operationId: 'endless',
  summary: 'endless',
  answers: { description: '' },
  usesStore: true,
  answer: async ({ signal }) => {
    const sql = 'SELECT count() FROM numbers(400000000000) WHERE cityHash64(number) % 7 = 3';
    return json(await store.engine.query(sql, { format: 'JSONCompactEachRow', timeoutMs: 600_000, signal }));
  },
});

async function serve(limits: Partial<ApiLimits>): Promise<{ api: ApiServer; port: number; registry: Registry }> {
  const registry = new Registry();
  const log = pino({ level: 'silent' });
  const api = new ApiServer({
    routes: [endless],
    ui: new StaticUi(new Map()),
    hostNames: [],
    access: allowAll,
    log,
    registry,
    limits,
  });
  const { port } = await api.start('127.0.0.1', 0);
  return { api, port, registry };
}

/** Statements that the engine works on: a session is free only when its statement has ended. */
async function runningQueries(): Promise<number> {
  const metrics = await store.registry.metrics();
  return Number(/^throughline_engine_running_queries (\d+)$/m.exec(metrics)?.[1]);
}

test('a reader who closes the connection ends the statement in the engine, and frees its turn', async () => {
  const { api, port, registry } = await serve({ concurrentQueries: 1 });
  const readers = Array.from({ length: 3 }, () => {
    const sent = request({ port, host: '127.0.0.1', path: '/endless', agent: false });
    sent.on('error', () => {});
    sent.end();
    return sent;
  });
  for (const reader of readers) {
    await eventually(async () => (await runningQueries()) === 1);
    reader.destroy();
  }
  await eventually(async () => (await runningQueries()) === 0);
  await expect.poll(() => registry.metrics()).toContain('{route="/endless",status="499"} 3');
  await api.close(0);
});

test('a query that takes too long is answered 504, and its statement ends', async () => {
  const { api, port, registry } = await serve({ responseTimeoutMs: 200, queuedQueriesMax: 0, concurrentQueries: 1 });
  const slow = fetch(`http://127.0.0.1:${port}/endless`);
  await eventually(async () => (await runningQueries()) === 1);
  const refused = await fetch(`http://127.0.0.1:${port}/endless`);
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
  const answer = await slow;
  expect([answer.status, await answer.json()]).toMatchObject([504, { error: { code: 'timeout' } }]);
  await eventually(async () => (await runningQueries()) === 0);
  const metrics = await registry.metrics();
  expect(metrics).toContain('throughline_limit_reached_total{limit="http.responseTimeoutMs"} 1');
  expect(metrics).toContain('throughline_limit_reached_total{limit="http.queuedQueriesMax"} 1');
  await api.close(0);
});
