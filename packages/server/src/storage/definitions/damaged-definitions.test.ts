import { cp, lstat, mkdtemp, readdir, readFile, readlink, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ensureStoreId } from '../store-id.ts';
import { sampleOf } from '../testing/sample-of.ts';
import { startEngine, type StartedEngine } from '../testing/start-engine.ts';

const TABLES = 'metadata/throughline';
const SPANS = `${TABLES}/spans.sql`;
const COPY = 'definitions/copy';

/** Draws the cases of the short form; the long form has all of them. */
const SEED = 20_261_128;

/** A closed store with two parts of named spans, which the first merge makes one of. */
let intact = '';
let directory = '';
const opened: StartedEngine[] = [];

beforeAll(async () => {
  intact = await mkdtemp(join(tmpdir(), 'throughline-store-'));
  const { engine } = await open(intact);
  await ensureStoreId(engine);
  for (const id of ['1', '2']) {
    await engine.command(`INSERT INTO throughline.spans (trace_id, span_id, service, name, start_s)
SELECT toFixedString('${id}', 16), toFixedString('${id}', 8), 'shop', 'pay', toDateTime('2026-01-01 00:00:00', 'UTC')`);
  }
  await engine.close();
});
afterAll(() => rm(intact, { recursive: true, force: true }));
afterEach(async () => {
  for (const { engine } of opened.splice(0)) await engine.close();
  await rm(directory, { recursive: true, force: true });
});

async function open(path: string): Promise<StartedEngine> {
  const started = await startEngine({}, path);
  opened.push(started);
  return started;
}

/** Makes a copy of the intact store. */
async function copied(): Promise<void> {
  directory = await mkdtemp(join(tmpdir(), 'throughline-store-'));
  await cp(intact, directory, { recursive: true, verbatimSymlinks: true });
}

/** The same, with a file of it changed. */
async function harmed(path: string, harm: (text: string) => string): Promise<void> {
  await copied();
  await change(path, harm);
}

async function change(path: string, harm: (text: string) => string): Promise<void> {
  const before = await readFile(join(directory, path), 'latin1');
  const text = harm(before);
  expect(text).not.toBe(before);
  await writeFile(join(directory, path), text, 'latin1');
}

const withoutCopy = (): Promise<void> => rm(join(directory, COPY), { force: true });
const textOf = (path: string, store = directory): Promise<string> => readFile(join(store, path), 'latin1');

/** Nothing is dropped by a merge. */
async function expectWhole(store: StartedEngine): Promise<void> {
  await store.engine.command('OPTIMIZE TABLE throughline.spans FINAL');
  expect(await store.rows('SELECT service, name FROM throughline.spans')).toEqual([
    ['shop', 'pay'],
    ['shop', 'pay'],
  ]);
}

/** Without our knowledge, as another program with the same engine does it. */
async function alter(...statements: readonly string[]): Promise<void> {
  await copied();
  const { engine } = await open(directory);
  await cp(join(directory, COPY), join(directory, 'definitions/before'));
  for (const sql of statements) await engine.command(sql);
  await engine.close();
  await cp(join(directory, 'definitions/before'), join(directory, COPY));
}

function flip(at: (text: string) => number): (text: string) => string {
  return (text) => {
    const index = at(text);
    return text.slice(0, index) + String.fromCharCode(text.charCodeAt(index) ^ 1) + text.slice(index + 1);
  };
}

/** Another letter in the name of a column, as one bit makes it. */
const inColumn = (name: string): ((text: string) => string) =>
  flip((text) => text.indexOf(`\`${name}\``) + name.length);

describe('a damaged definition', () => {
  const columns: readonly [string, string][] = [
    ['spans', 'name'],
    ['spans', 'status_message'],
    ['trace_times', 'length_s'],
    ['operation_15m', 'errors'],
    ['counted_1m', 'requests'],
    ['store_id', 'created_at'],
  ];
  it.each(sampleOf(columns, 2, SEED))(
    'of %s, in the name of %s, is put back before a merge drops the column',
    async (table, column) => {
      const path = `${TABLES}/${table}.sql`;
      await harmed(path, inColumn(column));
      const broken = await textOf(path);

      const store = await open(directory);

      expect(await textOf(path)).toBe(await textOf(path, intact));
      const [kept = ''] = store.engine.damagedDefinitions;
      expect(kept).toMatch(new RegExp(`^${table}\\.sql\\.[0-9a-f]{8}$`));
      expect(await textOf(`definitions/damaged/${kept}`)).toBe(broken);
      await expectWhole(store);
    },
  );

  const bytes: readonly [string, number][] = [
    ['begin', 3],
    ['id', 25],
    ['middle', 1_800],
  ];
  it.each(sampleOf(bytes, 1, SEED))(
    'with one byte turned at its %s is put back, where a merge would do no harm as well',
    async (_, at) => {
      await harmed(
        SPANS,
        flip(() => at),
      );
      await expectWhole(await open(directory));
      expect(await textOf(SPANS)).toBe(await textOf(SPANS, intact));
    },
  );

  it('is put back where a setting or a codec of it still makes sense', async () => {
    await harmed(SPANS, (text) => text.replace('fsync_after_insert = 1', 'fsync_after_insert = 0'));
    await expectWhole(await open(directory));
    expect(await textOf(SPANS)).toBe(await textOf(SPANS, intact));
  });

  it('of a table that is missing is put back', async () => {
    await copied();
    await unlink(join(directory, SPANS));
    await expectWhole(await open(directory));
  });

  it.each([
    ['with a copy', false],
    ['without one', true],
  ])('of the database is put back, %s', async (_, isWithout) => {
    await harmed(
      'metadata/throughline.sql',
      flip((text) => text.indexOf("'") + 3),
    );
    if (isWithout) await withoutCopy();
    await expectWhole(await open(directory));
    expect(await textOf('metadata/throughline.sql')).toBe(await textOf('metadata/throughline.sql', intact));
  });

  it.each(sampleOf(['spans_fresh', 'spans_fresh_0'], 1, SEED))(
    'of %s, which each start makes anew, is in nobody’s way',
    async (table) => {
      await harmed(`${TABLES}/${table}.sql`, () => 'ATTACH');
      const store = await open(directory);
      await expectWhole(store);
      expect(store.engine.damagedDefinitions).toEqual([]);
    },
  );

  it('is noticed when the engine is started again', async () => {
    await copied();
    const store = await open(directory);
    await change(SPANS, inColumn('name'));
    process.kill(store.pids.at(-1) ?? 0, 'SIGKILL');
    await expect.poll(() => store.pids.length).toBe(2);
    await expect.poll(() => store.engine.state.kind).toBe('ready');
    await expectWhole(store);
    expect(store.engine.damagedDefinitions).toHaveLength(1);
  });
});

describe('without a copy', () => {
  it('a store is taken as it is where its tables are those that are made today, and gets one', async () => {
    await harmed(COPY, () => 'damaged');
    const store = await open(directory);
    await expectWhole(store);
    expect(store.engine.damagedDefinitions).toEqual([]);
    expect(await textOf(COPY)).toBe(await textOf(COPY, intact));
  });

  it('a definition of which one byte differs from what is made today is put back', async () => {
    await harmed(SPANS, inColumn('name'));
    await withoutCopy();
    await expectWhole(await open(directory));
    expect(await textOf(SPANS)).toBe(await textOf(SPANS, intact));
  });

  it.each([
    ['a column', 'spans', (text: string) => text.replaceAll('`name`', '`label`'), 'no column name'],
    [
      'a type',
      'counted_1m',
      (text: string) => text.replace('UInt64', 'UInt32'),
      'column requests is UInt32 instead of UInt64',
    ],
    ['all sense', 'spans', (text: string) => text.slice(0, 900), 'Syntax error'],
    ['its begin', 'spans', (text: string) => text.slice(20), /not start the way/],
  ])('a definition that lost %s keeps the store closed, with its name', async (_, table, harm, reason) => {
    const path = `${TABLES}/${table}.sql`;
    await harmed(path, harm);
    await withoutCopy();
    const before = await textOf(path);
    const refused = startEngine({}, directory);
    await expect(refused).rejects.toThrow(`the definition ${path} is damaged: `);
    await expect(refused).rejects.toThrow(reason);
    expect(await textOf(path)).toBe(before);
    // What the message says to do.
    await writeFile(join(directory, path), await textOf(`definitions/expected/${table}.sql`));
    await expectWhole(await open(directory));
  });

  it('an empty definition is made anew where the table never held anything', async () => {
    directory = await mkdtemp(join(tmpdir(), 'throughline-store-'));
    await (await open(directory)).engine.close();
    const whole = await textOf(SPANS);
    await withoutCopy();
    await writeFile(join(directory, SPANS), '');
    await (await open(directory)).engine.close();
    expect(await textOf(SPANS)).toBe(whole);
  });

  it('an empty definition of a table with spans keeps the store closed', async () => {
    await harmed(SPANS, () => '');
    await withoutCopy();
    await expect(startEngine({}, directory)).rejects.toThrow(new RegExp(`${SPANS} .*damaged: .*empty`));
  });

  it('a definition of somebody else’s table that cannot be read is named', async () => {
    await copied();
    const before = await open(directory);
    await before.engine.command('CREATE TABLE throughline.mine (a UInt8) ENGINE = MergeTree ORDER BY a');
    await before.engine.close();
    await withoutCopy();
    await change(`${TABLES}/mine.sql`, (text) => text.replace('ENGINE', 'ENG'));
    await expect(startEngine({}, directory)).rejects.toThrow(`the definition ${TABLES}/mine.sql is damaged: `);
  });
});

describe('a definition that was altered by hand', () => {
  const alterations: readonly [string, string, string][] = [
    ['a column more', 'ADD COLUMN note String', '`note` String'],
    ['another codec', 'MODIFY COLUMN status_message CODEC(ZSTD(12))', 'ZSTD(12)'],
    ['a time to live', 'MODIFY TTL start_s + toIntervalYear(40)', 'TTL start_s'],
    ['a setting more', 'MODIFY SETTING merge_with_ttl_timeout = 77', 'merge_with_ttl_timeout = 77'],
  ];
  it.each(sampleOf(alterations, 1, SEED))(
    'to have %s stays so, with a copy and without',
    async (_, alteration, text) => {
      await alter(`ALTER TABLE throughline.spans ${alteration}`);
      const altered = await open(directory);
      expect(await textOf(SPANS)).toContain(text);
      expect(altered.engine.damagedDefinitions).toEqual([]);
      await expectWhole(altered);
      await altered.engine.close();
      await withoutCopy();
      await open(directory);
      expect(await textOf(SPANS)).toContain(text);
      expect(await textOf(COPY)).toContain(JSON.stringify(text).slice(1, -1));
    },
  );

  it('is protected from then on', async () => {
    await alter('ALTER TABLE throughline.spans ADD COLUMN note String');
    const altered = await open(directory);
    await altered.engine.close();
    await change(SPANS, inColumn('note'));
    await expectWhole(await open(directory));
    expect(await textOf(SPANS)).toContain('`note` String');
  });

  it('may be gone, where it is no table of ours', async () => {
    await alter('CREATE TABLE throughline.mine (a UInt8) ENGINE = MergeTree ORDER BY a');
    const first = await open(directory);
    await first.engine.close();
    expect(await textOf(COPY)).toContain('mine.sql');
    await unlink(join(directory, TABLES, 'mine.sql'));
    await open(directory);
    expect(await textOf(COPY)).not.toContain('mine.sql');
  });
});

it('leaves no second store behind, and what each start makes anew in no disorder', async () => {
  await harmed(SPANS, inColumn('name'));
  await open(directory);
  expect((await readdir(join(directory, 'definitions'))).toSorted()).toEqual(['copy', 'damaged']);
  const links = join(directory, 'data/throughline');
  const tables = await readdir(links);
  expect(tables).toContain('spans_fresh_0');
  for (const table of tables) {
    const target = join(links, await readlink(join(links, table)));
    expect((await lstat(target)).isDirectory()).toBe(true);
  }
});
