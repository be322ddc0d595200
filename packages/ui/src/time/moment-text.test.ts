import { describe, expect, it } from 'vitest';
import { absoluteText, relativeText, unixMs } from './moment-text.ts';

describe('a moment as text', () => {
  it('cuts nanoseconds to milliseconds without losing digits', () => {
    expect(unixMs('1764000000123999999')).toBe(1_764_000_000_123);
  });

  it.each([
    [1_500, 'just now'],
    [-60_000, 'just now'],
    [12_400, '12 s ago'],
    [180_000, '3 min ago'],
    [7_200_000, '2 h ago'],
    [86_400_000 * 400, '400 d ago'],
  ])('says how long ago %d ms are', (agoMs, text) => {
    expect(relativeText(1e12 - agoMs, 1e12)).toBe(text);
  });

  it('writes local time to the millisecond', () => {
    expect(absoluteText(new Date(2026, 10, 3, 5, 9, 7, 42).getTime())).toBe('2026-11-03 05:09:07.042');
  });
});
