import { expect, test } from 'vitest';
import { Pace } from './pace.ts';

test('work waits until it is within the rate, and time that was not used is gone', () => {
  let nowMs = 1_000;
  const pace = new Pace(100, () => nowMs);
  expect(pace.spend(50)).toBe(500);
  nowMs += 500;
  expect(pace.spend(10)).toBe(100);
  expect(pace.spend(10)).toBe(200);
  nowMs += 60_000;
  expect(pace.spend(100)).toBe(1_000);
});

test('without a rate nothing waits', () => {
  expect(new Pace(Infinity, () => 0).spend(1_000_000)).toBe(0);
});
