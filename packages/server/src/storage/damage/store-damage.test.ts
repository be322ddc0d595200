import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino, { type Logger } from 'pino';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EngineError, type Engine } from '../engine.ts';
import { damageFiles, StoreDamage } from './store-damage.ts';
import { isLong, sampleOf } from '../testing/sample-of.ts';
import { silentLog, startEngine, type StartedEngine } from '../testing/start-engine.ts';
import { singleServerTables } from '../tables.ts';

const ROWS = 3_000;
const BASE = mkdtempSync(join(tmpdir(), 'throughline-damage-'));
/** Of the part that is harmed, relative to the store. */
let part = '';
let files: readonly string[] = [];

beforeAll(async () => {
  await using store = await startEngine({}, BASE);
  for (const day of [0, 1]) {
    await store.engine.command(`INSERT INTO throughline.spans
  (arrival, trace_id, span_id, parent_span_id, service, name, start_s, start_ns, duration_ns, attrs_k, attrs_v, attrs_t)
SELECT ${day + 1}, toFixedString(unhex(leftPad(hex(number + 1), 32, '0')), 16), toFixedString(unhex(leftPad(hex(number + 1), 16, '0')), 8),
  toFixedString('', 8), concat('service-', toString(number % 3)), 'operation', toDateTime(1795003200 + ${day * 86_400} + number, 'UTC') AS s,
  toInt64(toUnixTimestamp(s)) * 1000000000, number, ['k'], [toString(number)], [1] FROM numbers(${ROWS})`);
  }
  const [[path = ''] = []] = await store.rows(
    `SELECT path FROM system.parts WHERE database = 'throughline' AND table = 'spans' AND active ORDER BY name LIMIT 1`,
  );
  part = String(path)
    .slice(BASE.length + 1)
    .replace(/\/$/, '');
  files = readdirSync(join(BASE, part)).toSorted();
});
afterAll(() => rmSync(BASE, { recursive: true, force: true }));

const HARMS: Readonly<Record<string, (path: string) => void>> = {
  'turned a byte of': (path) => {
    const bytes = readFileSync(path);
    const at = bytes.length >> 1;
    bytes[at] = (bytes[at] ?? 0) ^ 0xff;
    writeFileSync(path, bytes);
  },
  emptied: (path) => truncateSync(path, 0),
  removed: (path) => rmSync(path),
};

const QUERIES = [
  'SELECT count() FROM (SELECT * FROM throughline.spans WHERE NOT ignore(*))',
  `SELECT count() FROM throughline.spans WHERE trace_id = toFixedString(unhex('${'0'.repeat(31)}7'), 16)`,
  `SELECT count() FROM throughline.spans WHERE service = 'service-1' AND NOT ignore(name)`,
];

/** What the queries answer with both parts, and with the one that is left. */
const WITH_BOTH = [2 * ROWS, 2, (2 * ROWS) / 3];
const WITH_ONE = WITH_BOTH.map((count) => count / 2);
/** Of them a part can do without, or has them from elsewhere. */
const REPAIRABLE = /^(?:skp_idx_|primary\.|checksums\.txt|minmax_|partition\.dat)/;
const DAY = '2026-11-18';

it('a query whose asker leaves while the part that it met is verified ends at once', async () => {
  const met = new EngineError('rejected', 'Checksum: /store/0ab/0abcdef0-0000-4000-8000-000000000000/20261118_1_1_0/', {
    clickhouseCode: 40,
  });
  const left = new AbortController();
  const engine: Pick<Engine, 'query' | 'command' | 'tables'> = {
    tables: singleServerTables(),
    command: () => Promise.resolve(),
    query: (sql) => {
      if (sql === QUERIES[0]) return Promise.reject(met);
      left.abort(new Error('left'));
      // As a large part that is read from end to end.
      return new Promise(() => {});
    },
  };
  const damage = new StoreDamage({ log: silentLog, registry: new Registry(), ...damageFiles(BASE) });
  const query = damage
    .forQueries(engine)
    .query(QUERIES[0] ?? '', { format: 'Native', timeoutMs: 1, signal: left.signal });
  await expect(query).rejects.toThrow('left');
});

interface Harmed {
  readonly directory: string;
  readonly damage: StoreDamage;
  readonly store: StartedEngine;
  /** The counts that the queries are answered with. */
  ask(): Promise<number[]>;
  /** What the log says of damaged parts. */
  readonly log: readonly string[];
  readonly rebuilt: (readonly string[] | 'all')[];
  [Symbol.asyncDispose](): Promise<void>;
}

/** A copy of the store that was harmed, opened as the collector does. */
async function openHarmed(harm: (part: string) => void, isRunning = false): Promise<Harmed> {
  const directory = mkdtempSync(join(tmpdir(), 'throughline-damage-'));
  cpSync(BASE, directory, { recursive: true, verbatimSymlinks: true });
  if (!isRunning) harm(join(directory, part));
  return await open(directory, isRunning ? harm : () => {});
}

async function open(directory: string, harm: (part: string) => void = () => {}): Promise<Harmed> {
  const lines: string[] = [];
  const log = pino({}, { write: (line: string) => lines.push((JSON.parse(line) as { msg: string }).msg) });
  const store = await startEngine({}, directory, log);
  harm(join(directory, part));
  const damage = aStoreDamage(directory, log);
  const rebuilt: (readonly string[] | 'all')[] = [await damage.findAtStart(store.engine)];
  damage.noteRebuilt();
  damage.start(store.engine, (days) => Promise.resolve(void rebuilt.push(days)));
  const engine = damage.forQueries(store.engine);
  return {
    directory,
    damage,
    store,
    ask: async () => {
      const counts: number[] = [];
      for (const query of QUERIES) {
        const bytes = await engine.query(query, { format: 'JSONCompactEachRow', timeoutMs: 240_000 });
        counts.push(...(JSON.parse(Buffer.from(bytes).toString()) as number[]));
      }
      return counts;
    },
    log: lines,
    rebuilt,
    [Symbol.asyncDispose]: async () => {
      damage.stop();
      await store.engine.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function aStoreDamage(directory: string, log: Logger = silentLog): StoreDamage {
  const [repairedPath, damagedPath] = [join(directory, 'repaired'), join(directory, 'damaged')];
  return new StoreDamage({ log, registry: new Registry(), repairedPath, damagedPath });
}

async function askHarmed(file: string, how: string, isRunning: boolean): Promise<void> {
  const harm = HARMS[how] ?? (() => {});
  await using harmed = await openHarmed((path) => harm(join(path, file)), isRunning);
  const { damage } = harmed;
  const answered = await harmed.ask();
  expect(answered).toEqual(damage.lost.length > 0 ? WITH_ONE : WITH_BOTH);
  for (const { table, day, rows } of damage.lost)
    expect({ table, day, rows }).toEqual({
      table: 'spans',
      day: DAY,
      // Where the number of rows itself is harmed, it is not known.
      rows: file === 'count.txt' && !isRunning ? null : ROWS,
    });
  const mayBeLost = file.startsWith('data.') ? [1] : REPAIRABLE.test(file) ? [0] : [0, 1];
  expect(mayBeLost).toContain(damage.lost.length);
}

describe('StoreDamage', () => {
  for (const how of Object.keys(HARMS)) {
    for (const isRunning of [false, true]) {
      const when = isRunning ? 'while the store is open' : 'while it was closed';
      it.skipIf(!isLong && how === 'removed')(
        `answers the same queries from what is intact, whichever file of a part somebody has ${how} ${when}`,
        async () => {
          expect(files.length).toBeGreaterThan(10);
          const kinds = files.filter(
            (file) => isLong || /^(?:data|primary|skp_idx_t|checksums|count|minmax|columns\.|partition)/.test(file),
          );
          // Others for each harm.
          for (const file of sampleOf(kinds, 4, how.length + Number(isRunning))) {
            await askHarmed(file, how, isRunning).catch((error: unknown) => {
              throw new Error(`${file}: ${String(error)}`, { cause: error });
            });
          }
        },
      );
    }
  }

  it.for(['skp_idx_trace_id_filter.idx', 'primary.cidx'])(
    'repairs a part of which nothing but %s is damaged, says so, and has its day counted again',
    async (file) => {
      await using harmed = await openHarmed((path) => HARMS['turned a byte of']?.(join(path, file)), true);
      expect(await harmed.ask()).toEqual(WITH_BOTH);
      expect(harmed.damage.lost).toEqual([]);
      expect(harmed.log).toEqual([
        expect.stringMatching(/damaged; repairing/),
        expect.stringMatching(/^repaired .*index files/),
      ]);
      expect(harmed.rebuilt).toEqual([[], [DAY]]);
      await harmed.store.engine.close();
      // Once.
      await using again = await open(harmed.directory);
      expect(again.rebuilt).toEqual([[]]);
      expect(await again.ask()).toEqual(WITH_BOTH);
    },
  );

  it('repairs a lost part as soon as it can, and has its day counted with it again', async () => {
    await using harmed = await openHarmed((path) => {
      for (const file of ['data.bin', 'primary.cidx']) HARMS['turned a byte of']?.(join(path, file));
    });
    expect(await harmed.ask()).toEqual(WITH_ONE);
    const [lost] = harmed.damage.lost;
    expect(harmed.rebuilt).toEqual([[], [DAY]]);
    await harmed.store.engine.close();
    {
      // It still cannot be read.
      await using again = await open(harmed.directory);
      expect(await again.ask()).toEqual(WITH_ONE);
      expect(again.damage.lost).toHaveLength(1);
      expect(again.rebuilt).toEqual([[]]);
      await again.store.engine.close();
      const detached = join(harmed.directory, part, '..', 'detached', lost?.name ?? '');
      cpSync(join(BASE, part, 'data.bin'), join(detached, 'data.bin'));
      await using readable = await open(harmed.directory);
      expect(readable.damage.lost).toEqual([]);
      expect(readable.rebuilt).toEqual([[DAY]]);
      expect(await readable.ask()).toEqual(WITH_BOTH);
    }
  });

  it('leaves a part alone that somebody has detached', async () => {
    await using harmed = await openHarmed(() => {});
    await harmed.store.engine.command(`ALTER TABLE throughline.spans DETACH PART '${part.split('/').at(-1)}'`);
    await harmed.store.engine.close();
    await using again = await open(harmed.directory);
    expect(again.damage.lost).toHaveLength(1);
    expect(await again.ask()).toEqual(WITH_ONE);
  });

  it('finds damage that a merge has met, and no query', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'throughline-damage-'));
    try {
      cpSync(BASE, directory, { recursive: true, verbatimSymlinks: true });
      HARMS['turned a byte of']?.(join(directory, part, 'data.bin'));
      await using store = await startEngine({}, directory);
      const damage = aStoreDamage(directory);
      // Nothing has read it so far.
      await damage.look(store.engine);
      expect(damage.lost).toEqual([]);
      await expect(store.engine.command('OPTIMIZE TABLE throughline.spans FINAL')).rejects.toThrow('data.bin');
      await damage.look(store.engine);
      expect(damage.lost).toMatchObject([{ table: 'spans', day: '2026-11-18', rows: ROWS }]);
      await store.engine.command('OPTIMIZE TABLE throughline.spans FINAL');
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
