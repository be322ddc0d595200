import { describe, expect, test } from 'vitest';
import { A_START_UNIX_NANO, at, aTrace, type SpanPlan } from '../testing/a-trace.ts';
import { type Trace, traceFromOtlp } from './trace.ts';

const call = (clock: number, clientMs: [number, number], serverMs: [number, number], host = 'b'): SpanPlan => ({
  service: 'a',
  name: 'client',
  kind: 'client',
  from: clientMs[0],
  to: clientMs[1],
  children: [
    {
      service: 'b',
      name: 'server',
      kind: 'server',
      from: serverMs[0] + clock,
      to: serverMs[1] + clock,
      resource: { 'host.name': host },
      children: [
        {
          service: 'b',
          name: 'work',
          from: serverMs[0] + 1 + clock,
          to: serverMs[0] + 2 + clock,
          resource: { 'host.name': host },
        },
      ],
    },
  ],
});
const root = (...children: SpanPlan[]): SpanPlan => {
  return { service: 'a', name: 'root', kind: 'server', from: 0, to: 1000, children };
};
const skewMs = (trace: Trace): number[] => Array.from(trace.skewNs, (ns) => ns / 1e6);

/** a calls b, whose clock runs 300 ms behind, and b calls c. */
const behind = (clock: number): SpanPlan => {
  const last: SpanPlan = { service: 'c', name: 'last', kind: 'server', from: 140 + clock, to: 160 + clock };
  const inner: SpanPlan = { service: 'b', name: 'inner', kind: 'client', from: -170, to: -130, children: [last] };
  const middle: SpanPlan = {
    service: 'b',
    name: 'middle',
    kind: 'server',
    from: -190,
    to: -110,
    children: [inner],
  };
  return root({ service: 'a', name: 'outer', kind: 'client', from: 100, to: 200, children: [middle] });
};

describe('the correction of clocks', () => {
  test('moves a server span that starts before its caller to its start, and no further', () => {
    const trace = traceFromOtlp(aTrace(root(call(-300, [100, 200], [110, 190]))));
    expect(skewMs(trace)).toEqual([0, 0, 290, 290]);
    expect(at(trace.startNs, 2) / 1e6).toBe(100);
  });

  test('moves all spans of a service by the same time, which fits all of its calls', () => {
    const trace = traceFromOtlp(aTrace(root(call(-50, [100, 200], [101, 190]), call(-50, [300, 400], [310, 399]))));
    expect(skewMs(trace)).toEqual([0, 0, 49, 49, 0, 49, 49]);
  });

  test('puts back a server span that starts after its successful caller has ended', () => {
    const trace = traceFromOtlp(aTrace(root(call(3000, [100, 200], [110, 190]))));
    expect(skewMs(trace)).toEqual([0, 0, -2990, -2990]);
    expect(at(trace.startNs, 2) / 1e6).toBe(120);
  });

  test('puts back a server span that ends when nobody is left who could read its answer', () => {
    const late = call(40, [100, 200], [110, 190]);
    expect(skewMs(traceFromOtlp(aTrace({ ...root(late), to: 205 })))).toEqual([0, 0, -30, -30]);
  });

  test('leaves a server span that ends late while its caller may read on: the answer is slow, not the clock wrong', () => {
    expect(skewMs(traceFromOtlp(aTrace(root(call(40, [100, 200], [110, 190])))))).toEqual([0, 0, 0, 0]);
  });

  test('corrects half a millisecond by half a millisecond, however long the call', () => {
    expect(skewMs(traceFromOtlp(aTrace(root(call(0, [2, 515], [1.5, 12])))))).toEqual([0, 0, 0.5, 0.5]);
  });

  test('takes an end a little after the answer for the time that it takes to write the span', () => {
    expect(skewMs(traceFromOtlp(aTrace(root(call(0, [100, 200], [120, 209])))))).toEqual([0, 0, 0, 0]);
  });

  test('leaves a late server span where another call shows that its clock is right', () => {
    const trace = traceFromOtlp(aTrace(root(call(0, [100, 200], [140, 230]), call(0, [300, 400], [300, 390]))));
    expect(skewMs(trace)).toEqual([0, 0, 0, 0, 0, 0, 0]);
  });

  test('puts back only the impossible one of two calls whose clocks contradict each other', () => {
    const trace = traceFromOtlp(aTrace(root(call(3000, [100, 200], [110, 190]), call(0, [300, 400], [310, 390]))));
    expect(skewMs(trace)).toEqual([0, 0, -2990, -2990, 0, 0, 0]);
  });

  test('never moves what a failed caller left behind, be it late or later', () => {
    for (const clock of [40, 3000]) {
      const failed = { ...call(clock, [100, 200], [110, 190]), error: '' };
      expect(skewMs(traceFromOtlp(aTrace(root(failed))))).toEqual([0, 0, 0, 0]);
    }
  });

  test('leaves a server span that outlives its caller where it is', () => {
    const trace = traceFromOtlp(aTrace(root(call(0, [100, 200], [110, 900]))));
    expect(skewMs(trace)).toEqual([0, 0, 0, 0]);
  });

  test('keeps the clocks of two hosts of one service apart', () => {
    const trace = traceFromOtlp(
      aTrace(root(call(-50, [100, 200], [110, 190], 'b1'), call(0, [300, 400], [310, 390], 'b2'))),
    );
    expect(skewMs(trace)).toEqual([0, 0, 40, 40, 0, 0, 0]);
  });

  test('corrects each call on its own when one service seems to have several clocks', () => {
    const trace = traceFromOtlp(aTrace(root(call(-50, [100, 200], [110, 190]), call(0, [300, 400], [301, 399]))));
    expect(skewMs(trace)).toEqual([0, 0, 40, 40, 0, 0, 0]);
  });

  test('hands the correction on to the services behind, as far as they need it', () => {
    expect(skewMs(traceFromOtlp(aTrace(behind(-300))))).toEqual([0, 0, 290, 290, 280]);
    expect(skewMs(traceFromOtlp(aTrace(behind(0))))).toEqual([0, 0, 290, 290, 0]);
  });

  test('moves the start of the trace along when the earliest span moves', () => {
    const trace = traceFromOtlp(aTrace(root(call(-300, [100, 200], [110, 190]))));
    expect(trace.traceStartUnixNano).toBe(A_START_UNIX_NANO);
    expect(trace.startNs[0]).toBe(0);
  });

  test('does not take a message that a consumer had waited for as a sign of skew', () => {
    const consumer: SpanPlan = { service: 'b', name: 'process', kind: 'consumer', from: 50, to: 150 };
    const trace = traceFromOtlp(
      aTrace(root({ service: 'a', name: 'send', kind: 'producer', from: 100, to: 101, children: [consumer] })),
    );
    expect(skewMs(trace)).toEqual([0, 0, 0]);
  });
});
