import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FreshTables } from '../storage/engine.ts';
import { SpanVisibility, type SpanView } from '../storage/span-visibility.ts';
import { eventually, silentLog as log } from '../storage/testing/start-engine.ts';
import { FreshSpans } from './fresh-spans.ts';
import type { Segment } from './segment-recovery.ts';
import type { DurableBlock } from './spool.ts';

let directory: string;
let visibility: SpanVisibility;
let sealed: [segment: string, ageMs: number][];
let nowMs: number;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'throughline-fresh-'));
  visibility = new SpanVisibility();
  sealed = [];
  nowMs = 0;
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** What the tables were asked for, in order; `fail` makes the next insert fail. */
function tablesOf(
  count: number,
): FreshTables & { readonly asked: string[]; fail: boolean; readonly lengths: number[] } {
  const tables = {
    count,
    asked: [] as string[],
    lengths: [] as number[],
    fail: false,
    insert: (table: number, path: string): Promise<void> => {
      tables.asked.push(`insert ${table}`);
      if (!existsSync(path)) return Promise.reject(new Error('no file'));
      if (!tables.fail) return Promise.resolve();
      tables.fail = false;
      return Promise.reject(new Error('away'));
    },
    clear: (table: number): Promise<void> => {
      tables.asked.push(`clear ${table}`);
      return Promise.resolve();
    },
  };
  return tables;
}

async function started(tables: FreshTables): Promise<FreshSpans> {
  const fresh = new FreshSpans({
    directory: join(directory, 'fresh'),
    tables,
    visibility,
    log,
    registry: new Registry(),
    limits: { publishMs: 1, rowsPerInsertMax: 100 },
    seal: (segment, ageMs) => sealed.push([segment, ageMs]),
    now: () => nowMs,
  });
  await fresh.start();
  return fresh;
}

const block = (segment: string, arrival: number, rows = 10): DurableBlock => ({
  native: Uint8Array.of(arrival),
  rows,
  arrival,
  segment,
});
/** As a question sees it that is answered at once. */
function seen(): SpanView['fresh'] {
  const view = visibility.view();
  view.release();
  return view.fresh;
}
const segment = (name: string): Segment => ({ name }) as Segment;

describe('FreshSpans', () => {
  it('makes the blocks of a segment findable until it is stored', async () => {
    const tables = tablesOf(2);
    const fresh = await started(tables);
    expect(fresh.publishes('a')).toBe(true);
    fresh.take(block('a', 5));
    fresh.take(block('a', 6));
    await eventually(() => seen().length === 1);
    expect(seen()).toEqual([{ first: 5, last: 6 }]);
    fresh.take(block('a', 8));
    await eventually(() => seen()[0]?.last === 8);
    expect(tables.asked).toEqual(['insert 0', 'insert 0']);
    expect(readdirSync(join(directory, 'fresh'))).toEqual([]);
    fresh.stored(segment('a'));
    expect(seen()).toEqual([]);
    await fresh.close();
  });

  it('publishes no segment of which blocks are missing, whatever happens to others', async () => {
    const tables = tablesOf(1);
    const fresh = await started(tables);
    fresh.take(block('a', 1));
    expect(fresh.publishes('b')).toBe(false);
    fresh.take(block('b', 2));
    tables.fail = true;
    await eventually(() => sealed.length === 1 && tables.asked.includes('clear 0'));
    await delay(5);
    fresh.take(block('b', 3));
    expect(fresh.publishes('b')).toBe(false);
    expect(fresh.publishes('c')).toBe(true);
    await fresh.close();
  });

  it('clears a table when the questions that may read it have been answered, and uses it again', async () => {
    const tables = tablesOf(1);
    const fresh = await started(tables);
    fresh.take(block('a', 1));
    await eventually(() => seen().length === 1);
    const question = visibility.view();
    fresh.stored(segment('a'));
    await delay(20);
    expect(tables.asked).toEqual(['insert 0']);
    // No table is free meanwhile.
    expect(fresh.publishes('b')).toBe(false);
    question.release();
    await eventually(() => tables.asked.includes('clear 0'));
    await eventually(() => fresh.publishes('c'));
    await fresh.close();
  });

  it('hands a segment to the store whose blocks cannot be published, and none of it is read as fresh', async () => {
    const tables = tablesOf(2);
    const fresh = await started(tables);
    fresh.take(block('a', 1));
    await eventually(() => seen().length === 1);
    tables.fail = true;
    fresh.take(block('a', 2));
    await eventually(() => sealed.length === 1);
    expect(sealed).toEqual([['a', 0]]);
    expect(seen()).toEqual([]);
    fresh.take(block('a', 3));
    await delay(20);
    expect(tables.asked.filter((asked) => asked.startsWith('insert'))).toHaveLength(2);
    await fresh.close();
  });

  it('leaves more spans than are worth it to the store, and tries again later', async () => {
    const tables = tablesOf(2);
    const fresh = await started(tables);
    fresh.take(block('a', 1, 60));
    fresh.take(block('a', 2, 60));
    expect(sealed).toEqual([['a', 1]]);
    expect(fresh.publishes('b')).toBe(false);
    nowMs += 10_000;
    expect(fresh.publishes('c')).toBe(true);
    await fresh.close();
  });

  it('hands everything to the store when the engine has started anew', async () => {
    const tables = tablesOf(2);
    const fresh = await started(tables);
    fresh.take(block('a', 1));
    await eventually(() => seen().length === 1);
    fresh.take(block('b', 2));
    fresh.reset();
    expect(seen()).toEqual([]);
    expect(sealed).toEqual([
      ['a', 0],
      ['b', 0],
    ]);
    await fresh.close();
  });
});
