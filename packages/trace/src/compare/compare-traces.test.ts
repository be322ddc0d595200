import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aTrace, type SpanPlan } from '../testing/a-trace.ts';
import { anyTree } from '../testing/any-trace.ts';
import { type Trace, traceFromOtlp } from '../tree/trace.ts';
import { compareTraces } from './compare-traces.ts';

function shop(children: readonly SpanPlan[], to = 100): Trace {
  return traceFromOtlp(aTrace({ service: 'web', name: 'GET /', kind: 'server', from: 0, to, children }));
}

const query = (from: number, to: number, name = 'SELECT carts', more: Partial<SpanPlan> = {}): SpanPlan => ({
  service: 'web',
  name,
  kind: 'client',
  from,
  to,
  ...more,
});

/** Service and name of each path that is not alike, with what is different. */
function differing(a: Trace, b: Trace): [string, readonly string[]][] {
  return compareTraces(a, b)
    .paths.filter(({ differences }) => differences.length > 0)
    .map(({ operation, differences }) => [operation, differences]);
}

describe('two traces, compared by path', () => {
  it('are alike if each path has as many calls of about the same length', () => {
    expect(differing(shop([query(10, 50)]), shop([query(12, 52.5)]))).toEqual([]);
  });

  it('show what only one has, with what is below it', () => {
    const cache = query(5, 8, 'GET cart', { children: [{ service: 'cache', name: 'read', from: 6, to: 7 }] });
    const [a, b] = [shop([cache, query(10, 50)]), shop([query(10, 50), query(60, 80, 'UPDATE carts')])];
    expect(differing(a, b)).toEqual([
      ['GET cart', ['only-a']],
      ['read', ['only-a']],
      ['UPDATE carts', ['only-b']],
    ]);
    expect(compareTraces(a, b).paths.map(({ depth, parentIndex }) => [depth, parentIndex])).toEqual([
      [0, -1],
      [1, 0],
      [2, 1],
      [1, 0],
      [1, 0],
    ]);
  });

  it('take like siblings for one path, whatever numbers their names hold', () => {
    const many = Array.from({ length: 12 }, (_, at) => query(at * 8, at * 8 + 7, `SELECT ${at} FROM carts`));
    const { paths } = compareTraces(shop([query(0, 7, 'SELECT 7 FROM carts')]), shop(many));
    expect(paths).toHaveLength(2);
    expect(paths[1]).toMatchObject({ differences: ['more-calls'], a: { calls: 1 }, b: { calls: 12 } });
  });

  it('tell a slower call from a faster one, and failures from none', () => {
    const failed = query(10, 90, 'SELECT carts', { error: 'Timeout' });
    expect(differing(shop([query(10, 20)]), shop([failed]))).toEqual([['SELECT carts', ['slower', 'more-failures']]]);
    expect(differing(shop([failed]), shop([query(10, 20)]))).toEqual([['SELECT carts', ['faster', 'fewer-failures']]]);
  });

  it('name the longest of many calls', () => {
    const { paths } = compareTraces(shop([]), shop([query(0, 3), query(5, 45), query(50, 60)]));
    expect(paths[1]?.b).toMatchObject({ calls: 3, longestIndex: 2, durationNs: 53e6 });
  });

  it('are compared if one of them has no span', () => {
    const { paths, durationNsA, durationNsB } = compareTraces(traceFromOtlp({ resourceSpans: [] }), shop([]));
    expect({ durationNsA, durationNsB }).toEqual({ durationNsA: 0, durationNsB: 100e6 });
    expect(paths).toMatchObject([{ differences: ['only-b'], criticalDeltaNs: 100e6 }]);
  });

  it('differ on the critical path by exactly as much as their roots do', () => {
    fc.assert(
      fc.property(anyTree, anyTree, (planA, planB) => {
        const [a, b] = [traceFromOtlp(aTrace(planA)), traceFromOtlp(aTrace(planB))];
        const { paths, durationNsA, durationNsB } = compareTraces(a, b);
        const delta = paths.reduce((sum, { criticalDeltaNs }) => sum + criticalDeltaNs, 0);
        expect(delta).toBeCloseTo(durationNsB - durationNsA, 3);
        const calls = (side: 'a' | 'b'): number => paths.reduce((sum, path) => sum + (path[side]?.calls ?? 0), 0);
        expect([calls('a'), calls('b')]).toEqual([a.spanCount, b.spanCount]);
      }),
    );
  });

  it('may be a chain, or a row, of many spans', () => {
    let chain: SpanPlan = { service: 'deep', name: 'call', from: 0, to: 1 };
    for (let depth = 0; depth < 20_000; depth++) {
      chain = { service: 'deep', name: 'call', from: 0, to: 1, children: [chain] };
    }
    const row = Array.from({ length: 20_000 }, (_, at) => query(at / 1000, at / 1000 + 0.001, `name ${at % 7}x`));
    const { paths } = compareTraces(traceFromOtlp(aTrace(chain)), shop(row));
    expect(paths).toHaveLength(20_001 + 1 + 7);
  });
});
