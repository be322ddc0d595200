import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attributeText } from '../attributes.ts';
import type { AnyValue, KeyValue, SpanEvent, SpanLink, TracesData } from '../otlp.ts';
import { readTraces, toJaeger, toOtlp, toZipkin } from './index.ts';
import { anyOtlp } from './testing/any-otlp.ts';

/** What of a trace is compared: what the format can hold, in a form that does not depend on order or absence. */
interface Held {
  /** In nanoseconds. */
  readonly tickNs: bigint;
  readonly shortestNs: bigint;
  readonly value: (value: AnyValue) => unknown;
  /** As `value`, in events and links. */
  readonly innerValue: (value: AnyValue) => unknown;
  readonly resource: boolean;
  readonly linkParts: boolean;
  readonly flags: number;
}

const OTLP: Held = {
  tickNs: 1n,
  shortestNs: 0n,
  value: (given) => given,
  innerValue: (given) => given,
  resource: true,
  linkParts: true,
  flags: 0xffff,
};

const plainDouble = (given: AnyValue): AnyValue =>
  given.doubleValue === undefined || typeof given.doubleValue === 'number' ? given : { stringValue: given.doubleValue };

/** Text, numbers, truth and bytes are held; the rest is text. */
function valueOfJaeger(given: AnyValue): unknown {
  const { stringValue, boolValue, intValue, bytesValue } = given;
  if (stringValue !== undefined || boolValue !== undefined || bytesValue !== undefined) return given;
  if (intValue !== undefined) return given;
  return typeof given.doubleValue === 'number' ? given : { stringValue: attributeText(plainDouble(given)) };
}

const JAEGER: Held = {
  tickNs: 1000n,
  shortestNs: 0n,
  value: valueOfJaeger,
  innerValue: valueOfJaeger,
  resource: true,
  linkParts: false,
  flags: 1,
};

const ZIPKIN: Held = {
  tickNs: 1000n,
  shortestNs: 1000n,
  value: attributeText,
  innerValue: attributeText,
  resource: false,
  linkParts: true,
  flags: 0,
};

function pairs(attributes: readonly KeyValue[] | undefined, value: Held['value']): string[] {
  return (attributes ?? []).map((one) => JSON.stringify([one.key, value(one.value)])).toSorted();
}

function isOfService({ key }: KeyValue): boolean {
  return key === 'service.name';
}

function canonical(data: readonly TracesData[], held: Held): string[] {
  const cut = (nanos: string | bigint): string => String(BigInt(nanos) - (BigInt(nanos) % held.tickNs));
  const linkOf = ({ traceId, spanId, traceState = '', attributes }: SpanLink): unknown[] =>
    held.linkParts ? [traceId, spanId, traceState, pairs(attributes, held.innerValue)] : [traceId, spanId];
  const eventOf = ({ timeUnixNano, name, attributes, droppedAttributesCount = 0 }: SpanEvent): unknown[] => {
    return [cut(timeUnixNano), name, pairs(attributes, held.innerValue), droppedAttributesCount];
  };
  const lines = data.flatMap(({ resourceSpans }) =>
    resourceSpans.flatMap(({ resource, scopeSpans }) =>
      scopeSpans.flatMap(({ scope, spans }) =>
        spans.map((span) => {
          const ofResource = resource?.attributes ?? [];
          const own = new Set(span.attributes?.map(({ key }) => key));
          // Where attributes of the resource become the span's, the span's own win.
          const moved = ofResource.filter((one) => !isOfService(one) && !own.has(one.key));
          const length = BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano);
          const lengthHeld = length - (length % held.tickNs);
          return JSON.stringify({
            resource: pairs(held.resource ? ofResource : ofResource.filter(isOfService), held.value),
            scope: [scope?.name ?? '', scope?.version ?? ''],
            ids: [span.traceId, span.spanId, span.parentSpanId ?? '', span.traceState ?? ''],
            flags: (span.flags ?? 0) & held.flags,
            name: span.name,
            kind: held.tickNs > 1n && span.kind === 0 ? 1 : span.kind,
            start: cut(span.startTimeUnixNano),
            length: String(lengthHeld < held.shortestNs ? held.shortestNs : lengthHeld),
            attributes: pairs([...(span.attributes ?? []), ...(held.resource ? [] : moved)], held.value),
            events: span.events?.map(eventOf) ?? [],
            links: span.links?.map(linkOf) ?? [],
            status: [span.status?.code ?? 0, span.status?.message ?? ''],
            dropped: [span.droppedAttributesCount ?? 0, span.droppedEventsCount ?? 0, span.droppedLinksCount ?? 0],
          });
        }),
      ),
    ),
  );
  return lines.toSorted();
}

/** Read again from the text of what was written. */
function readAgain(document: unknown): TracesData[] {
  const { traces, warnings } = readTraces(JSON.stringify(document));
  expect(warnings).toEqual([]);
  return traces.map(({ data }) => data);
}

describe('what is written and read again', () => {
  it('is the same in OTLP', () => {
    fc.assert(
      fc.property(anyOtlp, (data) => {
        const { document, warnings } = toOtlp(data);
        expect(warnings).toEqual([]);
        expect(canonical(readAgain(document), OTLP)).toEqual(canonical([data], OTLP));
      }),
    );
  });

  it('keeps by Jaeger what Jaeger can hold', () => {
    fc.assert(
      fc.property(anyOtlp, (data) => {
        expect(canonical(readAgain(toJaeger(data).document), JAEGER)).toEqual(canonical([data], JAEGER));
      }),
    );
  });

  it('keeps by Zipkin what Zipkin can hold', () => {
    fc.assert(
      fc.property(anyOtlp, (data) => {
        expect(canonical(readAgain(toZipkin(data).document), ZIPKIN)).toEqual(canonical([data], ZIPKIN));
      }),
    );
  });

  it('has no warning where nothing is lost', () => {
    const data: TracesData = {
      resourceSpans: [
        {
          resource: { attributes: [{ key: 'service.name', value: { stringValue: 'web' } }] },
          scopeSpans: [
            {
              scope: { name: 'http' },
              spans: [
                {
                  traceId: '1'.repeat(32),
                  spanId: '2'.repeat(16),
                  name: 'GET /',
                  kind: 2,
                  flags: 1,
                  startTimeUnixNano: '1700000000000001000',
                  endTimeUnixNano: '1700000000000002000',
                  attributes: [{ key: 'http.route', value: { stringValue: '/' } }],
                  events: [{ timeUnixNano: '1700000000000001000', name: 'a' }],
                  links: [{ traceId: '3'.repeat(32), spanId: '4'.repeat(16) }],
                  status: { code: 2, message: 'no' },
                },
              ],
            },
          ],
        },
      ],
    };
    expect([toJaeger(data).warnings, toZipkin(data).warnings, toOtlp(data).warnings]).toEqual([[], [], []]);
  });
});
