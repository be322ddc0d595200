import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { criticalPath } from '../analysis/critical-path.ts';
import { errorOrigins } from '../analysis/error-origins.ts';
import type { TracesData } from '../otlp.ts';
import { tellStory } from '../story/tell-story.ts';
import { A_TRACE_ID, at, aTrace, spansOf, type SpanPlan } from '../testing/a-trace.ts';
import { type Trace, traceFromOtlp } from './trace.ts';

const outline = (trace: Trace): string[] =>
  trace.names.map((name, index) => `${'  '.repeat(at(trace.depth, index))}${name}`);

const held = (trace: Trace): unknown[] => Array.from(trace.names.keys(), (index) => trace.source(index).span);

const server = (name: string, from: number, to: number, plan: Partial<SpanPlan> = {}): SpanPlan => ({
  service: 'pay',
  name,
  kind: 'server',
  from,
  to,
  spanId: 'cc',
  parentSpanId: '0000000000000001',
  ...plan,
});

const client = (name: string, from: number, to: number): SpanPlan => ({
  service: 'web',
  name,
  kind: 'client',
  from,
  to,
  spanId: 'cc',
});

const work = (name: string, from: number, to: number, plan: Partial<SpanPlan> = {}): SpanPlan => ({
  service: 'pay',
  name,
  from,
  to,
  parentSpanId: 'cc',
  ...plan,
});

const root = (...children: SpanPlan[]): TracesData =>
  aTrace({ service: 'web', name: 'root', kind: 'server', from: 0, to: 100, children });

describe('spans that share an id', () => {
  const data = root(client('call', 5, 95), server('serve', 10, 90, { error: 'CardError' }), work('charge', 20, 60));
  const trace = traceFromOtlp(data);

  test('have a place on the critical path and in failures each', () => {
    expect(outline(trace)).toEqual(['root', '  call', '    serve', '      charge']);
    expect(criticalPath(trace).map(({ spanIndex }) => spanIndex)).toEqual([0, 1, 2, 3, 2, 1, 0]);
    expect(errorOrigins(trace)).toMatchObject([{ spanIndex: 2, surfacedIndex: 2, handledByIndex: 1 }]);
  });

  test('are distinguished in the story by their places', () => {
    const { clauses, criticalPath: path, errorOrigins: origins, rootIndex } = tellStory(trace);
    expect(rootIndex).toBe(0);
    expect(clauses.find(({ kind }) => kind === 'error')).toMatchObject({ spanIds: ['cc'], spanIndexes: [2] });
    expect(clauses.find(({ kind }) => kind === 'handled')).toMatchObject({
      spanIds: ['cc', 'cc'],
      spanIndexes: [1, 2],
    });
    expect(path.map(({ spanIndex }) => spanIndex)).toEqual([0, 1, 2, 3, 2, 1, 0]);
    expect(origins).toMatchObject([{ spanId: 'cc', spanIndex: 2, surfacedIndex: 2, handledByIndex: 1 }]);
  });

  test('stay, though they differ in nothing but an attribute, their status or their resource', () => {
    const twin = work('twin', 30, 40, { spanId: 'dd' });
    const twins = [
      { ...twin, attributes: { who: 'first' } },
      { ...twin, attributes: { who: 'second' } },
      { ...twin, error: '' },
      { ...twin, resource: { 'host.name': 'b' } },
      { ...twin, service: 'other' },
    ];
    const all = traceFromOtlp(root(...twins, ...twins));
    expect([all.spanCount, all.duplicateSpans]).toEqual([6, 5]);
    expect(held(traceFromOtlp(root(...twins.toReversed())))).toEqual(held(all));
  });

  test('have the children that began while they ran, where a call was tried again', () => {
    const tries = [10, 40].flatMap((from): SpanPlan[] => [
      client(`call ${from}`, from, from + 20),
      server(`serve ${from}`, from + 1, from + 19),
      work(`charge ${from}`, from + 5, from + 9),
    ]);
    for (const plans of [tries, tries.toReversed()]) {
      expect(outline(traceFromOtlp(root(...plans)))).toEqual([
        'root',
        ...[10, 40].flatMap((from) => [`  call ${from}`, `    serve ${from}`, `      charge ${from}`]),
      ]);
    }
  });

  test('are all seen, however many they are', () => {
    const count = 100_000;
    const many = Array.from({ length: count }, (_, n) =>
      work(n % 2 ? 'twin' : `w${n}`, 20, 30, { spanId: 'cc', attributes: { n } }),
    );
    const all = traceFromOtlp(root(...many, client('call', 5, 95), server('serve', 10, 90)));
    expect(all.spanCount).toBe(count + 3);
    const place = all.names.indexOf('serve');
    expect(all.names[at(all.parentIndex, place)]).toBe('call');
    expect(at(all.subtreeSize, 0)).toBe(count + 3);
  });

  test('give the same trace for any order of arrival', () => {
    fc.assert(
      fc.property(someSharedSpans, fc.infiniteStream(fc.nat()), (arrived, random) => {
        const shuffled = arrived.resourceSpans
          .map((item) => ({ item, key: random.next().value }))
          .toSorted((a, b) => a.key - b.key)
          .map(({ item }) => item);
        const one = traceFromOtlp(arrived);
        const other = traceFromOtlp({ resourceSpans: shuffled });
        expect(one.spanCount).toBe(spansOf(arrived).length);
        expect(other.names).toEqual(one.names);
        expect(other.parentIndex).toEqual(one.parentIndex);
        expect(other.rootIndexes).toEqual(one.rootIndexes);
      }),
    );
  });
});

/** Spans of two services, a few of which have an id together; their names are their own. */
const someSharedSpans = fc
  .array(
    fc.record({
      id: fc.integer({ min: 1, max: 4 }),
      parent: fc.nat(4),
      service: fc.constantFrom('a', 'b'),
      kind: fc.constantFrom('internal' as const, 'server' as const, 'client' as const),
      from: fc.nat(3),
      length: fc.nat(3),
    }),
    { minLength: 1, maxLength: 12 },
  )
  .map((plans) =>
    aTrace(
      ...plans.map(({ id, parent, service, kind, from, length }, index): SpanPlan => {
        const parentSpanId = parent === 0 ? '' : `0${parent}`;
        return { service, name: `${index}`, kind, from, to: from + length, spanId: `0${id}`, parentSpanId };
      }),
    ),
  );

test('a repeat is omitted also where its members that OTLP does not know nest deeper than the stack', () => {
  const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
  const span = `{"traceId":"${A_TRACE_ID}","spanId":"aa","name":"deep","zz":${deep}}`;
  const trace = traceFromOtlp(JSON.parse(`{"resourceSpans":[{"scopeSpans":[{"spans":[${span},${span}]}]}]}`));
  expect(trace.spanCount + trace.duplicateSpans).toBe(2);
});
