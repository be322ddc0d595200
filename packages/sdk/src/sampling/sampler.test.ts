import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RandomBatch } from '../ids.ts';
import { newTrace, traceOfHex, type LocalTrace } from '../local-trace.ts';
import { seededIds } from '../test-support/recorded.ts';
import { otValue, withOtValue } from './ot-trace-state.ts';
import { Sampler } from './sampler.ts';
import { parseThreshold, reaches, thresholdOf } from './threshold.ts';

const RANGE = 2 ** 56;
const bitsOf = ({ high28, low28 }: { high28: number; low28: number }): bigint =>
  (BigInt(high28) << 28n) | BigInt(low28);

function traceWith(id: string, flags: number, traceState = ''): LocalTrace {
  const trace = traceOfHex(id, 0, flags, traceState);
  if (trace === undefined) throw new Error('malformed id');
  return trace;
}

describe('a threshold', () => {
  it.each([
    [1, '0'],
    [0.5, '8'],
    [0.25, 'c'],
    [0.1, 'e666'],
    [0.01, 'fd70a'],
    [2 ** -40, 'ffffffffff'],
  ])('of probability %d is written %s', (probability, th) => {
    expect(thresholdOf(probability).th).toBe(th);
  });

  it('is exactly what its text says, and within four digits of the probability', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-12, max: 1, noNaN: true }), (probability) => {
        const threshold = thresholdOf(probability);
        expect(parseThreshold(threshold.th)).toEqual(threshold);
        const kept = (RANGE - Number(bitsOf(threshold))) / RANGE;
        expect(Math.abs(kept / probability - 1)).toBeLessThan(0.01);
      }),
      { seed: 7 },
    );
  });

  it('keeps something for any probability above 0', () => {
    for (const probability of [Number.MIN_VALUE, 1e-17, 1e-300]) {
      expect(reaches(0xfffffff, 0xfffffff, thresholdOf(probability))).toBe(true);
    }
  });

  it('compares the 56 bits as one number', () => {
    const half = fc.integer({ min: 0, max: 0xfffffff });
    fc.assert(
      fc.property(half, half, half, half, (randomHigh, randomLow, high28, low28) => {
        const isBelow = bitsOf({ high28: randomHigh, low28: randomLow }) < bitsOf({ high28, low28 });
        expect(reaches(randomHigh, randomLow, { high28, low28, th: '' })).toBe(!isBelow);
      }),
      { seed: 7 },
    );
  });

  it.each(['', 'x', '123456789012345', 'A', '-1'])('is not read from %j', (th) => {
    expect(parseThreshold(th)).toBeUndefined();
  });
});

describe('the sampler', () => {
  it('takes the low 56 bits of the trace id as its randomness', () => {
    const trace = traceWith('0123456789abcdef01fedcba98765432', 2);
    expect(bitsOf({ high28: trace.randomHigh28, low28: trace.randomLow28 })).toBe(0xfedcba98765432n);
  });

  it('keeps the share that it was told to, with the random flag and the threshold in the tracestate', () => {
    const sampler = new Sampler({ ratio: 0.1, parentBased: true });
    const random = new RandomBatch(seededIds(3));
    let kept = 0;
    for (let i = 0; i < 20_000; i++) {
      const trace = newTrace(random);
      sampler.decide(trace, false);
      if (trace.sampled) kept++;
      expect([trace.flags, trace.traceState]).toEqual(trace.sampled ? [3, 'ot=th:e666'] : [2, '']);
    }
    expect(kept / 20_000).toBeCloseTo(0.1, 1);
  });

  it('keeps all at 1, says so, and none at 0', () => {
    const trace = newTrace(new RandomBatch(seededIds()));
    new Sampler({ ratio: 1, parentBased: true }).decide(trace, false);
    expect([trace.sampled, trace.traceState]).toEqual([true, 'ot=th:0']);
    new Sampler({ ratio: 0, parentBased: true }).decide(trace, false);
    expect([trace.sampled, trace.traceState]).toEqual([false, '']);
  });

  const HIGH = 'a'.repeat(16) + '00ffffffffffffff';
  const LOW = 'a'.repeat(16) + '0000000000000001';

  it.each([
    [
      'a sampled parent with a threshold that it reaches',
      HIGH,
      1,
      'ot=th:c;rv:ffffffffffffff,a=1',
      1,
      'ot=th:c;rv:ffffffffffffff,a=1',
    ],
    ['a sampled parent without a threshold', LOW, 1, 'a=1', 1, 'a=1'],
    ['a sampled parent whose threshold says otherwise', LOW, 1, 'ot=th:c;x:y,a=1', 1, 'ot=x:y,a=1'],
    ['a sampled parent with a malformed threshold', HIGH, 1, 'ot=th:zz', 1, ''],
    ['an unsampled parent', HIGH, 0, 'a=1', 0, 'a=1'],
    ['an unsampled parent with a threshold', HIGH, 2, 'a=1,ot=th:8', 2, 'a=1'],
  ])('follows %s', (_, id, flags, traceState, flagsAfter, traceStateAfter) => {
    const trace = traceWith(id, flags, traceState);
    new Sampler({ ratio: 0.5, parentBased: true }).decide(trace, true);
    expect([trace.flags, trace.traceState]).toEqual([flagsAfter, traceStateAfter]);
  });

  it('goes by explicit randomness where the tracestate has it', () => {
    const trace = traceWith(LOW, 0, 'ot=rv:ffffffffffffff');
    new Sampler({ ratio: 0.01, parentBased: false }).decide(trace, true);
    expect([trace.sampled, trace.traceState]).toEqual([true, 'ot=th:fd70a;rv:ffffffffffffff']);
  });

  it('decides anew under a remote parent when it is not parent-based', () => {
    const trace = traceWith(HIGH, 0, 'a=1');
    new Sampler({ ratio: 1, parentBased: false }).decide(trace, true);
    expect([trace.sampled, trace.traceState]).toEqual([true, 'ot=th:0,a=1']);
  });
});

describe("OpenTelemetry's tracestate member", () => {
  it('is read and changed by sub-key, with the others kept', () => {
    expect(otValue('a=1,ot=th:8;rv:0123456789abcd', 'rv')).toBe('0123456789abcd');
    expect(otValue('a=1,not=th:8', 'th')).toBeUndefined();
    expect(withOtValue('a=1,ot=x:1;th:8', 'th', 'c')).toBe('ot=th:c;x:1,a=1');
    expect(withOtValue('a=1,ot=th:8', 'th', undefined)).toBe('a=1');
    expect(withOtValue('', 'th', undefined)).toBe('');
  });
});
