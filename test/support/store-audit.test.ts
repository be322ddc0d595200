import { expect, it } from 'vitest';
import { countStored, startEngine } from '../../packages/server/src/storage/testing/start-engine.ts';
import { auditStore } from './store-audit.ts';

/** 300 spans of 60 traces: services, operations beyond the limits, errors, weights, requests and others, attributes of some. */
const SPANS = `INSERT INTO throughline.spans (trace_id, span_id, parent_span_id, service, name, kind, status_code, trace_state,
  start_s, start_ns, duration_ns, flags, rollup_other, attrs_k, attrs_v, attrs_t, res_k, res_v, res_t)
SELECT reverse(reinterpretAsFixedString(toUInt128(1 + intDiv(number, 5)))), reverse(reinterpretAsFixedString(toUInt64(1 + number))),
  if(number % 5 = 0, unhex('0000000000000000'), unhex('00000000000000aa')), concat('s', toString(intDiv(number, 5) % 3)), concat('o', toString(number % 7)),
  number % 6, number % 3, if(number % 2 = 0, 'ot=th:8', ''),
  toDateTime(1700000000 + number * 40), (1700000000 + number * 40) * 1000000000, 1000 * number, if(number % 11 = 0, 768, 0), number % 3,
  ['k', 'list'], [toString(number % 4), '{}'], [3, 6], ['telemetry.sdk.name'], [if(number % 4 < 2, 'throughline', 'other')], [1]
FROM numbers(300)`;

it('finds nothing in a store whose tables agree with its spans', async () => {
  await using store = await startEngine();
  await store.engine.command(SPANS);
  expect(await auditStore(store)).toEqual([]);
});

it.each([
  ['spans that are missing', (day: string) => `ALTER TABLE throughline.spans DROP PARTITION '${day}'`],
  ['a rollup that is missing', (day: string) => `ALTER TABLE throughline.trace_times DROP PARTITION '${day}'`],
])('names the tables that do not agree, for %s', async (what, statement) => {
  await using store = await startEngine();
  await store.engine.command(SPANS);
  await countStored(store.engine);
  await store.engine.command(statement('2023-11-15'));
  const findings = await auditStore(store);
  const tables = findings.map((finding) => finding.split(':', 1)[0]);
  expect(tables).toContain('trace_times');
  expect(tables.length).toBe(what === 'spans that are missing' ? 6 : 1);
});
