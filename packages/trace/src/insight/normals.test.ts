import { describe, expect, test } from 'vitest';
import { aWindow, type CallPlan } from '../testing/a-window.ts';
import { PATH_DEPTH_MAX } from '../analysis/call-path.ts';
import { callPathsOf } from './call-paths.ts';
import { dependencyEdges, QUEUE_MARK } from './dependency-edges.ts';
import { quantilesOf } from './log-sketch.ts';
import { measureNormals } from './normals.ts';
import { ownTimes } from './own-times.ts';
import { Vocabulary } from './vocabulary.ts';

const read = (from: number): CallPlan => ({
  service: 'payment',
  name: 'SELECT',
  kind: 'client',
  from,
  to: from + 2,
  peer: 'orders database',
  peerKind: 'database',
});

/** web calls payment, which reads its database twice. */
function purchase(paymentMs: number): CallPlan {
  return {
    service: 'web',
    name: 'POST /buy',
    kind: 'server',
    from: 0,
    to: paymentMs + 20,
    children: [
      {
        service: 'web',
        name: 'POST',
        kind: 'client',
        from: 5,
        to: paymentMs + 15,
        children: [
          {
            service: 'payment',
            name: 'POST /pay',
            kind: 'server',
            from: 8,
            to: paymentMs + 8,
            version: '1.4.2',
            instance: `pay-${paymentMs % 2}`,
            children: [read(9), read(12)],
          },
        ],
      },
    ],
  };
}

const median = (entries: readonly (readonly [number, number])[]): number => quantilesOf(entries, [0.5]).at(0)! / 1e6;

const ids = (plan: CallPlan) => callPathsOf(aWindow(new Vocabulary(), 1, () => plan)).paths.map(({ id }) => id);

const edgesOf = (plan: (trace: number) => CallPlan, traces = 20, share = 1) => {
  const table = aWindow(new Vocabulary(), traces, plan);
  return dependencyEdges(table, ownTimes(table), { share, edgesMax: 100 }).edges.map(
    ({ latencies, gaps, ...edge }) => ({
      ...edge,
      latencyMs: Math.round(median(latencies.entries())),
      gapMs: gaps.total === 0 ? null : Math.round(median(gaps.entries())),
    }),
  );
};

const call = (isAnswered: boolean): CallPlan => ({
  service: 'web',
  name: 'GET',
  kind: 'client',
  from: 0,
  to: 10,
  isError: !isAnswered,
  children: isAnswered ? [{ service: 'stock', name: 'GET /', kind: 'server', from: 1, to: 9 }] : [],
});

describe('what is usual at a path', () => {
  const table = aWindow(new Vocabulary(), 100, (trace) => purchase(10 + (trace % 11)));
  const measured = measureNormals(table, ownTimes(table), { share: 1, pathsMax: 100 });
  const at = (text: string) => measured.paths.find(({ path }) => path.text === text)!;

  test('adds up its spans, siblings that are alike together', () => {
    const {
      spans,
      traces,
      weight,
      traceWeight,
      durations,
      ownTimes: own,
      gaps,
    } = at('web POST /buy › web POST › payment POST /pay › payment SELECT');
    expect({ spans, traces, weight, traceWeight }).toEqual({ spans: 200, traces: 100, weight: 200, traceWeight: 100 });
    expect(median(durations.entries())).toBeCloseTo(2, 1);
    expect(median(own.entries())).toBeCloseTo(2, 1);
    expect(gaps.entries()).toEqual([]);
  });

  test('has the time of a call beyond its callee, the own time of what calls, versions and instances', () => {
    expect(median(at('web POST /buy › web POST').gaps.entries())).toBeCloseTo(10, 0);
    expect(at('web POST /buy › web POST').ownTimes.entries()).toEqual([]);
    expect(median(at('web POST /buy').ownTimes.entries())).toBeCloseTo(10, 0);
    const pay = at('web POST /buy › web POST › payment POST /pay');
    expect(median(pay.ownTimes.entries())).toBeCloseTo(11, 0);
    expect(pay.versions).toEqual(new Map([['1.4.2', 100]]));
    expect([...pay.instances.keys()].toSorted()).toEqual(['pay-0', 'pay-1']);
  });

  test('counts each span by its weight and by the share of the traces that were taken', () => {
    const heavy = aWindow(new Vocabulary(), 10, () => ({
      ...purchase(10),
      weight: 4,
      isError: true,
    }));
    const { paths } = measureNormals(heavy, ownTimes(heavy), { share: 0.5, pathsMax: 100 });
    const root = paths.find(({ path }) => path.text === 'web POST /buy')!;
    expect(root).toMatchObject({ spans: 10, weight: 80, errorWeight: 80 });
    expect(root.durations.total).toBe(80);
  });

  test('keeps the most frequent paths, and counts the spans of the others and of a recursion', () => {
    const { paths, droppedPaths, droppedSpans } = measureNormals(table, ownTimes(table), { share: 1, pathsMax: 1 });
    expect(paths.map(({ path }) => path.operation)).toEqual(['SELECT']);
    expect({ droppedPaths, droppedSpans }).toEqual({ droppedPaths: 3, droppedSpans: 300 });
    let deep: CallPlan = { service: 's', name: 'f', from: 0, to: 1 };
    for (let depth = 1; depth < PATH_DEPTH_MAX + 5; depth++)
      deep = { service: 's', name: 'f', from: 0, to: 1, children: [deep] };
    const recursion = aWindow(new Vocabulary(), 1, () => deep);
    const { deepSpans } = measureNormals(recursion, ownTimes(recursion), { share: 1, pathsMax: 1_000 });
    expect(deepSpans).toBe(5);
  });

  test('has the same ID in every table, and another one below a parent that is not here', () => {
    const [root = '', ...below] = ids(purchase(10));
    expect(root).toMatch(/^[0-9a-f]{16}$/);
    expect(ids(purchase(99))).toEqual([root, ...below]);
    expect(new Set([root, ...below]).size).toBe(4);
    expect(ids({ ...purchase(10), isOrphan: true })).not.toContain(root);
  });
});

describe('dependency edges', () => {
  const CERTAIN = { variance: 0, unknown: 0, errorWeight: 0 };

  test('lead from the operation that calls to the service or the database that is called', () => {
    expect(edgesOf(() => purchase(10))).toEqual([
      {
        caller: 'payment',
        callerOperation: 'POST /pay',
        calleeKind: 'database',
        callee: 'orders database',
        calls: 40,
        weight: 40,
        ...CERTAIN,
        latencyMs: 2,
        gapMs: null,
      },
      {
        caller: '',
        callerOperation: '',
        calleeKind: 'service',
        callee: 'web',
        calls: 20,
        weight: 20,
        ...CERTAIN,
        latencyMs: 30,
        gapMs: null,
      },
      {
        caller: 'web',
        callerOperation: 'POST /buy',
        calleeKind: 'service',
        callee: 'payment',
        calls: 20,
        weight: 20,
        ...CERTAIN,
        latencyMs: 20,
        gapMs: 10,
      },
    ]);
  });

  test('lead through a queue, and a message waits there', () => {
    const message: CallPlan = {
      service: 'shop',
      name: 'send',
      kind: 'producer',
      from: 1,
      to: 2,
      peer: 'orders',
      peerKind: 'queue',
      children: [{ service: 'mail', name: 'receive', kind: 'consumer', from: 51, to: 60 }],
    };
    const found = edgesOf(() => ({
      service: 'shop',
      name: 'buy',
      kind: 'server',
      from: 0,
      to: 3,
      children: [message],
    }));
    expect(found.map(({ caller, calleeKind, callee, latencyMs }) => [caller, calleeKind, callee, latencyMs])).toEqual([
      ['', 'service', 'shop', 3],
      [`${QUEUE_MARK}orders`, 'service', 'mail', expect.closeTo(50, -1)],
      ['shop', 'queue', 'orders', 1],
    ]);
  });

  test('of a call that nobody answers lead where others of its operation lead', () => {
    const found = edgesOf((trace) => call(trace % 4 !== 0));
    expect(found).toEqual([expect.objectContaining({ caller: 'web', callee: 'stock', calls: 20, errorWeight: 5 })]);
  });

  test('know how certain a sampled count is, by whole traces', () => {
    const found = edgesOf(() => purchase(10), 20, 0.25);
    const reads = found.find(({ calleeKind }) => calleeKind === 'database')!;
    // Of each trace two calls stand for eight.
    expect(reads).toMatchObject({ calls: 40, weight: 160, variance: 20 * (8 * 8 - 2 * 8) });
  });
});
