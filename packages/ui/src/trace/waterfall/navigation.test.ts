import { describe, expect, it } from 'vitest';
import { nextPlace, nextSegment } from './navigation.ts';

const marked = (...places: number[]) => {
  const set = new Set(places);
  return (place: number): boolean => set.has(place);
};

describe('going to the next match', () => {
  it('finds the nearest one ahead', () => {
    expect(nextPlace(10, 3, 1, marked(2, 5, 7))).toBe(5);
    expect(nextPlace(10, 5, -1, marked(2, 5, 7))).toBe(2);
  });

  it('goes around the end', () => {
    expect(nextPlace(10, 7, 1, marked(2, 5, 7))).toBe(2);
    expect(nextPlace(10, 2, -1, marked(2, 5, 7))).toBe(7);
  });

  it('starts at either end when nothing is active', () => {
    expect(nextPlace(10, -1, 1, marked(0, 9))).toBe(0);
    expect(nextPlace(10, -1, -1, marked(0, 9))).toBe(9);
  });

  it('stays on the only match, and says when there is none', () => {
    expect(nextPlace(10, 4, 1, marked(4))).toBe(4);
    expect(nextPlace(10, 4, 1, marked())).toBe(-1);
    expect(nextPlace(0, -1, 1, () => true)).toBe(-1);
  });
});

describe('the next segment of the critical path', () => {
  // A parent comes back after each of its children.
  const spans = Int32Array.from([0, 1, 2, 1, 3, 1, 0]);

  const walk = (step: 1 | -1, from: number): number[] => {
    let at = -1;
    let active = from;
    return Array.from({ length: 7 }, () => {
      at = nextSegment(spans, at, active, step);
      active = spans[at] ?? -1;
      return active;
    });
  };

  it('is walked in time, to the end and around', () => {
    expect(walk(1, 0)).toEqual([1, 2, 1, 3, 1, 0, 1]);
    expect(walk(-1, 3)).toEqual([1, 2, 1, 0, 1, 3, 1]);
    expect(walk(1, 9)).toEqual([0, 1, 2, 1, 3, 1, 0]);
  });

  it('begins again at a span that was reached in another way', () => {
    expect(nextSegment(spans, 5, 2, 1)).toBe(3);
    expect(nextSegment(Int32Array.from([4]), 0, 4, 1)).toBe(-1);
  });
});
