import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aTrace, type SpanPlan } from '../testing/a-trace.ts';
import { anyTree } from '../testing/any-trace.ts';
import { corpusTrace, readCorpus } from '../testing/corpus.ts';
import type { Trace } from '../tree/trace.ts';
import { traceFromOtlp } from '../tree/trace.ts';
import { similarTraces } from './similar-traces.ts';

const shop = (children: readonly SpanPlan[], to = 100): Trace =>
  traceFromOtlp(aTrace({ service: 'web', name: 'GET /cart', kind: 'server', from: 0, to, children }));
const query = (to: number, more: Partial<SpanPlan> = {}): SpanPlan => ({
  service: 'web',
  name: 'SELECT carts',
  from: 0,
  to,
  ...more,
});
const named = (trace: Trace, traceId: string): Trace => ({ ...trace, traceId });
const only = (trace: Trace, other: Trace) => similarTraces(trace, [other]).at(0)!;

describe('traces', () => {
  it('are the more alike the more of their paths are the same, and the time is in the same places', () => {
    const own = shop([query(50)]);
    const cache = { service: 'cache', name: 'GET', from: 50, to: 90 };
    const others = [
      named(shop([cache]), 'another path'),
      named(shop([query(50), cache]), 'one more path'),
      named(shop([query(55)]), 'the same paths'),
      named(shop([query(50, { error: 'Timeout' })]), 'failing'),
    ];
    expect(similarTraces(own, others).map(({ traceId }) => traceId)).toEqual([
      'the same paths',
      'failing',
      'one more path',
      'another path',
    ]);
    expect(similarTraces(own, others, 2)).toHaveLength(2);
  });

  it('are alike whatever their durations are, and the nearest in duration comes first', () => {
    const found = similarTraces(shop([query(50)]), [
      named(shop([query(500)], 1_000), 'ten times as long'),
      named(shop([query(60)], 120), 'about as long'),
    ]);
    expect(found.map(({ traceId, likeness }) => [traceId, likeness])).toEqual([
      ['about as long', 1],
      ['ten times as long', 1],
    ]);
  });

  it('are said to differ in what differs', () => {
    const failing = shop([query(50, { error: 'Timeout' }), { service: 'mail', name: 'send', from: 60, to: 90 }], 200);
    const { text } = only(shop([query(50)]), failing);
    for (const words of ['2 of 3', 'mail send', 'fails in web SELECT carts', '2 times']) expect(text).toContain(words);
    const back = only(failing, shop([query(50)])).text;
    for (const words of ['not call mail send', 'not fail in web SELECT carts']) expect(back).toContain(words);
  });

  it('are as like as the other is to them, from 0 to 1', () => {
    fc.assert(
      fc.property(anyTree, anyTree, (planA, planB) => {
        const [a, b] = [traceFromOtlp(aTrace(planA)), traceFromOtlp(aTrace(planB))];
        const [there, back] = [only(a, b), only(b, a)];
        expect(there.likeness).toBeCloseTo(back.likeness, 9);
        expect(there.likeness).toBeGreaterThanOrEqual(0);
        expect(there.likeness).toBeLessThanOrEqual(1);
        expect(only(a, a).likeness).toBeCloseTo(1, 9);
      }),
    );
  });

  it.each(readCorpus())('of %s are most like themselves', (_, cases) => {
    const traces = cases.map((one) => named(traceFromOtlp(corpusTrace(one)), one.name));
    for (const trace of traces) {
      const [first] = similarTraces(trace, traces);
      expect(first?.likeness).toBeCloseTo(1, 9);
      expect(similarTraces(trace, traces).find(({ traceId }) => traceId === trace.traceId)?.likeness).toBeCloseTo(1, 9);
    }
  });

  it('without spans are like nothing but each other', () => {
    const none = traceFromOtlp({ resourceSpans: [] });
    expect(only(none, none).likeness).toBe(1);
    expect(only(none, shop([])).likeness).toBe(0);
  });
});
