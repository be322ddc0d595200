import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SpanKind } from '../otlp.ts';
import { aTrace, at, type SpanPlan } from '../testing/a-trace.ts';
import { anyTree } from '../testing/any-trace.ts';
import { type Trace, traceFromOtlp } from '../tree/trace.ts';
import { criticalNs } from './critical-path.ts';
import { exclusiveNs, timeByKind, timeByOperation, timeByPath, timeByService, type TimeShare } from './times.ts';
import { transits } from './transits.ts';

const traceOf = (...plans: readonly SpanPlan[]): Trace => traceFromOtlp(aTrace(...plans));
const ms = (ns: number): number => ns / 1e6;

/** web calls stock twice, the second time beside its cache. */
const shop: SpanPlan = {
  service: 'web',
  name: 'GET /',
  kind: 'server',
  from: 0,
  to: 100,
  children: [
    {
      service: 'web',
      name: 'call',
      kind: 'client',
      from: 10,
      to: 30,
      children: [{ service: 'stock', name: 'find', kind: 'server', from: 13, to: 28 }],
    },
    {
      service: 'web',
      name: 'call',
      kind: 'client',
      from: 40,
      to: 90,
      children: [{ service: 'stock', name: 'find', kind: 'server', from: 42, to: 80 }],
    },
    { service: 'web', name: 'cache', from: 50, to: 60 },
  ],
};

const total = (shares: readonly TimeShare[], key: 'exclusiveNs' | 'criticalNs'): number =>
  shares.reduce((sum, share) => sum + share[key], 0);

const calls = (from: number, to: number, error?: string): SpanPlan => ({
  service: 'web',
  name: 'root',
  from: 0,
  to: 1000,
  children: [
    {
      service: 'web',
      name: 'call',
      kind: 'client',
      from: 100,
      to: 200,
      ...(error !== undefined && { error }),
      children: [{ service: 'b', name: 'serve', kind: 'server', from, to }],
    },
  ],
});

describe('the time of a trace', () => {
  it('by span is what no child covers, however children overlap', () => {
    const trace = traceOf(shop);
    expect(trace.names).toEqual(['GET /', 'call', 'find', 'call', 'find', 'cache']);
    expect(Array.from(exclusiveNs(trace), ms)).toEqual([30, 5, 15, 12, 38, 10]);
    const overlapping = traceOf({
      service: 'a',
      name: 'root',
      from: 0,
      to: 100,
      children: [
        { service: 'a', name: 'long', from: 10, to: 60 },
        { service: 'a', name: 'inside', from: 20, to: 30 },
        { service: 'a', name: 'beyond', from: 50, to: 300 },
      ],
    });
    expect(ms(at(exclusiveNs(overlapping), 0))).toBe(10);
  });

  it('by service, kind and operation has the most critical one first', () => {
    const trace = traceOf(shop);
    expect(timeByService(trace)).toEqual([
      { service: 'stock', spanCount: 2, exclusiveNs: 53e6, criticalNs: 53e6 },
      { service: 'web', spanCount: 4, exclusiveNs: 57e6, criticalNs: 47e6 },
    ]);
    expect(timeByKind(trace).map(({ kind, criticalNs: ns }) => [kind, ms(ns)])).toEqual([
      [SpanKind.server, 83],
      [SpanKind.client, 17],
      [SpanKind.internal, 0],
    ]);
    expect(timeByOperation(trace).map(({ service, name, spanCount }) => [service, name, spanCount])).toEqual([
      ['stock', 'find', 2],
      ['web', 'GET /', 1],
      ['web', 'call', 2],
      ['web', 'cache', 1],
    ]);
  });

  it('by path has like siblings as one, each path after the one above it', () => {
    const paths = timeByPath(traceOf(shop));
    expect(
      paths.map(({ name, parentPath, depth, spanCount, firstSpan }) => [name, parentPath, depth, spanCount, firstSpan]),
    ).toEqual([
      ['GET /', -1, 0, 1, 0],
      ['call', 0, 1, 2, 1],
      ['find', 1, 2, 2, 2],
      ['cache', 0, 1, 1, 5],
    ]);
    expect(ms(at(paths, 2).criticalNs)).toBe(53);
  });

  it('adds up, whatever the tree', () => {
    fc.assert(
      fc.property(anyTree, (plan) => {
        const trace = traceOf(plan);
        const own = exclusiveNs(trace).reduce((sum, ns) => sum + ns, 0);
        const critical = criticalNs(trace).reduce((sum, ns) => sum + ns, 0);
        expect(critical).toBe(trace.durationNs[trace.rootIndex]);
        for (const by of [timeByService, timeByKind, timeByOperation, timeByPath]) {
          const shares = by(trace);
          expect(total(shares, 'exclusiveNs')).toBe(own);
          expect(total(shares, 'criticalNs')).toBe(critical);
          expect(shares.reduce((sum, { spanCount }) => sum + spanCount, 0)).toBe(trace.spanCount);
        }
        for (let span = 0; span < trace.spanCount; span++) {
          expect(at(exclusiveNs(trace), span)).toBeGreaterThanOrEqual(0);
          expect(at(exclusiveNs(trace), span)).toBeLessThanOrEqual(at(trace.durationNs, span));
        }
      }),
    );
  });
});

describe('the way between a call and its callee', () => {
  it('is the time of the client without that of the server', () => {
    expect(
      transits(traceOf(shop)).map((way) => [way.kind, ms(way.requestNs), ms(way.responseNs), way.isSplitKnown]),
    ).toEqual([
      ['network', 3, 2, true],
      ['network', 2, 10, true],
    ]);
  });

  it('on a queue is the wait from the end of the producer', () => {
    const consumer: SpanPlan = { service: 'mail', name: 'process', kind: 'consumer', from: 250, to: 300 };
    const send: SpanPlan = { service: 'web', name: 'send', kind: 'producer', from: 5, to: 10, children: [consumer] };
    const [way] = transits(traceOf({ service: 'web', name: 'root', from: 0, to: 20, children: [send] }));
    expect(way).toEqual({
      kind: 'queue',
      callIndex: 1,
      calleeIndex: 2,
      requestNs: 240e6,
      responseNs: 0,
      isSplitKnown: true,
    });
  });

  it('is cut to the call, and has no known split where a clock was corrected', () => {
    const [timedOut] = transits(traceOf(calls(120, 900, 'TimeoutError')));
    expect(timedOut).toMatchObject({ requestNs: 20e6, responseNs: 0, isSplitKnown: true });
    const [skewed] = transits(traceOf(calls(-300, -220)));
    expect(skewed).toMatchObject({ isSplitKnown: false });
    expect(ms((skewed?.requestNs ?? 0) + (skewed?.responseNs ?? 0))).toBe(20);
  });

  it('is never negative, and never longer than the call', () => {
    fc.assert(
      fc.property(anyTree, (plan) => {
        const trace = traceOf(plan);
        for (const { kind, callIndex, requestNs, responseNs } of transits(trace)) {
          expect(Math.min(requestNs, responseNs)).toBeGreaterThanOrEqual(0);
          const longest = kind === 'network' ? at(trace.durationNs, callIndex) : Infinity;
          expect(requestNs + responseNs).toBeLessThanOrEqual(longest);
        }
      }),
    );
  });
});
