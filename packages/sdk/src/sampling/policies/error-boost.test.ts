import { describe, expect, it } from 'vitest';
import { runPolicy } from '../../test-support/policy.ts';
import { adaptive } from './adaptive.ts';
import { ErrorBoost } from './error-boost.ts';

const OPTIONS = { errorTracesPerSecond: 5, maxProbability: 1 };

/** Seconds with the same load; answers the shares that were stated in them. */
function load(boost: ErrorBoost, seconds: number, requests: number, errors: number): (number | undefined)[] {
  return Array.from({ length: seconds }, () => boost.afterSecond(requests, errors, OPTIONS)?.probability);
}

describe('the boost of errors', () => {
  it('leaves an operation alone whose errors are as usual, few or many', () => {
    for (const errors of [0, 1, 50]) {
      const boost = new ErrorBoost();
      load(boost, 700, 1000, errors);
      expect(load(boost, 600, 1000, errors).every((share) => share === undefined)).toBe(true);
    }
  });

  it('keeps as many error traces as are wanted once errors rise', () => {
    const boost = new ErrorBoost();
    load(boost, 600, 1000, 1);
    const shares = load(boost, 15, 1000, 50);
    expect(shares.findIndex((share) => share !== undefined)).toBeLessThan(3);
    expect((shares[14] ?? 0) * 50).toBeCloseTo(5, 1);
  });

  it('waits for five errors, however rare they were', () => {
    const boost = new ErrorBoost();
    load(boost, 600, 1, 0);
    expect(load(boost, 1, 4, 4)).toEqual([undefined]);
    expect(load(boost, 1, 2, 2)[0]).toBeDefined();
  });

  it('goes on for a minute after errors were last up, then leaves five quiet', () => {
    const boost = new ErrorBoost();
    load(boost, 600, 1000, 1);
    load(boost, 5, 1000, 100);
    const after = load(boost, 100, 1000, 1);
    const held = after.findIndex((share) => share === undefined);
    expect(held).toBeGreaterThanOrEqual(58);
    expect(held).toBeLessThanOrEqual(72);
    // A second rise within the cooldown waits for its end.
    const again = load(boost, 300, 1000, 100);
    expect(again.slice(0, 200).every((share) => share === undefined)).toBe(true);
  });
});

describe('the adaptive policy', () => {
  it('boosts the operation whose errors rise, and no other', async () => {
    const run = runPolicy(adaptive({ sampling: 0, errorTracesPerSecond: 20 }));
    const second = async (failing: number): Promise<void> => {
      for (let i = 0; i < 100; i++) {
        for (const name of ['pay', 'list']) {
          const operation = run.counts.operationOf(name, 1);
          run.counts.end(operation, name, name === 'pay' && i < failing ? 2 : 0, 1e6);
        }
      }
      await run.time.advance(1000);
    };
    for (let i = 0; i < 60; i++) await second(0);
    expect(run.decide('pay').sampled).toBe(false);
    for (let i = 0; i < 5; i++) await second(20);
    expect(run.decide('pay').sampled).toBe(true);
    expect(run.decide('pay').traceState).toMatch(/^ot=th:/);
    expect(run.decide('list').sampled).toBe(false);
    await run.close();
    for (let i = 0; i < 60; i++) await second(20);
    expect(run.failures).toEqual([]);
  });
});
