import * as fc from 'fast-check';
import type { AnyValue, KeyValue, ResourceSpans, Span, SpanEvent, SpanLink, TracesData } from '../../otlp.ts';

/** Texts with what breaks careless readers: quotes, bars, braces, blanks, names that every object has. */
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }).filter((given) => given.isWellFormed()),
  fc.constantFrom('a', 'a|b', '"a": {', '{}', '__proto__', 'constructor', '', 'true', '0', '\u2028', '<b>'),
);
/** Not among the names that the formats use themselves. */
const key = fc.oneof(
  fc.constantFrom('__proto__', 'constructor', 'toString', 'http.route', 'app.tenant', 'é'),
  fc.string({ minLength: 1, maxLength: 6 }).map((given) => `x.${given}`),
);
const stringValue = text.map((given): AnyValue => ({ stringValue: given }));
const value: fc.Arbitrary<AnyValue> = fc.oneof(
  stringValue,
  fc.boolean().map((given): AnyValue => ({ boolValue: given })),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((given): AnyValue => ({ intValue: String(given) })),
  fc.maxSafeInteger().map((given): AnyValue => ({ intValue: String(given) })),
  fc
    .double()
    .filter((given) => !Object.is(given, -0))
    .map((given): AnyValue => ({ doubleValue: Number.isFinite(given) ? given : String(given) })),
  fc.uint8Array({ maxLength: 5 }).map((given): AnyValue => ({ bytesValue: Buffer.from(given).toString('base64') })),
  fc.array(stringValue, { maxLength: 3 }).map((values): AnyValue => ({ arrayValue: { values } })),
  fc.constant<AnyValue>({}),
);
const attributes = fc
  .uniqueArray(fc.record({ key, value }), { selector: ({ key: name }) => name, maxLength: 4 })
  .map((list): KeyValue[] => list);

const digits = Array.from({ length: 16 }, (_, digit) => digit.toString(16));
const hex = (length: number): fc.Arbitrary<string> =>
  fc
    .array(fc.constantFrom(...digits), { minLength: length, maxLength: length })
    .map((list) => list.join(''))
    .filter((id) => !/^0*$/.test(id));

const count = fc.constantFrom(0, 1, 4_294_967_295);
const moment = fc.bigInt({ min: 1_000n, max: 1_900_000_000_000_000_000n });
const event = fc
  .record({ time: moment, name: text, attributes, dropped: count })
  .map(({ time, name, attributes: list, dropped }): SpanEvent => {
    return { timeUnixNano: String(time), name, attributes: list, droppedAttributesCount: dropped };
  });
const link = fc
  .record({ traceId: hex(32), spanId: hex(16), attributes, traceState: fc.constantFrom('', 'a=1,b=2') })
  .map((one): SpanLink => one);

/** Traces of three trace IDs at most, whose spans have everything that OTLP has. */
export const anyOtlp: fc.Arbitrary<TracesData> = fc
  .uniqueArray(hex(32), { minLength: 1, maxLength: 3 })
  .chain((traceIds) => {
    const span = fc
      .record({
        traceId: fc.constantFrom(...traceIds),
        spanId: hex(16),
        parentSpanId: fc.option(hex(16), { nil: undefined }),
        traceState: fc.constantFrom('', 'ot=th:8'),
        flags: fc.constantFrom(0, 1, 256, 769),
        name: text,
        kind: fc.nat(5),
        start: moment,
        length: fc.oneof(fc.nat(5_000), fc.nat(2_000_000_000)),
        attributes,
        events: fc.array(event, { maxLength: 2 }),
        links: fc.array(link, { maxLength: 2 }),
        status: fc.constantFrom<Span['status']>(undefined, { code: 1 }, { code: 2 }, { code: 2, message: 'no stock' }),
        dropped: fc.tuple(count, count, count),
      })
      .map(({ start, length, dropped, parentSpanId, status, ...rest }): Span => {
        return {
          ...rest,
          ...(parentSpanId !== undefined && { parentSpanId }),
          ...(status !== undefined && { status }),
          startTimeUnixNano: String(start),
          endTimeUnixNano: String(start + BigInt(length)),
          droppedAttributesCount: dropped[0],
          droppedEventsCount: dropped[1],
          droppedLinksCount: dropped[2],
        };
      });
    const ofResource = fc
      .record({
        service: fc.constantFrom('', 'web', 'db'),
        others: attributes,
        scope: fc.option(fc.record({ name: fc.constantFrom('', 'http'), version: fc.constantFrom('', '1.0') }), {
          nil: undefined,
        }),
        spans: fc.array(span, { minLength: 1, maxLength: 4 }),
      })
      .map(({ service, others, scope, spans }): ResourceSpans => {
        const named: KeyValue[] = service === '' ? [] : [{ key: 'service.name', value: { stringValue: service } }];
        return {
          resource: { attributes: [...named, ...others] },
          scopeSpans: [{ ...(scope !== undefined && { scope }), spans }],
        };
      });
    return fc.array(ofResource, { minLength: 1, maxLength: 3 }).map((resourceSpans) => ({ resourceSpans }));
  });
