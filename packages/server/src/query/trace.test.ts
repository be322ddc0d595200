import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { insertTarget } from '../storage/insert.ts';
import { AttributeType } from '../storage/schema.ts';
import { sqlString } from '../storage/sql.ts';
import { storedSource } from './span-sources.ts';
import type { TestStore } from './testing/test-store.ts';
import { aStoredSpan, openTestStore, TEST_START_NS } from './testing/test-store.ts';
import { storyOf } from './story-of.ts';
import { findTrace, rowCountSql, spanSizesSql, type StoredTrace, traceSql } from './trace.ts';
import { singleServerTables } from '../storage/tables.ts';

const TABLES = singleServerTables();
const STORED = storedSource(TABLES);

const strings = (list: readonly string[]): string => `[${list.map(sqlString).join(', ')}]`;

describe('findTrace', () => {
  let store: TestStore;
  beforeAll(async () => void (store = await openTestStore()));
  afterAll(() => store.close());

  it('answers null for a trace of which nothing is stored', async () => {
    expect(await findTrace(store.context, '9'.repeat(32))).toBeNull();
  });

  it('gives back every field of OTLP, value types and order included', async () => {
    const traceId = 'a0'.repeat(16);
    const values: readonly [string, string, number][] = [
      ['s', "it's\n\u0000 \\ 🙂", AttributeType.string],
      ['s', 'a key may repeat', AttributeType.string],
      ['b', 'true', AttributeType.bool],
      ['f', 'false', AttributeType.bool],
      ['i', '-9223372036854775808', AttributeType.int],
      ['d', '0.1', AttributeType.double],
      ['z', '-0', AttributeType.double],
      ['n', 'NaN', AttributeType.double],
      ['x', '\u0000\u0001', AttributeType.bytes],
      ['a', '{"values":[{"intValue":"1"},{},{"doubleValue":-0}]}', AttributeType.array],
      ['k', '{"values":[{"key":"q","value":{"stringValue":"r"}}]}', AttributeType.kvlist],
      ['e', '', AttributeType.empty],
    ];
    await store.context.engine.command(`INSERT INTO ${insertTarget(TABLES, 'spans')} SELECT
      toUInt64(now()) * 1000000, unhex('${traceId}'), unhex('0102030405060708'), unhex('1112131415161718'),
      'shop', 'GET /', 2, 2, 'out of stock', toDateTime(1700000000), ${TEST_START_NS}, -5, 'a=1', 257, 1, 2, 3,
      ${strings(values.map(([key]) => key))}, ${strings(values.map(([, text]) => text))}, [${values.map(([, , type]) => type).join(', ')}],
      ['service.name'], ['shop'], [1], 4, 'https://resource', '[{"type":"service","idKeys":["service.name"]}]',
      'lib', '1.2', ['scope'], ['yes'], [1], 5, 'https://scope',
      [${TEST_START_NS}, ${TEST_START_NS + 1n}], ['first', 'second'], [0, 6], [1, 2],
      ['one', 'two', 'three'], ['1', '2', '3'], [1, 3, 1],
      [unhex('${'b0'.repeat(16)}')], [unhex('${'c0'.repeat(8)}')], ['b=2'], [1], [7], [1], ['link'], ['l'], [1], 0`);
    await store.count();
    const trace = await findTrace(store.context, traceId);
    expect(trace?.data).toEqual({
      resourceSpans: [
        {
          resource: {
            attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }],
            droppedAttributesCount: 4,
            entityRefs: [{ type: 'service', idKeys: ['service.name'] }],
          },
          scopeSpans: [
            {
              scope: {
                name: 'lib',
                version: '1.2',
                attributes: [{ key: 'scope', value: { stringValue: 'yes' } }],
                droppedAttributesCount: 5,
              },
              spans: [
                {
                  traceId,
                  spanId: '0102030405060708',
                  parentSpanId: '1112131415161718',
                  traceState: 'a=1',
                  flags: 257,
                  name: 'GET /',
                  kind: 2,
                  startTimeUnixNano: '1700000000000000000',
                  endTimeUnixNano: '1699999999999999995',
                  attributes: [
                    { key: 's', value: { stringValue: "it's\n\u0000 \\ 🙂" } },
                    { key: 's', value: { stringValue: 'a key may repeat' } },
                    { key: 'b', value: { boolValue: true } },
                    { key: 'f', value: { boolValue: false } },
                    { key: 'i', value: { intValue: '-9223372036854775808' } },
                    { key: 'd', value: { doubleValue: 0.1 } },
                    { key: 'z', value: { doubleValue: '-0' } },
                    { key: 'n', value: { doubleValue: 'NaN' } },
                    { key: 'x', value: { bytesValue: 'AAE=' } },
                    {
                      key: 'a',
                      value: { arrayValue: { values: [{ intValue: '1' }, {}, { doubleValue: '-0' }] } },
                    },
                    { key: 'k', value: { kvlistValue: { values: [{ key: 'q', value: { stringValue: 'r' } }] } } },
                    { key: 'e', value: {} },
                  ],
                  droppedAttributesCount: 1,
                  events: [
                    {
                      timeUnixNano: '1700000000000000000',
                      name: 'first',
                      attributes: [{ key: 'one', value: { stringValue: '1' } }],
                    },
                    {
                      timeUnixNano: '1700000000000000001',
                      name: 'second',
                      attributes: [
                        { key: 'two', value: { intValue: '2' } },
                        { key: 'three', value: { stringValue: '3' } },
                      ],
                      droppedAttributesCount: 6,
                    },
                  ],
                  droppedEventsCount: 2,
                  links: [
                    {
                      traceId: 'b0'.repeat(16),
                      spanId: 'c0'.repeat(8),
                      traceState: 'b=2',
                      attributes: [{ key: 'link', value: { stringValue: 'l' } }],
                      droppedAttributesCount: 7,
                      flags: 1,
                    },
                  ],
                  droppedLinksCount: 3,
                  status: { message: 'out of stock', code: 2 },
                },
              ],
              schemaUrl: 'https://scope',
            },
          ],
          schemaUrl: 'https://resource',
        },
      ],
    });
  });

  it('leaves out what is at its default, and keeps spans of one resource together by start time', async () => {
    const traceId = 'd7'.repeat(16);
    const at = (spanId: string, later: bigint, host: string) =>
      aStoredSpan({ traceId, spanId: spanId.repeat(16), startNs: TEST_START_NS + later, resource: { host } });
    await store.store([at('3', 3n, 'one'), at('1', 1n, 'two'), at('4', 2n, 'one'), at('2', 2n, 'one')]);
    const trace = await findTrace(store.context, traceId);
    const shown = trace?.data.resourceSpans.map(({ resource, scopeSpans }) => [
      resource?.attributes?.[0]?.value.stringValue,
      ...scopeSpans.flatMap(({ spans }) => spans.map(({ spanId }) => spanId[0])),
    ]);
    expect(shown).toEqual([
      ['two', '1'],
      ['one', '2', '4', '3'],
    ]);
    expect(trace?.data.resourceSpans[0]?.scopeSpans[0]).toEqual({
      spans: [
        {
          traceId,
          spanId: '1'.repeat(16),
          name: 'GET /',
          startTimeUnixNano: String(TEST_START_NS + 1n),
          endTimeUnixNano: String(TEST_START_NS + 1_000_001n),
        },
      ],
    });
  });

  it('shows a span once that a sender repeated, and spans apart that only share their id', async () => {
    const traceId = 'e0'.repeat(16);
    const span = aStoredSpan({ traceId });
    await store.store([span, aStoredSpan({ traceId, name: 'another' }), span, span]);
    const trace = await findTrace(store.context, traceId);
    expect(trace).toMatchObject({ spanCount: 2, repeatedSpanCount: 2, truncated: false });
  });

  it('reads the first spans of a trace that is too large, and says so', async () => {
    const traceId = 'f0'.repeat(16);
    const startNs = TEST_START_NS + 60_000_000_000n;
    await store.store(
      Array.from({ length: 12 }, (_, i) =>
        aStoredSpan({ traceId, spanId: `${i}`.padStart(16, 'f'), startNs: startNs - BigInt(i) }),
      ),
    );
    const limits = { ...store.context.limits, traceSpansMax: 10 };
    const trace = await findTrace({ ...store.context, limits }, traceId);
    expect(trace).toMatchObject({ spanCount: 10, truncated: true });
    expect(trace).toMatchObject({ storedSpanCount: 12 });
    expect(storyOf(trace as StoredTrace)).toMatchObject({ truncated: true, spansInTrace: 12 });
    expect(trace?.data.resourceSpans[0]?.scopeSpans[0]?.spans[0]?.startTimeUnixNano).toBe(String(startNs - 11n));
  });

  it('reads as many of the first spans as fit in traceBytesMax, and says so', async () => {
    const traceId = 'b5'.repeat(16);
    const text = 'x'.repeat(20_000);
    await store.store(
      Array.from({ length: 6 }, (_, i) =>
        aStoredSpan({
          traceId,
          spanId: `${i}`.padStart(16, 'd'),
          startNs: TEST_START_NS + BigInt(i),
          attributes: { text },
        }),
      ),
    );
    const limits = { ...store.context.limits, traceBytesMax: 70_000 };
    const trace = await findTrace({ ...store.context, limits }, traceId);
    expect(trace).toMatchObject({ spanCount: 3, storedSpanCount: 6, truncated: true });
    expect(await findTrace(store.context, traceId)).toMatchObject({ spanCount: 6, truncated: false });
  });

  it('finds the spans of a trace that goes on for days, in whichever order they are stored', async () => {
    const traceId = 'd0'.repeat(16);
    const dayNs = 86_400_000_000_000n;
    for (const day of [2n, 0n, 5n]) {
      const spanId = String(day).repeat(16).replaceAll('0', 'a');
      await store.store([aStoredSpan({ traceId, spanId, startNs: TEST_START_NS + day * dayNs, name: `day ${day}` })]);
    }
    const trace = await findTrace(store.context, traceId);
    const spans = trace?.data.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans));
    expect(spans?.map(({ name }) => name)).toEqual(['day 0', 'day 2', 'day 5']);
  });

  it('answers the times that were sent, whatever their 64 bits are', async () => {
    const traceId = 'c0'.repeat(16);
    await store.store([aStoredSpan({ traceId, durationNs: 2n ** 63n - 1n })]);
    const trace = await findTrace(store.context, traceId);
    expect(trace?.data.resourceSpans[0]?.scopeSpans[0]?.spans[0]?.endTimeUnixNano).toBe(
      String(TEST_START_NS + 2n ** 63n - 1n),
    );
  });
});

describe('the SQL of one trace', () => {
  const part = { source: STORED, within: [{ first: 1_700_000_000, last: 1_700_000_010 }], empty: new Set<string>() };
  const traceId = 'ab'.repeat(16);

  it('measures spans as written here', async () => {
    await expect(spanSizesSql(part, traceId)).toMatchFileSnapshot('snapshots/span-sizes.sql');
  });

  it('reads as written here', async () => {
    await expect(rowCountSql(part, traceId)).toMatchFileSnapshot('snapshots/trace-rows.sql');
    await expect(traceSql(part, traceId, 100_001)).toMatchFileSnapshot('snapshots/trace.sql');
  });
});
