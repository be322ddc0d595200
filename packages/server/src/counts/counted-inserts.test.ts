import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Seeded } from '../columns/testing/seeded.ts';
import { EngineError } from '../storage/engine.ts';
import { isLong } from '../storage/testing/sample-of.ts';
import { silentLog as log, startEngine, type StartedEngine } from '../storage/testing/start-engine.ts';
import { CountedInserts, type EngineOfCounts } from './counted-inserts.ts';
import { CountedMinutes, type CountedPart } from './counted-minutes.ts';
import { singleServerTables } from '../storage/tables.ts';

const SEED = Number(process.env['THROUGHLINE_TEST_SEED'] ?? 20_261_128);
const DAY_MS = 86_400_000;
/** A midnight. */
const MIDNIGHT_MS = 19_676 * DAY_MS;

let store: StartedEngine;
beforeAll(async () => void (store = await startEngine()));
afterAll(() => store[Symbol.asyncDispose]());

let directory: string;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'throughline-counted-'));
  mkdirSync(join(directory, 'spool'));
  for (const table of ['counted_1m', 'counted_1h']) await store.engine.command(`TRUNCATE TABLE throughline.${table}`);
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

async function opened(): Promise<CountedInserts> {
  const inserts = new CountedInserts({ directory, spool: join(directory, 'spool'), log });
  await inserts.open();
  return inserts;
}

/** So many requests, of which half fall to the day before midnight. */
function partsOf(requests: number, operation = 'GET /'): readonly CountedPart[] {
  const minutes = new CountedMinutes((service, name) => [service, name]);
  const total = { startName: '', name: operation, kind: 1, status: 0, requests, durationSumNs: requests * 1e6 };
  minutes.add({
    number: 1,
    service: "sh'op",
    instance: 'i1',
    fromMs: MIDNIGHT_MS - 30_000,
    toMs: MIDNIGHT_MS + 30_000,
    isCounted: true,
    added: [{ ...total, offset: 159, counts: [requests] }],
  });
  return minutes.parts;
}

type Fate = 'stored' | 'not stored' | 'in part' | 'stored, and not known';

/** What becomes of the next inserts, one after the other; all others are stored. */
function engineWith(fates: readonly Fate[]): EngineOfCounts {
  const left = [...fates];
  const { engine } = store;
  return {
    tables: engine.tables,
    query: (...asked) => engine.query(...asked),
    checkInsertEnded: () => engine.checkInsertEnded(),
    insertPlainFile: async (table, path) => {
      const fate = left.shift() ?? 'stored';
      if (fate === 'in part') {
        // One day has its part, the other one's was not renamed.
        const day = table === 'counted_1m' ? '<' : '>=';
        await engine.command(`INSERT INTO throughline.${table} (time, service_name, operation, kind, status, bucket, requests, duration_sum_ns)
SELECT * FROM file('${path}', 'Native') WHERE time ${day} toDateTime(${MIDNIGHT_MS / 1_000})`);
      } else if (fate !== 'not stored') await engine.insertPlainFile(table, path);
      if (fate !== 'stored') throw new EngineError('unavailable', fate);
    },
  };
}

const stored = (table: string): Promise<unknown[][]> =>
  store.rows(`SELECT toDate(time) < toDate(${MIDNIGHT_MS / DAY_MS}) AS is_before, operation, toUInt32(sum(requests)) FROM throughline.${table}
GROUP BY 1, 2 ORDER BY 2, 1 DESC`);

async function expectStored(rows: readonly (readonly [operation: string, requests: number])[]): Promise<void> {
  const expected = rows.flatMap(([operation, requests]) => [
    [1, operation, requests / 2],
    [0, operation, requests / 2],
  ]);
  for (const table of ['counted_1m', 'counted_1h']) expect([table, await stored(table)]).toEqual([table, expected]);
}

const FATES: readonly (readonly Fate[])[] = [
  ['not stored'],
  ['stored, and not known'],
  ['in part'],
  ['stored', 'not stored'],
  ['stored', 'stored, and not known'],
  ['stored', 'in part'],
  ['in part', 'in part', 'not stored'],
  ['not stored', 'stored, and not known', 'not stored', 'in part'],
];

describe('an insert of request metrics that does not end well', () => {
  it.each(FATES.flatMap((fates) => [false, true].map((isKilled) => [fates.join('; '), isKilled, fates] as const)))(
    'is stored once in the end: %s; the collector is killed: %s',
    async (_, isKilled, fates) => {
      let inserts = await opened();
      await inserts.insert(engineWith([]), 'before', partsOf(100));
      const engine = engineWith(fates);
      for (;;) {
        const failure = await inserts.insert(engine, 'segment', partsOf(8)).catch((error: unknown) => error);
        if (failure === undefined) break;
        expect(failure).toBeInstanceOf(EngineError);
        if (isKilled) inserts = await opened();
      }
      await expectStored([['GET /', 108]]);
      // Whoever stored it may have died before it was removed.
      await (await opened()).insert(engineWith([]), 'segment', partsOf(8));
      await expectStored([['GET /', 108]]);
    },
  );

  it('may be passed by others, and comes again with what is missing of it', async () => {
    let inserts = await opened();
    await expect(inserts.insert(engineWith(['in part']), 'first', partsOf(8))).rejects.toThrow('in part');
    await inserts.insert(engineWith([]), 'second', partsOf(100));
    await expect(inserts.insert(engineWith(['not stored']), 'third', partsOf(1_000))).rejects.toThrow('not stored');
    inserts = await opened();
    await inserts.insert(engineWith([]), 'fourth', partsOf(10_000));
    await inserts.insert(engineWith([]), 'first', partsOf(8));
    await inserts.insert(engineWith([]), 'third', partsOf(1_000));
    for (const segment of ['first', 'second', 'third', 'fourth']) {
      await inserts.insert(engineWith([]), segment, partsOf(8));
    }
    await expectStored([['GET /', 11_108]]);
  });

  it('is stored where its day or the store was lost meanwhile', async () => {
    const inserts = await opened();
    await inserts.insert(engineWith([]), 'first', partsOf(100));
    await expect(inserts.insert(engineWith(['not stored']), 'second', partsOf(8))).rejects.toThrow('not stored');
    for (const table of ['counted_1m', 'counted_1h']) await store.engine.command(`TRUNCATE TABLE throughline.${table}`);
    await inserts.insert(engineWith([]), 'second', partsOf(8));
    await expectStored([['GET /', 8]]);
  });

  it('waits for an earlier one that may still run, and for a disk that takes the note', async () => {
    const inserts = await opened();
    await expect(inserts.insert(engineWith(['not stored']), 'first', partsOf(8))).rejects.toThrow('not stored');
    const running = { ...engineWith([]), checkInsertEnded: () => Promise.reject(new Error('still runs')) };
    for (const segment of ['first', 'second']) {
      await expect(inserts.insert(running, segment, partsOf(8))).rejects.toThrow('still runs');
    }
    mkdirSync(join(directory, 'inserts.json.temporary'));
    await expect(inserts.insert(engineWith([]), 'first', partsOf(8))).rejects.toThrow('EISDIR');
    expect(await stored('counted_1m')).toEqual([]);
    rmSync(join(directory, 'inserts.json.temporary'), { recursive: true });
    await inserts.insert(engineWith([]), 'first', partsOf(8));
    await expectStored([['GET /', 8]]);
  });

  const INSERTS = isLong ? 60 : 24;
  it(`ends as it should in ${INSERTS} inserts with faults, seed ${SEED}`, async () => {
    const random = new Seeded(SEED);
    const fates: readonly Fate[] = ['stored', 'stored', 'not stored', 'in part', 'stored, and not known'];
    const waiting = Array.from({ length: INSERTS }, (_, index) => `segment ${index}`);
    const done: string[] = [];
    let inserts = await opened();
    while (waiting.length > 0) {
      // One of the next, as failing ones are passed, or one that a power failure brought back.
      const segment = random.chance(0.1) && done.length > 0 ? random.pick(done) : random.pick(waiting.slice(0, 4));
      const engine = engineWith([random.pick(fates), random.pick(fates)]);
      const error = await inserts.insert(engine, segment, partsOf(2, `op ${segment.length}`)).catch((e: unknown) => e);
      if (error === undefined && waiting.includes(segment)) {
        waiting.splice(waiting.indexOf(segment), 1);
        done.push(segment);
      }
      if (random.chance(0.3)) inserts = await opened();
      if (random.chance(0.2)) await store.engine.command('OPTIMIZE TABLE throughline.counted_1m FINAL');
    }
    await expectStored([
      ['op 10', 2 * (INSERTS - 10)],
      ['op 9', 20],
    ]);
  });
});

describe('the notes on inserts of request metrics', () => {
  it('keep the newest, and those whose segment is somewhere', async () => {
    const inserts = await opened();
    mkdirSync(join(directory, 'spool/rejected/retry'), { recursive: true });
    for (const path of ['s1', 'rejected/s2', 'rejected/s3.damaged', 'rejected/retry/s4']) {
      writeFileSync(join(directory, `spool/${path}.native`), '');
    }
    const engine: EngineOfCounts = {
      tables: singleServerTables(),
      query: async () => Buffer.from('[0,"0"]'),
      insertPlainFile: async () => {},
      checkInsertEnded: async () => {},
    };
    for (let number = 0; number < 450; number++) await inserts.insert(engine, `s${number}`, partsOf(2));
    await inserts.close();
    const { begun, missing } = JSON.parse(readFileSync(join(directory, 'inserts.json'), 'utf8')) as {
      begun: null;
      missing: [string, []][];
    };
    expect(begun).toBeNull();
    const names = missing.map(([name]) => name);
    expect(names.slice(0, 4)).toEqual(['s1', 's2', 's3', 's4']);
    expect(names.slice(-100)).toEqual(Array.from({ length: 100 }, (_, index) => `s${350 + index}`));
    expect(names.length).toBeLessThanOrEqual(200);
  });

  it('are not needed to start', async () => {
    writeFileSync(join(directory, 'inserts.json'), '{"begun":');
    const inserts = await opened();
    await inserts.insert(engineWith([]), 'first', partsOf(8));
    await expectStored([['GET /', 8]]);
    expect(existsSync(join(directory, 'insert.native'))).toBe(false);
  });
});
