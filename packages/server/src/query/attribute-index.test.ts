import { expect, it } from 'vitest';
import { startEngine } from '../storage/testing/start-engine.ts';
import { attributeHint } from './span-filter.ts';

/** How many granules of `spans` the engine reads after its indexes, of how many. */
const GRANULES = /Granules: (\d+)\/(\d+)/;

it.each([
  ['an attribute', 'a', '77777'],
  ['an attribute of the resource', 'r', '77777'],
  ['an element of an array', 'list', 'e77777'],
  ['a value that a part of the spans have', 'b', '3'],
  ['an attribute that no span has', 'a', 'absent'],
])('the index of attributes leaves out what has not %s', async (_, key, value) => {
  await using store = await startEngine();
  await store.engine.command(`INSERT INTO throughline.spans
  (arrival, trace_id, span_id, service, name, start_s, start_ns, attrs_k, attrs_v, attrs_t, res_k, res_v, res_t)
SELECT number, toFixedString(unhex(leftPad(hex(cityHash64(number)), 32, '0')), 16), toFixedString(unhex(leftPad(hex(number), 16, '0')), 8),
  's', 'n', toDateTime(1795000000 + intDiv(number, 100), 'UTC') AS s, toInt64(toUnixTimestamp(s)) * 1000000000,
  ['a', 'b', 'list'], [toString(number), toString(intDiv(number, 10000)), concat('{"values":[{"stringValue":"e', toString(number), '"}]}')], [1, 1, 6],
  ['r'], [toString(number)], [1]
FROM numbers(100000)`);
  const plan = await store.rows(
    `EXPLAIN indexes = 1 SELECT span_id FROM throughline.spans WHERE ${attributeHint({ key, value })}`,
  );
  const text = plan.map(([line]) => String(line)).join('\n');
  expect(text).toContain('Name: attribute_hashes');
  const read = text.split('Name: attribute_hashes')[1] ?? '';
  const [, kept = 0, all = 0] = GRANULES.exec(read)?.map(Number) ?? [];
  expect(all).toBeGreaterThan(80);
  expect(kept).toBeLessThan(all / 5);
});
