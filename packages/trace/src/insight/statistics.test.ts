import { describe, expect, test } from 'vitest';
import { likelihoodRatio, quantile, riseOf, usualOf } from './statistics.ts';

const MS = 1e6;
const rise = (baseline: number[], values: number[]) => {
  const sorted = baseline.toSorted((a, b) => a - b);
  return riseOf(sorted, values, usualOf(sorted, 2 * MS), MS);
};
const repeat = (count: number, ...values: number[]): number[] =>
  Array.from({ length: count }, (_, at) => values.at(at % values.length)! * MS);

describe('the usual range', () => {
  test('ends half a median above the 90th percentile, and never nearer than the slack', () => {
    expect(usualOf(repeat(100, 10), 2 * MS)).toMatchObject({ median: 10 * MS, threshold: 15 * MS });
    expect(usualOf(repeat(100, 0.1), 2 * MS).threshold).toBeCloseTo(2.1 * MS);
  });

  test('of few values ends above the highest', () => {
    expect(
      usualOf(
        [1, 2, 9].map((ms) => ms * MS),
        2 * MS,
      ).threshold,
    ).toBe(11 * MS);
  });

  test('of none has no end: nothing is unusual', () => {
    expect(rise([], repeat(50, 100))).toMatchObject({ share: 0, evidence: 0 });
  });
});

describe('a rise', () => {
  test('is none where the windows are alike', () => {
    expect(rise(repeat(200, 9, 10, 11, 12), repeat(200, 12, 11, 10, 9)).evidence).toBe(0);
  });

  test('counts how many values are above the usual range, not by how much one of them is', () => {
    const one = rise(repeat(200, 10), [...repeat(199, 10), 60_000 * MS]);
    expect(one.share).toBe(1 / 200);
    expect(one.evidence).toBe(0);
    expect(rise(repeat(200, 10), repeat(200, 10, 100)).share).toBe(0.5);
  });

  test('says more the farther and the more often values are above, up to a limit', () => {
    const evidence = [rise(repeat(100, 10), repeat(100, 10, 30)), rise(repeat(100, 10), repeat(100, 30))].map(
      (one) => one.evidence,
    );
    expect(evidence.at(1)!).toBeGreaterThan(evidence.at(0)!);
    expect(rise(repeat(100, 10), repeat(100, 1e9)).evidence).toBeLessThanOrEqual(8);
  });

  test('takes more than two values to show', () => {
    expect(rise(repeat(100, 10), repeat(1, 500)).evidence).toBeLessThan(
      rise(repeat(100, 10), repeat(10, 500)).evidence,
    );
  });

  test('knows values below zero: a callee may go on after its caller has gone', () => {
    expect(rise(repeat(100, -5, -4, -6), repeat(100, -5, -4)).evidence).toBe(0);
    expect(rise(repeat(100, -5, -4, -6), repeat(100, 100)).share).toBe(1);
  });
});

test('a quantile lies between two values in proportion', () => {
  expect(quantile([0, 10], 0.25)).toBe(2.5);
  expect(quantile([7], 0.9)).toBe(7);
  expect(quantile([], 0.5)).toBe(0);
});

test('a likelihood ratio is 0 for a share that is not higher, and grows with the count', () => {
  expect(likelihoodRatio(100, 0.03, 0.03)).toBe(0);
  expect(likelihoodRatio(100, 0.01, 0.03)).toBe(0);
  expect(likelihoodRatio(10, 1, 0.5)).toBeCloseTo(10 * Math.log(2));
  expect(likelihoodRatio(200, 0.2, 0.03)).toBeCloseTo(2 * likelihoodRatio(100, 0.2, 0.03));
});
