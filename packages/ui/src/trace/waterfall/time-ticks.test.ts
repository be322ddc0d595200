import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tickText, timeTicks } from './time-ticks.ts';

describe('the time axis', () => {
  it('chooses steps of 1, 2 or 5', () => {
    expect(timeTicks(5.02e9, 660).ticksNs).toEqual([0, 1e9, 2e9, 3e9, 4e9, 5e9]);
    expect(timeTicks(120e6, 330).stepNs).toBe(50e6);
  });

  it('never crowds labels, and always marks the start', () => {
    fc.assert(
      fc.property(fc.double({ min: 1, max: 1e15, noNaN: true }), fc.integer({ min: 1, max: 4000 }), (extent, width) => {
        const { stepNs, ticksNs } = timeTicks(extent, width);
        expect(ticksNs[0]).toBe(0);
        expect(ticksNs.length).toBeLessThanOrEqual(Math.max(1, width / 90) + 1);
        expect(ticksNs.at(-1) ?? 0).toBeLessThanOrEqual(extent * (1 + 1e-9));
        expect(['1', '2', '5']).toContain(stepNs.toExponential(0)[0]);
      }),
    );
  });

  it('marks only the start where there is no time or no room', () => {
    expect(timeTicks(0, 800).ticksNs).toEqual([0]);
    expect(timeTicks(1e9, 0).ticksNs).toEqual([0]);
  });

  it.each([
    [0, 1e9, '0'],
    [1.5e9, 5e8, '1.5 s'],
    [2e9, 5e8, '2 s'],
    [20e6, 20e6, '20 ms'],
    [1_200e6, 200e6, '1.2 s'],
    [50e3, 10e3, '50 µs'],
  ])('labels %d ns at a step of %d as %s', (ns, step, text) => {
    expect(tickText(ns, step)).toBe(text);
  });
});
