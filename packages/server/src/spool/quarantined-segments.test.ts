import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { eventually, silentLog as log } from '../storage/testing/start-engine.ts';
import { requestRetry } from './quarantined-segments.ts';
import { checkSpool } from './check-spool.ts';
import { listSpool, readSegmentBlocks } from './spool-contents.ts';
import { Spool } from './spool.ts';

let directory: string;
const open: Spool[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'throughline-rejected-'));
});
afterEach(async () => {
  vi.useRealTimers();
  for (const spool of open.splice(0)) await spool.close();
  rmSync(directory, { recursive: true, force: true });
});

async function openSpool(): Promise<Spool> {
  const limits = { segmentRowsMax: 3, retryLookMs: 5 };
  const spool = new Spool({ directory, log, registry: new Registry(), limits });
  await spool.open();
  open.push(spool);
  return spool;
}

/** A segment of three blocks in `rejected/`. */
async function reject(spool: Spool): Promise<string> {
  for (const block of ['one', 'two', 'three']) await spool.append(Buffer.from(block), 1);
  const segment = spool.sealed.at(-1);
  if (segment === undefined) throw new Error('nothing is sealed');
  await spool.quarantine(segment, 'Code: 117, so it is');
  return segment.name;
}

async function contentOf(name: string): Promise<string> {
  const blocks: Buffer[] = [];
  for await (const block of (await readSegmentBlocks(directory, name)) ?? []) blocks.push(block);
  return Buffer.concat(blocks).toString();
}

test('what a spool holds is known from its files, with the reason of what is quarantined', async () => {
  const spool = await openSpool();
  vi.setSystemTime('2026-02-28T12:00:00Z');
  const name = await reject(spool);
  vi.setSystemTime('2026-03-01T12:00:00Z');
  for (const block of ['1', '2', '3']) await spool.append(Buffer.from(block), 1);
  expect(await listSpool(directory)).toMatchObject([
    { state: 'waiting', rows: 3, bytes: 3, firstBlockAtMs: Date.parse('2026-03-01T12:00:00Z'), reason: null },
    {
      name,
      state: 'quarantined',
      rows: 3,
      bytes: 11,
      firstBlockAtMs: Date.parse('2026-02-28T12:00:00Z'),
      reason: 'Code: 117, so it is',
    },
  ]);
  expect(await contentOf(name)).toBe('onetwothree');
  expect(await readSegmentBlocks(directory, 'no-such-segment')).toBeNull();
});

test('a segment that is to be loaded again is taken by the collector that runs, or by the next one', async () => {
  const first = await openSpool();
  const names = [await reject(first), await reject(first)];
  expect(await requestRetry(directory, names[0] ?? '')).toBe(true);
  await eventually(
    () => first.sealed.some(({ name }) => name === names[0]) && first.status.quarantinedSegments.length === 1,
  );
  expect(first.status).toMatchObject({ quarantinedSegments: [names[1]], backlogBytes: 11 });
  expect(first.sealed[0]).toMatchObject({ rows: 3, mayBeStored: true });
  await first.close();

  expect(await requestRetry(directory, names[1] ?? '')).toBe(true);
  expect((await listSpool(directory)).map(({ state }) => state)).toEqual(['waiting', 'retrying']);
  const second = await openSpool();
  expect(second.sealed.map(({ name }) => name).toSorted()).toEqual(names.toSorted());
  expect(second.status.quarantinedSegments).toEqual([]);
  expect(await requestRetry(directory, names[0] ?? '')).toBe(false);
  // Whatever is rejected next has a name of its own.
  expect(names).not.toContain(await reject(second));
});

test('of a damaged segment the good blocks are loaded, and the rest is kept as it was', async () => {
  const spool = await openSpool();
  const name = await reject(spool);
  await spool.close();
  const rejected = join(directory, 'rejected');
  for (const suffix of ['native', 'index']) {
    renameSync(join(rejected, `${name}.${suffix}`), join(rejected, `${name}.damaged.${suffix}`));
  }
  const path = join(rejected, `${name}.damaged.native`);
  writeFileSync(path, readFileSync(path, 'utf8').replace('two', 'TWO'));
  expect(await contentOf(`${name}.damaged`)).toBe('onethree');

  expect(await requestRetry(directory, `${name}.damaged`)).toBe(true);
  const next = await openSpool();
  expect(next.sealed).toMatchObject([{ name, rows: 2, bytes: 8 }]);
  expect(readFileSync(next.sealed[0]?.path ?? '', 'utf8')).toBe('onethree');
  expect(next.status.quarantinedSegments).toEqual([`${name}.damaged`]);
  expect(readFileSync(path, 'utf8')).toBe('oneTWOthree');
  expect((await listSpool(directory)).at(-1)?.reason).toContain('1 damaged blocks');
  // Once more, while what is good of it still waits: it has its turn when that is stored.
  expect(await requestRetry(directory, `${name}.damaged`)).toBe(true);
  const [segment] = next.sealed;
  if (segment === undefined) throw new Error('nothing is sealed');
  await eventually(() => next.status.quarantinedSegments.length === 0);
  expect(existsSync(join(directory, 'rejected', 'retry', `${name}.damaged.native`))).toBe(true);
  await next.release(segment);
  await eventually(() => next.sealed.some((again) => again.name === name));
});

test('a request that was interrupted between its files loses neither', async () => {
  const spool = await openSpool();
  const name = await reject(spool);
  // The index is moved first.
  mkdirSync(join(directory, 'rejected', 'retry'));
  renameSync(join(directory, 'rejected', `${name}.index`), join(directory, 'rejected', 'retry', `${name}.index`));
  const looks = spool.status.quarantinedSegments;
  await eventually(() => spool.status.quarantinedSegments !== looks);
  expect(spool.sealed).toEqual([]);
  expect(await requestRetry(directory, name)).toBe(true);
  await eventually(() => spool.sealed.length === 1);
  expect(spool.sealed[0]).toMatchObject({ name, rows: 3 });
  expect(readdirSync(join(directory, 'rejected', 'retry'))).toEqual([]);
});

test('a move that was interrupted before the last file was gone looks like no damage', async () => {
  const spool = await openSpool();
  const name = await reject(spool);
  await spool.close();
  const rejected = join(directory, 'rejected');
  const index = readFileSync(join(rejected, `${name}.index`));
  // On its way out of the spool, and on its way back.
  writeFileSync(join(directory, `${name}.index`), index);
  const first = await openSpool();
  expect(first.status).toMatchObject({ backlogSegments: 0, quarantinedSegments: [name] });
  await first.close();
  expect(await requestRetry(directory, name)).toBe(true);
  writeFileSync(join(directory, `${name}.index`), index);
  const second = await openSpool();
  expect(second.sealed).toMatchObject([{ name, rows: 3 }]);
  expect(second.status.quarantinedSegments).toEqual([]);
});

test('what is left of a segment whose data is gone can be listed, with the reason, and asked for again', async () => {
  const spool = await openSpool();
  for (const block of ['one', 'two', 'three']) await spool.append(Buffer.from(block), 1);
  await spool.close();
  const [{ name, path } = { name: '', path: '' }] = spool.sealed;
  rmSync(path);
  expect((await checkSpool(directory, new AbortController().signal)).damagedSegments).toEqual([
    { segment: name, damagedBlocks: 3 },
  ]);
  const next = await openSpool();
  expect(next.sealed).toEqual([]);
  const damaged = { name: `${name}.damaged`, state: 'quarantined', rows: 3, bytes: 0 };
  expect(await listSpool(directory)).toMatchObject([damaged]);
  expect((await listSpool(directory))[0]?.reason).toContain('3 damaged blocks');
  expect(await requestRetry(directory, damaged.name)).toBe(true);
  await eventually(async () => (await listSpool(directory))[0]?.state === 'quarantined');
  expect(next.sealed).toEqual([]);
});
