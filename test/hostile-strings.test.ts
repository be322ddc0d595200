import type {
  AttributesResponse,
  AttributeValuesResponse,
  OperationsResponse,
  SeriesResponse,
  ServicesResponse,
  TracesResponse,
} from '../packages/trace/src/client/api-types.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeOtlp } from '../packages/server/src/receivers/testing/encode-otlp.ts';
import { HOSTILE_STRINGS } from '../packages/server/src/receivers/testing/hostile-strings.ts';
import type { AnyValue, KeyValue, TracesData } from '../packages/trace/src/otlp.ts';
import { startCollector, type Collector } from './support/collector.ts';
import { eventually } from './support/processes.ts';
import { spanIdOf, traceIdOf } from './support/traces.ts';

const STRINGS = [
  ...HOSTILE_STRINGS,
  "') --",
  "' OR 1 --",
  '") UNION ALL SELECT * FROM system.tables FORMAT Null;',
  '/* */ ; SYSTEM SHUTDOWN; --',
  '{service:String}',
  '{{7*7}}${7*7}#{7*7}',
  '"><img src=x onerror=alert(1)>',
  'javascript:alert(1)//',
  '\u001B]0;title\u0007\u001B[2J\u009B31m',
  '\r\nSet-Cookie: a=b\r\n\r\n',
  '%00%27%3B/../..?&#',
  '=',
  ' \t ',
  '\u2028\u2029\u200B\u00A0',
  'e\u0301 \u00E9',
  'nan',
  'NULL',
  '(other)',
  'unknown_service',
  'x'.repeat(5_000),
];
const SPANS_PER_STRING = 2;
/** Longer keys and values are not offered for completion. */
const COMPLETED_BYTES_MAX = 256;
/** Longer names are counted with the others. */
const NAME_BYTES_MAX = 4_096;

describe('hostile strings', () => {
  let collector: Collector;
  const startNs = `${Date.now()}000000`;

  beforeAll(async () => {
    collector = await startCollector();
  });
  afterAll(() => collector.stop());

  async function ask<T>(path: string): Promise<T> {
    const response = await fetch(`${collector.apiUrl}${path}`);
    const body = await response.text();
    expect(response.status, `${path.slice(0, 200)}: ${body.slice(0, 200)}`).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^application\/json/);
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    return JSON.parse(body) as T;
  }

  async function post(body: BodyInit, type: string): Promise<void> {
    const headers = { 'content-type': type };
    const response = await fetch(`${collector.otlpUrl}/v1/traces`, { method: 'POST', headers, body });
    expect(await response.text()).toBe(type === 'application/json' ? '{}' : '');
    expect(response.status).toBe(200);
  }

  it('come back byte for byte from every place that takes one', async () => {
    for (const [index, hostile] of STRINGS.entries()) {
      const [protobufId = '', jsonId = ''] = tracesOf(index);
      await post(new Uint8Array(encodeOtlp(aRequest(hostile, protobufId, startNs))), 'application/x-protobuf');
      await post(JSON.stringify(aRequest(hostile, jsonId, startNs)), 'application/json');
    }
    const last = tracesOf(STRINGS.length - 1).at(-1) ?? '';
    await eventually('the last trace is stored', async () => {
      return (await fetch(`${collector.apiUrl}/api/v1/traces/${last}`)).status === 200;
    });
    for (const [index, hostile] of STRINGS.entries()) {
      for (const id of tracesOf(index)) {
        expect(await ask<TracesData>(`/api/v1/traces/${id}`)).toEqual(aRequest(hostile, id, startNs));
      }
    }
  });

  it('are found by search, and nothing else is', async () => {
    for (const [index, hostile] of STRINGS.entries()) {
      const text = encodeURIComponent(hostile);
      const questions = [`service=${text}`, `operation=${text}`, `tag=${encodeURIComponent('an.attribute')}%3D${text}`];
      for (const question of [...questions, questions.join('&')]) {
        const { traces } = await ask<TracesResponse>(`/api/v1/traces?${question}`);
        expect(traces.map(({ traceId }) => traceId).toSorted()).toEqual(tracesOf(index).toSorted());
        expect(traces.map(({ rootService, rootOperation }) => [rootService, rootOperation])).toEqual([
          [hostile, hostile],
          [hostile, hostile],
        ]);
      }
    }
  });

  it('are services, operations, keys and values like others', async () => {
    const listed = STRINGS.filter((hostile) => Buffer.byteLength(hostile) <= COMPLETED_BYTES_MAX);
    await eventually('the derived tables are filled', async () => {
      const { attributes } = await ask<AttributesResponse>('/api/v1/attributes?limit=10000');
      return listed.every((hostile) => attributes.some(({ key }) => key === hostile));
    });
    const { services } = await ask<ServicesResponse>('/api/v1/services');
    const named = services.filter(({ isOthers }) => !isOthers);
    expect(new Map(named.map(({ name, spanCount }) => [name, spanCount]))).toEqual(
      new Map(STRINGS.filter(isName).map((hostile) => [hostile, SPANS_PER_STRING])),
    );
    expect(named).toHaveLength(STRINGS.filter(isName).length);
    expect(services.filter(({ isOthers }) => isOthers)).toMatchObject([{ spanCount: SPANS_PER_STRING }]);
    for (const hostile of STRINGS) {
      const text = encodeURIComponent(hostile);
      const { operations } = await ask<OperationsResponse>(`/api/v1/services/${text}/operations`);
      expect(operations.map(({ name, spanCount }) => [name, spanCount])).toEqual(
        isName(hostile) ? [[hostile, SPANS_PER_STRING]] : [],
      );
      const { series } = await ask<SeriesResponse>(
        `/api/v1/series?service=${text}&operation=${text}&groupBy=operation`,
      );
      expect(series.map(({ service, operation }) => [service, operation])).toEqual(
        isName(hostile) ? [[hostile, hostile]] : [],
      );
      const isListed = Buffer.byteLength(hostile) <= COMPLETED_BYTES_MAX;
      const { attributes } = await ask<AttributesResponse>(`/api/v1/attributes?prefix=${text}&limit=10000`);
      expect(attributes.some(({ key }) => key === hostile)).toBe(isListed);
      expect(attributes.every(({ key }) => key.startsWith(hostile))).toBe(true);
      const { values } = await ask<AttributeValuesResponse>(`/api/v1/attributes/${text}/values?prefix=${text}`);
      expect(values.map(({ value }) => value)).toEqual(isListed ? [hostile] : []);
    }
  });

  it('that are no Unicode have U+FFFD for each lone surrogate', async () => {
    const id = traceIdOf('surrogates');
    const escaped = JSON.stringify(aRequest('a\uD800b\uDC00', id, startNs));
    expect(escaped).toContain(String.raw`a\ud800b\udc00`);
    await post(escaped, 'application/json');
    await eventually('it is stored', async () => (await fetch(`${collector.apiUrl}/api/v1/traces/${id}`)).ok);
    expect(await ask<TracesData>(`/api/v1/traces/${id}`)).toEqual(aRequest('a\uFFFDb\uFFFD', id, startNs));
  });

  it('of 15 MB are cut to what is set, between two characters, and the sender is informed', async () => {
    const id = traceIdOf('long');
    const body = encodeOtlp(aRequest('ä€'.repeat(3_000_000), id, startNs, { isShort: true }));
    const headers = { 'content-type': 'application/x-protobuf' };
    const response = await fetch(`${collector.otlpUrl}/v1/traces`, {
      method: 'POST',
      headers,
      body: new Uint8Array(body),
    });
    expect(response.status).toBe(200);
    expect(await response.text()).toMatch(/1 text .*too long .*\(ingest\.valueBytesMax\)/);
    await eventually('it is stored', async () => (await fetch(`${collector.apiUrl}/api/v1/traces/${id}`)).ok);
    const { resourceSpans } = await ask<TracesData>(`/api/v1/traces/${id}`);
    // 209,715 times five bytes, and one byte that no character fits.
    expect(resourceSpans[0]?.scopeSpans[0]?.spans[0]?.name).toBe('ä€'.repeat(209_715));
  });
});

it('names of 16 MB come back whole where that is set', async () => {
  const sizes = ['INGEST_VALUE_BYTES_MAX', 'OTLP_HTTP_BODY_BYTES_MAX', 'OTLP_HTTP_DECOMPRESSED_BYTES_MAX'];
  const env = Object.fromEntries(sizes.map((name) => [`THROUGHLINE_${name}`, '32MiB']));
  const collector = await startCollector({ env });
  const id = traceIdOf('whole');
  const name = "'); --\u0000".repeat(2_400_000).slice(0, 16 * 2 ** 20);
  const body = encodeOtlp(aRequest(name, id, `${Date.now()}000000`, { isShort: true }));
  const headers = { 'content-type': 'application/x-protobuf' };
  const response = await fetch(`${collector.otlpUrl}/v1/traces`, {
    method: 'POST',
    headers,
    body: new Uint8Array(body),
  });
  expect([response.status, await response.text()]).toEqual([200, '']);
  await eventually('it is stored', async () => (await fetch(`${collector.apiUrl}/api/v1/traces/${id}`)).ok);
  const stored = (await (await fetch(`${collector.apiUrl}/api/v1/traces/${id}`)).json()) as TracesData;
  // Not `toBe`, which would print both.
  expect(stored.resourceSpans[0]?.scopeSpans[0]?.spans[0]?.name === name).toBe(true);
  await collector.stop();
});

function tracesOf(index: number): string[] {
  return [traceIdOf(`protobuf-${index}`), traceIdOf(`json-${index}`)];
}

/** The string in every place that takes one; with `isShort` only as the span's name. */
function aRequest(text: string, traceId: string, startNs: string, { isShort = false } = {}): TracesData {
  const string = (key: string): KeyValue => ({ key, value: { stringValue: text } });
  const inner: AnyValue = { kvlistValue: { values: [string(text)] } };
  const attributes: KeyValue[] = [
    string(text),
    { key: 'a.list', value: { arrayValue: { values: [{ stringValue: text }, inner] } } },
    { key: 'a.map', value: inner },
  ];
  const span = { traceId, spanId: spanIdOf(traceId), name: text, startTimeUnixNano: startNs, endTimeUnixNano: startNs };
  if (isShort) return { resourceSpans: [{ resource: {}, scopeSpans: [{ scope: {}, spans: [{ ...span, kind: 1 }] }] }] };
  return {
    resourceSpans: [
      {
        resource: { attributes: [string('service.name'), ...attributes] },
        scopeSpans: [
          {
            scope: { name: text, version: text, attributes },
            spans: [
              {
                ...span,
                kind: 2,
                traceState: text,
                attributes: [string('an.attribute'), ...attributes],
                events: [{ timeUnixNano: startNs, name: text, attributes }],
                links: [{ traceId: traceIdOf('link'), spanId: spanIdOf('link'), traceState: text, attributes }],
                status: { message: text, code: 2 },
              },
            ],
            schemaUrl: text,
          },
        ],
        schemaUrl: text,
      },
    ],
  };
}

function isName(hostile: string): boolean {
  return Buffer.byteLength(hostile) <= NAME_BYTES_MAX;
}
