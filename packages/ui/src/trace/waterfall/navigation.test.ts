import { describe, expect, it } from 'vitest';
import { nextPlace } from './navigation.ts';

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
