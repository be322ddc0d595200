import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RandomBatch } from '../span/random-batch.ts';
import { continuedTrace, newTrace, traceOfHex, type LocalTrace } from '../span/local-trace.ts';
import { seededIds } from '../test-support/recorded.ts';
import { otValue, withOtValue } from './consistent/ot-trace-state.ts';
import { Sampler } from './sampler.ts';
import { parseThreshold, reaches, thresholdOf } from './consistent/threshold.ts';

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
        expect(reaches(randomHigh, randomLow, { high28, low28 })).toBe(!isBelow);
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

  it('samples with the given probability, with the random flag and the threshold in the tracestate', () => {
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

  it('decides from scratch under a remote parent when it is not parent-based', () => {
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

  it('stays within 256 characters, and loses neither th nor rv for that', () => {
    const before = `ot=a:${'x'.repeat(200)};rv:0123456789abcd;b:${'y'.repeat(25)}`;
    const after = withOtValue(before, 'th', 'fd70a');
    expect(after).toBe(`ot=th:fd70a;a:${'x'.repeat(200)};rv:0123456789abcd`);
  });
});

describe('hostile members of the tracestate', () => {
  const SIZE = 4000;
  const id128 = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'.split('')), minLength: 32, maxLength: 32 });
  const anyValue = fc.string({ unit: fc.constantFrom(...'0123456789abcdefABC.:_- zZ'.split('')), maxLength: 20 });
  const member = fc
    .array(fc.tuple(fc.constantFrom('th', 'rv', 'p', 'x', ''), anyValue), { maxLength: 4 })
    .map((pairs) => pairs.map(([key, value]) => `${key}:${value}`).join(';'));

  it('never change what a caller without a threshold decided, nor whether a new trace is kept', () => {
    fc.assert(
      fc.property(
        id128,
        fc.constantFrom(0, 1, 2, 3),
        member,
        fc.double({ min: 0, max: 1, noNaN: true }),
        (id, flags, ot, p) => {
          fc.pre(!/^0*$/.test(id));
          const followed = traceWith(id, flags, ot === '' ? 'a=1' : `ot=${ot},a=1`);
          new Sampler({ ratio: p, parentBased: true }).decide(followed, true);
          expect(followed.sampled).toBe((flags & 1) === 1);
          // What is stated after that is a weight that flag and randomness agree with.
          const th = otValue(followed.traceState, 'th');
          expect(th === undefined || (followed.sampled && parseThreshold(th) !== undefined)).toBe(true);

          const decided = traceWith(id, 2, ot === '' ? '' : `ot=${ot}`);
          const given = otValue(decided.traceState, 'rv') ?? '';
          const randomness = /^[0-9a-f]{14}$/.test(given) ? given : id.slice(18);
          new Sampler({ ratio: p, parentBased: false }).decide(decided, true);
          const isKept = p > 0 && BigInt(`0x${randomness}`) >= bitsOf(thresholdOf(p));
          expect(decided.sampled).toBe(isKept);
          expect(otValue(decided.traceState, 'rv') ?? '').toBe(given);
        },
      ),
      { numRuns: SIZE },
    );
  });
});

describe('services that know nothing of each other', () => {
  it('agree on every trace: whoever keeps less keeps nothing that the other drops', () => {
    const ids = new RandomBatch(seededIds(11));
    const random = seededIds(12);
    const share = (): number => 2 ** ((random.int32() >>> 0) / -(2 ** 28));
    let disagreements = 0;
    // The long form of this, with millions of ids, is bench/sampling/consistency.mjs.
    for (let i = 0; i < 50_000; i++) {
      const [p, q] = [share(), share()];
      const trace = newTrace(ids);
      const first = continuedTrace(trace);
      new Sampler({ ratio: Math.max(p, q), parentBased: false }).decide(first, false);
      const second = continuedTrace(trace);
      new Sampler({ ratio: Math.min(p, q), parentBased: false }).decide(second, false);
      if (second.sampled && !first.sampled) disagreements++;
      // A third one reads what the second one stated.
      const third = continuedTrace(second);
      new Sampler({ ratio: 1, parentBased: true }).decide(third, true);
      if (third.sampled !== second.sampled || third.traceState !== second.traceState) disagreements++;
    }
    expect(disagreements).toBe(0);
  });
});
