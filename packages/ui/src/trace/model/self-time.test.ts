import { describe, expect, it } from 'vitest';
import { selfTimeNs } from './self-time.ts';

/** A parent of 0 to 100 with children at these times; none has children of its own. */
function family(...children: [start: number, end: number][]) {
  const all: [number, number][] = [[0, 100], ...children];
  return {
    startNs: Float64Array.from(all, ([start]) => start),
    durationNs: Float64Array.from(all, ([start, end]) => end - start),
    subtreeSize: Int32Array.from(all, (_, i) => (i === 0 ? all.length : 1)),
  };
}

describe('the time of a span itself', () => {
  it('is all of it without children', () => {
    expect(selfTimeNs(family(), 0)).toBe(100);
  });

  it('counts time that several children share once', () => {
    expect(selfTimeNs(family([10, 40], [20, 30], [30, 60]), 0)).toBe(50);
  });

  it('counts of a child only what lies within the span', () => {
    expect(selfTimeNs(family([80, 400]), 0)).toBe(80);
    expect(selfTimeNs(family([120, 400]), 0)).toBe(100);
  });
});
