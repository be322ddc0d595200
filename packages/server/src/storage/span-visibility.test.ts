import { describe, expect, it } from 'vitest';
import { SpanVisibility } from './span-visibility.ts';

const SECONDS = { first: 1_000, last: 1_010 };

describe('SpanVisibility', () => {
  it('says of what is not counted whether some came before the last that is, or nobody knows when', async () => {
    const visibility = new SpanVisibility();
    const hasLate = (): boolean | undefined => visibility.view().uncounted?.hasLate;
    visibility.startAt(100);
    expect(hasLate()).toBeUndefined();
    visibility.stored({ arrivals: { first: 101, last: 110 }, seconds: SECONDS, rows: 1 });
    expect(hasLate()).toBe(false);
    visibility.stored({ arrivals: { first: 90, last: 120 }, seconds: SECONDS, rows: 1 });
    expect(hasLate()).toBe(true);
    await visibility.count(120, () => Promise.resolve());
    visibility.stored({ arrivals: { first: 121, last: 130 }, seconds: SECONDS, rows: 1 });
    expect(hasLate()).toBe(false);
    visibility.stored({ arrivals: null, seconds: SECONDS, rows: 1 });
    expect(hasLate()).toBe(true);
  });
});
