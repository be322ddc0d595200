import { spawn } from 'node:child_process';
import type { AnyValue, KeyValue, ResourceSpans, Span, TracesData } from '../packages/trace/src/otlp.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findSender } from '../scripts/senders.mjs';
import { startCollector } from './support/collector.ts';
import type { Collector } from './support/collector.ts';
import { eventually } from './support/processes.ts';
import { traceIdOf } from './support/traces.ts';

/** Where an SDK differs from what its API was told; each was read in the SDK's source. */
interface Dialect {
  readonly protocols: readonly ('http' | 'json' | 'grpc')[];
  /** The W3C flags that it puts into `flags`; Python's sets none. */
  readonly traceFlags: number;
  /** Only Java's sends the trace state of links. */
  readonly linkTraceState: string;
  /** Java's API cannot set attributes of a scope. */
  readonly scopeAttributes: KeyValue[];
  /** Of three events and 20 attributes at limits of 2 and 14. */
  readonly keptEvents: readonly ('one' | 'two' | 'three')[];
  readonly firstKeptAttribute: number;
  /** Attributes that come sorted by key. */
  readonly sorts: { readonly resource: boolean; readonly others: boolean };
}

const scopeAttributes = [text('scope.note', 'attributes of a scope')];

const dialects: Readonly<Record<string, Dialect>> = {
  python: {
    protocols: ['http', 'json', 'grpc'],
    traceFlags: 0,
    linkTraceState: '',
    scopeAttributes,
    keptEvents: ['two', 'three'],
    firstKeptAttribute: 6,
    sorts: { resource: false, others: false },
  },
  go: {
    protocols: ['http', 'grpc'],
    traceFlags: 1,
    linkTraceState: '',
    scopeAttributes,
    keptEvents: ['two', 'three'],
    firstKeptAttribute: 0,
    sorts: { resource: true, others: false },
  },
  java: {
    protocols: ['http', 'grpc'],
    traceFlags: 1,
    linkTraceState: 'x=y',
    scopeAttributes: [],
    keptEvents: ['one', 'two'],
    firstKeptAttribute: 0,
    sorts: { resource: true, others: true },
  },
};

for (const [language, dialect] of Object.entries(dialects)) {
  const sender = findSender(language);
  describe.skipIf(!sender)(`a trace of the OpenTelemetry SDK for ${language} comes back field by field`, () => {
    let collector: Collector;
    beforeAll(async () => {
      collector = await startCollector();
    });
    afterAll(() => collector.stop());

    it.for(dialect.protocols)('sent over %s', async (protocol) => {
      const service = `${language}-${protocol}`;
      const traceId = traceIdOf(service);
      const startNs = BigInt(Date.now()) * 1_000_000n + 123_456n;
      const endpoint = protocol === 'grpc' ? collector.otlpGrpcUrl : collector.otlpUrl;
      await run([...(sender ?? []), protocol, endpoint, service, traceId, String(startNs)]);

      const stored = await eventually('the trace is findable', async () => {
        const response = await fetch(`${collector.apiUrl}/api/v1/traces/${traceId}`);
        return response.status === 200 ? ((await response.json()) as TracesData) : undefined;
      });
      const expected = expectedTrace({ dialect, service, traceId, startNs });
      expect(withNames(stored, dialect.sorts)).toEqual(withNames({ resourceSpans: [expected] }, dialect.sorts));
    });
  });
}

/** Fails with what the program wrote unless it ends with 0. */
async function run([command = '', ...args]: readonly string[]): Promise<void> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: 240_000 });
  let output = '';
  child.stdout.on('data', (bytes: Buffer) => (output += bytes.toString()));
  child.stderr.on('data', (bytes: Buffer) => (output += bytes.toString()));
  const code = await new Promise((resolve) => child.once('close', resolve));
  expect(code, output).toBe(0);
}

interface TraceOptions {
  readonly dialect: Dialect;
  readonly service: string;
  readonly traceId: string;
  readonly startNs: bigint;
}

/** What the programs in test/senders/ record; spans have their names instead of ids. */
function expectedTrace({ dialect, service, traceId, startNs }: TraceOptions): ResourceSpans {
  const at = (offsetMs: number, extraNs = 0n): string => String(startNs + BigInt(offsetMs) * 1_000_000n + extraNs);
  const aSpan = (name: string, kind: number, [start, end]: readonly [number, number], fields: Partial<Span>): Span => ({
    traceId,
    spanId: name,
    parentSpanId: 'POST /buy',
    traceState: 'vendor=value,other=1',
    // Whether the parent is remote is known, and here it is not.
    flags: 0x100 | dialect.traceFlags,
    name,
    kind,
    startTimeUnixNano: at(start),
    endTimeUnixNano: at(end, 789n),
    ...fields,
  });
  const eventTimes = { one: 6, two: 7, three: 8 };
  const kept = Array.from({ length: 14 }, (_, index) => dialect.firstKeptAttribute + index);
  const spans = [
    aSpan('POST /buy', 2, [0, 11], {
      parentSpanId: '00f067aa0ba902b7',
      flags: 0x300 | dialect.traceFlags,
      attributes: everyValueType(),
    }),
    aSpan('SELECT orders', 3, [1, 3], {
      links: [
        {
          traceId: '0af7651916cd43dd8448eb211c80319c',
          spanId: 'b7ad6b7169203331',
          ...(dialect.linkTraceState !== '' && { traceState: dialect.linkTraceState }),
          attributes: [text('why', 'batch'), integer('n', 7)],
          flags: 0x300 | dialect.traceFlags,
        },
      ],
      events: [
        {
          timeUnixNano: at(2),
          name: 'retry',
          attributes: [integer('attempt', 2), attribute('backoff', { doubleValue: 0.5 }), boolean('last', true)],
        },
      ],
      status: { code: 2, message: "it's <b>gone</b>; DROP TABLE spans; -- \n\n" },
    }),
    aSpan('charge', 4, [4, 5], {}),
    aSpan('settle', 5, [5, 9], {
      events: dialect.keptEvents.map((name) => ({ timeUnixNano: at(eventTimes[name]), name })),
      droppedEventsCount: 1,
      status: { code: 1 },
    }),
    aSpan('reckon', 1, [9, 10], {
      attributes: kept.map((index) => integer(`filler.${index}`, index)),
      droppedAttributesCount: 6,
    }),
  ];
  return {
    resource: {
      attributes: [
        text('service.name', service),
        integer('host.cores', 2),
        list('deployment.tags', [{ stringValue: 'a' }, { stringValue: 'b' }]),
      ],
    },
    scopeSpans: [
      {
        scope: {
          name: 'checkout',
          version: '1.2.3',
          ...(dialect.scopeAttributes.length > 0 && { attributes: dialect.scopeAttributes }),
        },
        spans,
        schemaUrl: 'https://opentelemetry.io/schemas/1.29.0',
      },
    ],
    schemaUrl: 'https://opentelemetry.io/schemas/1.30.0',
  };
}

function everyValueType(): KeyValue[] {
  return [
    text('a.string', 'O\'Neill said "hi\\there" \u0000 \u{1f600}'),
    text('a.empty', ''),
    integer('an.int', 42),
    integer('a.negative', -7),
    attribute('a.large.int', { intValue: '9007199254740993' }),
    attribute('a.double', { doubleValue: 0.1 }),
    attribute('a.tiny.double', { doubleValue: 5e-324 }),
    boolean('a.bool', true),
    boolean('another.bool', false),
    list('some.strings', [{ stringValue: 'x' }, { stringValue: '' }, { stringValue: 'ü' }]),
    list('some.ints', [{ intValue: '1' }, { intValue: '-2' }, { intValue: '9007199254740993' }]),
    list('some.doubles', [{ doubleValue: 1.5 }, { doubleValue: -0.25 }]),
    list('some.bools', [{ boolValue: true }, { boolValue: false }]),
    text('not.sql', "'); DROP TABLE throughline.spans; --"),
  ];
}

/** Span ids are random: names stand for them, spans in the order of their names. */
function withNames({ resourceSpans }: TracesData, sorts: Dialect['sorts']): unknown {
  const spans = resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans));
  const nameOf = new Map(spans.map(({ spanId, name }) => [spanId, name]));
  return resourceSpans.map((outer) => ({
    ...outer,
    resource: { ...outer.resource, attributes: order(outer.resource?.attributes, sorts.resource) },
    scopeSpans: outer.scopeSpans.map((inner) => ({
      ...inner,
      spans: inner.spans
        .map((span) => ({
          ...span,
          spanId: span.name,
          parentSpanId: nameOf.get(span.parentSpanId ?? '') ?? span.parentSpanId,
          attributes: order(span.attributes, sorts.others),
          events: span.events?.map((event) => ({ ...event, attributes: order(event.attributes, sorts.others) })),
          links: span.links?.map((link) => ({ ...link, attributes: order(link.attributes, sorts.others) })),
        }))
        .toSorted((left, right) => (left.name < right.name ? -1 : 1)),
    })),
  }));
}

function order(attributes: KeyValue[] | undefined, isSorted: boolean): KeyValue[] | undefined {
  return isSorted ? attributes?.toSorted((left, right) => (left.key < right.key ? -1 : 1)) : attributes;
}

function attribute(key: string, value: AnyValue): KeyValue {
  return { key, value };
}

function text(key: string, stringValue: string): KeyValue {
  return attribute(key, { stringValue });
}

function integer(key: string, value: number): KeyValue {
  return attribute(key, { intValue: String(value) });
}

function boolean(key: string, boolValue: boolean): KeyValue {
  return attribute(key, { boolValue });
}

function list(key: string, values: AnyValue[]): KeyValue {
  return attribute(key, { arrayValue: { values } });
}
