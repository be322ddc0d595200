import * as fc from 'fast-check';
import type { AnyValue, Span, TracesData } from '@throughline/trace';
import { arbitraryOtlp } from './arbitrary-otlp.ts';
import { encodeOtlp } from './encode-otlp.ts';
import { HOSTILE_STRINGS } from './hostile-strings.ts';

const START_NS = 1_795_000_000_000_000_000n;
const PROTOBUF_BYTES_MAX = 2_560;

/** Requests that mutation starts from: ones of every shape, usual ones, and ones full of hostile strings. */
export function fuzzCorpus(): TracesData[] {
  const random = fc
    .sample(arbitraryOtlp, { numRuns: 1_500, seed: 20_261_123 })
    .filter((request) => hasSpans(request) && encodeOtlp(request).length <= PROTOBUF_BYTES_MAX);
  const usual = Array.from({ length: 24 }, (_, index) => aUsualRequest(index));
  const hostile = HOSTILE_STRINGS.map((text, index) => aHostileRequest(text, index));
  return [...random, ...usual, ...hostile];
}

function hasSpans({ resourceSpans }: TracesData): boolean {
  return resourceSpans.some(({ scopeSpans }) => scopeSpans.some(({ spans }) => spans.length > 0));
}

/** As SDKs send them: a service, a scope, spans of one trace with about ten attributes. */
function aUsualRequest(number: number): TracesData {
  return {
    resourceSpans: [
      {
        resource: { attributes: [string('service.name', `service-${number % 5}`), string('host.name', 'host')] },
        scopeSpans: [
          {
            scope: { name: '@opentelemetry/instrumentation-http', version: '0.200.0' },
            spans: Array.from({ length: 1 + (number % 4) }, (_, index) => ({
              ...aSpan(number, index),
              attributes: [
                string('http.request.method', 'GET'),
                string('url.path', `/items/${index}`),
                { key: 'http.response.status_code', value: { intValue: '200' } },
                { key: 'server.port', value: { intValue: '18374' } },
                { key: 'large', value: { intValue: '-9223372036854775808' } },
                { key: 'retry', value: { boolValue: index % 2 === 0 } },
                { key: 'ratio', value: { doubleValue: 0.25 } },
                { key: 'list', value: { arrayValue: { values: [{ intValue: '1' }, { stringValue: 'two' }] } } },
                { key: 'map', value: { kvlistValue: { values: [string('inner', 'value')] } } },
                { key: 'raw', value: { bytesValue: 'AAH/' } },
                { key: 'none', value: {} },
              ],
            })),
          },
        ],
      },
    ],
  };
}

/** The string in every place that takes one. */
function aHostileRequest(text: string, number: number): TracesData {
  const attributes = [string(text, text), { key: 'map', value: { kvlistValue: { values: [string(text, text)] } } }];
  const span: Span = {
    ...aSpan(1_000 + number, 0),
    name: text,
    traceState: text,
    attributes,
    events: [{ timeUnixNano: String(START_NS), name: text, attributes }],
    links: [{ traceId: 'ab'.repeat(16), spanId: 'cd'.repeat(8), traceState: text, attributes }],
    status: { code: 2, message: text },
  };
  const scope = { name: text, version: text, attributes };
  const resource = { attributes: [...attributes, string('service.name', text)] };
  return { resourceSpans: [{ resource, scopeSpans: [{ scope, spans: [span], schemaUrl: text }], schemaUrl: text }] };
}

function aSpan(trace: number, index: number): Span {
  return {
    traceId: (trace + 1).toString(16).padStart(32, '0'),
    spanId: (index + 1).toString(16).padStart(16, '0'),
    parentSpanId: index === 0 ? '' : '0000000000000001',
    name: 'GET /items/:id',
    kind: 2,
    startTimeUnixNano: String(START_NS),
    endTimeUnixNano: String(START_NS + 5_000_000n),
    status: { code: 0 },
  };
}

function string(key: string, stringValue: string): { key: string; value: AnyValue } {
  return { key, value: { stringValue } };
}
