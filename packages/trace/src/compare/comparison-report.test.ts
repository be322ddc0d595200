import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aTrace, type SpanPlan } from '../testing/a-trace.ts';
import { anyTree } from '../testing/any-trace.ts';
import { corpusTrace, readCorpus } from '../testing/corpus.ts';
import { traceFromOtlp, type Trace } from '../tree/trace.ts';
import { describeComparison } from './comparison-report.ts';

const shop = (children: readonly SpanPlan[], to = 100): Trace =>
  traceFromOtlp(aTrace({ service: 'web', name: 'GET /cart', kind: 'server', from: 0, to, children }));
const query = (from: number, to: number): SpanPlan => ({ service: 'web', name: 'SELECT carts', from, to });

describe('two traces as JSON', () => {
  it('name the spans, and what each path adds to the difference', () => {
    const [a, b] = [shop([query(10, 20)]), shop([query(10, 60), query(60, 150)], 200)];
    const report = describeComparison(a, b, { spansInTraceB: 7 });
    expect(report.a).toEqual({ durationNs: '100000000', spanCount: 2, spansInTrace: 2 });
    expect(report.b).toEqual({ durationNs: '200000000', spanCount: 3, spansInTrace: 7 });
    expect(report.paths.at(1)).toMatchObject({
      parentIndex: 0,
      criticalDeltaNs: '130000000',
      differences: ['slower', 'more-calls'],
      a: { calls: 1, longestSpanId: a.spanIds[1] },
      b: { calls: 2, longestSpanId: b.spanIds[2], durationNs: '140000000' },
    });
  });

  it('leave out what adds the least, and keep what is above the rest', () => {
    const [a, b] = [
      shop([query(10, 20)]),
      shop([{ ...query(10, 90), children: [{ service: 'db', name: 'scan', from: 11, to: 89 }] }]),
    ];
    const { paths, omittedPaths } = describeComparison(a, b, { pathsMax: 2 });
    expect(paths.map(({ operation, parentIndex }) => [operation, parentIndex])).toEqual([
      ['GET /cart', -1],
      ['SELECT carts', 0],
    ]);
    expect(omittedPaths).toBe(1);
  });

  it('differ by as much as their roots do', () => {
    fc.assert(
      fc.property(anyTree, anyTree, (planA, planB) => {
        const { paths, a, b } = describeComparison(traceFromOtlp(aTrace(planA)), traceFromOtlp(aTrace(planB)));
        const delta = paths.reduce((all, { criticalDeltaNs }) => all + BigInt(criticalDeltaNs), 0n);
        expect(delta).toBe(BigInt(b.durationNs) - BigInt(a.durationNs));
      }),
    );
  });

  it.each(readCorpus())('are alike if they are one and the same, in %s', (_, cases) => {
    for (const one of cases) {
      const trace = traceFromOtlp(corpusTrace(one));
      const report = describeComparison(trace, trace);
      expect([one.name, report.paths.filter(({ differences }) => differences.length > 0)]).toEqual([one.name, []]);
      expect(JSON.parse(JSON.stringify(report))).toEqual(report);
    }
  });
});
