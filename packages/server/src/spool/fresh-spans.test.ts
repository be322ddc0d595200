import { once } from 'node:events';
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
import type { FreshLimits } from './limits.ts';
import type { Segment } from './segment-recovery.ts';
import type { DurableBlock } from './spool.ts';

let directory: string;
let visibility: SpanVisibility;
let sealed: [segment: string, ageMs: number][];
let nowMs: number;
let registry: Registry;
let reads: [segment: string, offset: number, length: number][];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'throughline-fresh-'));
  visibility = new SpanVisibility();
  sealed = [];
  nowMs = 0;
  registry = new Registry();
  reads = [];
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** What the tables were asked for, in order; `fail` makes the next insert fail. */
function tablesOf(count: number): { -readonly [K in keyof FreshTables]: FreshTables[K] } & {
  readonly asked: string[];
  fail: boolean;
  readonly lengths: number[];
} {
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

async function started(tables: FreshTables, limits: Partial<FreshLimits> = {}): Promise<FreshSpans> {
  const fresh = new FreshSpans({
    directory: join(directory, 'fresh'),
    tables,
    visibility,
    log,
    registry,
    limits: { publishMs: 1, rowsPerInsertMax: 100, watchedMs: 1_000, waitMs: 60_000, ...limits },
    read: (name, offset, length) => {
      reads.push([name, offset, length]);
      return Promise.resolve(new Uint8Array(length));
    },
    seal: (segment, ageMs) => sealed.push([segment, ageMs]),
    now: () => nowMs,
  });
  await fresh.start();
  return fresh;
}

const block = (segment: string, arrival: number, rows = 10): DurableBlock => ({
  segment,
  offset: arrival * 100,
  length: 100,
  rows,
  arrival,
});
/** As a query sees it that is answered at once. */
async function ask(): Promise<SpanView['fresh']> {
  await visibility.published();
  return seen();
}
function seen(): SpanView['fresh'] {
  const view = visibility.view();
  view.release();
  return view.fresh;
}
const segment = (name: string): Segment => ({ name }) as Segment;

describe('FreshSpans', () => {
  it('publishes nothing while nobody asks, and everything of before with the first query', async () => {
    const tables = tablesOf(3);
    const fresh = await started(tables);
    fresh.take(block('a', 5));
    fresh.take(block('a', 6));
    fresh.take(block('b', 7));
    await delay(20);
    expect(tables.asked).toEqual([]);
    expect(await ask()).toEqual([
      { first: 5, last: 6 },
      { first: 7, last: 7 },
    ]);
    expect(tables.asked).toEqual(['insert 0', 'insert 1']);
    expect(reads).toEqual([
      ['a', 500, 200],
      ['b', 700, 100],
    ]);
    await fresh.close();
  });

  it('publishes every publishMs after a query, until nobody has asked for watchedMs', async () => {
    const tables = tablesOf(3);
    const fresh = await started(tables);
    await ask();
    fresh.take(block('a', 5));
    await eventually(() => seen().length === 1);
    nowMs += 1_001;
    fresh.take(block('a', 6));
    await delay(20);
    expect(seen()).toEqual([{ first: 5, last: 5 }]);
    expect(await ask()).toEqual([{ first: 5, last: 6 }]);
    await fresh.close();
  });

  it('lets who misses something wait for what is pending, and for nothing where nothing is', async () => {
    const tables = tablesOf(3);
    const fresh = await started(tables);
    await ask();
    expect(await visibility.pendingPublished()).toBe(false);
    fresh.take(block('a', 5));
    fresh.take(block('b', 6));
    const both = [visibility.pendingPublished(), visibility.pendingPublished()];
    expect(seen()).toEqual([]);
    expect(await Promise.all(both)).toEqual([true, true]);
    expect(seen()).toHaveLength(2);
    expect(tables.asked).toHaveLength(2);
    expect(await visibility.pendingPublished()).toBe(false);
    await fresh.close();
    fresh.take(block('a', 7));
    expect(await visibility.pendingPublished()).toBe(false);
  });

  it('lets who misses something wait for an insert that has begun, and not for ever for what was unpublished', async () => {
    const tables = tablesOf(1);
    const finish: (() => void)[] = [];
    tables.insert = () => new Promise((resolve) => finish.push(resolve));
    const fresh = await started(tables);
    await visibility.published();
    fresh.take(block('a', 1));
    await eventually(() => finish.length === 1);
    const waiting = visibility.pendingPublished();
    fresh.take(block('a', 2));
    const behind = visibility.pendingPublished();
    fresh.stored(segment('a'));
    finish[0]?.();
    expect(await Promise.all([waiting, behind])).toEqual([true, true]);
    await fresh.close();
  });

  it('inserts no more rows at once than one insert takes', async () => {
    const tables = tablesOf(3);
    const fresh = await started(tables);
    for (const arrival of [1, 2, 3, 4, 5]) {
      fresh.take(block('a', arrival, 40));
      nowMs += 100;
    }
    expect(await ask()).toEqual([{ first: 1, last: 5 }]);
    expect(reads.map(([, , length]) => length)).toEqual([200, 200, 100]);
    await fresh.close();
  });

  it('leaves a table alone that was never filled', async () => {
    const tables = tablesOf(1);
    const fresh = await started(tables);
    fresh.take(block('a', 1));
    fresh.stored(segment('a'));
    await delay(5);
    expect(fresh.publishes('b')).toBe(true);
    expect(tables.asked).toEqual([]);
    await fresh.close();
  });

  it('lets a query wait no longer than waitMs, and says how often it was too short', async () => {
    const tables = tablesOf(1);
    const finish: (() => void)[] = [];
    tables.insert = () => new Promise((resolve) => finish.push(resolve));
    const fresh = await started(tables, { waitMs: 50 });
    fresh.take(block('a', 1));
    expect(await ask()).toEqual([]);
    const limits = await registry.getSingleMetric('throughline_limit_reached_total')?.get();
    expect(limits?.values).toMatchObject([{ labels: { limit: 'fresh.waitMs' }, value: 1 }]);
    finish[0]?.();
    await eventually(() => seen().length === 1);
    await fresh.close();
  });

  it('finds what was acknowledged before a query, even where an earlier publication is under way', async () => {
    const tables = tablesOf(1);
    const finish: (() => void)[] = [];
    tables.insert = () => new Promise((resolve) => finish.push(resolve));
    const fresh = await started(tables, { waitMs: 10_000 });
    await ask();
    fresh.take(block('a', 1));
    await eventually(() => finish.length === 1);
    nowMs += 2_000;
    fresh.take(block('a', 2));
    const asked = ask();
    finish[0]?.();
    await eventually(() => finish.length === 2);
    finish[1]?.();
    expect(await asked).toEqual([{ first: 1, last: 2 }]);
    await fresh.close();
  });

  it('hands spans to the store that came too fast to be published for a first query', async () => {
    const tables = tablesOf(2);
    const fresh = await started(tables);
    fresh.take(block('a', 1, 90));
    fresh.take(block('a', 2, 90));
    expect(await ask()).toEqual([]);
    expect(sealed).toEqual([['a', 1]]);
    expect(fresh.publishes('b')).toBe(false);
    await fresh.close();
  });

  it('makes the blocks of a segment findable until it is stored', async () => {
    const tables = tablesOf(2);
    const fresh = await started(tables);
    await ask();
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
    await ask();
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

  it('clears a table when the queries that may read it have been answered, and uses it again', async () => {
    const tables = tablesOf(1);
    const fresh = await started(tables);
    await ask();
    fresh.take(block('a', 1));
    await eventually(() => seen().length === 1);
    const query = visibility.view();
    fresh.stored(segment('a'));
    await delay(20);
    expect(tables.asked).toEqual(['insert 0']);
    // No table is free meanwhile.
    expect(fresh.publishes('b')).toBe(false);
    query.release();
    await eventually(() => tables.asked.includes('clear 0'));
    await eventually(() => fresh.publishes('c'));
    await fresh.close();
  });

  it('hands a segment to the store whose blocks cannot be published, and none of it is read as fresh', async () => {
    const tables = tablesOf(2);
    const fresh = await started(tables);
    await ask();
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
    await ask();
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
    await ask();
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

  it('waits no longer for an engine that hangs than it is told to when it is closed, and asks it nothing more', async () => {
    const tables = tablesOf(2);
    const hanging = new AbortController();
    const ended = once(hanging.signal, 'abort');
    const insert = tables.insert;
    tables.insert = async (table, path) => {
      await insert(table, path);
      await ended;
    };
    const fresh = await started(tables, { waitMs: 1 });
    fresh.take(block('a', 1));
    fresh.take(block('b', 2));
    expect(await ask()).toEqual([]);
    await fresh.close(1);
    hanging.abort();
    await fresh.close(60_000);
    expect(tables.asked).toEqual(['insert 0']);
  });

  it('lets queries wait for what could be found before the engine died, and for a while only', async () => {
    const fresh = await started(tablesOf(4), { waitMs: 60_000 });
    await ask();
    fresh.take(block('a', 1));
    await eventually(() => seen().length === 1);
    fresh.take(block('b', 2));
    fresh.reset();
    let answered = 0;
    const asked = [ask(), ask()].map((query) => query.then(() => (answered += 1)));
    fresh.stored(segment('a'));
    await delay(20);
    expect(answered).toBe(0);
    fresh.stored(segment('b'));
    await Promise.all(asked);
    fresh.take(block('c', 3));
    fresh.reset();
    nowMs += 10_000;
    await ask();
    await fresh.close();
  });
});
