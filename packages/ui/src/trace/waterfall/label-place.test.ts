import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { placeLabel } from './label-place.ts';

const bar = (startPx: number, endPx: number, overflowPx = endPx) => ({ startPx, endPx, overflowPx });

describe('the label of a bar', () => {
  it('stands after the bar where there is room', () => {
    expect(placeLabel(bar(10, 200), 800, [50])).toEqual({ place: 'after', form: 0 });
  });

  it('stands before a bar that reaches the right edge', () => {
    expect(placeLabel(bar(600, 795), 800, [50])).toEqual({ place: 'before', form: 0 });
  });

  it('is in the overflow rather than on the bar', () => {
    expect(placeLabel(bar(10, 800, 400), 800, [200, 50])).toEqual({ place: 'overflow', form: 0 });
  });

  it('is shortened rather than written over the critical path', () => {
    expect(placeLabel(bar(10, 800, 600), 800, [300, 120, 50])).toEqual({ place: 'overflow', form: 1 });
  });

  it('stands inside a bar that fills the lane', () => {
    expect(placeLabel(bar(0, 800), 800, [50])).toEqual({ place: 'inside', form: 0 });
  });

  it('is shortened where its full form fits nowhere', () => {
    expect(placeLabel(bar(10, 200), 300, [250, 40])).toEqual({ place: 'after', form: 1 });
  });

  it('never leaves the lane when it stands beside the bar', () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.nat(1000), fc.integer({ min: 40, max: 300 }), (a, b, fullPx) => {
        const [start, end] = [Math.min(a, b), Math.max(a, b)];
        const label = placeLabel(bar(start, end), 1000, [fullPx, 40]);
        const width = label.form === 0 ? fullPx : 40;
        expect(label.place !== 'after' || end + width <= 1000).toBe(true);
        expect(label.place !== 'before' || start - width >= 0).toBe(true);
      }),
    );
  });
});
