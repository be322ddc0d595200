import { expect, test } from 'vitest';
import { sessionFrom, startOf, thereSince } from './session-start.ts';

const ended = (beganS: number, seenS: number) => ({
  session: sessionFrom(beganS * 1_000),
  isUp: false,
  seen: new Date(seenS * 1_000),
});
const alive = (beganS: number) => ({ ...ended(beganS, beganS), isUp: true });
const since = (others: Parameters<typeof thereSince>[1]): number => thereSince(1_000_000, others) / 1_000;

test('a session is another one each time, and says when it began', () => {
  expect(sessionFrom(5)).not.toBe(sessionFrom(5));
  expect([startOf(sessionFrom(1_700_000_000_000.5)), startOf(sessionFrom(0))]).toEqual([1_700_000_000_000, 0]);
  for (const session of ['', 'a', '2c1c9a8e-6a54-4c1d-9f0b-1d1f3b0a7a11']) expect(startOf(session)).toBeNull();
});

test('collectors have been there since the first of those began that follow each other without a break', () => {
  expect(since([])).toBe(1_000);
  // All have been started at once, after a night in which none was there.
  expect(since([alive(990), alive(1_010), ended(100, 500)])).toBe(990);
  // One after the other is replaced.
  expect(since([ended(600, 950), alive(800), ended(100, 600), ended(20, 90)])).toBe(100);
  // An older version does not say when it began.
  expect(since([{ ...alive(0), session: 'a' }])).toBe(0);
  expect(since([{ ...ended(0, 900), session: 'a' }])).toBe(1_000);
});
