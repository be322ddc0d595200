import { ApiClient, writeTag } from '@throughline/trace/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCollector, type Collector } from './support/collector.ts';
import { eventually } from './support/processes.ts';
import { postJson, spanIdOf, traceIdOf } from './support/traces.ts';

/** Of 4,096 bytes, and 12 kB in an address. */
const LONGEST_NAME = 'é'.repeat(2_048);
/** In an address longer than a request may be. */
const TOO_LONG = 'é'.repeat(12_000);
/** Of 256 bytes. */
const LONGEST_TEXT = 'é'.repeat(128);

const SERVICES = ['..', '.', 'a/b?c#d%20 e', '(other)', '(no name)', 'nul\0', LONGEST_NAME, TOO_LONG];
const OPERATIONS = ['', '.', '(other)', '(no name)', '{"a":1}', '\n', LONGEST_NAME, TOO_LONG];
const KEYS = ['a=b', '=', 'a\\', 'a\\=b', '\\\\=', '..', '.', ' k k ', 'a/b?c#d%3D', '', LONGEST_TEXT, TOO_LONG];
const VALUES = [
  { stringValue: '' },
  { stringValue: ' lead ' },
  { stringValue: '=a=b\\=' },
  { stringValue: 'a\nb' },
  { stringValue: LONGEST_TEXT },
  { stringValue: TOO_LONG },
  { intValue: '12345678901234567' },
  { doubleValue: 1 },
  { doubleValue: -0 },
  { doubleValue: 1e-7 },
  { doubleValue: 'NaN' },
  { boolValue: false },
  { bytesValue: 'AAEC' },
  { arrayValue: { values: [{ stringValue: 'a' }] } },
  {},
];

describe('whatever the collector lists', () => {
  let collector: Collector;
  let client: ApiClient;
  beforeAll(async () => {
    collector = await startCollector();
    client = new ApiClient(collector.apiUrl);
    const names = [
      ...SERVICES.map((service) => ({ service, name: 'operation' })),
      ...OPERATIONS.map((name) => ({ service: 'shop', name })),
    ];
    const attributes = KEYS.flatMap((key) => VALUES.map((value) => [{ key, value }]));
    const startMs = Date.now();
    const spans = [...names, ...attributes.map((own) => ({ service: 'shop', name: 'operation', attributes: own }))];
    const resourceSpans = spans.map(({ service, ...span }, index) => ({
      resource: { attributes: [{ key: 'service.name', value: { stringValue: service } }] },
      scopeSpans: [
        {
          spans: [
            {
              ...span,
              traceId: traceIdOf(`offered ${index}`),
              spanId: spanIdOf(`offered ${index}`),
              startTimeUnixNano: `${startMs}000000`,
              endTimeUnixNano: `${startMs}000001`,
            },
          ],
        },
      ],
    }));
    await postJson(collector.otlpUrl, JSON.stringify({ resourceSpans }));
    await eventually('all are counted', async () => {
      const { services } = await client.services();
      const { attributes: keys } = await client.attributes();
      return services.reduce((sum, { spanCount }) => sum + spanCount, 0) === spans.length && keys.length > 0;
    });
  });
  afterAll(() => collector?.stop());

  it('of services and operations can be asked for, or says that it stands for others', async () => {
    const { services } = await client.services();
    const named = services.filter(({ isOthers }) => !isOthers).map(({ name }) => name);
    expect(named.toSorted()).toEqual([...SERVICES, 'shop'].filter((name) => name !== TOO_LONG).toSorted());
    expect(services.filter(({ isOthers }) => isOthers)).toMatchObject([{ spanCount: 1 }]);
    for (const service of named) {
      const { operations } = await client.operations(service);
      expect([service, operations.length]).not.toEqual([service, 0]);
      for (const operation of operations) {
        if (operation.isOthers) continue;
        const { traces } = await client.traces({ service, operation: operation.name, limit: 1_000 });
        expect([service, operation.name, traces.length]).toEqual([service, operation.name, operation.spanCount]);
      }
    }
    const { operations } = await client.operations('shop');
    expect(operations.map(({ name }) => name)).toContain('');
    expect(operations.filter(({ isOthers }) => isOthers)).toMatchObject([{ spanCount: 1 }]);
  });

  it('of attributes can be asked for', async () => {
    const { attributes } = await client.attributes();
    const keys = attributes.map(({ key }) => key);
    // The empty key is not offered; it can be asked for all the same.
    const offered = KEYS.filter((key) => key !== '' && key !== TOO_LONG);
    expect(keys.toSorted()).toEqual([...offered, 'service.name'].toSorted());
    const values = new Set<string>();
    for (const key of offered) {
      expect(attributes).toContainEqual({ key, estimatedSpanCount: VALUES.length });
      const completions = await client.attributeValues(key);
      for (const { value, estimatedSpanCount } of completions.values) {
        values.add(value);
        const { traces } = await client.traces({ tags: [writeTag({ key, value })], limit: 1_000 });
        // The empty value is also what an attribute without one reads as.
        const without = value === '' ? 1 : 0;
        expect([key, value, traces.length]).toEqual([key, value, estimatedSpanCount + without]);
      }
    }
    expect(values).toContain('12345678901234567');
    expect(await client.traces({ tags: [writeTag({ key: '', value: 'a\nb' })] })).toMatchObject({
      traces: { length: 1 },
    });
  });

  it('can be asked for all at once', async () => {
    const tags = Array.from({ length: 20 }, (_, index) =>
      writeTag({ key: `${index}${LONGEST_TEXT}`.slice(0, 128), value: LONGEST_TEXT }),
    );
    const asked = client.traces({ service: LONGEST_NAME, operation: LONGEST_NAME, tags });
    expect(await asked).toEqual({ traces: [], nextCursor: null });
  });
});
