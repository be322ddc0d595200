import { expect, it } from 'vitest';
import { countStored, startEngine } from '../../packages/server/src/storage/testing/start-engine.ts';
import { auditStore } from './store-audit.ts';

/**
 * 300 spans of 60 traces on two days: services, operations beyond the limits, errors, weights, requests and others, attributes of some. Every
 * tenth trace lasts longer than an hour by its starts, and every tenth by the end of one span.
 */
const SPANS = `INSERT INTO throughline.spans (trace_id, span_id, parent_span_id, service, name, kind, status_code, trace_state,
  start_s, start_ns, duration_ns, flags, rollup_other, attrs_k, attrs_v, attrs_t, res_k, res_v, res_t)
SELECT reverse(reinterpretAsFixedString(toUInt128(1 + intDiv(number, 5)))), reverse(reinterpretAsFixedString(toUInt64(1 + number))),
  if(number % 10 = 0, unhex('0000000000000000'), unhex('00000000000000aa')), concat('s', toString(intDiv(number, 5) % 3)), concat('o', toString(number % 7)),
  number % 6, number % 3, if(number % 2 = 0, 'ot=th:8', ''),
  toDateTime(1700000000 + number * 40 + if(number % 50 = 4, 5000, 0) AS second), second * 1000000000, if(number % 50 = 33, 3600000000000, 1000 * number),
  if(number % 11 = 0, 768, 0), number % 3,
  ['k', 'list'], [toString(number % 4), '{}'], [3, 6], ['telemetry.sdk.name'], [if(number % 4 < 2, 'throughline', 'other')], [1]
FROM numbers(300)`;

it('finds nothing in a store whose tables agree with its spans', async () => {
  await using store = await startEngine();
  await store.engine.command(SPANS);
  expect(await auditStore(store)).toEqual([]);
  // On both days where a trace has spans on both.
  const counts =
    'SELECT toUInt32(uniqExact(trace_id)), toUInt32(uniqExact(trace_id, day)) FROM throughline.long_traces';
  expect(await store.rows(counts)).toEqual([[12, 15]]);
});

it('names every table that does not agree where spans are missing', async () => {
  await using store = await startEngine();
  await store.engine.command(SPANS);
  await countStored(store.engine);
  await store.engine.command("ALTER TABLE throughline.spans DROP PARTITION '2023-11-15'");
  expect(tablesIn(await auditStore(store))).toEqual([
    'operation_15m',
    'request_1m',
    'request_1h',
    'weight_15m',
    'trace_times',
    'attribute_values',
    'long_traces',
  ]);
});

const aLongTrace = '(SELECT min(trace_id) FROM throughline.long_traces)';

it.each([
  ['trace_times', "ALTER TABLE throughline.trace_times DROP PARTITION '2023-11-15'"],
  ['trace_times', 'ALTER TABLE throughline.trace_times UPDATE has_root = 1 - has_root WHERE 1'],
  ['long_traces', "ALTER TABLE throughline.long_traces DROP PARTITION '2023-11-15'"],
  ['long_traces', `ALTER TABLE throughline.long_traces DELETE WHERE trace_id = ${aLongTrace}`],
  ['long_traces', rowsOfLongTraces('day, begin_s - 1, end_s')],
  ['long_traces', rowsOfLongTraces('day, begin_s, end_s + 1')],
  ['long_traces', rowsOfLongTraces('day, begin_s, begin_s + 60')],
  ['long_traces', rowsOfLongTraces('day + 1, begin_s, end_s')],
])('names %s alone after %s', async (table, statement) => {
  await using store = await startEngine();
  await store.engine.command(SPANS);
  await countStored(store.engine);
  await store.engine.command(`${statement} ${statement.startsWith('INSERT') ? '' : 'SETTINGS mutations_sync = 1'}`);
  expect(tablesIn(await auditStore(store))).toEqual([table]);
});

/** A row more, of a trace that has one. */
function rowsOfLongTraces(columns: string): string {
  return `INSERT INTO throughline.long_traces (tenant, trace_id, day, begin_s, end_s)
SELECT tenant, trace_id, ${columns} FROM throughline.long_traces LIMIT 1`;
}

function tablesIn(findings: readonly string[]): string[] {
  return findings.map((finding) => finding.split(':', 1)[0] ?? '');
}
