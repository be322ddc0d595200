import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { silentLog as log } from '../storage/testing/start-engine.ts';
import { Snapshots, type SnapshotsOptions, type TakenSnapshot } from './snapshots.ts';

const IDLE_MS = 60_000;
const going = new AbortController().signal;

let root = '';
let directory = '';
let registry: Registry;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'throughline-snapshots-'));
  directory = join(root, 'snapshot');
  registry = new Registry();
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(root, { recursive: true, force: true });
});

function write(path: string): Promise<void> {
  mkdirSync(path);
  writeFileSync(join(path, 'file'), 'content');
  return Promise.resolve();
}

function snapshots(take: SnapshotsOptions['take'] = write): Snapshots {
  return new Snapshots({ directory, take, log, registry, limits: { snapshotIdleMs: IDLE_MS } });
}

async function taken(lender: Snapshots): Promise<TakenSnapshot> {
  const snapshot = await lender.take(going);
  if (snapshot.kind !== 'taken') throw new Error('in use');
  return snapshot;
}

async function outcomes(): Promise<Record<string, number>> {
  const metric = await registry.getSingleMetric('throughline_snapshots_total')?.get();
  return Object.fromEntries((metric?.values ?? []).map(({ labels, value }) => [String(labels['outcome']), value]));
}

test('one snapshot is lent at a time, under a name of its own', async () => {
  const lender = snapshots();
  const first = await taken(lender);
  expect(readdirSync(first.path)).toEqual(['file']);
  expect(await lender.take(going)).toMatchObject({ kind: 'in_use' });
  expect(readdirSync(first.path)).toEqual(['file']);
  expect(await lender.release('another token')).toBe(false);
  expect(await lender.release(first.token)).toBe(true);
  expect(existsSync(directory)).toBe(false);
  expect(lender.keep(first.token)).toBe(false);
  const second = await taken(lender);
  expect(second.path).not.toBe(first.path);
  expect(await lender.release(first.token)).toBe(false);
  expect(existsSync(second.path)).toBe(true);
  expect(await outcomes()).toEqual({ taken: 2, in_use: 1, failed: 0, released: 1, abandoned: 0 });
});

test('a snapshot that is being taken is in use', async () => {
  let end: (() => void) | undefined;
  const ended = new Promise<void>((resolve) => (end = resolve));
  const lender = snapshots(async (path) => {
    await ended;
    await write(path);
  });
  const first = lender.take(going);
  expect(await lender.take(going)).toMatchObject({ kind: 'in_use' });
  end?.();
  expect(await first).toMatchObject({ kind: 'taken' });
});

test('a snapshot of which nothing is heard is removed, and counted', async () => {
  const lender = snapshots();
  const { path, token } = await taken(lender);
  vi.advanceTimersByTime(IDLE_MS - 1);
  expect(lender.keep(token)).toBe(true);
  vi.advanceTimersByTime(IDLE_MS - 1);
  expect(existsSync(path)).toBe(true);
  vi.advanceTimersByTime(1);
  expect(lender.keep(token)).toBe(false);
  vi.useRealTimers();
  await expect.poll(() => existsSync(directory)).toBe(false);
  expect(await outcomes()).toMatchObject({ taken: 1, released: 0, abandoned: 1 });
  expect(await registry.getSingleMetricAsString('throughline_limit_reached_total')).toContain(
    'limit="maintenance.snapshotIdleMs"} 1',
  );
  await expect.poll(async () => (await lender.take(going)).kind).toBe('taken');
});

test('nothing is left of a snapshot that failed, or that nobody waited for to the end', async () => {
  const leaving = new AbortController();
  const failing = snapshots(() => Promise.reject(new Error('the disk is full')));
  await expect(failing.take(going)).rejects.toThrow('the disk is full');
  expect(existsSync(directory)).toBe(false);
  registry = new Registry();
  const lender = snapshots(async (path) => {
    await write(path);
    leaving.abort(new Error('the client left'));
  });
  await expect(lender.take(leaving.signal)).rejects.toThrow('the client left');
  expect(existsSync(directory)).toBe(false);
  expect(await outcomes()).toMatchObject({ taken: 0, failed: 1 });
  expect((await lender.take(going)).kind).toBe('taken');
});

test('what an earlier process left is removed by the start, what is held by the stop', async () => {
  mkdirSync(join(directory, 'of-before'), { recursive: true });
  const lender = snapshots();
  expect(existsSync(directory)).toBe(false);
  await taken(lender);
  await lender.stop();
  expect(existsSync(directory)).toBe(false);
  await expect(lender.take(going)).rejects.toThrow('collector is stopping');
});
