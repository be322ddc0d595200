import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { EngineError } from '../storage/engine.ts';
import { startOfDayMs } from '../storage/utc-day.ts';
import { Journal } from './journal.ts';
import { moveSpans, planMove, type MoveInto, type MoveReport } from './move.ts';
import { Pace } from './pace.ts';
import type { SecondOfSpans, Slice } from './slices.ts';

/** A span as these tests see it: ids, and what else it says. */
interface Span {
  readonly second: number;
  readonly id: number;
  readonly says: string;
}

const NOW_MS = Date.parse('2026-11-30T12:00:00Z');
const [TODAY, YESTERDAY, OLD] = ['2026-11-30', '2026-11-29', '2026-10-30'].map((day) => startOfDayMs(day) / 1_000) as [
  number,
  number,
  number,
];
const PIECE_SPANS = 4;

class Killed extends Error {}

/** A store in memory, whose statements are counted, and may be the last ones of their process. */
class Store {
  readonly spans: Span[] = [];
  /** What one statement can answer, and insert. */
  resultMax = Infinity;
  insertMax = Infinity;

  within({ from, seconds, part, parts }: Slice): Span[] {
    const found = this.spans.filter(
      ({ second, id }) => second >= from && second < from + seconds && id % parts === part,
    );
    if (found.length > this.resultMax) throw new EngineError('too_large', 'too much for one statement');
    return found;
  }

  bySecond(day: string, digestOf: (span: Span) => number): SecondOfSpans[] {
    const begin = startOfDayMs(day) / 1_000;
    const seconds = new Map<number, SecondOfSpans>();
    for (const span of this.spans.filter(({ second }) => second >= begin && second < begin + 86_400)) {
      const { spans, digest } = seconds.get(span.second) ?? { spans: 0, digest: 0n };
      seconds.set(span.second, { second: span.second, spans: spans + 1, digest: digest + BigInt(digestOf(span)) });
    }
    return [...seconds.values()].toSorted((a, b) => a.second - b.second);
  }

  countIds(slice: Slice): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { id } of this.within(slice)) counts.set(String(id), (counts.get(String(id)) ?? 0) + 1);
    return counts;
  }

  get sorted(): string[] {
    return this.spans.map(({ second, id, says }) => `${second} ${id} ${says}`).toSorted();
  }
}

let folder = '';
let source: Store;
let target: Store;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'throughline-move-'));
  source = new Store();
  target = new Store();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

interface Run {
  /** Ends the process at this step: of each insert, before it, and when it is carried out and not noted. */
  readonly killedAt?: number;
  readonly onStep?: () => void;
}

/** One run of the command, with stores that hold what `read` and `write` pass as text in place of files. */
async function run({ killedAt = Infinity, onStep }: Run = {}): Promise<MoveReport> {
  const journal = await Journal.open(join(folder, 'journal'));
  // What an earlier process has begun has ended before anything else is done.
  for (const token of journal.inDoubt.keys()) await journal.end(token);
  let steps = 0;
  const step = (): void => {
    steps += 1;
    onStep?.();
    if (steps >= killedAt) throw new Killed();
  };
  let arrival = journal.lastArrival;
  const options: MoveInto = {
    journal,
    retentionDays: 30,
    pieceSpansMax: PIECE_SPANS,
    signal: new AbortController().signal,
    nowMs: NOW_MS,
    pace: new Pace(Infinity),
    onProgress: () => {},
    source: {
      days: () => {
        const seconds = new Set(source.spans.map(({ second }) => second - (second % 86_400)));
        const days = [...seconds].toSorted((a, b) => b - a).map((begin) => new Date(begin * 1_000).toISOString());
        return Promise.resolve(days.map((day) => ({ day: day.slice(0, 10), spans: 1 })));
      },
      secondsOf: (day) => Promise.resolve(source.bySecond(day, ({ id, says }) => id * 1_000 + says.length)),
      idsBySecond: (day) => Promise.resolve(source.bySecond(day, ({ id }) => id)),
      countIds: async (slice) => await Promise.resolve(source.countIds(slice)),
      write: async (slice, _, except) => {
        const left = except === null ? [] : (JSON.parse(except) as Span[]).map((span) => JSON.stringify(span));
        const spans = source.within(slice).filter((span) => {
          const at = left.indexOf(JSON.stringify(span));
          if (at >= 0) left.splice(at, 1);
          return at < 0;
        });
        return await Promise.resolve({ path: JSON.stringify(spans), spans: spans.length });
      },
    },
    target: {
      idsBySecond: (day) => Promise.resolve(target.bySecond(day, ({ id }) => id)),
      countIds: async (slice) => await Promise.resolve(target.countIds(slice)),
      read: async (slice) => await Promise.resolve(JSON.stringify(target.within(slice))),
      insert: async (path, given) => {
        await journal.begin(`move-${given}`, given);
        step();
        const spans = JSON.parse(path) as Span[];
        // A shard has taken its part, and another one has not.
        if (spans.length > target.insertMax) {
          target.spans.push(...spans.filter(({ id }) => id % 2 === 0));
          await journal.end(`move-${given}`);
          throw new EngineError('too_large', 'too much for one insert');
        }
        target.spans.push(...spans);
        step();
        await journal.end(`move-${given}`);
        step();
      },
      nextArrival: () => (arrival += 1),
      giveBackArrival: () => {},
      patiently: (work) => work(),
    },
  };
  try {
    return await moveSpans(options);
  } finally {
    await journal.close();
  }
}

function someSpans(): Span[] {
  const spans: Span[] = [];
  for (let id = 0; id < 30; id++) spans.push({ second: TODAY + (id % 7) * 1_000, id, says: 'a' });
  for (let id = 100; id < 111; id++) spans.push({ second: YESTERDAY + 80_000, id, says: 'b' });
  // Two spans with one id, and one that was sent twice.
  spans.push(
    { second: TODAY, id: 1, says: 'c' },
    { second: TODAY, id: 2, says: 'd' },
    { second: TODAY, id: 2, says: 'd' },
  );
  return spans;
}

test('wherever a run is killed, and the next one as well, everything is there once in the end', async () => {
  const spans = someSpans();
  let ends = 0;
  for (let killedAt = 1; ends < 2; killedAt++) {
    rmSync(join(folder, 'journal'), { force: true });
    source.spans.splice(0, Infinity, ...spans);
    target.spans.splice(0);
    for (const again of [killedAt, 2]) {
      await run({ killedAt: again }).catch((error: unknown) => {
        if (!(error instanceof Killed)) throw error;
      });
    }
    const isWhole = target.spans.length === spans.length;
    const { days } = await run();
    expect(days.map(({ missing, more }) => ({ missing, more }))).toEqual([
      { missing: 0, more: 0 },
      { missing: 0, more: 0 },
    ]);
    expect(target.sorted).toEqual(source.sorted);
    if (isWhole) ends += 1;
  }
});

test('another run inserts what has come, and nothing else, though others store into the same seconds', async () => {
  source.spans.push(...someSpans());
  await run();
  const late = { second: TODAY + 1_000, id: 500, says: 'late' };
  source.spans.push(late);
  const others = [TODAY, TODAY + 1_000, TODAY + 40_000].map((second) => ({ second, id: 900, says: 'new' }));
  target.spans.push(...others);
  const { days } = await run();
  expect(days.map(({ inserted }) => inserted)).toEqual([1, 0]);
  expect(days.map(({ missing }) => missing)).toEqual([0, 0]);
  target.spans.splice(0, Infinity, ...target.spans.filter(({ says }) => says !== 'new'));
  expect(target.sorted).toEqual(source.sorted);
});

test('without what it has noted, a run compares, and inserts nothing twice', async () => {
  source.spans.push(...someSpans());
  await run();
  rmSync(join(folder, 'journal'));
  expect((await run()).days.map(({ inserted }) => inserted)).toEqual([0, 0]);
  expect(target.sorted).toEqual(source.sorted);
});

test('a slice that is too much for a statement is halved, and so is the count', async () => {
  source.spans.push(...someSpans());
  source.resultMax = 2;
  target.resultMax = 3;
  const { days } = await run();
  expect(days.map(({ missing }) => missing)).toEqual([0, 0]);
  expect(target.sorted).toEqual(source.sorted);
  target.spans.push({ second: TODAY, id: 1_000, says: 'new' });
  expect((await run()).days.map(({ missing }) => missing)).toEqual([0, 0]);
});

test('an insert that is too large for one of the shards is halved, and nothing of it is there twice', async () => {
  source.spans.push(...someSpans());
  target.insertMax = 2;
  await run();
  expect(target.sorted).toEqual(source.sorted);
});

test('what the target has lost is said, and inserted by the next run', async () => {
  source.spans.push(...someSpans());
  await run();
  const lost = target.spans.filter(({ id }) => id === 3 || id === 104).length;
  target.spans.splice(0, Infinity, ...target.spans.filter(({ id }) => id !== 3 && id !== 104));
  const found = (await run()).days;
  expect(found.map(({ inserted, missing }) => [inserted, missing])).toEqual([
    [0, 1],
    [0, 1],
  ]);
  expect((await run()).days.reduce((sum, { inserted }) => sum + inserted, 0)).toBe(lost);
  expect(target.sorted).toEqual(source.sorted);
});

test('days older than the retention are left out and counted, and a plan inserts nothing', async () => {
  source.spans.push(...someSpans(), { second: OLD, id: 1, says: 'old' });
  const { days, tooOld } = await run();
  expect(days.map(({ day }) => day)).toEqual(['2026-11-30', '2026-11-29']);
  expect(tooOld).toEqual([{ day: '2026-10-30', spans: 1 }]);
  expect(target.spans.some(({ says }) => says === 'old')).toBe(false);
});

test('a plan counts what a run would insert', async () => {
  source.spans.push(...someSpans());
  const journal = await Journal.open(join(folder, 'journal'));
  const plan = async () =>
    await planMove({
      journal,
      retentionDays: 30,
      pieceSpansMax: PIECE_SPANS,
      signal: new AbortController().signal,
      nowMs: NOW_MS,
      source: {
        days: () => Promise.resolve([{ day: '2026-11-30', spans: 33 }]),
        secondsOf: (day) => Promise.resolve(source.bySecond(day, ({ id }) => id)),
        idsBySecond: () => Promise.reject(new Error('not asked')),
        countIds: () => Promise.reject(new Error('not asked')),
        write: () => Promise.reject(new Error('not asked')),
      },
    });
  expect((await plan()).days).toEqual([{ day: '2026-11-30', spans: 33, toMove: 33 }]);
  await journal.close();
});
