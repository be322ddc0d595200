import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { capabilitiesOf } from '../capabilities.ts';
import { EngineProcess } from '../process/engine-process.ts';
import { sampleOf } from '../testing/sample-of.ts';
import { builtEngineProcess, countStored, startEngine, type StartedEngine } from '../testing/start-engine.ts';
import { checksumOf, migrate, MIGRATIONS } from './migrate.ts';
import type { MigratedEngine } from '../damage/migrated-engine.ts';
import { singleServerTables } from '../tables.ts';

const statements = readFileSync(new URL('../testing/first-landing.sql', import.meta.url), 'utf8')
  .split(';\n')
  .map((statement) => statement.trim())
  .filter((statement) => statement !== '');

/** Spans of two days with a value in every column, as the first landing stored them. */
const SPANS = 600;
const OLD_SPANS = `SELECT toFixedString(unhex(leftPad(hex(intDiv(number, 8) + 1), 32, '0')), 16) AS trace_id,
  toFixedString(unhex(leftPad(hex(number + 1), 16, '0')), 8) AS span_id,
  toFixedString(unhex(leftPad(hex(if(number % 8 = 0, 0, number)), 16, '0')), 8) AS parent_span_id,
  concat('service-', toString(number % 3)) AS service, concat('operation-', toString(number % 7)) AS name,
  toUInt8(number % 6) AS kind, toUInt8(number % 3) AS status_code, concat('message ', toString(number)) AS status_message,
  toDateTime(1795000000 + number % 2 * 86400 + number) AS start_s, toInt64(1795000000 + number % 2 * 86400 + number) * 1000000000 + number AS start_ns,
  toInt64(number * number * 1000) - 5 AS duration_ns,
  ['', 'ot=th:8', 'a=1,ot=rv:00000000000001;th:c', 'ot=th:xyz', 'x=th:8'][number % 5 + 1] AS trace_state,
  toUInt32(number % 2 * 769) AS flags, toUInt32(number % 4) AS dropped_attributes, toUInt32(1) AS dropped_events,
  toUInt32(2) AS dropped_links, ['k', 'n'] AS attrs_k, ['it''s', toString(number)] AS attrs_v,
  [toUInt8(1), toUInt8(3)] AS attrs_t, ['service.name'] AS res_k, [concat('service-', toString(number % 3))] AS res_v,
  [toUInt8(1)] AS res_t, toUInt32(3) AS res_dropped, 'https://schema/1' AS res_schema_url, '[]' AS res_entity_refs,
  'scope' AS scope_name, '1.2' AS scope_version, ['s'] AS scope_k, ['v'] AS scope_v, [toUInt8(1)] AS scope_t,
  toUInt32(4) AS scope_dropped, 'https://schema/2' AS scope_schema_url, [toInt64(5), 6] AS ev_ns, ['e', 'f'] AS ev_name,
  [toUInt32(0), 1] AS ev_dropped, [toUInt32(1), 0] AS ev_attr_n, ['ek'] AS ev_k, ['ev'] AS ev_v, [toUInt8(1)] AS ev_t,
  [toFixedString(unhex('000102030405060708090a0b0c0d0e0f'), 16)] AS link_trace_id,
  [toFixedString(unhex('0001020304050607'), 8)] AS link_span_id, ['l=1'] AS link_trace_state, [toUInt32(1)] AS link_flags,
  [toUInt32(2)] AS link_dropped, [toUInt32(1)] AS link_attr_n, ['lk'] AS link_k, ['lv'] AS link_v, [toUInt8(1)] AS link_t
FROM numbers(${SPANS})`;

/**
 * Makes a store as the first landing left it, and answers its columns and rows, and a segment that it left unloaded.
 */
async function firstLanding(engine: MigratedEngine): Promise<{ columns: string; rows: string; segment: Uint8Array }> {
  await engine.command('DROP DATABASE IF EXISTS throughline');
  for (const statement of statements) await engine.command(statement);
  await engine.command(`INSERT INTO throughline.spans ${OLD_SPANS}`);
  const columns = await columnsOf(engine);
  const segment = await engine.query(`SELECT ${columns} FROM throughline.spans LIMIT 100`, {
    format: 'Native',
    timeoutMs: 240_000,
  });
  return { columns, rows: await rowsOf(engine, columns), segment };
}

/** Those that are inserted. */
async function columnsOf(engine: MigratedEngine): Promise<string> {
  const names = await ask(
    engine,
    `SELECT name FROM system.columns WHERE database = 'throughline' AND table = 'spans' AND default_kind = ''`,
  );
  return text(names)
    .split('\n')
    .map((line) => (JSON.parse(line) as string[])[0])
    .join(', ');
}

/** Takes so many commands and no more. */
function interruptedAfter(commands: number, engine: MigratedEngine): MigratedEngine {
  let left = commands;
  return {
    tables: engine.tables,
    query: (...asked) => engine.query(...asked),
    command: (sql) => (left-- > 0 ? engine.command(sql) : Promise.reject(new Error('interrupted'))),
  };
}

const ask = (engine: MigratedEngine, sql: string): Promise<Uint8Array> =>
  engine.query(sql, { format: 'JSONCompactEachRow', timeoutMs: 240_000 });
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes).trimEnd();
const rowsOf = async (engine: MigratedEngine, columns: string): Promise<string> =>
  text(await ask(engine, `SELECT ${columns} FROM throughline.spans ORDER BY span_id, start_ns`));

/** Everything that has become of the spans. */
async function everything(engine: MigratedEngine): Promise<string[]> {
  const queries = [
    'SELECT number, checksum FROM throughline.schema_migrations ORDER BY number',
    'SELECT tenant, arrival, span_id, sampling_th, sampling_weight, rollup_other FROM throughline.spans ORDER BY span_id, start_ns',
    `SELECT time, service_name, operation, sum(spans), sum(errors), sum(weight), sum(error_weight), minMerge(first_ns), maxMerge(last_ns)
FROM throughline.operation_15m GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`,
    ...['1m', '1h'].map(
      (step) => `SELECT time, service_name, operation, is_error, bucket, sum(spans), sum(weight)
FROM throughline.request_${step} GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5`,
    ),
    `SELECT time, service_name, of_service, operation, sum(excess), sum(variance), sum(request_excess), sum(request_variance),
  sum(unknown), sum(unknown_requests) FROM throughline.weight_15m GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`,
    'SELECT hex(trace_id), min(first_s), max(first_s + length_s) FROM throughline.trace_times GROUP BY 1 ORDER BY 1',
    'SELECT day, key, value, sum(weight) FROM throughline.attribute_values GROUP BY 1, 2, 3 ORDER BY 1, 2, 3',
    'SELECT time, service_name, sum(requests) FROM throughline.counted_1m GROUP BY 1, 2 ORDER BY 1, 2',
    'SELECT time, service_name, sum(requests) FROM throughline.counted_1h GROUP BY 1, 2 ORDER BY 1, 2',
    "SELECT name, engine FROM system.tables WHERE database = 'throughline' ORDER BY name",
  ];
  return Promise.all(queries.map(async (query) => text(await ask(engine, query))));
}

/** As the last version before the first release left it: with request metrics, and with rollups that views filled. */
async function lastBefore(engine: MigratedEngine): Promise<void> {
  await firstLanding(engine);
  await engine.command(`ALTER TABLE throughline.spans ADD COLUMN sampling_th LowCardinality(String) DEFAULT ''`);
  await engine.command(
    `ALTER TABLE throughline.spans ADD COLUMN rollup_other UInt8 DEFAULT if(service = 'service-2', 1, 0)`,
  );
  await engine.command(`CREATE TABLE throughline.operation_quarters (quarter DateTime, service_name String, spans UInt64)
ENGINE = SummingMergeTree ORDER BY (service_name, quarter)`);
  await engine.command(`CREATE MATERIALIZED VIEW throughline.operation_quarters_view TO throughline.operation_quarters AS
SELECT toDateTime(intDiv(toUInt32(start_s), 900) * 900) AS quarter, service AS service_name, count() AS spans
FROM throughline.spans GROUP BY quarter, service_name`);
  for (const [table, time] of [
    ['counted_minutes', 'minute'],
    ['counted_hours', 'hour'],
  ] as const) {
    await engine.command(`CREATE TABLE throughline.${table} (${time} DateTime, service_name String, operation String,
  kind UInt8, status UInt8, bucket UInt16, requests UInt64, duration_sum_ns Float64)
ENGINE = SummingMergeTree((requests, duration_sum_ns)) PARTITION BY toDate(${time}) ORDER BY (${time}, service_name)`);
  }
  await engine.command(`INSERT INTO throughline.counted_minutes
SELECT toDateTime(1795000000 + number * 3000), 'shop', 'GET /', 1, 0, 100, number, 1 FROM numbers(60)`);
}

/** The values of two attributes, of which the first is an array. */
const arraysOf = (what: string): string =>
  `[concat('{"values":[{"stringValue":"${what}', toString(number), '"},{"intValue":"7"}]}'), 'plain']`;

it('elements of arrays have the same hashes as before they were looked for by owner', async () => {
  await using store = await startEngine();
  const { engine } = store;
  const spans = `INSERT INTO throughline.spans (trace_id, span_id, start_s, attrs_k, attrs_v, attrs_t, res_k, res_v, res_t, scope_k, scope_v, scope_t, ev_k, ev_v, ev_t)
SELECT unhex(leftPad(hex(number + 1), 32, '0')), unhex(leftPad(hex(number + 1), 16, '0')), 1795000000,
  ['a', 'b'], ${arraysOf('of span ')}, [6, 1], ['r', 's'], ${arraysOf('of resource ')}, [if(number % 2 = 0, 6, 1), 1],
  ['s', 't'], ${arraysOf('of scope ')}, [if(number % 3 = 0, 6, 1), 1], ['e', 'f'], ${arraysOf('of event ')}, [if(number % 5 = 0, 6, 1), 1] FROM numbers(60)`;
  const hashes = (): Promise<unknown[][]> =>
    store.rows('SELECT hex(trace_id), toString(element_hashes) FROM throughline.spans ORDER BY trace_id');
  await engine.command('DROP DATABASE throughline');
  await migrate(engine, MIGRATIONS.slice(0, 4));
  await engine.command(spans);
  const before = await hashes();
  expect(new Set(before.map(([, found]) => found)).size).toBe(60);
  await engine.command('TRUNCATE TABLE throughline.spans');
  await migrate(engine);
  await engine.command(spans);
  expect(await hashes()).toEqual(before);
});

describe('a store of before the first release', () => {
  let store: StartedEngine;
  beforeAll(async () => void (store = await startEngine()));
  afterAll(() => store[Symbol.asyncDispose]());

  it('keeps every field of every span, gets what is new, and takes the segments that were left', async () => {
    const { engine } = store;
    const { columns, rows, segment } = await firstLanding(engine);
    await migrate(engine);
    expect(await rowsOf(engine, columns)).toBe(rows);
    expect(
      await store.rows(`SELECT trace_state, sampling_th, any(sampling_weight), count() FROM throughline.spans
GROUP BY trace_state, sampling_th ORDER BY trace_state`),
    ).toEqual([
      ['', '', 1, 120],
      ['a=1,ot=rv:00000000000001;th:c', 'c', 4, 120],
      ['ot=th:8', '8', 2, 120],
      ['ot=th:xyz', '', 1, 120],
      ['x=th:8', '', 1, 120],
    ]);
    const counts = `SELECT sum(spans), sum(errors) FROM throughline.operation_15m`;
    expect(await store.rows(counts)).toEqual([[SPANS, 200]]);
    const path = join(store.directory, 'left.native');
    writeFileSync(path, segment);
    await engine.insertNativeFile('spans', path, 'left');
    // It arrives when it is stored: behind everything that is counted.
    expect(
      await store.rows('SELECT count(), min(arrival) > 1700000000000000 FROM throughline.spans WHERE arrival > 0'),
    ).toEqual([[100, 1]]);
    await countStored(engine);
    expect(await store.rows(counts)).toMatchObject([[SPANS + 100, expect.any(Number) as number]]);
  });

  it('is counted once, also when the next spans are counted', async () => {
    const { engine } = store;
    await firstLanding(engine);
    await migrate(engine);
    await engine.command(`INSERT INTO throughline.spans (trace_id, span_id, parent_span_id, start_s, start_ns)
SELECT unhex(repeat('07', 16)), unhex(repeat('07', 8)), unhex(repeat('00', 8)), toDateTime(1795000000), 1795000000000000000`);
    await countStored(engine);
    expect(await store.rows('SELECT sum(spans) FROM throughline.operation_15m')).toEqual([[SPANS + 1]]);
  });

  it('comes out the same wherever it was interrupted', async () => {
    const { engine } = store;
    await lastBefore(engine);
    let commands = 0;
    await migrate({
      tables: engine.tables,
      query: (...asked) => engine.query(...asked),
      command: (sql) => (commands++, engine.command(sql)),
    });
    const expected = await everything(engine);
    // Nothing of it is left to be counted.
    await countStored(engine);
    expect(await everything(engine)).toEqual(expected);
    expect(expected[8]?.split('\n')).toHaveLength(60);
    const all = Array.from({ length: commands }, (_, last) => last);
    for (const last of sampleOf(all, 3, 1)) {
      await lastBefore(engine);
      await expect(migrate(interruptedAfter(last, engine))).rejects.toThrow('interrupted');
      await migrate(engine);
      expect(await everything(engine), `after ${last} commands`).toEqual(expected);
    }
  });

  it('is brought up to date by a start of the collector', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'throughline-first-landing-'));
    const old = new EngineProcess(builtEngineProcess, {
      directory,
      connectionArgs: [],
      querySessions: 1,
      unmapIntervalMs: 0,
    });
    await old.open();
    const run = (session: 'command' | 'query', sql: string, format: string): Promise<Uint8Array> =>
      old.run({ session, sql, format, timeoutMs: 0 });
    await firstLanding({
      tables: singleServerTables(),
      query: (sql, { format }) => run('query', sql, format),
      command: async (sql) => void (await run('command', sql, 'Null')),
    });
    old.close();
    await old.ended;
    await using upgraded = await startEngine({}, directory);
    expect(await upgraded.rows('SELECT count(), sum(sampling_weight) FROM throughline.spans')).toEqual([[SPANS, 1080]]);
    rmSync(directory, { recursive: true, force: true });
  });
});

describe('migrate', () => {
  let store: StartedEngine;
  beforeAll(async () => void (store = await startEngine()));
  afterAll(() => store[Symbol.asyncDispose]());

  it('records each migration once with its checksum, however often it is called', async () => {
    await migrate(store.engine);
    await migrate(store.engine);
    const recorded = await store.rows('SELECT number, checksum FROM throughline.schema_migrations ORDER BY number');
    expect(recorded).toEqual(MIGRATIONS.map((migration, index) => [index + 1, checksumOf(migration)]));
  });

  it('leaves the text of what has landed as it is: a store would be rejected otherwise', () => {
    expect(MIGRATIONS.map((migration) => checksumOf(migration).slice(0, 16))).toEqual([
      '2cb290c6966a0599',
      '9f5076caab3efcfe',
      'a88c9891f59b973f',
      '6ad491f9ac798e4f',
      '69f8a7e16803d87f',
      '328367a6ff3998a8',
    ]);
  });

  it('makes tables without indexes where a server knows none', () => {
    const tables = singleServerTables();
    for (const version of ['18.16.1', '19.4.1']) {
      for (const statement of MIGRATIONS.flatMap((migration) =>
        migration.statements(capabilitiesOf(version), tables),
      )) {
        expect(typeof statement === 'string' ? statement : statement.definition).not.toMatch(/\n +INDEX|,\n\)/);
      }
    }
  });

  it('makes the tables that stand in the snapshot of the schema', async () => {
    const tables = await store.rows(`SELECT create_table_query FROM system.tables
WHERE database = 'throughline' AND name NOT LIKE 'spans_fresh%' ORDER BY name`);
    const written = tables.map(([create]) => inLines(String(create))).join('\n\n');
    await expect(`${written}\n`).toMatchFileSnapshot('../snapshots/schema.sql');
  });

  it('puts the tenant first in every key, and makes days of UTC', async () => {
    const tables = await store.rows(`SELECT name, sorting_key, partition_key FROM system.tables
WHERE database = 'throughline' AND engine LIKE '%MergeTree' AND name NOT IN ('schema_migrations', 'rollup_progress') AND name NOT LIKE 'spans_fresh%'
ORDER BY name`);
    expect(tables.map(([name]) => name)).toEqual([
      'attribute_values',
      'call_edges',
      'counted_1h',
      'counted_1m',
      'long_traces',
      'normal_steps',
      'operation_15m',
      'path_normals',
      'path_resources',
      'request_1h',
      'request_1m',
      'spans',
      'trace_times',
      'weight_15m',
    ]);
    for (const [name, key, partition] of tables) {
      expect(key, String(name)).toMatch(/^tenant, /);
      expect(partition, String(name)).toMatch(/^(?:toDate\((?:time|start_s|first_s)\)|day)$/);
    }
    const times = await store.rows(`SELECT DISTINCT type FROM system.columns
WHERE database = 'throughline' AND type LIKE 'DateTime%' AND table != 'schema_migrations'`);
    expect(times).toEqual([["DateTime('UTC')"]]);
  });

  it('rejects a store of a newer version, and one whose migrations were others', async () => {
    const next = { name: 'next', statements: () => [] };
    await migrate(store.engine, [...MIGRATIONS, next]);
    await expect(migrate(store.engine)).rejects.toThrow(
      new RegExp(`schema ${MIGRATIONS.length + 1}, .*up to ${MIGRATIONS.length}: `),
    );
    const [first, ...others] = MIGRATIONS;
    const edited = { ...first, name: 'tables', statements: () => ['SELECT 1'] };
    const beforeChange = vi.fn<() => Promise<void>>();
    await store.engine.command(
      `INSERT INTO throughline.spans (trace_id, start_s) SELECT unhex('${'ab'.repeat(16)}'), toDateTime(1700000000)`,
    );
    const more = { name: 'more', statements: () => [] };
    await expect(migrate(store.engine, [edited, ...others, next, more], beforeChange)).rejects.toThrow(
      /schema 1 \(tables\) differs/,
    );
    expect(beforeChange).not.toHaveBeenCalled();
  });
});

/** A column and a clause a line. */
function inLines(create: string): string {
  return create
    .replaceAll(/, (?=(?:`[\w.]+` [A-Z]|INDEX ))/g, ',\n  ')
    .replace(/ \((?=`)/, ' (\n  ')
    .replaceAll(/ (?=(?:ENGINE|PARTITION BY|ORDER BY|SETTINGS) )/g, '\n');
}
