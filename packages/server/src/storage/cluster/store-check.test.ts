import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { settleStore } from './store-check.ts';
import { ensureStoreId, findStoreId, NotedId } from '../store-id.ts';
import { silentLog, startEngine } from '../testing/start-engine.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'throughline-id-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

test('a store is given its id once, and shows it after a start', async () => {
  await using store = await startEngine();
  expect(await findStoreId(store.engine)).toBe(null);
  const id = await ensureStoreId(store.engine);
  expect(id).toMatch(ID);
  expect(await ensureStoreId(store.engine)).toBe(id);
  await store.engine.close();
  await using again = await startEngine({}, store.directory);
  expect(await findStoreId(again.engine)).toBe(id);
});

test('a noted id is read again, and a torn file is none', () => {
  const noted = new NotedId(join(directory, 'store-id'));
  expect(noted.id).toBe(null);
  const id = noted.ensure();
  expect(id).toMatch(ID);
  expect(new NotedId(noted.path).ensure()).toBe(id);
  expect(readdirSync(directory)).toEqual(['store-id']);
  writeFileSync(noted.path, id.slice(0, 20));
  expect(noted.id).toBe(null);
});

test('spans that wait are not loaded into another embedded store; where none wait, it becomes the store', async () => {
  await using store = await startEngine();
  const found = await ensureStoreId(store.engine);
  const noted = new NotedId(join(directory, 'store-id'));
  const before = noted.ensure();
  await expect(settleStore(store.engine, { noted, hasBacklog: true, log: silentLog })).rejects.toThrow(
    new RegExp(`embedded store .*${found}.*${before}; .*--store .*${noted.path} `),
  );
  expect(noted.id).toBe(before);
  await settleStore(store.engine, { noted, hasBacklog: false, log: silentLog });
  expect(noted.id).toBe(found);
  await settleStore(store.engine, { noted, hasBacklog: true, log: silentLog });
  // A directory of a version before has noted none.
  const unknown = new NotedId(join(directory, 'other'));
  await settleStore(store.engine, { noted: unknown, hasBacklog: true, log: silentLog });
  expect(unknown.id).toBe(found);
});

test('an embedded store without an id is given the noted one again: a power failure takes it', async () => {
  await using store = await startEngine();
  const noted = new NotedId(join(directory, 'store-id'));
  const before = noted.ensure();
  await settleStore(store.engine, { noted, hasBacklog: true, log: silentLog });
  expect(noted.id).toBe(before);
  expect(await findStoreId(store.engine)).toBe(before);
});
