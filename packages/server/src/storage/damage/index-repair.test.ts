import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { IndexRepair } from './index-repair.ts';
import { sampleOf } from '../testing/sample-of.ts';
import { silentLog, startEngine, type StartedEngine } from '../testing/start-engine.ts';

const IDS = 'SELECT reinterpretAsUInt64(span_id) FROM throughline.spans ORDER BY 1';
const FIRST_ARRIVAL = 1_795_000_000_000_000;

let directory: string;
let storePath: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'throughline-repair-'));
  storePath = join(directory, 'store');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const FORMS = [
  ['compact', 300],
  ['wide', 100_000],
] as const;

describe.each(FORMS)('a %s part that the engine rejects at its start', (form, spans) => {
  const harms: readonly [string, (part: string) => void][] = [
    ['an index file is empty', (part) => truncateSync(join(part, 'skp_idx_attribute_hashes.idx'), 0)],
    ['marks of an index are cut', (part) => half(join(part, fileLike(part, /^skp_idx_trace_id_filter\.c?mrk/)))],
    ['an index file is missing', (part) => rmSync(join(part, fileLike(part, /^skp_idx_arrival_range\.idx/)))],
    [
      'every index file is cut',
      (part) =>
        readdirSync(part)
          .filter((name) => name.startsWith('skp_idx_'))
          .forEach((name) => half(join(part, name))),
    ],
    ['the list of checksums is empty', (part) => truncateSync(join(part, 'checksums.txt'), 0)],
    ['columns.txt is empty', (part) => truncateSync(join(part, 'columns.txt'), 0)],
    ['count.txt is empty', (part) => truncateSync(join(part, 'count.txt'), 0)],
    ['metadata_version.txt is empty', (part) => truncateSync(join(part, 'metadata_version.txt'), 0)],
  ];
  // In the short form each of them once, and one by the other form as well.
  test.each(form === 'compact' ? harms : sampleOf(harms, 1, 1))(
    'is in use again, with its indexes, when %s',
    async (_, harm) => {
      const part = await storeOnePart(spans);
      expect(fileNames(part).has('data.bin')).toBe(form === 'compact');
      const indexes = indexNames(part);
      harm(part);
      await using store = await startEngine({}, storePath);
      expect(await store.rows('SELECT count(), uniqExact(span_id) FROM throughline.spans')).toEqual([[spans, spans]]);
      expect(await detached(store)).toEqual([]);
      expect(await store.rows('EXISTS TABLE throughline.spans_repair')).toEqual([[0]]);
      const [[path] = []] = await store.rows(
        "SELECT path FROM system.parts WHERE database = 'throughline' AND table = 'spans' AND active",
      );
      expect(indexNames(String(path))).toEqual(indexes);
      await store.engine.close();
      await using again = await startEngine({}, storePath);
      expect(await again.rows('SELECT count() FROM throughline.spans')).toEqual([[spans]]);
      expect(await detached(again)).toEqual([]);
    },
  );

  test('stays detached when its data is damaged as well', async () => {
    const part = await storeOnePart(spans);
    truncateSync(join(part, 'skp_idx_attribute_hashes.idx'), 0);
    half(join(part, form === 'compact' ? 'data.bin' : 'duration_ns.bin'));
    await expectDetached(part);
  });

  test('stays detached when a file of its data is missing as well', async () => {
    const part = await storeOnePart(spans);
    truncateSync(join(part, 'skp_idx_attribute_hashes.idx'), 0);
    rmSync(join(part, form === 'compact' ? 'data.bin' : 'duration_ns.bin'));
    await expectDetached(part);
  });
});

test('a part that was detached by hand stays so, unless it is named', async () => {
  const part = await storeOnePart(300);
  const name = part.split('/').at(-1) ?? '';
  {
    await using store = await startEngine({}, storePath);
    truncateSync(join(part, 'skp_idx_attribute_hashes.idx'), 0);
    await store.engine.command(`ALTER TABLE throughline.spans DETACH PART '${name}'`);
  }
  await using store = await startEngine({}, storePath);
  expect(await detached(store)).toEqual([name]);
  await new IndexRepair(silentLog).repair(store.engine, [name]);
  expect(await store.rows(IDS)).toEqual(numbers(300));
  expect(await detached(store)).toEqual([]);
});

test.each([
  ['the range of its times is wrong', 'minmax_start_s.idx', flip],
  ['the range of its times is empty', 'minmax_start_s.idx', (path: string): void => truncateSync(path, 0)],
  ['its day is wrong', 'partition.dat', flip],
  ['its primary index is wrong', 'primary.cidx', flip],
])('a part is found by its times again when %s', async (_, file, harm) => {
  const part = await storeOnePart(300);
  const name = part.split('/').at(-1) ?? '';
  await using store = await startEngine({}, storePath);
  harm(join(part, file));
  await store.engine.command(`ALTER TABLE throughline.spans DETACH PART '${name}'`);
  expect(await store.engine.repairIndexes([name])).toEqual([name]);
  await store.engine.close();
  await using again = await startEngine({}, storePath);
  expect(
    await again.rows(IDS.replace('ORDER BY', "WHERE start_s = toDateTime(1795000000) AND service = 'shop' ORDER BY")),
  ).toEqual(numbers(300));
  expect(await again.rows('CHECK TABLE throughline.spans SETTINGS check_query_single_value_result = 1')).toEqual([[1]]);
  expect(await detached(again)).toEqual([]);
});

test('nothing is doubled when the repair was interrupted behind the moment when the part was in use again', async () => {
  const part = await storeOnePart(300);
  truncateSync(join(part, 'skp_idx_attribute_hashes.idx'), 0);
  const copy = join(directory, 'copy');
  cpSync(part, copy, { recursive: true });
  await (await startEngine({}, storePath)).engine.close();
  const name = `broken-on-start_${part.split('/').at(-1)}`;
  cpSync(copy, join(part, '..', 'detached', name), { recursive: true });
  await using store = await startEngine({}, storePath);
  expect(await store.rows(IDS)).toEqual(numbers(300));
  expect(await detached(store)).toEqual([]);
});

test('a part is repaired whose name another one had that was', async () => {
  const part = await storeOnePart(300);
  truncateSync(join(part, 'skp_idx_attribute_hashes.idx'), 0);
  const copy = join(directory, 'copy');
  cpSync(part, copy, { recursive: true });
  await using store = await startEngine({}, storePath);
  const name = `broken-on-start_${part.split('/').at(-1)}`;
  for (let time = 0; time < 2; time++) {
    cpSync(copy, join(part, '..', 'detached', name), { recursive: true });
    expect(await store.engine.repairIndexes([name])).toEqual([name]);
  }
  expect(await store.rows(IDS)).toEqual(numbers(300));
  expect(await detached(store)).toEqual([]);
});

test('only what is missing is added when some of its spans came in again', async () => {
  const part = await storeOnePart(300);
  const copy = join(directory, 'copy');
  cpSync(part, copy, { recursive: true });
  {
    await using store = await startEngine({}, storePath);
    await store.engine.command('TRUNCATE TABLE throughline.spans');
    await insert(store, 100);
    const [[path] = []] = await store.rows(
      "SELECT data_paths[1] FROM system.tables WHERE database = 'throughline' AND name = 'spans'",
    );
    await store.engine.close();
    cpSync(copy, join(String(path), 'detached', `broken-on-start_${part.split('/').at(-1)}`), { recursive: true });
  }
  await using store = await startEngine({}, storePath);
  expect(await store.rows(IDS)).toEqual(numbers(300));
  expect(await detached(store)).toEqual([]);
});

async function expectDetached(part: string): Promise<void> {
  const files = fileNames(part);
  const name = `broken-on-start_${part.split('/').at(-1)}`;
  await using store = await startEngine({}, storePath);
  expect(await store.rows('SELECT count() FROM throughline.spans')).toEqual([[0]]);
  expect(await detached(store)).toEqual([name]);
  expect(fileNames(join(part, '..', 'detached', name))).toEqual(files);
  expect(await store.rows('EXISTS TABLE throughline.spans_repair')).toEqual([[0]]);
}

/** A copy of a store of one part, at `storePath`. Resolves with where the part is. */
async function storeOnePart(spans: number): Promise<string> {
  const name = await (intact.get(spans) ?? makeIntact(spans));
  cpSync(join(intactPath, String(spans)), storePath, { recursive: true, verbatimSymlinks: true });
  return join(storePath, name);
}

/** Stores of one part by their numbers of spans, each made once: where the part is in them. */
const intact = new Map<number, Promise<string>>();
const intactPath = mkdtempSync(join(tmpdir(), 'throughline-repair-'));
afterAll(() => rmSync(intactPath, { recursive: true, force: true }));

function makeIntact(spans: number): Promise<string> {
  const made = (async (): Promise<string> => {
    const path = join(intactPath, String(spans));
    await using store = await startEngine({}, path);
    await insert(store, spans);
    const [[part] = [], ...others] = await store.rows(
      "SELECT path FROM system.parts WHERE database = 'throughline' AND table = 'spans' AND active",
    );
    expect(others).toEqual([]);
    return relative(path, String(part));
  })();
  intact.set(spans, made);
  return made;
}

/** Spans with the ids 1 to `spans`, and always the same arrivals. */
async function insert(store: StartedEngine, spans: number): Promise<void> {
  const path = join(directory, `${spans}.native`);
  const rows = `SELECT toUInt64(${FIRST_ARRIVAL} + intDiv(number, 50)) AS arrival, reinterpretAsFixedString(number + 1) AS span_id,
  toFixedString(toString(sipHash64(number) % 1000000), 16) AS trace_id, 'shop' AS service, toDateTime(1795000000) AS start_s,
  ['key', 'id'] AS attrs_k, ['value', repeat(toString(sipHash64(number)), 20)] AS attrs_v, [1, 1] AS attrs_t, toInt64(number) AS duration_ns
FROM numbers(${spans})`;
  writeFileSync(path, await store.engine.query(rows, { format: 'Native', timeoutMs: 240_000 }));
  await store.engine.insertNativeFile('spans', path, `${spans}`);
}

async function detached(store: StartedEngine): Promise<unknown[]> {
  return (await store.rows("SELECT name FROM system.detached_parts WHERE database = 'throughline'")).flat();
}

function numbers(to: number): unknown[][] {
  return Array.from({ length: to }, (_, index) => [index + 1]);
}

function half(path: string): void {
  truncateSync(path, statSync(path).size >> 1);
}

function flip(path: string): void {
  const bytes = readFileSync(path);
  const at = bytes.length >> 1;
  bytes[at] = (bytes[at] ?? 0) ^ 0xff;
  writeFileSync(path, bytes);
}

function fileNames(part: string): Set<string> {
  return new Set(readdirSync(part));
}

function indexNames(part: string): string[] {
  return readdirSync(part)
    .filter((name) => name.startsWith('skp_idx_'))
    .toSorted();
}

function fileLike(part: string, pattern: RegExp): string {
  const name = readdirSync(part).find((file) => pattern.test(file));
  if (name === undefined) throw new Error(`${part} has no file like ${pattern.source}`);
  return name;
}
