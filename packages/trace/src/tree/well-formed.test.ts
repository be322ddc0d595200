import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { attributeText } from '../attributes.ts';
import { criticalPath } from '../analysis/critical-path.ts';
import { errorOrigins } from '../analysis/error-origins.ts';
import type { KeyValue, Span, TracesData } from '../otlp.ts';
import { tellStory } from '../story/tell-story.ts';
import { at, aTrace, type SpanPlan, spansOf } from '../testing/a-trace.ts';
import { anyTree } from '../testing/any-trace.ts';
import { type Trace, traceFromOtlp } from './trace.ts';

function textsOf(attributes: readonly KeyValue[] = []): string[] {
  return attributes.map(({ key, value }) => key.toLowerCase() + attributeText(value));
}

/** Everything that anybody may do with a trace. */
function useAll(data: TracesData): Trace {
  const trace = traceFromOtlp(data);
  criticalPath(trace);
  errorOrigins(trace);
  JSON.stringify(tellStory(trace));
  for (let index = 0; index < trace.spanCount; index++) {
    const { span, resource, scope } = trace.source(index);
    for (const { name, timeUnixNano, attributes } of span.events ?? []) {
      expect([typeof name, BigInt(timeUnixNano) >= 0n]).toEqual(['string', true]);
      textsOf(attributes);
    }
    for (const { traceId, spanId, attributes } of span.links ?? []) {
      expect([typeof traceId, typeof spanId]).toEqual(['string', 'string']);
      textsOf(attributes);
    }
    for (const holder of [span, resource, scope]) textsOf(holder?.attributes);
    for (const text of [span.name, span.spanId, span.traceId, span.status?.message ?? '']) text.toLowerCase();
    expect(trace.startNs[index]).toBeGreaterThanOrEqual(0);
    expect(trace.durationNs[index]).toBeGreaterThanOrEqual(0);
  }
  return trace;
}

const hostile: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(
    ...[
      'null,true,0,7,-1,1.5,1e300,9007199254740993,"","x","-5","1e9","0x10","99999999999999999999999999999"',
      '18446744073709551615,"18446744073709551615","18446744073709551616","SPAN_KIND_SERVER","\\ud800"',
      '[],[[]],[null],[7,"x"],{},{"key":7},{"key":"k"},{"key":"k","value":null},{"key":"k","value":7}',
      '{"stringValue":7},{"stringValue":null},{"intValue":{}},{"intValue":"1.5"},{"doubleValue":"many"}',
      '{"strangeValue":1},{"arrayValue":7},{"arrayValue":{"values":7}},{"kvlistValue":{"values":[7,{"value":{}}]}}',
      '{"__proto__":{"stringValue":"x"}},{"toString":1,"toJSON":2},{"length":9},{"code":"2"},{"code":300}',
      `${'{"arrayValue":{"values":['.repeat(500)}${']}}'.repeat(500)}`,
    ].flatMap((list) => JSON.parse(`[${list}]`) as unknown[]),
  ),
  fc.jsonValue(),
);

/** Where something is in JSON: the object or list and the member in it. */
interface Place {
  readonly holder: Record<string, unknown>;
  readonly member: string;
}

function placesIn(value: unknown): Place[] {
  if (typeof value !== 'object' || value === null) return [];
  const holder = value as Record<string, unknown>;
  return Object.keys(holder).flatMap((member) => [{ holder, member }, ...placesIn(holder[member])]);
}

function replaceSome(places: readonly Place[], edits: readonly (readonly [number, unknown])[]): void {
  if (places.length === 0) return;
  for (const [place, value] of edits) {
    const { holder, member } = at(places, place % places.length);
    holder[member] = value;
  }
}

const someEdits = fc.array(fc.tuple(fc.nat(), hostile), { minLength: 1, maxLength: 6 });

/** With an event and a link of each span, so that there is something to spoil. */
function aFullTrace(plan: SpanPlan): TracesData {
  const data = aTrace(plan);
  for (const span of spansOf(data)) {
    const { traceId, spanId, startTimeUnixNano, attributes = [] } = span;
    span.attributes = [...attributes, { key: 'list', value: { arrayValue: { values: [{ intValue: '7' }] } } }];
    span.events = [{ name: 'exception', timeUnixNano: startTimeUnixNano, attributes: [...attributes] }];
    span.links = [{ traceId, spanId, attributes: [...attributes] }];
    span.status ??= {};
    span.traceState = 'ot=th:8';
  }
  return structuredClone(data);
}

/** A trace of one span with these members. */
function read(members: Record<string, unknown>): { span: Span; parts: number; trace: Trace } {
  const data = aTrace({ service: 'app', name: 'root', from: 0, to: 5 });
  Object.assign(at(spansOf(data), 0), members);
  const trace = useAll(data);
  return { span: trace.source(0).span, parts: trace.malformedParts, trace };
}

describe('malformed OTLP JSON', () => {
  test('never throws, whatever stands where', () => {
    fc.assert(
      fc.property(anyTree, someEdits, (plan, edits) => {
        const data = { root: aFullTrace(plan) };
        replaceSome(placesIn(data), edits);
        const { root } = data;
        const trace = useAll(typeof root === 'object' && root !== null ? root : { resourceSpans: root });
        expect(trace.depth).toHaveLength(trace.spanCount);
      }),
    );
  });

  test('costs no span where it stands within one', () => {
    fc.assert(
      fc.property(anyTree, someEdits, (plan, edits) => {
        const data = aFullTrace(plan);
        const count = spansOf(data).length;
        replaceSome(spansOf(data).flatMap(placesIn), edits);
        for (const span of spansOf(data)) span.traceId = aTraceId;
        expect(useAll(data).spanCount).toBe(count);
      }),
    );
  });

  test('leaves what is well-formed the same object, and counts nothing', () => {
    fc.assert(
      fc.property(anyTree, (plan) => {
        const data = aFullTrace(plan);
        const trace = useAll(data);
        const received = new Set(spansOf(data));
        for (let index = 0; index < trace.spanCount; index++) {
          expect(received.delete(trace.source(index).span)).toBe(true);
        }
        expect([received.size, trace.malformedParts, Math.max(...trace.isMalformed)]).toEqual([0, 0, 0]);
      }),
    );
  });

  test.each<[string, Record<string, unknown>, number, Partial<Span>]>([
    [
      'an event with a bad time',
      { events: [{ name: 'e', timeUnixNano: 'soon' }] },
      1,
      { events: [{ name: 'e', timeUnixNano: '' }] },
    ],
    [
      'an event that is none',
      { events: [7, { name: 'e', timeUnixNano: '5' }] },
      1,
      { events: [{ name: 'e', timeUnixNano: '5' }] },
    ],
    ['a link with a bad id', { links: [{ traceId: 7, spanId: 'aa' }] }, 1, { links: [{ traceId: '', spanId: 'aa' }] }],
    [
      'an attribute of an unknown type',
      { attributes: [{ key: 'a', value: { strangeValue: 1 } }] },
      1,
      { attributes: [{ key: 'a', value: {} }] },
    ],
    [
      'an attribute without a key',
      { attributes: [{ value: { stringValue: 'x' } }, { key: 'b', value: { boolValue: true } }] },
      1,
      { attributes: [{ key: 'b', value: { boolValue: true } }] },
    ],
    ['attributes that are no list', { attributes: { a: 1 } }, 1, {}],
    ['a name and a status that are none', { name: 7, status: 'bad' }, 2, { name: '' }],
    ['a kind beyond a byte', { kind: 258 }, 1, {}],
    ['a time that no 64 bits hold', { endTimeUnixNano: '18446744073709551616' }, 1, { endTimeUnixNano: '' }],
  ])('loses %s and no more', (_what, members, parts, left) => {
    const { span, parts: counted, trace } = read(members);
    expect(counted).toBe(parts);
    expect(trace.isMalformed[0]).toBe(1);
    expect(span).toMatchObject(left);
    const lost = Object.keys(members).filter((name) => !(name in left));
    expect(Object.keys(span).filter((name) => lost.includes(name))).toEqual([]);
  });

  test.each<[string, Record<string, unknown>, Partial<Span>]>([
    [
      'numbers in place of digits',
      { attributes: [{ key: 'n', value: { intValue: 7 } }] },
      { attributes: [{ key: 'n', value: { intValue: '7' } }] },
    ],
    ['null for what is not there', { events: null, status: null }, {}],
    [
      'a value that is not there',
      { attributes: [{ key: 'n' }, { key: 'm', value: null }] },
      {
        attributes: [
          { key: 'n', value: {} },
          { key: 'm', value: {} },
        ],
      },
    ],
  ])('takes %s', (_what, members, left) => {
    const { span, parts } = read(members);
    expect(parts).toBe(0);
    expect(span).toMatchObject(left);
  });

  test('states in the story how many parts were omitted, and of which spans', () => {
    const { trace } = read({ events: [7, 8], name: 'root' });
    expect(tellStory(trace).clauses.at(-1)).toMatchObject({
      kind: 'missing',
      text: expect.stringMatching(/^2 malformed parts/) as string,
      spanIndexes: [0],
    });
  });

  test('shows a span of an absurd length or time', () => {
    const { trace } = read({ startTimeUnixNano: '1', endTimeUnixNano: '18446744073709551615' });
    expect(trace.durationNs[0]).toBe(2 ** 64);
    expect(read({ startTimeUnixNano: '18446744073709551615', endTimeUnixNano: '1' }).trace.durationNs[0]).toBe(0);
  });
});

const aTraceId = '5b8efff798038103d269b633813fc60c';
