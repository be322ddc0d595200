import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aTrace, A_START_UNIX_NANO, type SpanPlan } from '../testing/a-trace.ts';
import { anyTree } from '../testing/any-trace.ts';
import { corpusTrace, readCorpus } from '../testing/corpus.ts';
import { traceFromOtlp } from '../tree/trace.ts';
import { describeCriticalPath } from './critical-path-report.ts';

const sum = (texts: readonly string[]): bigint => texts.reduce((all, text) => all + BigInt(text), 0n);

describe('where the time of a trace went', () => {
  const shop = traceFromOtlp(
    aTrace({
      service: 'web',
      name: 'GET /cart',
      kind: 'server',
      from: 0,
      to: 100,
      children: [
        { service: 'web', name: 'SELECT carts', kind: 'client', from: 10, to: 70 },
        { service: 'stock', name: 'GET /stock', kind: 'server', from: 70, to: 90 },
      ],
    }),
  );

  it('is told part by part, in the order of time, by service, kind and path', () => {
    const report = describeCriticalPath(shop);
    expect(report).toMatchObject({ traceId: shop.traceId, durationNs: '100000000', hasRoot: true, truncated: false });
    expect(report.segments.map(({ service, operation, durationNs }) => [service, operation, durationNs])).toEqual([
      ['web', 'GET /cart', '10000000'],
      ['web', 'SELECT carts', '60000000'],
      ['stock', 'GET /stock', '20000000'],
      ['web', 'GET /cart', '10000000'],
    ]);
    expect(report.segments.at(1)!.startTimeUnixNano).toBe(String(A_START_UNIX_NANO + 10_000_000n));
    expect(report.byService.map(({ service, criticalNs }) => [service, criticalNs])).toEqual([
      ['web', '80000000'],
      ['stock', '20000000'],
    ]);
    expect(report.byPath.map(({ operation, parentIndex, depth }) => [operation, parentIndex, depth])).toEqual([
      ['GET /cart', -1, 0],
      ['SELECT carts', 0, 1],
      ['GET /stock', 0, 1],
    ]);
    expect(report.whatIfHalved.find(({ operation }) => operation === 'SELECT carts')?.savedNs).toBe('30000000');
  });

  it('leaves out the shortest parts and says how many', () => {
    const { segments, omittedSegments, byPath, omittedPaths } = describeCriticalPath(shop, {
      segmentsMax: 1,
      pathsMax: 2,
    });
    expect(segments.map(({ operation }) => operation)).toEqual(['SELECT carts']);
    expect(omittedSegments).toBe(3);
    expect(byPath.map(({ operation, parentIndex }) => [operation, parentIndex])).toEqual([
      ['GET /cart', -1],
      ['SELECT carts', 0],
    ]);
    expect(omittedPaths).toBe(1);
  });

  it('is that of what was read of a larger trace, which it says', () => {
    expect(describeCriticalPath(shop, { spansInTrace: 9 })).toMatchObject({ spansInTrace: 9, truncated: true });
  });

  it('is nothing for a trace without spans', () => {
    const none = describeCriticalPath(traceFromOtlp({ resourceSpans: [] }));
    expect(none).toMatchObject({ rootSpanId: '', durationNs: '0', segments: [], byPath: [], spanCount: 0 });
  });

  it('adds up to the duration, for whatever trees there are', () => {
    fc.assert(
      fc.property(anyTree, (plan) => {
        const report = describeCriticalPath(traceFromOtlp(aTrace(plan)));
        expect(sum(report.segments.map(({ durationNs }) => durationNs))).toBe(BigInt(report.durationNs));
        expect(sum(report.byPath.map(({ criticalNs }) => criticalNs))).toBe(BigInt(report.durationNs));
      }),
    );
  });

  it.each(readCorpus())('adds up in the traces of %s', (_, cases) => {
    for (const one of cases) {
      const report = describeCriticalPath(traceFromOtlp(corpusTrace(one)));
      expect([one.name, sum(report.segments.map(({ durationNs }) => durationNs))]).toEqual([
        one.name,
        BigInt(report.durationNs),
      ]);
      expect(JSON.parse(JSON.stringify(report))).toEqual(report);
    }
  });

  it('is told of a chain of many spans', () => {
    let chain: SpanPlan = { service: 'deep', name: 'call', from: 0, to: 1 };
    for (let depth = 0; depth < 20_000; depth++) {
      chain = { service: 'deep', name: 'call', from: 0, to: 1 + depth, children: [chain] };
    }
    const report = describeCriticalPath(traceFromOtlp(aTrace(chain)));
    expect(report.segments).toHaveLength(1_000);
    expect(report.byPath.length + report.omittedPaths).toBe(20_001);
  });
});
