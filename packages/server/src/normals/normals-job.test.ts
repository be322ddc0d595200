import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { openTestStore } from '../query/testing/test-store.ts';
import type { EmbeddedEngine } from '../storage/embedded/embedded-engine.ts';
import { Retention } from '../storage/retention/retention.ts';
import { rowsOf } from '../storage/rows-of.ts';
import { readRuns } from './cells.ts';
import { NormalsJob } from './normals-job.ts';
import { NORMALS_LIMITS } from './normals-limits.ts';
import { normalsContract } from './normals.contract.ts';
import { longTraceOf, purchases, spansOf } from './testing/simple-traces.ts';

normalsContract('what is usual, in the embedded store', async () => {
  const store = await openTestStore();
  return {
    engine: store.context.engine as EmbeddedEngine,
    put: (spans) => store.put(spans, 1),
    empty: () => store.empty(),
    [Symbol.asyncDispose]: () => store.close(),
  };
});

test('what is usual leaves the store with the days of its spans', async () => {
  await using store = await openTestStore();
  const engine = store.context.engine as EmbeddedEngine;
  const directory = mkdtempSync(join(tmpdir(), 'throughline-normals-'));
  const days = [0, 40, 41, 42].map((day) => 1_790_000_400 + day * 86_400);
  for (const [at, day] of days.entries()) {
    await store.put(purchases(day, 2, 5, at * 100).flatMap(spansOf), at + 1);
    const untilMs = (day + 1_200) * 1_000;
    const job = new NormalsJob({
      engine,
      directory,
      registry: new Registry(),
      limits: { ...NORMALS_LIMITS, catchUpMs: 1_200_000 },
      storedUntilMs: () => Promise.resolve(untilMs),
      now: () => untilMs,
      workerPath: new URL('../../dist/normals/normals-worker.js', import.meta.url),
    });
    while (await job.measureNext(new AbortController().signal));
    await job.close();
  }
  rmSync(directory, { recursive: true, force: true });
  const daysOf = async (table: string): Promise<unknown[]> =>
    (await rowsOf(engine, `SELECT DISTINCT toString(toDate(time)) FROM throughline.${table} ORDER BY 1`)).flat();
  const recent = ['2026-10-31', '2026-11-01', '2026-11-02'];
  const tables = ['path_normals', 'path_resources', 'call_edges', 'normal_steps'];
  for (const table of tables) expect([table, await daysOf(table)]).toEqual([table, ['2026-09-21', ...recent]]);
  const retention = new Retention({
    engine,
    log: pino({ level: 'silent' }),
    registry: new Registry(),
    retentionDays: 30,
    retentionDiskShare: 1,
    now: () => days.at(-1)! * 1_000,
    elapsed: () => 0,
  });
  await retention.job.run(new AbortController().signal);
  for (const table of tables) expect([table, await daysOf(table)]).toEqual([table, recent]);
});

test('what is usual is measured from each shard by itself, and not from a replica that lags', async () => {
  await using store = await openTestStore();
  const engine = store.context.engine as EmbeddedEngine;
  const begin = 1_790_000_400;
  const all = purchases(begin, 10, 6);
  await store.put(all.flatMap(spansOf), 1);
  const only = (condition: string): Pick<EmbeddedEngine, 'query' | 'tables'> => {
    const read = `(SELECT * FROM ${engine.tables.spans.read} WHERE ${condition})`;
    return {
      tables: { ...engine.tables, spans: { ...engine.tables.spans, read } },
      query: (...asked) => engine.query(...asked),
    };
  };
  const lagging = only(`start_s < toDateTime(${begin + 60})`);
  const directory = mkdtempSync(join(tmpdir(), 'throughline-normals-'));
  const untilMs = (begin + 700) * 1_000;
  const registry = new Registry();
  const job = new NormalsJob({
    engine: { ...lagging, insertPlainFile: (table, path) => engine.insertPlainFile(table, path) },
    shards: () => Promise.resolve([0, 1].map((shard) => only(`cityHash64(trace_id) % 2 = ${shard}`))),
    directory,
    registry,
    limits: { ...NORMALS_LIMITS, catchUpMs: 600_000 },
    storedUntilMs: () => Promise.resolve(untilMs),
    now: () => untilMs,
    workerPath: new URL('../../dist/normals/normals-worker.js', import.meta.url),
  });
  while (await job.measureNext(new AbortController().signal));
  await job.close();
  rmSync(directory, { recursive: true, force: true });
  const runs = await readRuns(engine, begin, begin);
  expect(runs).toMatchObject([{ steps: 10, storedSpans: 240, takenSpans: 240 }]);
  expect(await registry.metrics()).toContain('throughline_normals_taken_total{what="traces"} 60');
});

test.each([true, false])(
  'a trace that is longer than is read is left out as a whole, with its root: %s',
  async (hasRoot) => {
    await using store = await openTestStore();
    const engine = store.context.engine as EmbeddedEngine;
    const begin = 1_790_000_400;
    await store.put(longTraceOf(1, begin + 10, { calls: 20, everyS: 90, hasRoot }), 1);
    // So that the times of traces are known.
    await store.count();
    const directory = mkdtempSync(join(tmpdir(), 'throughline-normals-'));
    const untilMs = (begin + 2_500) * 1_000;
    const registry = new Registry();
    const job = new NormalsJob({
      engine,
      directory,
      registry,
      limits: NORMALS_LIMITS,
      storedUntilMs: () => Promise.resolve(untilMs),
      now: () => untilMs,
      workerPath: new URL('../../dist/normals/normals-worker.js', import.meta.url),
    });
    while (await job.measureNext(new AbortController().signal));
    await job.close();
    rmSync(directory, { recursive: true, force: true });
    const metrics = await registry.metrics();
    expect(metrics).toContain('throughline_normals_missed_total{reason="long_traces"} 1');
    expect(metrics).toContain('throughline_normals_taken_total{what="spans"} 0');
  },
);
