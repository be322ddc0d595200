import { copyFileSync, linkSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Retention } from '../storage/retention/retention.ts';
import { eventually, silentLog as log, startEngine, type StartedEngine } from '../storage/testing/start-engine.ts';
import { bytesHeldBySnapshots } from './bytes-held-by-snapshots.ts';
import { takeSnapshot } from './take-snapshot.ts';

const NOON_S = Date.UTC(2026, 10, 10, 12) / 1_000;
const DAY_S = 86_400;

let directory = '';
beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), 'throughline-held-'))));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test('snapshots hold what has no name outside of them, each file once', async () => {
  expect(await bytesHeldBySnapshots(directory)).toBe(0);
  const [store, snapshot, before] = ['store', join('snapshot', 'token'), 'before-migration'].map((name) => {
    mkdirSync(join(directory, name), { recursive: true });
    return join(directory, name);
  }) as [string, string, string];
  for (const [name, bytes] of [
    ['a', 1_000],
    ['b', 100],
    ['c', 10],
  ] as const) {
    writeFileSync(join(store, name), Buffer.alloc(bytes));
    linkSync(join(store, name), join(snapshot, name));
  }
  linkSync(join(store, 'b'), join(before, 'b'));
  expect(await bytesHeldBySnapshots(directory)).toBe(0);
  rmSync(join(store, 'a'));
  rmSync(join(store, 'b'));
  expect(await bytesHeldBySnapshots(directory)).toBe(1_100);
  copyFileSync(join(store, 'c'), join(snapshot, 'copied'));
  expect(await bytesHeldBySnapshots(directory)).toBe(1_110);
  rmSync(snapshot, { recursive: true });
  expect(await bytesHeldBySnapshots(directory)).toBe(100);
});

async function daysOf(store: StartedEngine): Promise<unknown[]> {
  return (await store.rows('SELECT DISTINCT toDate(start_s) AS day FROM throughline.spans ORDER BY day')).flat();
}

/** Dropped parts are deleted a little later. */
async function nothingIsReplaced(store: StartedEngine): Promise<void> {
  const sql = "SELECT count() FROM system.parts WHERE database = 'throughline' AND NOT active AND rows > 0";
  await eventually(async () => Number((await store.rows(sql))[0]?.[0]) === 0);
}

test('days that are dropped for the disk while a snapshot holds their files bring no more days down', async () => {
  await using store = await startEngine({}, join(directory, 'store'));
  for (let day = -5; day <= 0; day++) {
    await store.engine.command(`INSERT INTO throughline.spans (trace_id, span_id, name, start_s)
SELECT toFixedString('', 16), toFixedString(toString(number), 8), randomPrintableASCII(1000), toDateTime(${NOON_S + day * DAY_S}) FROM numbers(1000)`);
  }
  mkdirSync(join(directory, 'snapshot'));
  const path = join(directory, 'snapshot', 'token');
  await takeSnapshot({ engine: store.engine, dataDirectory: directory, path, whileStill: (work) => work() });
  const registry = new Registry();
  const retention = new Retention({
    engine: store.engine,
    log,
    registry,
    retentionDays: 30,
    // Of six days three have room, and not a fourth.
    retentionDiskShare: 0.6,
    now: () => NOON_S * 1_000,
    // As long as the snapshot holds them, dropped days free nothing.
    freeBytes: () => Promise.resolve(0),
    heldBytes: () => bytesHeldBySnapshots(directory),
  });
  const left = ['2026-11-08', '2026-11-09', '2026-11-10'];
  for (let looks = 0; looks < 3; looks++) {
    await retention.run();
    expect(await daysOf(store)).toEqual(left);
    await nothingIsReplaced(store);
  }
  expect(await registry.metrics()).toMatch(/^throughline_snapshot_held_bytes [1-9]\d{5,}$/m);
});
