import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AnyValue, Span, TracesData } from '../otlp.ts';
import { A_START_UNIX_NANO, A_TRACE_ID, at, aTrace, keyValues, spansOf, type SpanPlan } from '../testing/a-trace.ts';
import { type Trace, traceFromOtlp } from './trace.ts';

const internal = (name: string, from: number, to: number, ...children: SpanPlan[]): SpanPlan => {
  return { service: 'app', name, from, to, children };
};

/** The tree as lines: two blanks a level. */
const outline = (trace: Trace): string[] =>
  trace.names.map((name, index) => `${'  '.repeat(at(trace.depth, index))}${name}`);

/** The services of a trace whose resource names itself by each of these values. */
const servicesWith = (...values: AnyValue[]): readonly string[] => {
  const data = aTrace(internal('root', 0, 1));
  at(data.resourceSpans, 0).resource = { attributes: values.map((value) => ({ key: 'service.name', value })) };
  return traceFromOtlp(data).services;
};

describe('traceFromOtlp', () => {
  test('orders spans depth first, siblings by start, then end, then span id', () => {
    const data = aTrace(
      internal(
        'root',
        0,
        100,
        internal('late', 50, 60),
        { ...internal('same b', 10, 20), spanId: '00000000000000bb' },
        internal('longer', 10, 30, internal('grandchild', 12, 14)),
        { ...internal('same a', 10, 20), spanId: '00000000000000aa' },
      ),
    );
    const trace = traceFromOtlp(data);
    expect(outline(trace)).toEqual(['root', '  same a', '  same b', '  longer', '    grandchild', '  late']);
    expect([...trace.parentIndex]).toEqual([-1, 0, 0, 0, 3, 0]);
    expect([...trace.subtreeSize]).toEqual([6, 1, 1, 2, 1, 1]);
    expect(trace.rootIndex).toBe(0);
    expect(trace.hasRoot).toBe(true);
  });

  test('gives times relative to the start of the trace, and that start to the nanosecond', () => {
    const trace = traceFromOtlp(aTrace(internal('root', 7.000001, 9, internal('child', 8, 8.5))));
    expect(trace.traceStartUnixNano).toBe(A_START_UNIX_NANO + 7_000_001n);
    expect([...trace.startNs]).toEqual([0, 999_999]);
    expect([...trace.durationNs]).toEqual([1_999_999, 500_000]);
    expect(trace.extentNs).toBe(1_999_999);
  });

  test('hands out the span with its resource and scope as received', () => {
    const data = aTrace(internal('root', 0, 2, internal('child', 1, 2)));
    const source = traceFromOtlp(data).source(1);
    const { resource, scopeSpans } = at(data.resourceSpans, 1);
    expect(source.span).toBe(spansOf(data)[1]);
    expect(source.resource).toBe(resource);
    expect(source.scope).toBe(at(scopeSpans, 0).scope);
    expect(() => traceFromOtlp(data).source(2)).toThrow(RangeError);
  });

  test('finds a span by its id', () => {
    const trace = traceFromOtlp(aTrace(internal('root', 0, 2, internal('child', 1, 2))));
    expect(trace.find('0000000000000002')).toBe(1);
    expect(trace.find('00000000000000ff')).toBe(-1);
  });

  test('shows a span that was delivered twice once, and counts it', () => {
    const data = aTrace(internal('root', 0, 2, internal('child', 1, 2)));
    const trace = traceFromOtlp({ resourceSpans: [...data.resourceSpans, ...data.resourceSpans] });
    expect(outline(trace)).toEqual(['root', '  child']);
    expect(trace.duplicateSpans).toBe(2);
  });

  test('keeps two different spans that have the same id', () => {
    const trace = traceFromOtlp(
      aTrace(
        internal('root', 0, 9, { ...internal('a', 1, 2), spanId: 'aa' }, { ...internal('b', 3, 4), spanId: 'aa' }),
      ),
    );
    expect(outline(trace)).toEqual(['root', '  a', '  b']);
    expect(trace.duplicateSpans).toBe(0);
  });

  test('puts the server span below the client span with the same id, and its children below the server span', () => {
    const server: SpanPlan = {
      service: 'pay',
      name: 'server',
      kind: 'server',
      from: 12,
      to: 18,
      spanId: 'cc',
      parentSpanId: '0000000000000001',
      children: [{ service: 'pay', name: 'work', from: 13, to: 14 }],
    };
    const client: SpanPlan = { service: 'app', name: 'client', kind: 'client', from: 10, to: 20, spanId: 'cc' };
    const trace = traceFromOtlp(aTrace(internal('root', 0, 30, server, client)));
    expect(outline(trace)).toEqual(['root', '  client', '    server', '      work']);
  });

  test('cuts a cycle above its earliest span', () => {
    const trace = traceFromOtlp(
      aTrace(
        { ...internal('b', 2, 3), spanId: 'bb', parentSpanId: 'aa' },
        { ...internal('a', 1, 9), spanId: 'aa', parentSpanId: 'bb' },
        { ...internal('below', 4, 5), spanId: 'dd', parentSpanId: 'bb' },
      ),
    );
    expect(outline(trace)).toEqual(['a', '  b', '    below']);
    expect(trace.hasRoot).toBe(false);
  });

  test('lets a span that names itself as its parent stand at the top, but for no root', () => {
    const self = { ...internal('self', 0, 9), spanId: 'aa', parentSpanId: 'aa' };
    const alone = traceFromOtlp(aTrace(self));
    expect(alone).toMatchObject({ rootIndex: 0, rootIndexes: [], hasRoot: false });
    expect([alone.parentIndex[0], alone.missingParent[0]]).toEqual([-1, 0]);
    const trace = traceFromOtlp(aTrace(self, internal('root', 5, 6)));
    expect(trace.names[trace.rootIndex]).toBe('root');
  });

  test('marks a span whose parent has not been received', () => {
    const trace = traceFromOtlp(
      aTrace(internal('root', 5, 9), { ...internal('orphan', 0, 20), parentSpanId: '00000000000000ff' }),
    );
    expect(outline(trace)).toEqual(['orphan', 'root']);
    expect([...trace.missingParent]).toEqual([1, 0]);
    expect(trace.rootIndex).toBe(1);
  });

  test('is about the longest part when no root has been received', () => {
    const parts = [internal('first', 0, 1), internal('long', 2, 9), internal('last', 10, 11)];
    const trace = traceFromOtlp(aTrace(...parts.map((part) => ({ ...part, parentSpanId: '00000000000000ff' }))));
    expect(trace.names[trace.rootIndex]).toBe('long');
    expect(trace.hasRoot).toBe(false);
  });

  test('is about the longest of several roots, or else the earliest', () => {
    const turn = internal('turn/start', 0, 2);
    const session = internal('session', 5, 60_000);
    const trace = traceFromOtlp(aTrace(turn, session, internal('as long', 7, 60_002)));
    expect(trace.names[trace.rootIndex]).toBe('session');
    expect(trace.rootIndexes.map((index) => trace.names[index])).toEqual(['session', 'as long', 'turn/start']);
  });

  test('is about the root with the lower span id when two have the same times', () => {
    const roots = [
      { ...internal('b', 0, 9), spanId: 'bb' },
      { ...internal('a', 0, 9), spanId: 'aa' },
    ];
    const trace = traceFromOtlp(aTrace(...roots));
    expect(trace.rootIndexes.map((index) => trace.names[index])).toEqual(['a', 'b']);
    expect(trace.names[trace.rootIndex]).toBe('a');
  });

  test('gives a span that ends before it starts no duration', () => {
    const trace = traceFromOtlp(aTrace(internal('root', 5, 2)));
    expect([...trace.durationNs]).toEqual([0]);
  });

  test('does not let a span without times move the start of the trace', () => {
    const data = aTrace(internal('root', 0, 5, internal('untimed', 1, 2)));
    Object.assign(at(spansOf(data), 1), { startTimeUnixNano: '0', endTimeUnixNano: '' });
    const trace = traceFromOtlp(data);
    expect(trace.traceStartUnixNano).toBe(A_START_UNIX_NANO);
    expect([...trace.startNs]).toEqual([0, 0]);
  });

  test('calls a service that has not named itself unknown_service', () => {
    const data = aTrace(internal('root', 0, 1));
    delete at(data.resourceSpans, 0).resource;
    expect(traceFromOtlp(data).services).toEqual(['unknown_service']);
  });

  test('takes the last service name that is a string, as the store does', () => {
    expect(servicesWith({ stringValue: 'first' }, { stringValue: 'last' }, { stringValue: '' })).toEqual(['last']);
    expect(servicesWith({ stringValue: 'web' }, { intValue: '7' })).toEqual(['web']);
    expect(servicesWith({ intValue: '7' })).toEqual(['unknown_service']);
  });

  test('omits the spans of other traces, and counts them', () => {
    const data = aTrace(internal('root', 0, 1));
    const other = structuredClone(data);
    at(spansOf(other), 0).traceId = 'ffffffffffffffffffffffffffffffff';
    const trace = traceFromOtlp({ resourceSpans: [...data.resourceSpans, ...other.resourceSpans] });
    expect(trace.spanCount).toBe(1);
    expect(trace.foreignSpans).toBe(1);
  });

  test('reads ids in upper case, and a parent id of zeros as none', () => {
    const data = aTrace(internal('root', 0, 3, { ...internal('child', 1, 2), parentSpanId: 'AB', spanId: 'CD' }));
    Object.assign(at(spansOf(data), 0), { spanId: 'ab', parentSpanId: '0000000000000000' });
    const trace = traceFromOtlp(data);
    expect(outline(trace)).toEqual(['root', '  child']);
    expect(trace.spanIds).toEqual(['ab', 'cd']);
  });

  test('answers an empty trace for data without spans', () => {
    const trace = traceFromOtlp({ resourceSpans: [] });
    expect(trace.spanCount).toBe(0);
    expect(trace.rootIndex).toBe(-1);
    // A file that a person dropped may be any JSON object.
    expect(traceFromOtlp(JSON.parse('{}')).spanCount).toBe(0);
    expect(traceFromOtlp(JSON.parse('{"resourceSpans":[{},{"scopeSpans":[{},{"spans":[{}]}]}]}')).spanCount).toBe(1);
  });

  test('gives the same trace for any order of arrival, whatever the parents', () => {
    fc.assert(
      fc.property(someSpans, fc.infiniteStream(fc.nat()), (spans, random) => {
        const shuffled = spans
          .map((span) => ({ span, key: random.next().value }))
          .toSorted((a, b) => a.key - b.key)
          .map(({ span }) => span);
        const trace = traceFromOtlp(inOneResource(spans));
        const other = traceFromOtlp(inOneResource(shuffled));
        expect(other.spanIds).toEqual(trace.spanIds);
        expect(other.parentIndex).toEqual(trace.parentIndex);
        expect(other.rootIndex).toBe(trace.rootIndex);
        expect(trace.spanCount).toBe(spans.length);
      }),
    );
  });

  test('lays every tree out so that a subtree is one run of spans', () => {
    fc.assert(
      fc.property(someSpans, (spans) => {
        const trace = traceFromOtlp(inOneResource(spans));
        for (let index = 0; index < trace.spanCount; index++) {
          const parent = at(trace.parentIndex, index);
          expect(trace.depth[index]).toBe(parent < 0 ? 0 : at(trace.depth, parent) + 1);
          if (parent < 0) continue;
          expect(parent).toBeLessThan(index);
          expect(index + at(trace.subtreeSize, index)).toBeLessThanOrEqual(parent + at(trace.subtreeSize, parent));
        }
      }),
    );
  });
});

/** Spans with distinct ids whose parents are each other, themselves, or missing. */
const someSpans = fc
  .array(
    fc.record({ parent: fc.nat(24), from: fc.nat(50), length: fc.integer({ min: -3, max: 50 }), kind: fc.nat(5) }),
    { minLength: 1, maxLength: 20 },
  )
  .map((plans) =>
    plans.map(({ parent, from, length, kind }, index): Span => {
      return {
        traceId: A_TRACE_ID,
        spanId: hex(index + 1),
        ...(parent > 0 && { parentSpanId: hex(parent) }),
        name: `span ${index}`,
        kind,
        startTimeUnixNano: String(A_START_UNIX_NANO + BigInt(from)),
        endTimeUnixNano: String(A_START_UNIX_NANO + BigInt(from + length)),
      };
    }),
  );

function hex(id: number): string {
  return id.toString(16).padStart(16, '0');
}

function inOneResource(spans: Span[]): TracesData {
  return {
    resourceSpans: [{ resource: { attributes: keyValues({ 'service.name': 'app' }) }, scopeSpans: [{ spans }] }],
  };
}
