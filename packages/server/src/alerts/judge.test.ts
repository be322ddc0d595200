import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RequestSample } from '../query/sample-requests.ts';
import { NEW_STATE, stepAlert } from './alert-state.ts';
import { judge, sideOf, type LimitedRule, type Verdict } from './judge.ts';

const RULE: LimitedRule = {
  watch: 'errors',
  quantile: 0.9,
  confidence: 0.99,
  minRequests: 20,
  noData: null,
  limit: { direction: 'above', value: 0.05 },
};

const MS = 1e6;
/** So many requests, of which so many have failed; all took ten milliseconds but for the slow ones. */
function sampleOf(count: number, errors: number, slow = 0, effectiveCount = count): RequestSample {
  return {
    count,
    errors,
    effectiveCount,
    durations: [
      { fromNs: 10 * MS, toNs: 11 * MS, count: count - slow },
      { fromNs: 500 * MS, toNs: 550 * MS, count: slow },
    ].filter((bucket) => bucket.count > 0),
  };
}

const verdictOf = (rule: Partial<LimitedRule>, sample: RequestSample, seconds = 60, weight = 1): Verdict =>
  judge({ ...RULE, ...rule }, sample, seconds, weight).verdict;

describe('a window', () => {
  it('is beyond a limit only where the whole interval is', () => {
    // 8%: more than the limit, and no proof of it in a hundred requests.
    expect(verdictOf({}, sampleOf(100, 8))).toBe('undecided');
    expect(verdictOf({}, sampleOf(10_000, 800))).toBe('beyond');
    expect(verdictOf({}, sampleOf(10_000, 100))).toBe('within');
    // The same, of which one in ten thousand is stored.
    expect(verdictOf({}, sampleOf(10_000, 800, 0, 100))).toBe('undecided');
    const below = { limit: { direction: 'below', value: 0.05 } } as const;
    expect(verdictOf(below, sampleOf(10_000, 800))).toBe('within');
    expect(verdictOf(below, sampleOf(10_000, 100))).toBe('beyond');
  });

  it('decides nothing of a handful, however bad it is', () => {
    for (let count = 1; count < 20; count++) {
      expect(verdictOf({}, sampleOf(count, count))).toBe('few');
      expect(verdictOf({ watch: 'latency', limit: { direction: 'above', value: MS } }, sampleOf(count, 0, count))).toBe(
        'few',
      );
      expect(verdictOf({ watch: 'rate', limit: { direction: 'above', value: 0.001 } }, sampleOf(count, 0))).not.toBe(
        'beyond',
      );
    }
    expect(verdictOf({}, sampleOf(20, 20))).toBe('beyond');
  });

  it('is judged by the quantile of its durations', () => {
    const rule = { watch: 'latency', limit: { direction: 'above', value: 400 * MS } } as const;
    expect(verdictOf(rule, sampleOf(1_000, 0, 50))).toBe('within');
    expect(verdictOf(rule, sampleOf(1_000, 0, 200))).toBe('beyond');
    expect(verdictOf(rule, sampleOf(100, 0, 12))).toBe('undecided');
    // A limit inside of the bucket: the store cannot tell on which side the requests of it are.
    expect(verdictOf({ ...rule, limit: { direction: 'above', value: 520 * MS } }, sampleOf(1_000, 0, 200))).toBe(
      'undecided',
    );
  });

  it('is judged by how many requests there are', () => {
    const below = { watch: 'rate', limit: { direction: 'below', value: 10 } } as const;
    expect(verdictOf(below, sampleOf(600, 0))).toBe('undecided');
    expect(verdictOf(below, sampleOf(400, 0))).toBe('beyond');
    expect(verdictOf(below, sampleOf(800, 0))).toBe('within');
    const { value, interval } = judge({ ...RULE, ...below }, sampleOf(600, 0), 60);
    expect([value, interval!.lower < 10, interval!.upper > 10]).toEqual([10, true, true]);
  });

  it('without requests does what the rule says of it', () => {
    const nothing = sampleOf(0, 0);
    expect(verdictOf({}, nothing)).toBe('none');
    expect(verdictOf({ noData: 'keep' }, nothing)).toBe('none');
    expect(verdictOf({ noData: 'fire' }, nothing)).toBe('beyond');
    expect(verdictOf({ noData: 'resolve' }, nothing)).toBe('within');
    const below = { watch: 'rate', limit: { direction: 'below', value: 1 } } as const;
    const above = { watch: 'rate', limit: { direction: 'above', value: 1 } } as const;
    expect(verdictOf(below, nothing)).toBe('beyond');
    expect(verdictOf(above, nothing)).toBe('within');
    // One in a hundred is stored: of a request a second none may be there.
    expect(verdictOf(below, nothing, 60, 100)).toBe('undecided');
    // What the rule says counts more than what zero would mean.
    const said = { keep: 'none', fire: 'beyond', resolve: 'within' } as const;
    for (const noData of ['keep', 'fire', 'resolve'] as const) {
      for (const rate of [below, above]) {
        for (const weight of [1, 100]) {
          expect(verdictOf({ ...rate, noData }, nothing, 60, weight)).toBe(said[noData]);
        }
      }
    }
  });

  it('is beyond no lower limit where it is not beyond a higher one', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2_000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0.001, max: 0.999, noNaN: true }),
        fc.double({ min: 0.001, max: 0.999, noNaN: true }),
        (count, share, a, b) => {
          const [low, high] = [Math.min(a, b), Math.max(a, b)];
          const sample = sampleOf(count, Math.round(count * share));
          const at = (value: number): Verdict => verdictOf({ limit: { direction: 'above', value } }, sample);
          const [verdictLow, verdictHigh] = [at(low), at(high)];
          expect(verdictHigh === 'beyond' && verdictLow !== 'beyond').toBe(false);
          expect(verdictLow === 'within' && verdictHigh !== 'within').toBe(false);
        },
      ),
    );
  });

  it('never lies on both sides', () => {
    const interval = fc
      .tuple(fc.double({ noNaN: true }), fc.double({ noNaN: true }))
      .map(([a, b]) => ({ lower: Math.min(a, b), upper: Math.max(a, b) }));
    fc.assert(
      fc.property(interval, fc.double({ noNaN: true }), (given, value) => {
        const above = sideOf(given, { direction: 'above', value });
        const below = sideOf(given, { direction: 'below', value });
        const other = { beyond: 'within', within: 'beyond', undecided: 'undecided' } as const;
        expect(below).toBe(other[above]);
      }),
    );
  });
});

/** A generator of numbers from 0 to 1 that are the same in each run. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 4_294_967_296;
  };
}

/** A window of requests of which each fails by chance. */
function windowOf(random: () => number, requests: number, share: number): RequestSample {
  let errors = 0;
  for (let request = 0; request < requests; request++) if (random() < share) errors++;
  return sampleOf(requests, errors);
}

/** How often it fires in windows of a minute, one after the other. */
function firesIn(minutes: number, shareAt: (minute: number) => number, seed: number): number {
  const random = randomOf(seed);
  const timing = { stepMs: 60_000, windowMs: 60_000, forMs: 120_000, resolveForMs: 120_000 };
  let state = NEW_STATE;
  let fired = 0;
  for (let minute = 1; minute <= minutes; minute++) {
    const verdict = verdictOf({}, windowOf(random, 300, shareAt(minute)));
    const step = stepAlert(state, verdict, minute * 60_000, timing, String);
    if (step.event === 'fired') fired++;
    ({ state } = step);
  }
  return fired;
}

/** Far beyond the limit at first, then on both sides of it in turn. */
const swinging = (minute: number): number => (minute < 10 ? 0.2 : minute % 2 === 0 ? 0.03 : 0.07);

describe('a rule with a limit of 5%', () => {
  it('passes it in no more than a few of a thousand windows where that is the truth', () => {
    const random = randomOf(12_345);
    const counts: Record<Verdict, number> = { beyond: 0, within: 0, undecided: 0, few: 0, none: 0 };
    for (let window = 0; window < 1_000; window++) counts[verdictOf({}, windowOf(random, 400, 0.05))]++;
    expect(counts.beyond).toBeLessThan(12);
    expect(counts.within).toBeLessThan(12);
  });

  it('does not fire in days at the limit, and once where it is passed', () => {
    for (let seed = 1; seed <= 5; seed++) {
      expect(firesIn(2_880, () => 0.05, seed)).toBe(0);
      expect(firesIn(120, (minute) => (minute < 30 || minute > 90 ? 0.01 : 0.15), seed)).toBe(1);
    }
  });

  it('does not flap where the truth swings about the limit while it fires', () => {
    for (let seed = 1; seed <= 5; seed++) {
      expect(firesIn(600, swinging, seed)).toBe(1);
    }
  });
});
