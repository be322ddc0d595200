import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aTrace, at, type SpanPlan } from '../testing/a-trace.ts';
import { anyTree } from '../testing/any-trace.ts';
import { type Trace, traceFromOtlp } from '../tree/trace.ts';
import { criticalNs } from './critical-path.ts';
import { exclusiveNs } from './times.ts';
import { slackNs, whatIf, whatIfEach } from './what-if.ts';

const traceOf = (...plans: readonly SpanPlan[]): Trace => traceFromOtlp(aTrace(...plans));
const task = (name: string, from: number, to: number, ...children: SpanPlan[]): SpanPlan => {
  return { service: name, name, from, to, children };
};
const named = (trace: Trace, ...names: string[]) => {
  return (span: number): boolean => names.includes(at(trace.names, span));
};
/** In milliseconds: what is left of the root, and what is taken off the critical path. */
const outcome = (trace: Trace, factor: number, ...names: string[]): [number, number] => {
  const { durationNs, criticalNs: cut } = whatIf(trace, { spans: named(trace, ...names), factor });
  return [durationNs / 1e6, cut / 1e6];
};
const slackMs = (trace: Trace): Record<string, number> => {
  const slack = slackNs(trace);
  return Object.fromEntries(trace.names.map((name, span) => [name, at(slack, span) / 1e6]));
};

/**
 * A plan as in a text book, in milliseconds: A (100) goes before B (300) and C (200), which go at the same time; D (100)
 * waits for both. The root takes 500. B has the drag of C's slack, 100.
 */
const diamond = traceOf(
  task('root', 0, 500, task('A', 0, 100), task('B', 100, 400), task('C', 100, 300), task('D', 400, 500)),
);

/** Two chains beside each other, each in a fan-out of its own: 120 + 200, and 180 + 90. */
const chains = traceOf(
  task(
    'root',
    0,
    340,
    task('left', 10, 330, task('L1', 10, 130), task('L2', 130, 330)),
    task('right', 10, 280, task('R1', 10, 190), task('R2', 190, 280)),
  ),
);

describe('slack', () => {
  it('is nothing on the critical path, and beside it what a task may take longer', () => {
    expect(slackMs(diamond)).toEqual({ root: 0, A: 0, B: 0, C: 100, D: 0 });
    expect(slackMs(chains)).toEqual({ root: 0, left: 0, L1: 0, L2: 0, right: 50, R1: 50, R2: 50 });
  });

  it('of a task that ends before the join of a later one is up to that join', () => {
    // C is joined by D alone, which begins when B has ended; E waits for C and D.
    const trace = traceOf(
      task('root', 0, 300, task('B', 0, 150), task('C', 0, 100), task('D', 150, 200), task('E', 220, 300)),
    );
    expect(slackMs(trace)).toEqual({ root: 0, B: 0, C: 50, D: 0, E: 0 });
  });

  it('is without bound for what nobody waited for', () => {
    const consumer: SpanPlan = { ...task('consumer', 20, 90), kind: 'consumer' };
    const trace = traceOf(task('root', 0, 100, { ...task('send', 10, 20, consumer), kind: 'producer' }));
    expect(slackMs(trace)).toEqual({ root: 0, send: 0, consumer: Infinity });
  });
});

describe('what would be', () => {
  it('saves all of a task on the critical path with nothing beside it', () => {
    expect(outcome(diamond, 0.5, 'A')).toEqual([450, 50]);
    expect(outcome(diamond, 0, 'D')).toEqual([400, 100]);
    expect(outcome(diamond, 0.5, 'A', 'D')).toEqual([400, 100]);
  });

  it('saves no more than the slack beside a task, which is its drag', () => {
    // Halving B takes 150 off it; C then is critical, after 100.
    expect(outcome(diamond, 0.5, 'B')).toEqual([400, 150]);
    expect(outcome(diamond, 0.9, 'B')).toEqual([470, 30]);
    expect(outcome(diamond, 0, 'B')).toEqual([400, 300]);
    expect(outcome(diamond, 0, 'B', 'C')).toEqual([200, 300]);
    expect(outcome(chains, 0, 'L2')).toEqual([290, 200]);
    expect(outcome(chains, 0.9, 'L1', 'L2')).toEqual([308, 32]);
  });

  it('saves nothing beside the critical path', () => {
    expect(outcome(diamond, 0, 'C')).toEqual([500, 0]);
    expect(outcome(chains, 0, 'R1', 'R2')).toEqual([340, 0]);
    expect(outcome(diamond, 1, 'A', 'B', 'C', 'D')).toEqual([500, 0]);
  });

  it('takes the time of a span itself, and not that of its children', () => {
    // 10 before both chains, and 10 after them.
    expect(outcome(chains, 0.5, 'root')).toEqual([330, 10]);
    const trace = traceOf(task('root', 0, 100, task('inner', 20, 90, task('leaf', 30, 80))));
    expect(outcome(trace, 0, 'inner')).toEqual([80, 20]);
    expect(outcome(trace, 0.5, 'leaf')).toEqual([75, 25]);
  });

  it('lets one that gave up on a slow call give up later, or have its response', () => {
    const slow: SpanPlan = { ...task('slow', 10, 400), kind: 'server' };
    const call: SpanPlan = { ...task('call', 10, 210, slow), kind: 'client', error: 'TimeoutError' };
    const trace = traceOf(task('root', 0, 220, call));
    // 390 of it were waited for 200: three quarters of it are still too long, a quarter is not.
    expect(outcome(trace, 0.75, 'slow')[0]).toBe(220);
    expect(outcome(trace, 0.25, 'slow')[0]).toBe(117.5);
  });

  it('holds a sibling that begins a tick before the other ends for one that waited', () => {
    const trace = traceOf(task('root', 0, 100, task('first', 0, 50), task('second', 49.5, 100)));
    expect(outcome(trace, 0.5, 'first')).toEqual([75, 24.75]);
  });

  it('of each operation or service has what saves the most first', () => {
    const best = whatIfEach(diamond, { by: 'service', factor: 0.5 });
    expect(best.map(({ service, savedNs }) => [service, savedNs / 1e6])).toEqual([
      ['B', 100],
      ['A', 50],
      ['D', 50],
    ]);
    expect(whatIfEach(diamond, { by: 'operation', factor: 0, max: 1 })).toMatchObject([{ service: 'B', name: 'B' }]);
  });

  it('rejects a factor that makes nothing faster', () => {
    for (const factor of [-0.1, 1.1, NaN, Infinity]) {
      expect(() => whatIf(diamond, { spans: () => true, factor })).toThrow(RangeError);
    }
    const empty = traceFromOtlp({ resourceSpans: [] });
    expect(whatIf(empty, { spans: () => true, factor: 0 })).toEqual({ durationNs: 0, savedNs: 0, criticalNs: 0 });
    expect(slackNs(empty)).toHaveLength(0);
  });

  it('is within its bounds for any trace: the same where nothing changes, and never more saved than taken', () => {
    const factors = fc.constantFrom(0, 0.25, 0.5, 0.9, 1);
    fc.assert(
      fc.property(anyTree, factors, fc.constantFrom('a', 'b', 'c'), (plan, factor, service) => {
        const trace = traceOf(plan);
        const rootNs = at(trace.durationNs, trace.rootIndex);
        expect(whatIf(trace, { spans: () => true, factor: 1 })).toEqual({
          durationNs: rootNs,
          savedNs: 0,
          criticalNs: 0,
        });
        const spans = (span: number): boolean => trace.services[at(trace.serviceIndex, span)] === service;
        const { durationNs, savedNs } = whatIf(trace, { spans, factor });
        expect(savedNs).toBeGreaterThanOrEqual(0);
        expect(durationNs).toBeGreaterThanOrEqual(0);
        expect(durationNs + savedNs).toBeCloseTo(rootNs, 3);
        expect(whatIf(trace, { spans: () => true, factor: 0 }).durationNs).toBeLessThanOrEqual(durationNs);
      }),
    );
  });

  it('never saves more than is taken off the critical path, where siblings do not overlap by a tick', () => {
    fc.assert(
      fc.property(apart, fc.constantFrom(0, 0.5, 0.9), fc.constantFrom('a', 'b'), (plan, factor, service) => {
        const trace = traceOf(plan);
        const spans = (span: number): boolean => trace.services[at(trace.serviceIndex, span)] === service;
        const { savedNs, criticalNs: cut } = whatIf(trace, { spans, factor });
        expect(savedNs).toBeLessThanOrEqual(cut + 1);
        const slack = slackNs(trace);
        const slackOfCritical = slack.filter((_ns, span) => at(criticalNs(trace), span) > 0);
        expect(slackOfCritical.every((ns) => ns === 0)).toBe(true);
        expect(exclusiveNs(trace).every((ns) => ns >= 0)).toBe(true);
      }),
    );
  });
});

/** Trees whose children lie within their parents, in steps of a second: no two overlap by less than that. */
const apart: fc.Arbitrary<SpanPlan> = fc
  .array(
    fc.record({
      parent: fc.nat(8),
      from: fc.nat(9),
      length: fc.integer({ min: 1, max: 9 }),
      service: fc.constantFrom('a', 'b'),
    }),
    {
      maxLength: 9,
    },
  )
  .map((given) => {
    interface Node {
      readonly plan: SpanPlan;
      readonly children: Node[];
    }
    const nodes: Node[] = [{ plan: { service: 'a', name: 'root', from: 0, to: 1_000_000 }, children: [] }];
    for (const { parent, from, length, service } of given) {
      const above = at(nodes, parent % nodes.length);
      const span = above.plan.to - above.plan.from;
      const start = above.plan.from + Math.floor((span * from) / 10);
      const end = Math.min(above.plan.to, start + Math.max(1_000, Math.floor((span * length) / 10)));
      if (end - start < 1_000) continue;
      const node: Node = { plan: { service, name: 'x', from: start, to: end }, children: [] };
      above.children.push(node);
      nodes.push(node);
    }
    const build = ({ plan, children }: Node): SpanPlan => ({ ...plan, children: children.map(build) });
    return build(at(nodes, 0));
  });
