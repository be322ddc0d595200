import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EngineProcess } from '../engine-process.ts';
import { builtEngineProcess, startEngine, type StartedEngine } from '../testing/start-engine.ts';
import { checksumOf, migrate, MIGRATIONS } from './migrate.ts';
import type { MigratedEngine } from './migration.ts';

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

/** Makes a store as the first landing left it, and answers its columns and rows, and a segment that it left unloaded. */
async function firstLanding(engine: MigratedEngine): Promise<{ columns: string; rows: string; segment: Uint8Array }> {
  await engine.command('DROP DATABASE IF EXISTS throughline');
  for (const statement of statements) await engine.command(statement);
  await engine.command(`INSERT INTO throughline.spans ${OLD_SPANS}`);
  const columns = await columnsOf(engine);
  const segment = await engine.query(`SELECT ${columns} FROM throughline.spans LIMIT 100`, {
    format: 'Native',
    timeoutMs: 20_000,
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
    query: (...asked) => engine.query(...asked),
    command: (sql) => (left-- > 0 ? engine.command(sql) : Promise.reject(new Error('interrupted'))),
  };
}

const ask = (engine: MigratedEngine, sql: string): Promise<Uint8Array> =>
  engine.query(sql, { format: 'JSONCompactEachRow', timeoutMs: 20_000 });
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes).trimEnd();
const rowsOf = async (engine: MigratedEngine, columns: string): Promise<string> =>
  text(await ask(engine, `SELECT ${columns} FROM throughline.spans ORDER BY span_id, start_ns`));

/** Everything that the migrations have made of the spans. */
async function everything(engine: MigratedEngine): Promise<string[]> {
  const questions = [
    'SELECT number, checksum FROM throughline.schema_migrations ORDER BY number',
    'SELECT span_id, sampling_th, sampling_weight, rollup_other FROM throughline.spans ORDER BY span_id, start_ns',
    `SELECT quarter, service_name, operation, sum(spans), sum(errors), sum(weight), sum(error_weight), minMerge(first_ns), maxMerge(last_ns)
FROM throughline.operation_quarters GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`,
    ...['minute', 'hour'].map(
      (unit) => `SELECT ${unit}, service_name, operation, is_error, bucket, sum(spans), sum(weight)
FROM throughline.request_${unit}s GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5`,
    ),
    `SELECT quarter, service_name, of_service, operation, sum(excess), sum(variance), sum(request_excess), sum(request_variance),
  sum(unknown), sum(unknown_requests) FROM throughline.weight_quarters GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`,
    'SELECT hex(trace_id), min(first_s), max(first_s + length_s) FROM throughline.trace_times GROUP BY 1 ORDER BY 1',
    'SELECT day, key, value, sum(weight) FROM throughline.attribute_values GROUP BY 1, 2, 3 ORDER BY 1, 2, 3',
    "SELECT name, engine FROM system.tables WHERE database = 'throughline' ORDER BY name",
  ];
  return Promise.all(questions.map(async (question) => text(await ask(engine, question))));
}

describe('the store of the first landing', () => {
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
    const counts = `SELECT sum(spans), sum(errors) FROM throughline.operation_quarters`;
    expect(await store.rows(counts)).toEqual([[SPANS, 200]]);
    expect(await store.rows('SELECT sum(spans) FROM throughline.request_hours')).toEqual(
      await store.rows('SELECT sum(spans) FROM throughline.request_minutes'),
    );
    const spread = await store.rows(`SELECT of_service, sum(excess), sum(variance) > sum(excess), sum(unknown)
FROM throughline.weight_quarters GROUP BY of_service ORDER BY of_service`);
    const [[excess] = []] = await store.rows('SELECT sum(sampling_weight - 1) FROM throughline.spans');
    expect(spread).toEqual([0, 1].map((ofService) => [ofService, excess, 1, 0]));
    const path = join(store.directory, 'left.native');
    writeFileSync(path, segment);
    await engine.insertNativeFile('spans', path, 'left');
    expect(await store.rows(counts)).toMatchObject([[SPANS + 100, expect.any(Number) as number]]);
    expect(await store.rows('SELECT count() FROM throughline.spans WHERE rollup_other = 0')).toEqual([[SPANS + 100]]);
  });

  it('comes out the same wherever the migration was interrupted', async () => {
    const { engine } = store;
    await firstLanding(engine);
    let commands = 0;
    await migrate({ query: (...asked) => engine.query(...asked), command: (sql) => (commands++, engine.command(sql)) });
    const expected = await everything(engine);
    for (let last = 0; last < commands; last += 5) {
      await firstLanding(engine);
      await expect(migrate(interruptedAfter(last, engine))).rejects.toThrow('interrupted');
      await migrate(engine);
      expect(await everything(engine)).toEqual(expected);
    }
  }, 120_000);

  it('is brought up to date by a start of the collector', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'throughline-first-landing-'));
    const old = new EngineProcess(builtEngineProcess, { directory, connectionArgs: [], querySessions: 1 });
    await old.open();
    const run = (session: 'command' | 'query', sql: string, format: string): Promise<Uint8Array> =>
      old.run({ session, sql, format, timeoutMs: 0 });
    await firstLanding({
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

describe('a store that counts the attributes of stored spans alone', () => {
  let store: StartedEngine;
  beforeAll(async () => void (store = await startEngine()));
  afterAll(() => store[Symbol.asyncDispose]());

  /** As schema 5 left it, with spans that its views have counted. */
  async function unweighted(): Promise<void> {
    await firstLanding(store.engine);
    await store.engine.command('TRUNCATE TABLE throughline.spans');
    await migrate(store.engine, MIGRATIONS.slice(0, 5));
    await store.engine.command(`INSERT INTO throughline.spans (${await columnsOf(store.engine)}) ${OLD_SPANS}`);
  }
  const counts = (sum: string): Promise<unknown[][]> =>
    store.rows(`SELECT value, sum(${sum}) FROM throughline.attribute_values
WHERE key = 'service.name' GROUP BY value ORDER BY value`);
  const services = [0, 1, 2].map((service) => `service-${service}`);

  it('weighs them afterwards, wherever the migration was interrupted', async () => {
    const { engine } = store;
    await unweighted();
    expect(await counts('spans')).toEqual(services.map((service) => [service, SPANS / 3]));
    let commands = 0;
    await migrate({ query: (...asked) => engine.query(...asked), command: (sql) => (commands++, engine.command(sql)) });
    // A fifth of the spans stand for four, a fifth for two.
    const weighed = services.map((service) => [service, (SPANS / 3) * 1.8]);
    expect(await counts('weight')).toEqual(weighed);
    for (let last = 0; last < commands; last++) {
      await unweighted();
      await expect(migrate(interruptedAfter(last, engine))).rejects.toThrow('interrupted');
      await migrate(engine);
      expect(await counts('weight')).toEqual(weighed);
    }
    await engine.command(`INSERT INTO throughline.spans (${await columnsOf(engine)}) ${OLD_SPANS}`);
    expect(await counts('weight')).toEqual(weighed.map(([service, weight]) => [service, Number(weight) * 2]));
  }, 120_000);
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

  it('refuses a store of a newer version, and one whose migrations were others', async () => {
    await expect(migrate(store.engine, MIGRATIONS.slice(0, 2))).rejects.toThrow(
      'the store has schema 8, this Throughline knows up to 2: use the version that wrote it, or a newer one',
    );
    const [first, ...others] = MIGRATIONS;
    const edited = { ...first, name: 'spans', statements: () => ['SELECT 1'] };
    await expect(migrate(store.engine, [edited, ...others])).rejects.toThrow(
      "the store's schema 1 (spans) is not the one that this Throughline knows under this number",
    );
  });

  it('has not been edited since it was released', () => {
    expect(MIGRATIONS.map((migration) => `${migration.name} ${checksumOf(migration)}`)).toMatchInlineSnapshot(`
      [
        "spans ca897c833ebf7086637dc560d4298b229c624dd37073de329dfa3b8bd0833887",
        "sampling 156eafbdf165213c8e4bcf4da5429586a90fca36169987ceaee5426182195884",
        "rollups 686f38976c6b33d35bab3d94953dfed4fda69a516c897bc1354be7b229301cf4",
        "weights 3906daaefca68d79d44f5f725985910e1ca93446b0ec77326a38604809a0efdc",
        "counted cd0533d256cd0b7bf3eaec0d119c365ad6774a8399a81fbd53c834b320416fd1",
        "attribute-weights 4664092a8568918111924177fde3a8482f8f0d1a220119974ecac83d26a5ff6a",
        "cheaper-inserts 96a522542139f54271da3c690f67715ce62de8afe9a465a7f23953344697d785",
        "small-parts ffe36df304e35b7f782b653f5767546b427f25db63594e410b477b3904ce4c34",
      ]
    `);
  });
});
