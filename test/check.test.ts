import { createHash } from 'node:crypto';
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../packages/server/src/storage/testing/start-engine.ts';
import { isSpoolEmpty, newDirectory, runCommand, startCollector } from './support/collector.ts';
import { eventually } from './support/processes.ts';
import { auditStore, flipByte, partsOf } from './support/store-files.ts';
import { aRequest, postJson } from './support/traces.ts';

const START_MS = Math.floor(Date.now() / 86_400_000) * 86_400_000 - 43_200_000;
const DAY = new Date(START_MS).toISOString().slice(0, 10);

interface Report {
  readonly ok: boolean;
  readonly parts: number;
  readonly repairedParts: readonly { table: string; part: string; day: string }[];
  readonly damagedParts: readonly { table: string; part: string; day: string }[];
  readonly damagedDefinitions: readonly string[];
  readonly rebuiltDays: readonly string[];
  readonly wrongDays: readonly { table: string; day: string; of: string; found: number; expected: number }[];
  readonly spool: { readonly blocks: number; readonly damagedSegments: readonly { damagedBlocks: number }[] };
}

const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

async function check(dataDirectory: string, ...flags: string[]): Promise<{ code: number | null; report: Report }> {
  const command = runCommand(['check', '--json', ...flags, '--data-dir', dataDirectory]);
  const { code } = await command.exited;
  const line =
    command
      .output()
      .split('\n')
      .find((text) => text.startsWith('{"ok"')) ?? '';
  if (line === '') throw new Error(command.output());
  return { code, report: JSON.parse(line) as Report };
}

/** The directory of a collector that was stopped when everything was stored and counted. Each test harms a copy. */
const intact = newDirectory();
beforeAll(async () => {
  const dataDirectory = intact;
  const collector = await startCollector({ dataDirectory, env: { THROUGHLINE_SPOOL_SEGMENT_AGE_MS: '50' } });
  for (const request of [0, 1, 2]) {
    const { ok } = await postJson(collector.otlpUrl, aRequest(`checked-${request}`, 30, 'shop', START_MS));
    if (!ok) throw new Error('the collector took no spans');
  }
  await eventually('everything is stored', () => isSpoolEmpty(collector));
  await collector.stop({ keepData: true });
  await (await startCollector({ dataDirectory })).stop({ keepData: true });
});
afterAll(() => rmSync(intact, { recursive: true, force: true }));

function aStoppedCollector(): string {
  const dataDirectory = newDirectory();
  directories.push(dataDirectory);
  cpSync(intact, dataDirectory, { recursive: true, verbatimSymlinks: true });
  return dataDirectory;
}

describe('throughline check', () => {
  it('verifies the store of a collector that runs, and of one that is stopped', async () => {
    const dataDirectory = aStoppedCollector();
    const stopped = await check(dataDirectory);
    expect(stopped).toMatchObject({ code: 0, report: { ok: true, damagedParts: [], wrongDays: [] } });
    expect(stopped.report.parts).toBeGreaterThan(5);
    const collector = await startCollector({ dataDirectory, args: ['--spool-segment-age-ms', '1m'] });
    expect((await postJson(collector.otlpUrl, aRequest('waits', 5))).status).toBe(200);
    const running = await check(dataDirectory);
    expect(running).toMatchObject({ code: 0, report: { ok: true, damagedParts: [], wrongDays: [] } });
    expect(running.report.spool.blocks).toBeGreaterThan(0);
    await collector.stop({ keepData: true });
  });

  it('finds a wrong byte that no question would meet, and days that were counted wrongly', async () => {
    const dataDirectory = aStoppedCollector();
    {
      await using store = await startEngine({}, join(dataDirectory, 'store'));
      await store.engine.command(`ALTER TABLE throughline.request_1h DROP PARTITION '${DAY}'`);
    }
    const lock = join(dataDirectory, 'server.lock');
    expect(existsSync(lock)).toBe(false);
    const [part = ''] = partsOf(dataDirectory, 'spans', DAY.replaceAll('-', ''));
    flipByte(join(part, 'minmax_start_s.idx'));
    const stopped = await check(dataDirectory);
    expect(stopped.code).toBe(1);
    expect(stopped.report.damagedParts).toMatchObject([{ table: 'spans', day: DAY }]);
    expect(stopped.report.wrongDays).toEqual([{ table: 'request_1h', day: DAY, of: 'spans', found: 0, expected: 90 }]);
    expect(existsSync(lock)).toBe(false);
    const words = runCommand(['check', '--data-dir', dataDirectory]);
    expect(await words.exited).toMatchObject({ code: 1 });
    expect(words.output()).toContain(`damaged: spans of ${DAY}, part `);
    expect(words.output()).toMatch(new RegExp(`request_1h of ${DAY} has 0, expected 90`));
  });

  it.for(['runs', 'is stopped'])(
    'repairs what it finds, if it is asked to, in the store of a collector that %s',
    async (how) => {
      const dataDirectory = aStoppedCollector();
      const harmed = partsOf(dataDirectory, 'spans', DAY.replaceAll('-', ''));
      for (const part of harmed) flipByte(join(part, 'minmax_start_s.idx'));
      const collector = how === 'runs' ? await startCollector({ dataDirectory }) : null;
      // Nothing is changed without being asked.
      expect(await check(dataDirectory)).toMatchObject({ code: 1, report: { repairedParts: [] } });
      expect(partsOf(dataDirectory, 'spans', DAY.replaceAll('-', ''))).toEqual(harmed);
      const { code, report } = await check(dataDirectory, '--repair');
      expect(report).toMatchObject({ ok: true, damagedParts: [], wrongDays: [] });
      expect(report.repairedParts.map(({ table, day }) => `${table} ${day}`)).toEqual(harmed.map(() => `spans ${DAY}`));
      expect(code).toBe(0);
      expect(await check(dataDirectory)).toMatchObject({ code: 0, report: { ok: true, repairedParts: [] } });
      await collector?.stop({ keepData: true });
      // The next start counts the day anew where nobody did.
      await (await startCollector({ dataDirectory })).stop({ keepData: true });
      const { rows, wrongTables } = await auditStore(dataDirectory);
      expect({ rows, wrongTables }).toEqual({ rows: 90, wrongTables: [] });
    },
  );

  it.each([
    ['of a newer version', "99, now(), 'newer'"],
    ['with another text under a number', "1, now() + 60, 'another'"],
  ])('does not say of a schema %s, which no collector opens, that all is well', async (_, row) => {
    const dataDirectory = aStoppedCollector();
    {
      await using store = await startEngine({}, join(dataDirectory, 'store'));
      await store.engine.command(
        `INSERT INTO throughline.schema_migrations (number, applied_at, checksum) SELECT ${row}`,
      );
    }
    const command = runCommand(['check', '--data-dir', dataDirectory]);
    expect(await command.exited).toMatchObject({ code: 1 });
    expect(command.output()).toMatch(/^throughline check: [^\n]*schema [^\n]*not support[^\n]*\n$/);
  });

  it('verifies the blocks that wait in the spool, and says where no store is', async () => {
    const dataDirectory = newDirectory();
    directories.push(dataDirectory);
    const collector = await startCollector({ dataDirectory });
    expect((await postJson(collector.otlpUrl, aRequest('waits', 5))).status).toBe(200);
    process.kill(collector.pid, 'SIGKILL');
    await collector.stop({ keepData: true });
    const spool = join(dataDirectory, 'spool');
    const [segment = ''] = readdirSync(spool).filter((name) => name.endsWith('.native'));
    flipByte(join(spool, segment));
    const { code, report } = await check(dataDirectory);
    expect(code).toBe(1);
    expect(report.spool.damagedSegments).toMatchObject([{ damagedBlocks: 1 }]);
    const nowhere = runCommand(['check', '--data-dir', join(dataDirectory, 'spool')]);
    expect(await nowhere.exited).toMatchObject({ code: 1 });
    expect(nowhere.output()).toContain('has no store');
  });

  it('finds every derived table that is wrong, and rebuilds its day when it is asked to', async () => {
    const dataDirectory = aStoppedCollector();
    // An empty table is one that a start of the collector finds by itself.
    const harm = async (...more: readonly string[]): Promise<void> => {
      await using store = await startEngine({}, join(dataDirectory, 'store'));
      for (const sql of more) await store.engine.command(sql);
      await store.engine.command(
        'ALTER TABLE throughline.operation_15m UPDATE errors = errors + 7 WHERE 1 SETTINGS mutations_sync = 1',
      );
      await store.engine.command(
        'ALTER TABLE throughline.trace_times UPDATE length_s = length_s + 1 WHERE 1 SETTINGS mutations_sync = 1',
      );
    };
    await harm('TRUNCATE TABLE throughline.attribute_values');
    const found = await check(dataDirectory);
    expect(found.code).toBe(1);
    expect(found.report.wrongDays.map(({ table, of }) => `${table}: ${of}`).toSorted()).toEqual([
      expect.stringMatching(/^attribute_values: weight of /),
      'operation_15m: errors',
      'trace_times: ends',
    ]);
    const words = runCommand(['check', '--data-dir', dataDirectory]);
    await words.exited;
    expect(words.output()).toContain('"throughline check --repair"');
    const repaired = { code: 0, report: { ok: true, wrongDays: [], rebuiltDays: [DAY] } };
    expect(await check(dataDirectory, '--repair')).toMatchObject(repaired);
    await harm();
    const collector = await startCollector({ dataDirectory });
    expect(await check(dataDirectory, '--repair')).toMatchObject(repaired);
    expect(await check(dataDirectory)).toMatchObject({ code: 0, report: { ok: true, rebuiltDays: [] } });
    await collector.stop({ keepData: true });
  });

  it('changes nothing in the store of a collector that is stopped, whatever is damaged', async () => {
    const dataDirectory = aStoppedCollector();
    const [part = ''] = partsOf(dataDirectory, 'spans', DAY.replaceAll('-', ''));
    flipByte(join(part, 'columns.txt'));
    for (const record of partsOf(dataDirectory, 'schema_migrations', 'all')) flipByte(join(record, 'data.bin'));
    const definition = join(dataDirectory, 'store', 'metadata', 'throughline', 'spans.sql');
    writeFileSync(definition, readFileSync(definition, 'utf8').replace('`name`', '`namd`'));
    const before = filesIn(dataDirectory);
    const { code, report } = await check(dataDirectory);
    expect(code).toBe(1);
    // A part for each migration.
    const tables = new Set(report.damagedParts.map(({ table }) => table));
    expect([...tables].toSorted()).toEqual(['schema_migrations', 'spans']);
    expect(report.damagedParts.find(({ table }) => table === 'spans')?.part).toBe(basename(part));
    expect(report.damagedDefinitions).toEqual([expect.stringMatching(/^spans\.sql\./)]);
    expect(filesIn(dataDirectory)).toEqual(before);
    const words = runCommand(['check', '--data-dir', dataDirectory]);
    await words.exited;
    expect(words.output()).not.toContain('"level"');
    expect(words.output()).toContain('damaged: the definition spans.sql.');
    expect(filesIn(dataDirectory)).toEqual(before);
  });
});

/** What every file holds, by its path. */
function filesIn(directory: string): Record<string, string> {
  const found = readdirSync(directory, { recursive: true, withFileTypes: true, encoding: 'utf8' });
  return Object.fromEntries(
    found
      .filter((entry) => entry.isFile())
      .map((entry) => {
        const path = join(entry.parentPath, entry.name);
        return [path, createHash('sha256').update(readFileSync(path)).digest('hex')];
      }),
  );
}
