import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rowWindow, scrollToShow } from './row-window.ts';

describe('the window of drawn rows', () => {
  it('covers the viewport and its overscan', () => {
    expect(rowWindow(1000, 280, 28, 10_000, 4)).toEqual({ first: 31, last: 50 });
  });

  it('begins at the first row while the list starts below the viewport top', () => {
    expect(rowWindow(-300, 800, 28, 10, 4)).toEqual({ first: 0, last: 10 });
  });

  it('covers every row that the viewport touches, whatever the position', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -5000, max: 300_000 }),
        fc.nat(3000),
        fc.nat(10_000),
        (scrolled, viewport, count) => {
          const { first, last } = rowWindow(scrolled, viewport, 28, count, 0);
          expect(first).toBeGreaterThanOrEqual(0);
          expect(last).toBeLessThanOrEqual(count);
          for (const px of [scrolled, scrolled + viewport - 1]) {
            const row = Math.floor(px / 28);
            const exists = viewport > 0 && row >= 0 && row < count;
            expect(!exists || (row >= first && row < last)).toBe(true);
          }
        },
      ),
    );
  });
});

describe('scrolling to a row', () => {
  it('does nothing for a row in view', () => {
    expect(scrollToShow(200, 28, 100, 700, 20)).toBe(0);
  });

  it('goes up or down by just what is missing', () => {
    expect(scrollToShow(90, 28, 100, 700, 20)).toBe(-30);
    expect(scrollToShow(690, 28, 100, 700, 20)).toBe(38);
  });
});
