import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aTrace, type SpanPlan } from '../testing/a-trace.ts';
import { anyTree } from '../testing/any-trace.ts';
import { traceFromOtlp, type Trace } from '../tree/trace.ts';
import { typicalTrace } from './typical-trace.ts';

const query = (from: number, to: number): SpanPlan => ({ service: 'web', name: 'SELECT carts', from, to });
const shop = (traceId: string, to: number, children: readonly SpanPlan[]): Trace => ({
  ...traceFromOtlp(aTrace({ service: 'web', name: 'GET /cart', kind: 'server', from: 0, to, children })),
  traceId,
});

describe('the typical trace', () => {
  it('is neither the fastest nor the slowest', () => {
    const traces = [90, 10, 100, 110, 5_000].map((ms) => shop(String(ms), ms, [query(0, ms / 2)]));
    expect(traces.at(typicalTrace(traces))!.traceId).toBe('100');
  });

  it('calls what most of them call, and as often', () => {
    const traces = [
      shop('without', 100, []),
      shop(
        'often',
        100,
        Array.from({ length: 10 }, (_, at) => query(at * 5, at * 5 + 5)),
      ),
      ...[48, 50, 52].map((ms) => shop(`once, ${ms}`, 100, [query(0, ms)])),
    ];
    expect(traces.at(typicalTrace(traces))!.traceId).toBe('once, 50');
  });

  it('does not fail where most do not', () => {
    const failing = { ...query(0, 50), error: 'Timeout' };
    const traces = [shop('a', 100, [failing]), shop('b', 100, [query(0, 50)]), shop('c', 101, [query(0, 50)])];
    expect(traces.at(typicalTrace(traces))!.traceId).toBe('b');
  });

  it('is like most of the requests that the traces represent, whatever a sampler kept of them', () => {
    const failed = Array.from({ length: 43 }, (_, at) => shop(`failed ${at}`, 3_000 + at, []));
    const fine = Array.from({ length: 21 }, (_, at) => shop(`fine ${at}`, 40 + at, [query(0, 30)]));
    const traces = [...failed, ...fine];
    const weights = traces.map(({ traceId }) => (traceId.startsWith('fine') ? 100 : 1));
    expect(traces.at(typicalTrace(traces, weights))!.traceId).toBe('fine 10');
    expect(traces.at(typicalTrace(traces))!.traceId).toContain('failed');
  });

  it('takes no notice of a weight that is none', () => {
    const traces = [10, 20, 30].map((ms) => shop(String(ms), ms, []));
    for (const none of [NaN, -5, 0, Infinity]) {
      expect(traces.at(typicalTrace(traces, [none, 1, 1]))!.traceId).toBe('20');
    }
  });

  it('is the same in whatever order they come, and none of none', () => {
    expect(typicalTrace([])).toBe(-1);
    fc.assert(
      fc.property(fc.array(anyTree, { minLength: 1, maxLength: 6 }), (plans) => {
        const traces = plans.map((plan, at) => ({ ...traceFromOtlp(aTrace(plan)), traceId: String(at) }));
        const reversed = traces.toReversed();
        expect(reversed.at(typicalTrace(reversed))!.traceId).toBe(traces.at(typicalTrace(traces))!.traceId);
      }),
    );
  });
});
