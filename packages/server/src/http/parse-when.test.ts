import { expect, it } from 'vitest';
import { parseMilliseconds, parseWhen } from './parse-when.ts';

const NOW_MS = 1_700_000_000_000;
const SECOND_MS = 1_000;
const DAY_MS = 86_400 * SECOND_MS;
/** How long before now; null where it is no moment. */
const agoMs = (text: string): number | null => {
  const ns = parseWhen(text, NOW_MS);
  return ns === null ? null : NOW_MS - Number(ns / 1_000_000n);
};

it.each([
  ['now', 0],
  ['90s', 90 * SECOND_MS],
  ['15m', 900 * SECOND_MS],
  ['-15m', 900 * SECOND_MS],
  ['15 mins ago', 900 * SECOND_MS],
  ['1 Minute ago', 60 * SECOND_MS],
  ['2 hours ago', 7_200 * SECOND_MS],
  ['1 sec ago', SECOND_MS],
  ['3 days', 3 * DAY_MS],
  ['1 week ago', 7 * DAY_MS],
  [String(NOW_MS), 0],
])('reads %j as a moment', (text, before) => {
  expect(agoMs(text)).toBe(before);
});

it.each([
  '1 month ago',
  '2mo',
  '1 millisecond ago',
  '250ms',
  '1 microsecond',
  '1 hundred',
  '5 y',
  '2 decades ago',
  '1 wednesday',
])('takes %j for no moment, and for none of another unit', (text) => {
  expect(parseWhen(text, NOW_MS)).toBeNull();
});

it('reads no moment before 1970', () => {
  expect(parseWhen('99999w', NOW_MS)).toBeNull();
});

it('reads durations by their unit, and none by one that it does not know', () => {
  expect(['250', '250ms', '1.5s', '2m', '1 min', '0.5us', '1h'].map(parseMilliseconds)).toEqual([
    250, 250, 1_500, 120_000, 60_000, 0.0005, 3_600_000,
  ]);
  expect(['', '1 month', '1d', '-1', 'fast'].map(parseMilliseconds)).toEqual(Array(5).fill(null));
});
