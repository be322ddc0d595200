import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rebuildDays } from '../storage/rollups/rebuild-days.ts';
import { ROLLUPS } from '../storage/rollups/rollup-rebuild.ts';
import { countStored, startEngine, type StartedEngine } from '../storage/testing/start-engine.ts';
import { compareDay, findProgress } from './compare-day.ts';

const SMALL_DAY = '2026-03-01';
const LARGE_DAY = '2026-03-02';
/** More than are looked at for attributes. */
const LARGE = 20_000;

let store: StartedEngine;

beforeAll(async () => {
  store = await startEngine();
  await insert(SMALL_DAY, 600);
  await insert(LARGE_DAY, LARGE);
  await countStored(store.engine);
  for (const { table } of ROLLUPS) {
    await store.engine.command(`CREATE TABLE ${kept(table)} ENGINE = Memory AS SELECT * FROM throughline.${table}`);
  }
});
afterAll(() => store[Symbol.asyncDispose]());

/**
 * Traces of three spans each, some of them sampled, failed, or requests, with an attribute of few values and one of
 * many.
 */
async function insert(day: string, spans: number): Promise<void> {
  await store.engine.command(`INSERT INTO throughline.spans
  (trace_id, span_id, service, name, kind, status_code, start_s, start_ns, duration_ns, trace_state, attrs_k, attrs_v, attrs_t)
SELECT toFixedString(unhex(leftPad(hex(intDiv(number, 3) + 1), 32, '0')), 16), toFixedString(unhex(leftPad(hex(number + 1), 16, '0')), 8),
  concat('service-', toString(number % 3)), concat('operation-', toString(number % 7)), number % 6, number % 3,
  toDateTime('${day} 00:10:00', 'UTC') + number, toInt64(toUnixTimestamp(toDateTime('${day} 00:10:00', 'UTC')) + number) * 1000000000 + 5,
  if(number % 200 = 7, 3600000000000, number * 1000), ['', 'ot=th:8', 'ot=th:c'][number % 3 + 1], ['few', 'many'], [toString(number % 5), toString(number)], [toUInt8(1), toUInt8(1)]
FROM numbers(${spans})`);
}

const compare = (day: string): ReturnType<typeof compareDay> => compareDay(store.engine, day, LARGE);

const kept = (table: string): string => `throughline.kept_${table}`;

/** As it was counted. */
async function putBack(table: string): Promise<void> {
  await store.engine.command(`TRUNCATE TABLE throughline.${table}`);
  await store.engine.command(`INSERT INTO throughline.${table} SELECT * FROM ${kept(table)}`);
}

describe.each([SMALL_DAY, LARGE_DAY])('a day with spans (%s)', (day) => {
  it('agrees when it was counted', async () => {
    expect(await compare(day)).toEqual([]);
  });

  it.each([
    ['operation_15m', 'spans', 'UPDATE spans = spans + 1 WHERE 1'],
    ['operation_15m', 'errors', 'UPDATE errors = errors + 7 WHERE 1'],
    ['operation_15m', 'weight', 'UPDATE weight = weight * 2 WHERE 1'],
    ['operation_15m', 'weight of errors', 'UPDATE error_weight = 0 WHERE 1'],
    ['request_1m', 'spans', 'DELETE WHERE is_error'],
    ['weight_15m', 'excess', 'DELETE WHERE 1'],
    ['weight_15m', 'excess of requests', 'UPDATE request_excess = 0 WHERE of_service = 0'],
    ['attribute_values', 'weight of few', "DELETE WHERE key = 'few'"],
    ['attribute_values', 'weight of few', "UPDATE weight = weight * 30 WHERE key = 'few'"],
    ['attribute_values', 'values of few', "DELETE WHERE key = 'few' AND key_slot < 4096"],
    ['trace_times', 'ends', 'UPDATE length_s = length_s + 1 WHERE 1'],
    ['trace_times', 'root or rare columns', 'UPDATE has_root = 0 WHERE 1'],
    ['trace_times', 'root or rare columns', 'UPDATE rare = 3 WHERE 1'],
    ['long_traces', 'that are missing', 'DELETE WHERE 1'],
  ])('disagrees in %s over the %s', async (table, of, change) => {
    await store.engine.command(`ALTER TABLE throughline.${table} ${change} SETTINGS mutations_sync = 1`);
    expect(await compare(day)).toMatchObject([{ day, table, of: expect.stringContaining(of) as string }]);
    await putBack(table);
  });

  it('agrees where more is noted than there is, as of what was counted before it was', async () => {
    await store.engine.command(
      'ALTER TABLE throughline.trace_times UPDATE has_root = 1, rare = 255 WHERE 1 SETTINGS mutations_sync = 1',
    );
    expect(await compare(day)).toEqual([]);
    await putBack('trace_times');
  });

  it('disagrees where spans are counted for another operation', async () => {
    const table = 'request_1h';
    await store.engine.command(`TRUNCATE TABLE throughline.${table}`);
    await store.engine.command(
      `INSERT INTO throughline.${table} SELECT * REPLACE (toLowCardinality('another') AS operation) FROM ${kept(table)}`,
    );
    expect(await compare(day)).toMatchObject([{ table: 'request_1h', of: 'spans by operation' }]);
    await putBack(table);
  });
});

it('agrees when it was made anew', async () => {
  for (const { table } of ROLLUPS) await store.engine.command(`TRUNCATE TABLE throughline.${table}`);
  const { counted } = await findProgress(store.engine);
  const tables = ROLLUPS.map(({ table }) => table);
  expect((await compare(SMALL_DAY)).map(({ table }) => table).toSorted()).toEqual(tables.toSorted());
  await rebuildDays(store.engine, [SMALL_DAY], counted, 1_000_000);
  expect(await compare(SMALL_DAY)).toEqual([]);
});

it('is not compared while spans wait to be counted', async () => {
  await store.engine.command(`INSERT INTO throughline.rollup_progress (collector, version, counted_until, pending_until)
SELECT 'late 1-2', 1000000, 0, 2`);
  await expect(compare(SMALL_DAY)).rejects.toThrow(/not all .*derived tables/);
});
