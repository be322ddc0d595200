import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, startEngine, type StartedEngine } from './testing/start-engine.ts';

let store: StartedEngine;
beforeAll(async () => {
  store = await startEngine({ concurrentQueries: 2, resultRowsMax: 1_000 });
});
afterAll(async () => {
  await store[Symbol.asyncDispose]();
});

/** Hours of work on every core. */
const ENDLESS = 'SELECT count() FROM numbers(400000000000) WHERE cityHash64(number) % 7 = 3';
/** Rows at once, and then nothing for long: it waits where the engine looks at nothing but itself. */
const SLEEPING = 'SELECT 1, sleepEachRow(0.05) FROM numbers(1000) SETTINGS max_block_size = 1';

class Left extends Error {}

/** A statement that is not cancelled would run on for longer than the test waits. */
function ask(sql: string, timeoutMs = 3_600_000): { answer: Promise<unknown>; leave: () => void } {
  const left = new AbortController();
  const query = store.engine.query(sql, { format: 'JSONCompactEachRow', timeoutMs, signal: left.signal });
  return { answer: query.catch((error: unknown) => error), leave: () => left.abort(new Left()) };
}

/** Statements that the engine works on: a session is free only when its statement has ended. */
async function running(): Promise<number> {
  const metrics = await store.registry.metrics();
  return Number(/^throughline_engine_running_queries (\d+)$/m.exec(metrics)?.[1]);
}

/** The share of one core that the engine's process takes over some time. */
async function engineCpuShare(overMs: number): Promise<number> {
  const begin = cpuMs();
  await new Promise((resolve) => setTimeout(resolve, overMs));
  return (cpuMs() - begin) / overMs;
}

/** User and system time, in ticks of 10 ms. */
function cpuMs(): number {
  const stat = readFileSync(`/proc/${store.pids.at(-1)}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

test.each([ENDLESS, SLEEPING])('a query whose asker leaves ends in the engine: %s', async (sql) => {
  const { answer, leave } = ask(sql);
  await eventually(async () => (await running()) === 1);
  leave();
  expect(await answer).toBeInstanceOf(Left);
  await eventually(async () => (await running()) === 0);
  expect(await Promise.all([1, 2, 3].map((n) => store.rows(`SELECT ${n}`)))).toEqual([[[1]], [[2]], [[3]]]);
  expect(await store.registry.metrics()).toContain('throughline_engine_queries_total{outcome="cancelled"}');
  if (process.platform === 'linux') await eventually(async () => (await engineCpuShare(200)) < 0.2);
});

test('one that is cancelled before it has begun does not run on', async () => {
  for (let round = 0; round < 10; round++) {
    const { answer, leave } = ask(ENDLESS);
    // The slot is taken at once, the engine begins some time later.
    await Promise.resolve();
    leave();
    expect(await answer).toBeInstanceOf(Left);
  }
  await eventually(async () => (await running()) === 0);
  // The kernel's count, not ours.
  if (process.platform === 'linux') await eventually(async () => (await engineCpuShare(200)) < 0.2);
});

test('one that waits for a session leaves the queue', async () => {
  const first = [ask(ENDLESS), ask(ENDLESS)];
  const waiting = ask('SELECT 1');
  await eventually(async () => (await store.registry.metrics()).includes('throughline_engine_queued_queries 1'));
  waiting.leave();
  expect(await waiting.answer).toBeInstanceOf(Left);
  expect(await store.registry.metrics()).toContain('throughline_engine_queued_queries 0');
  for (const { answer, leave } of first) {
    leave();
    expect(await answer).toBeInstanceOf(Left);
  }
  await eventually(async () => (await running()) === 0);
});

test('an asker that has left before is not asked for', async () => {
  const signal = AbortSignal.abort(new Left());
  await expect(store.engine.query(ENDLESS, { format: 'Native', timeoutMs: 1_000, signal })).rejects.toBeInstanceOf(
    Left,
  );
});

test('an answer of too many rows is rejected as too large, and counted', async () => {
  await expect(store.rows('SELECT number FROM numbers(1001)')).rejects.toMatchObject({ code: 'too_large' });
  expect(await store.rows('SELECT count() FROM (SELECT number FROM numbers(1001))')).toEqual([[1001]]);
  await expect(store.rows(ENDLESS, 300)).rejects.toMatchObject({ code: 'timeout' });
  const metrics = await store.registry.metrics();
  expect(metrics).toContain('throughline_engine_errors_total{code="result"} 1');
  expect(metrics).toContain('throughline_engine_errors_total{code="timeout"} 1');
});

test('a query that needs too much memory fails alone, and is counted', async () => {
  await using small = await startEngine({ queryMemoryBytesMax: 32 * 1024 * 1024 });
  const query = small.rows('SELECT length(groupArray(number)) FROM numbers(100000000)');
  await expect(query).rejects.toMatchObject({ code: 'too_large', clickhouseCode: 241 });
  expect(await small.rows('SELECT 1')).toEqual([[1]]);
  expect(await small.registry.metrics()).toContain('throughline_engine_errors_total{code="memory"} 1');
});
