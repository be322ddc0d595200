import { describe, expect, test } from 'vitest';
import { aWindow, type CallPlan } from '../testing/a-window.ts';
import { explainIncident, type Explanation } from './explain.ts';
import { Vocabulary } from './vocabulary.ts';

interface Shop {
  /** Milliseconds of the work of each. */
  readonly web: number;
  readonly payment: number;
  readonly fraud: number;
  /** Between web and payment. */
  readonly way: number;
  readonly failure?: string;
  readonly callsFraud: boolean;
  readonly instance: string;
  readonly queries: number;
}

const USUAL: Shop = { web: 10, payment: 20, fraud: 5, way: 1, callsFraud: true, instance: 'p1', queries: 1 };

const ask = (at: number): CallPlan => ({
  service: 'fraud',
  name: 'SELECT checks',
  kind: 'client',
  from: 14 + 3 * at,
  to: 17 + 3 * at,
  peer: 'checks database',
});

/** web calls payment, which calls fraud, which asks its database. */
function aBuy(trace: number, given: Partial<Shop> = {}): CallPlan {
  const wave = 1 + 0.1 * Math.sin(trace);
  const { web, payment, fraud, way, failure, callsFraud, instance, queries } = { ...USUAL, ...given };
  const ofFraud = fraud * wave + 3 * queries;
  const ofPayment = payment * wave + (callsFraud ? ofFraud + 1 : 0);
  const check: CallPlan = {
    service: 'fraud',
    name: 'check',
    kind: 'server',
    from: 14,
    to: 14 + ofFraud,
    children: Array.from({ length: queries }, (_, at) => ask(at)),
  };
  const callFraud: CallPlan = {
    service: 'payment',
    name: 'POST',
    kind: 'client',
    from: 13,
    to: 13 + ofFraud + 1,
    instance,
    children: [check],
  };
  const pay: CallPlan = {
    service: 'payment',
    name: 'POST /pay',
    kind: 'server',
    from: 6,
    to: 6 + ofPayment,
    instance,
    ...(failure !== undefined && { failure }),
    children: callsFraud ? [callFraud] : [],
  };
  const callPayment: CallPlan = {
    service: 'web',
    name: 'POST',
    kind: 'client',
    from: 5,
    to: 5 + ofPayment + way,
    ...(failure !== undefined && { failure }),
    children: [pay],
  };
  const total = web * wave + ofPayment + way;
  return {
    service: 'web',
    name: 'POST /buy',
    kind: 'server',
    from: 0,
    to: total,
    ...(failure !== undefined && { failure }),
    children: [callPayment],
  };
}

function explain(incident: (trace: number) => Partial<Shop>, traces = 200): Explanation {
  const vocabulary = new Vocabulary();
  const baseline = aWindow(vocabulary, 300, (trace) => aBuy(trace, { instance: `p${trace % 3}` }));
  return explainIncident(
    baseline,
    aWindow(vocabulary, traces, (trace) => aBuy(trace, { instance: `p${trace % 3}`, ...incident(trace) })),
  );
}

describe('an incident', () => {
  test('that is none is nothing unusual', () => {
    expect(explain(() => ({}))).toMatchObject({ conclusion: 'nothing-unusual' });
  });

  test('in the deepest service is not blamed on those that wait for it', () => {
    expect(explain(() => ({ fraud: 300 }))).toMatchObject({
      conclusion: 'found',
      suspects: [{ service: 'fraud', operation: 'check', resource: null }],
    });
  });

  test('on the way to a service is found by what is between caller and callee', () => {
    expect(explain(() => ({ way: 150 }))).toMatchObject({
      conclusion: 'found',
      suspects: [{ service: 'payment', kind: 'network' }],
    });
  });

  test('of one instance names that instance', () => {
    expect(explain((trace) => (trace % 3 === 1 ? { payment: 400 } : {}))).toMatchObject({
      conclusion: 'found',
      suspects: [{ service: 'payment', resource: { 'service.instance.id': 'p1' } }],
    });
  });

  test('of failures names where they began', () => {
    const { conclusion, suspects } = explain((trace) => (trace % 2 === 0 ? { failure: 'CardError' } : {}));
    expect({ conclusion, first: suspects[0] }).toMatchObject({
      conclusion: 'found',
      first: { service: 'payment', operation: 'POST /pay', kind: 'failures' },
    });
    expect(suspects[0]?.evidence[0]).toMatchObject({ count: 200, share: 0.5, baselineShare: 0 });
  });

  test('of calls that are left out names who left them out, though all got faster', () => {
    expect(explain((trace) => ({ callsFraud: trace % 3 === 0 }))).toMatchObject({
      conclusion: 'found',
      suspects: [{ service: 'payment', operation: 'POST /pay', kind: 'calls' }],
    });
  });

  test('of many like calls names who makes them', () => {
    expect(explain(() => ({ queries: 40 }))).toMatchObject({
      conclusion: 'found',
      suspects: [{ service: 'fraud', operation: 'check', kind: 'more-calls' }],
    });
  });

  test('of ten traces is never sure', () => {
    const { conclusion, warnings } = explain(() => ({ fraud: 300 }), 10);
    expect(conclusion).toBe('not-enough-evidence');
    expect(warnings).toHaveLength(1);
  });

  test('without any traffic, or against none, is not enough evidence', () => {
    const vocabulary = new Vocabulary();
    const none = aWindow(vocabulary, 0, (trace) => aBuy(trace));
    const some = aWindow(vocabulary, 100, (trace) => aBuy(trace, { fraud: 900 }));
    for (const [baseline, incident] of [
      [none, some],
      [some, none],
      [none, none],
    ] as const) {
      expect(explainIncident(baseline, incident)).toMatchObject({ conclusion: 'not-enough-evidence', suspects: [] });
    }
  });

  test('names spans of the incident as evidence', () => {
    const { suspects } = explain(() => ({ fraud: 300 }));
    const [evidence] = suspects.at(0)!.evidence;
    expect(evidence?.traceIds.length).toBe(3);
    expect(evidence?.spanIds.every((id) => /^[\da-f]{16}$/.test(id))).toBe(true);
    expect(evidence).toMatchObject({ count: 200, baselineCount: 300, share: 1 });
  });
});

describe('hostile traces', () => {
  test('of cycles, of themselves as parents and of duplicates are compared all the same', () => {
    const vocabulary = new Vocabulary();
    const table = aWindow(vocabulary, 50, (trace) => ({
      ...aBuy(trace),
      isOrphan: trace % 2 === 0,
      from: trace % 5 === 0 ? Number.NEGATIVE_INFINITY : 0,
      to: trace % 7 === 0 ? Number.NaN : 50,
    }));
    expect(explainIncident(table, table).suspects).toEqual([]);
  });
});
