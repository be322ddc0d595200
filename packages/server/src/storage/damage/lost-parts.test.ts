import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findDetached } from './lost-parts.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'throughline-lost-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

const MERGED = 'broken-on-start_20261129_2_9_1';

test('what a part was merged from takes its place, if all of its rows are there', async () => {
  expect(await namesOf('spans', 30, [aPart(2, 4, 10), aPart(5, 9, 20)])).toEqual({ lost: [], replaced: [MERGED] });
  expect(await namesOf('spans', 30, [aPart(2, 4, 10), aPart(5, 9, 19)])).toEqual({ lost: [MERGED], replaced: [] });
  // Where rows are summed up either may have as many.
  expect(await namesOf('counted_1h', 30, [aPart(2, 4, 30)])).toEqual({ lost: [MERGED], replaced: [] });
  expect(await namesOf('counted_1h', 30, [aPart(2, 4, 30), aPart(5, 9, 1)])).toEqual({ lost: [], replaced: [MERGED] });
});

test('what was written after a part does not take its place, though it has its numbers', async () => {
  const later = [aPart(2, 4, 10, 1), aPart(5, 9, 20, 1)];
  expect(await namesOf('spans', 30, later)).toEqual({ lost: [MERGED], replaced: [] });
  expect(await namesOf('spans', 30, [aPart(2, 4, 10), aPart(5, 9, 20, 1)])).toEqual({ lost: [MERGED], replaced: [] });
});

test('a part whose number of rows cannot be read is lost, unless what it was merged from may be there', async () => {
  for (const table of ['spans', 'counted_1h']) {
    expect(await namesOf(table, null, [])).toEqual({ lost: [MERGED], replaced: [] });
    expect(await namesOf(table, null, [aPart(2, 4, 10)])).toEqual({ lost: [MERGED], replaced: [] });
    expect(await namesOf(table, null, [aPart(2, 4, 10), aPart(5, 9, 20)])).toEqual({ lost: [], replaced: [] });
  }
});

interface Part {
  readonly first: number;
  readonly last: number;
  readonly rows: number;
  /** Its files are so much younger than those of the part in `detached/`. */
  readonly laterS: number;
}

const aPart = (first: number, last: number, rows: number, laterS = -1): Part => ({ first, last, rows, laterS });

/** Of a part in `detached/` with so many rows, while these are in use. */
async function namesOf(table: string, rows: number | null, parts: readonly Part[]) {
  const merged = write(MERGED, rows ?? '', 0);
  const kept = parts.map(({ first, last, rows: count, laterS }) => {
    const path = write(`20261129_${first}_${last}_0`, count, laterS);
    return [table, '20261129', first, last, count, 1, path];
  });
  const select = (sql: string): Promise<unknown[][]> =>
    Promise.resolve(
      sql.includes('detached_parts') ? [[table, MERGED, '20261129', 1_000, merged, 'broken-on-start', 2, 9]] : kept,
    );
  const { lost, replaced } = await findDetached(select);
  return { lost: lost.map(({ name }) => name), replaced: replaced.map(({ name }) => name) };
}

function write(name: string, count: number | string, laterS: number): string {
  const path = join(directory, name);
  mkdirSync(path, { recursive: true });
  const file = join(path, 'count.txt');
  writeFileSync(file, String(count));
  const madeS = 1_795_000_000 + laterS;
  utimesSync(file, madeS, madeS);
  return path;
}
