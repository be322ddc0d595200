import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ExactCounts } from '../counts/exact-counts.ts';
import { eventually, silentLog as log, startEngine } from '../storage/testing/start-engine.ts';
import { InsertGate } from './insert-gate.ts';
import { MaintenanceOfRunning } from './maintenance-of-running.ts';

/** Longer than a segment of counts becomes old, and is inserted when nobody holds it up. */
const INSERT_MS = 1_500;

let directory = '';
beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), 'throughline-counts-'))));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function countsOf(dataDirectory: string): ExactCounts {
  return new ExactCounts({
    directory: join(dataDirectory, 'counts'),
    log,
    registry: new Registry(),
    limits: { segmentAgeMs: 10 },
  });
}

/** Each operation was called once. */
function message(name: string): Parameters<ExactCounts['take']>[0] {
  const total = {
    startName: 'GET',
    name,
    kind: 1,
    status: 0,
    requests: 1,
    durationSumNs: 1e6,
    offset: 159,
    counts: [1],
  };
  return { service: 'shop', instance: 'i1', windowMs: 1_000, totals: [total] };
}

test('what was noted while a snapshot was taken is counted once out of it', async () => {
  const dataDirectory = join(directory, 'data');
  const kept = join(directory, 'kept');
  mkdirSync(dataDirectory);
  {
    await using store = await startEngine({}, join(dataDirectory, 'store'));
    const counts = countsOf(dataDirectory);
    await counts.open();
    let inserts = 0;
    counts.start({
      tables: store.engine.tables,
      query: (...asked) => store.engine.query(...asked),
      checkInsertEnded: () => store.engine.checkInsertEnded(),
      insertPlainFile: async (table, path) => {
        await store.engine.insertPlainFile(table, path);
        inserts++;
      },
    });
    await counts.take(message('before'), true);
    await eventually(() => inserts === 2);
    let frozen = 0;
    const maintenance = new MaintenanceOfRunning({
      engine: {
        tables: store.engine.tables,
        query: async (sql, options) => {
          // The files are copied, and the store is not frozen: what is inserted now is in both.
          if (sql.includes('system.tables')) {
            const until = performance.now() + INSERT_MS;
            await eventually(() => inserts > 2 || performance.now() > until);
          }
          return store.engine.query(sql, options);
        },
        command: async (sql) => {
          frozen++;
          await store.engine.command(sql);
        },
      },
      dataDirectory,
      gate: new InsertGate(),
      counts,
      mend: () => Promise.resolve([]),
      rollups: () => ({
        whileStill: async (work) => {
          // Durable, and copied as it is: in the spool.
          for (const name of ['first', 'second', 'third']) await counts.take(message(name), true);
          return work();
        },
        rebuildDays: () => Promise.resolve(),
      }),
      log,
      registry: new Registry(),
    });
    const taken = await maintenance.snapshot(new AbortController().signal);
    expect(frozen).toBeGreaterThan(1);
    if (taken?.kind !== 'taken') throw new Error('no snapshot');
    await cp(taken.path, kept, { recursive: true, verbatimSymlinks: true });
    await maintenance.stop();
    await counts.close();
    await counts.drain(5_000);
  }
  await using restored = await startEngine({}, join(kept, 'store'));
  const counts = countsOf(kept);
  await counts.open();
  counts.start(restored.engine);
  await eventually(() => counts.status.backlogSegments === 0);
  await counts.close();
  await counts.drain(5_000);
  for (const table of ['counted_1m', 'counted_1h']) {
    const rows = await restored.rows(`SELECT operation, sum(requests) FROM throughline.${table} GROUP BY 1 ORDER BY 1`);
    expect([table, rows]).toEqual([table, ['before', 'first', 'second', 'third'].map((name) => [name, 1])]);
  }
});
