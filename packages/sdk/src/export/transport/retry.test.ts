import { describe, expect, it } from 'vitest';
import { retryAfterMs } from './http-transport.ts';
import { pauseMs } from './retry.ts';

const NOW = Date.UTC(2026, 10, 29, 12);

describe('the pause before the next attempt', () => {
  const retry = { maxAttempts: 10, initialDelayMillis: 1000, maxDelayMillis: 30_000 };

  it('is no shorter than our own, whatever the collector asks for', () => {
    expect(pauseMs(retry, 1, 0, () => 1)).toBe(1000);
    expect(pauseMs(retry, 3, 2000, () => 1)).toBe(4000);
    expect(pauseMs(retry, 1, 20_000, () => 1)).toBe(20_000);
    expect(pauseMs(retry, 1, 3_600_000, () => 1)).toBe(300_000);
  });

  it.each([
    ['120', 120_000],
    [' 120 ', 120_000],
    ['0', 0],
    ['Sun, 29 Nov 2026 12:00:30 GMT', 30_000],
    ['Sunday, 29-Nov-26 12:00:30 GMT', 30_000],
    ['Sun Nov 29 12:00:30 2026 GMT', 30_000],
    ['Sun, 29 Nov 2026 11:00:00 GMT', 0],
    ['1.5', undefined],
    ['-1', undefined],
    ['1, 2', undefined],
    ['2027', 2_027_000],
    ['soon', undefined],
    ['', undefined],
  ])('is read from Retry-After: %s', (header, expected) => {
    expect(retryAfterMs(header, NOW)).toBe(expected);
  });
});
