import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { criticalNs, criticalPath } from './critical-path.ts';
import { at, aTrace, type SpanPlan } from '../testing/a-trace.ts';
import { anyTree } from '../testing/any-trace.ts';
import { traceFromOtlp } from '../tree/trace.ts';

const span = (name: string, from: number, to: number, ...children: SpanPlan[]): SpanPlan => {
  return { service: 'app', name, from, to, children };
};

/** Each segment as `name from-to`, in milliseconds. */
const pathOf = (...plans: SpanPlan[]): string[] => {
  const trace = traceFromOtlp(aTrace(...plans));
  return criticalPath(trace).map(({ spanIndex, startNs, endNs }) => {
    return `${trace.names[spanIndex]} ${startNs / 1e6}-${endNs / 1e6}`;
  });
};

describe('criticalPath', () => {
  test('is the span itself where it has no children', () => {
    expect(pathOf(span('root', 0, 10))).toEqual(['root 0-10']);
  });

  test('goes from the end to the child that finished last, and on to what had finished when that one started', () => {
    const path = pathOf(span('root', 0, 100, span('a', 10, 40), span('parallel', 15, 55), span('b', 60, 90)));
    expect(path).toEqual(['root 0-15', 'parallel 15-55', 'root 55-60', 'b 60-90', 'root 90-100']);
  });

  test('descends into the generations', () => {
    const path = pathOf(span('root', 0, 100, span('a', 10, 90, span('b', 20, 80, span('c', 30, 70)))));
    expect(path).toEqual(['root 0-10', 'a 10-20', 'b 20-30', 'c 30-70', 'b 70-80', 'a 80-90', 'root 90-100']);
  });

  test('counts a child that ends exactly when the next one starts', () => {
    const path = pathOf(span('root', 0, 30, span('a', 0, 10), span('b', 10, 20), span('c', 20, 30)));
    expect(path).toEqual(['a 0-10', 'b 10-20', 'c 20-30']);
  });

  test('takes siblings that overlap by a hundredth as one after the other', () => {
    expect(pathOf(span('root', 0, 200, span('a', 0, 101), span('b', 100, 200)))).toEqual(['a 0-100', 'b 100-200']);
    const parallel = span('parallel', 0, 150);
    expect(pathOf(span('root', 0, 200, span('a', 0, 101), parallel, span('b', 100, 200)))).toEqual([
      'a 0-100',
      'b 100-200',
    ]);
  });

  test('takes no child for what the next one waited for while it was still running', () => {
    expect(pathOf(span('root', 0, 1000, span('a', 0, 900), span('b', 800, 1000)))).toEqual([
      'root 0-800',
      'b 800-1000',
    ]);
    const early = span('early', 0, 80);
    expect(pathOf(span('root', 0, 1000, early, span('a', 100, 900), span('b', 800, 1000)))).toEqual([
      'early 0-80',
      'root 80-800',
      'b 800-1000',
    ]);
  });

  test('has siblings on it only one after another, but for handovers', () => {
    fc.assert(
      fc.property(anyTree, (plan) => {
        const trace = traceFromOtlp(aTrace(plan));
        const onPath = new Set(criticalPath(trace).map(({ spanIndex }) => spanIndex));
        const lastOf = new Map<number, number>();
        for (const child of [...onPath].toSorted((a, b) => at(trace.startNs, a) - at(trace.startNs, b))) {
          const parent = at(trace.parentIndex, child);
          const before = lastOf.get(parent);
          lastOf.set(parent, child);
          if (before === undefined || parent < 0) continue;
          const longestNs = Math.max(at(trace.durationNs, before), at(trace.durationNs, child));
          const overlapNs = at(trace.startNs, before) + at(trace.durationNs, before) - at(trace.startNs, child);
          const shortestNs = Math.min(at(trace.durationNs, before), at(trace.durationNs, child));
          expect(overlapNs).toBeLessThanOrEqual(Math.max(0.01 * longestNs, Math.min(1e6, shortestNs / 2)));
        }
      }),
      { numRuns: 500 },
    );
  });

  test('omits a child that goes on after a parent that did not stop waiting: nobody waited for it', () => {
    const mail = span('mail', 6, 5000, span('send', 7, 4000));
    expect(pathOf(span('root', 0, 100, span('insert', 5, 95), mail))).toEqual([
      'root 0-5',
      'insert 5-95',
      'root 95-100',
    ]);
    const failed = { ...span('root', 0, 100, span('audit', 10, 300)), error: 'CardError', message: 'declined' };
    expect(pathOf(failed)).toEqual(['root 0-100']);
  });

  const timedOut = { error: 'TimeoutError' } as const;

  test('clips a child that outlives a parent that stopped waiting, and everything below it', () => {
    const call = { ...span('gave up', 10, 60, span('went on', 20, 500)), ...timedOut };
    const path = pathOf({ ...span('root', 0, 100, call) });
    expect(path).toEqual(['root 0-10', 'gave up 10-20', 'went on 20-60', 'root 60-100']);
  });

  test('clips a server to a client whose span ends with the first bytes of the answer', () => {
    const call: SpanPlan = {
      ...span('call', 10, 60, { ...span('serve', 20, 500), kind: 'server', service: 'b' }),
      kind: 'client',
    };
    expect(pathOf(span('root', 0, 600, call))).toEqual(['root 0-10', 'call 10-20', 'serve 20-60', 'root 60-600']);
  });

  test('prefers, of two children that outlive a parent that stopped waiting, the one that was waited for longer', () => {
    const path = pathOf({ ...span('root', 0, 100, span('long', 5, 200), span('short', 90, 300)), ...timedOut });
    expect(path).toEqual(['root 0-5', 'long 5-100']);
  });

  test('omits what was cancelled because another had failed or responded first', () => {
    const loser = { ...span('loser', 2, 902), error: 'AbortError' };
    const path = pathOf(span('root', 0, 905, loser, span('winner', 500, 900)));
    expect(path).toEqual(['root 0-500', 'winner 500-900', 'root 900-905']);
  });

  test('clips a child that starts before its parent', () => {
    expect(pathOf(span('root', 0, 9, span('a', 5, 8, span('early', 1, 6))))).toEqual([
      'root 0-5',
      'early 5-6',
      'a 6-8',
      'root 8-9',
    ]);
  });

  test('ignores a child that starts after the end of its parent', () => {
    expect(pathOf(span('root', 0, 10, span('later', 11, 20)))).toEqual(['root 0-10']);
  });

  test('omits what a consumer does for a producer', () => {
    const consumer: SpanPlan = { ...span('process', 3, 9), kind: 'consumer' };
    const path = pathOf(span('root', 0, 10, { ...span('send', 2, 9, consumer), kind: 'producer' }));
    expect(path).toEqual(['root 0-2', 'send 2-9', 'root 9-10']);
  });

  test('is empty for a root without duration and for an empty trace', () => {
    expect(pathOf(span('root', 5, 5, span('child', 5, 9)))).toEqual([]);
    expect(criticalPath(traceFromOtlp({ resourceSpans: [] }))).toEqual([]);
  });

  test('can be asked for any span', () => {
    const trace = traceFromOtlp(aTrace(span('root', 0, 100, span('a', 10, 40, span('b', 10, 40)))));
    expect(criticalPath(trace, 1)).toEqual([{ spanIndex: 2, startNs: 10e6, endNs: 40e6 }]);
  });

  test('is made of segments that touch, lie in their spans and add up to the duration of the root', () => {
    fc.assert(
      fc.property(anyTree, (plan) => {
        const trace = traceFromOtlp(aTrace(plan));
        const segments = criticalPath(trace);
        const rootStart = at(trace.startNs, trace.rootIndex);
        let reachedNs = rootStart;
        for (const { spanIndex, startNs, endNs } of segments) {
          expect(startNs).toBe(reachedNs);
          expect(endNs).toBeGreaterThan(startNs);
          reachedNs = endNs;
          for (let owner = spanIndex; owner >= 0; owner = at(trace.parentIndex, owner)) {
            expect(startNs).toBeGreaterThanOrEqual(at(trace.startNs, owner));
            expect(endNs).toBeLessThanOrEqual(at(trace.startNs, owner) + at(trace.durationNs, owner));
          }
        }
        expect(reachedNs).toBe(rootStart + at(trace.durationNs, trace.rootIndex));
        const sum = criticalNs(trace, segments).reduce((total, ns) => total + ns, 0);
        expect(sum).toBe(trace.durationNs[trace.rootIndex]);
      }),
      { numRuns: 500 },
    );
  });
});

test('criticalNs gives each span the time for which it was waited and none of its children was', () => {
  const trace = traceFromOtlp(aTrace(span('root', 0, 100, span('a', 10, 40), span('b', 60, 90))));
  expect(Array.from(criticalNs(trace), (ns) => ns / 1e6)).toEqual([40, 30, 30]);
});
