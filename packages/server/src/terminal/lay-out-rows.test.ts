import { traceFromOtlp } from '@throughline/trace';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aCheckout } from '../../../trace/src/testing/a-checkout.ts';
import { aTrace, type SpanPlan } from '../../../trace/src/testing/a-trace.ts';
import { anyTree } from '../../../trace/src/testing/any-trace.ts';
import { layOutRows, type RowOptions } from './lay-out-rows.ts';

const ALL: RowOptions = { critical: false, errors: false, depthMax: Infinity, rowsMax: 100, isExpanded: false };

const checkout = traceFromOtlp(aCheckout());

function rowsOf(plan: SpanPlan, options: Partial<RowOptions> = {}): string[] {
  const trace = traceFromOtlp(aTrace(plan));
  return layOutRows(trace, new Set(), { ...ALL, ...options }).rows.map(({ spans, depth, hiddenSpans }) => {
    const count = spans.length > 1 ? ` ×${spans.length}` : '';
    return `${' '.repeat(depth)}${trace.names[spans[0] ?? -1]}${count}${hiddenSpans > 0 ? ` +${hiddenSpans}` : ''}`;
  });
}

const span = (name: string, from: number, to: number, more: Partial<SpanPlan> = {}): SpanPlan => ({
  service: 's',
  name,
  from,
  to,
  ...more,
});

const queries = Array.from({ length: 5 }, (_, at) =>
  span(`SELECT ${at}`, at * 10, at * 10 + 9, { children: [span('connect', at * 10, at * 10 + 1)] }),
);

describe('rows of a waterfall', () => {
  it('are the spans in display order', () => {
    expect(rowsOf(span('a', 0, 9, { children: [span('c', 5, 8), span('b', 1, 4)] }))).toEqual(['a', ' b', ' c']);
  });

  it('hold like siblings together, with what is below them', () => {
    const plan = span('GET', 0, 100, { children: [...queries, span('render', 60, 70)] });
    expect(rowsOf(plan)).toEqual(['GET', ' SELECT 0 ×5', '  connect ×5', ' render']);
    expect(rowsOf(plan, { isExpanded: true })).toHaveLength(12);
  });

  it('do so from four on', () => {
    expect(rowsOf(span('GET', 0, 100, { children: queries.slice(0, 3) }))).toHaveLength(7);
  });

  it('are those of the critical path', () => {
    const plan = span('a', 0, 100, { children: [span('long', 0, 90), span('short', 0, 20)] });
    expect(rowsOf(plan, { critical: true })).toEqual(['a', ' long']);
  });

  it('are those that failed, and those above them', () => {
    const failing = span('b', 10, 20, { children: [span('c', 11, 19, { error: 'E' }), span('d', 12, 13)] });
    expect(rowsOf(span('a', 0, 100, { children: [failing, span('e', 30, 40)] }), { errors: true })).toEqual([
      'a',
      ' b',
      '  c',
    ]);
    expect(rowsOf(span('a', 0, 1), { errors: true })).toEqual([]);
  });

  it('end at a depth, and say how many spans are below', () => {
    expect(rowsOf(span('GET', 0, 100, { children: queries }), { depthMax: 1 })).toEqual(['GET', ' SELECT 0 ×5 +5']);
    expect(rowsOf(span('GET', 0, 100, { children: queries }), { depthMax: 0 })).toEqual(['GET +10']);
  });

  it('are the ones that matter where there are too many', () => {
    const quick = Array.from({ length: 30 }, (_, at) =>
      span(`step ${'abcdefghij'[at % 10]}${'xyz'[at % 3]}`, at, at + 0.5),
    );
    const slow = span('slow', 40, 100, { children: [span('deep', 41, 99)] });
    const failed = span('failed', 35, 36, { error: 'E' });
    const plan = span('GET', 0, 101, { children: [...quick, failed, slow] });
    expect(rowsOf(plan, { rowsMax: 4 })).toEqual(['GET +30', ' failed', ' slow', '  deep']);
  });

  it('always have the cause', () => {
    const index = checkout.names.indexOf('SELECT fraud_checks');
    const { rows, hiddenSpans } = layOutRows(checkout, new Set([index]), { ...ALL, rowsMax: 8 });
    expect(rows.some(({ spans }) => spans.includes(index))).toBe(true);
    expect(hiddenSpans).toBe(0);
  });

  it('count every span once, shown or hidden, and never more rows than allowed', () => {
    fc.assert(
      fc.property(anyTree, fc.integer({ min: 1, max: 12 }), fc.nat(4), (plan, rowsMax, depthMax) => {
        const trace = traceFromOtlp(aTrace(plan));
        const layout = layOutRows(trace, new Set(), { ...ALL, rowsMax, depthMax });
        const shown = layout.rows.flatMap(({ spans }) => spans);
        expect(layout.rows.length).toBeLessThanOrEqual(rowsMax);
        expect(new Set(shown).size).toBe(shown.length);
        expect(shown.length + layout.hiddenSpans).toBe(trace.spanCount);
        expect(layout.rows.reduce((sum, { hiddenSpans }) => sum + hiddenSpans, 0)).toBe(layout.hiddenSpans);
      }),
    );
  });

  it('may be those of a chain or of siblings that are many', () => {
    let chain = span('leaf', 0, 1);
    for (let depth = 0; depth < 20_000; depth++) chain = span('call', 0, 1, { children: [chain] });
    expect(rowsOf(chain, { rowsMax: 10 })).toHaveLength(10);
    const siblings = Array.from({ length: 20_000 }, (_, at) => span('call', at, at + 1));
    expect(rowsOf(span('root', 0, 20_000, { children: siblings }))).toEqual(['root', ' call ×20000']);
  });
});
