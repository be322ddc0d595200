import { Registry } from 'prom-client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Jobs } from '../../jobs/jobs.ts';
import { findDaysThatDisagree } from './rebuild-days.ts';
import { RollupJob } from './rollup-job.ts';
import { SpanVisibility } from '../span-visibility.ts';
import { sampleOf } from '../testing/sample-of.ts';
import { silentLog as log, startEngine, type StartedEngine } from '../testing/start-engine.ts';

/** Draws the cases of the short form; the long form has all of them. */
const SEED = 20_261_128;
const DAY = '2026-11-19';
const NEXT_DAY = '2026-11-20';
const UNTIL = 1;

let store: StartedEngine;
beforeAll(async () => {
  store = await startEngine();
  for (const day of [DAY, NEXT_DAY]) await storeSpans(day);
  await count([]);
});
afterAll(() => store[Symbol.asyncDispose]());

/** Of every four spans one is a request, and every fifth was sampled. */
async function storeSpans(day: string): Promise<void> {
  await store.engine.command(`INSERT INTO throughline.spans
  (arrival, trace_id, span_id, parent_span_id, service, name, kind, start_s, start_ns, duration_ns, trace_state, attrs_k, attrs_v, attrs_t)
SELECT ${UNTIL}, toFixedString(unhex(leftPad(hex(intDiv(number, 4) + 1), 32, '0')), 16),
  toFixedString(unhex(leftPad(hex(number + 1), 16, '0')), 8), toFixedString(unhex(leftPad(hex(number % 4), 16, '0')), 8),
  concat('service-', toString(number % 3)), 'operation', 1, toDateTime('${day} 10:00:00', 'UTC') + number * 60 AS s,
  toInt64(toUnixTimestamp(s)) * 1000000000, number, if(number % 5 = 0, 'ot=th:c', ''), ['k'], ['v'], [1]
FROM numbers(200)`);
}

async function count(damaged: readonly string[] | 'all'): Promise<void> {
  const job = new RollupJob({
    engine: store.engine,
    visibility: new SpanVisibility(),
    log,
    registry: new Registry(),
    jobs: new Jobs({ log, registry: new Registry() }),
    firstUnstored: () => null,
    lastArrival: () => UNTIL,
  });
  await job.start(damaged);
  await job.stop(1_000);
}

const disagreeing = (): Promise<string[]> => findDaysThatDisagree(store.engine, UNTIL);

const allOf = (table: string): string => `ALTER TABLE throughline.${table} DROP PARTITION '${DAY}'`;
const someOf = (table: string, where: string): string =>
  `ALTER TABLE throughline.${table} DELETE WHERE ${where} SETTINGS mutations_sync = 1`;
const ofDay = (time: string): string => `toDate(${time}) = '${DAY}'`;
const ofHour = (time: string): string => `${time} >= '${DAY} 11:00:00' AND ${time} < '${DAY} 12:00:00'`;
const twice = (table: string, time: string): string =>
  `INSERT INTO throughline.${table} SELECT * FROM throughline.${table} WHERE ${ofDay(time)}`;

it('days agree that have been counted', async () => {
  expect(await disagreeing()).toEqual([]);
});

const disagreements: readonly [string, readonly string[]][] = [
  ['operation_15m has none of it', [allOf('operation_15m')]],
  ['operation_15m has a part of it', [someOf('operation_15m', ofHour('time'))]],
  ['operation_15m has it twice', [twice('operation_15m', 'time')]],
  ['request_1m has none of it', [allOf('request_1m')]],
  ['request_1h has none of it', [allOf('request_1h')]],
  ['request_1m has a part of it', [someOf('request_1m', ofHour('time'))]],
  ['request_1m has it twice', [twice('request_1m', 'time')]],
  ['no table has its requests', [allOf('request_1m'), allOf('request_1h')]],
  ['weight_15m has none of it', [allOf('weight_15m')]],
  ['weight_15m has nothing of its operations', [someOf('weight_15m', `${ofDay('time')} AND of_service = 0`)]],
  ['weight_15m has it twice', [twice('weight_15m', 'time')]],
  ['trace_times has none of it', [allOf('trace_times')]],
  ['attribute_values has none of it', [allOf('attribute_values')]],
  ['no derived table has anything of it', ['operation_15m', 'request_1m', 'request_1h', 'weight_15m'].map(allOf)],
];
// In the short form those of one table or another: the test below loses each.
it.each(sampleOf(disagreements, 6, SEED))('a day disagrees when %s, and is mended by a start', async (_, harms) => {
  for (const harm of harms) await store.engine.command(harm);
  expect(await disagreeing()).toEqual([DAY]);
  await count([]);
  expect(await disagreeing()).toEqual([]);
});

it('a day whose spans are gone disagrees as long as anything is derived from them', async () => {
  await storeSpans('2026-11-21');
  await count(['2026-11-21']);
  const tables = ['operation_15m', 'request_1m', 'request_1h', 'weight_15m', 'trace_times', 'attribute_values'];
  for (const left of sampleOf(tables, 3, SEED)) {
    await store.engine.command(`ALTER TABLE throughline.spans DROP PARTITION '2026-11-21'`);
    for (const table of tables)
      if (table !== left) await store.engine.command(`ALTER TABLE throughline.${table} DROP PARTITION '2026-11-21'`);
    expect(await disagreeing(), left).toEqual(['2026-11-21']);
    await count([]);
    expect(await disagreeing(), left).toEqual([]);
    await storeSpans('2026-11-21');
    await count(['2026-11-21']);
  }
  await store.engine.command(`ALTER TABLE throughline.spans DROP PARTITION '2026-11-21'`);
  await count(['2026-11-21']);
});

it('a day without requests, samples or attributes agrees with tables that have none', async () => {
  await store.engine.command(`INSERT INTO throughline.spans
  (arrival, trace_id, span_id, parent_span_id, service, name, kind, start_s, start_ns)
SELECT ${UNTIL}, toFixedString(unhex(leftPad(hex(number + 1), 32, '0')), 16), toFixedString(unhex(leftPad(hex(number + 1), 16, '0')), 8),
  toFixedString(unhex('0000000000000001'), 8), 'service', 'operation', 1, toDateTime('2026-11-22 10:00:00', 'UTC') AS s,
  toInt64(toUnixTimestamp(s)) * 1000000000 FROM numbers(10)`);
  await count(['2026-11-22']);
  expect(await disagreeing()).toEqual([]);
});
