import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { aSpan, appendSpan, type TestSpan } from '../columns/testing/append-span.ts';
import { listFiles } from '../maintenance/file-list.ts';
import { openTestSpool } from '../spool/testing/open-test-spool.ts';
import { ENGINE_LIMITS } from '../storage/engine-limits.ts';
import { ensureStoreId } from '../storage/store-id.ts';
import { builtEngineProcess, silentLog, startEngine } from '../storage/testing/start-engine.ts';
import { newStore } from '../storage/testing/new-store.ts';
import { slicesOf, whereOf, type Slice } from './slices.ts';
import { Source } from './source.ts';
import { PLAIN_SELECT } from './span-columns.ts';

const DAY = '2026-11-18';
const NS = 1_000_000_000n;
const BEGIN_NS = BigInt(Date.parse(`${DAY}T10:00:00Z`)) * 1_000_000n;
/** A day, as one slice. */
const WHOLE: Slice = { from: Date.parse(`${DAY}T00:00:00Z`) / 1_000, seconds: 131_072, part: 0, parts: 1 };

let data: string;
let folder: string;

beforeEach(async () => {
  data = mkdtempSync(join(tmpdir(), 'throughline-source-'));
  folder = mkdtempSync(join(tmpdir(), 'throughline-migration-'));
  const store = await newStore();
  cpSync(store, join(data, 'store'), { recursive: true, verbatimSymlinks: true });
  rmSync(store, { recursive: true });
});
afterEach(() => {
  for (const path of [data, folder]) rmSync(path, { recursive: true, force: true });
});

function spansFrom(first: number, count: number): TestSpan[] {
  return Array.from({ length: count }, (_, index) =>
    aSpan({
      spanId: (first + index).toString(16).padStart(16, '0'),
      startNs: BEGIN_NS + (BigInt(index) / 10n) * NS,
    }),
  );
}

/** Leaves them in the spool, as segments of their own. */
async function acknowledge(...requests: readonly TestSpan[][]): Promise<void> {
  for (const spans of requests) {
    const { spool, ingest } = await openTestSpool(join(data, 'spool'), {}, () => Number(BEGIN_NS / 1_000_000n));
    const result = await ingest.decode((block, rejected) => {
      for (const span of spans) appendSpan(block, rejected, span);
    });
    if (result.kind !== 'stored') throw new Error(`answered ${result.kind}`);
    await spool.close();
  }
}

function segments(): string[] {
  return readdirSync(join(data, 'spool')).filter((name) => name.endsWith('.native'));
}

/** The spool's first segments are stored as well, and still in the spool. */
async function storeFirst(count: number): Promise<void> {
  await using store = await startEngine({}, join(data, 'store'));
  await ensureStoreId(store.engine);
  for (const name of segments().toSorted().slice(0, count)) {
    await store.engine.insertNativeFile('spans', join(data, 'spool', name), name);
  }
}

async function openSource(): Promise<Source> {
  return await Source.open({
    storePath: join(data, 'store'),
    dataPath: data,
    list: await listFiles(data),
    folder,
    log: silentLog,
    limits: ENGINE_LIMITS,
    onProcess: () => {},
    signal: new AbortController().signal,
    processPath: builtEngineProcess,
  });
}

test('has what is stored and what waits in the spool once, counts what was quarantined, and leaves the spool alone', async () => {
  await acknowledge(spansFrom(1, 100), spansFrom(1_001, 50), spansFrom(2_001, 7));
  await storeFirst(1);
  mkdirSync(join(data, 'spool', 'rejected'), { recursive: true });
  const [last = ''] = segments().toSorted().toReversed();
  for (const suffix of ['.native', '.index']) {
    const name = last.replace('.native', suffix);
    cpSync(join(data, 'spool', name), join(data, 'spool', 'rejected', name));
    rmSync(join(data, 'spool', name));
  }
  const before = segments();
  const source = await openSource();
  try {
    expect(await source.days()).toEqual([{ day: DAY, spans: 150 }]);
    expect(source.left).toEqual({ segments: 1, spans: 7 });
    expect((await source.secondsOf(DAY)).reduce((sum, { spans }) => sum + spans, 0)).toBe(150);
    expect(segments()).toEqual(before);
    expect(readdirSync(folder)).toEqual([]);
  } finally {
    await source.close();
  }
});

test('writes a slice as segments are, with one arrival, without what another file has, each as often as there', async () => {
  // The same spans twice, in segments of their own.
  await acknowledge(spansFrom(1, 40), spansFrom(1, 40), spansFrom(1_001, 25));
  await storeFirst(3);
  const source = await openSource();
  try {
    const { path, spans } = await source.write(WHOLE, 77, null);
    expect(spans).toBe(105);
    await using target = await startEngine();
    await target.engine.insertNativeFile('spans', path, 'a');
    expect(
      await target.rows('SELECT count(), uniqExact(span_id), min(arrival), max(arrival) FROM throughline.spans'),
    ).toEqual([[105, 65, 77, 77]]);
    // All of one, one of another, and a span that the source has not.
    const except = join(folder, 'except.native');
    const held = async (where: string): Promise<void> => {
      const rows = await target.engine.query(`SELECT ${PLAIN_SELECT} FROM throughline.spans WHERE ${where}`, {
        format: 'Native',
        timeoutMs: 60_000,
      });
      writeFileSync(except, rows);
    };
    await held(`${whereOf(WHOLE)} AND name = 'GET /'`);
    expect((await source.write(WHOLE, 78, except)).spans).toBe(0);
    await held('reinterpretAsUInt64(reverse(span_id)) IN (1, 2) OR reinterpretAsUInt64(reverse(span_id)) > 1000');
    const rest = await source.write(WHOLE, 78, except);
    expect(rest.spans).toBe(105 - 4 - 25);
    // One of two copies is there: the other one is not.
    await held('span_id IN (SELECT span_id FROM throughline.spans LIMIT 1) LIMIT 1');
    expect((await source.write(WHOLE, 79, except)).spans).toBe(104);
  } finally {
    await source.close();
  }
});

test('parts a second by ids, and counts them there alike', async () => {
  await acknowledge(spansFrom(1, 64));
  await storeFirst(1);
  const source = await openSource();
  try {
    const slices = [...slicesOf(DAY, await source.secondsOf(DAY), 4)];
    const counts = new Map<string, number>();
    let written = 0;
    for (const slice of slices) {
      written += (await source.write(slice, 1, null)).spans;
      for (const [id, spans] of await source.countIds(slice)) counts.set(id, (counts.get(id) ?? 0) + spans);
    }
    expect(slices.some(({ parts }) => parts > 1)).toBe(true);
    expect(written).toBe(64);
    expect([...counts.values()].every((spans) => spans === 1)).toBe(true);
    expect(counts.size).toBe(64);
  } finally {
    await source.close();
  }
});
