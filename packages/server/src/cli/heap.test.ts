import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { QuietHeap } from './heap.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/**
 * A heap of a process that takes so much of a core in each look, in percent; answers at which looks it was collected.
 */
function collectedAt(percents: readonly number[]): number[] {
  const found: number[] = [];
  let usedUs = 0;
  let look = 0;
  const heap = new QuietHeap({ cpuUs: () => usedUs, collect: () => found.push(look) });
  heap.start();
  for (const percent of percents) {
    look += 1;
    usedUs += percent * 50_000;
    vi.advanceTimersByTime(5_000);
  }
  heap.stop();
  vi.advanceTimersByTime(60_000);
  return found;
}

it('is collected once when the process has become quiet behind a load, and never without one', () => {
  expect(collectedAt([80, 80, 1, 1, 1, 1, 1, 1])).toEqual([5]);
  expect(collectedAt([80, 1, 1, 10, 1, 1, 1, 1])).toEqual([7]);
  expect(collectedAt([80, 1, 1, 1, 90, 1, 1, 1])).toEqual([4, 8]);
  expect(collectedAt([1, 10, 19, 1, 1, 1, 1, 1])).toEqual([]);
  expect(collectedAt([80, 80, 80, 80])).toEqual([]);
});

it('gives back what is free a look after a collection, and again when idle threads have ended', () => {
  const trimmed: number[] = [];
  let usedUs = 0;
  let look = 0;
  const heap = new QuietHeap({ cpuUs: () => usedUs, collect: () => {}, trim: () => trimmed.push(look) });
  heap.start();
  for (const percent of [80, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]) {
    look += 1;
    usedUs += percent * 50_000;
    vi.advanceTimersByTime(5_000);
  }
  heap.stop();
  // The collection is at the fourth look.
  expect(trimmed).toEqual([5, 10]);
});

it('is collected by what Node has for it', () => {
  let usedUs = 0;
  const heap = new QuietHeap({ cpuUs: () => usedUs });
  const before = process.memoryUsage().heapUsed;
  // Of the size of what requests leave.
  for (let times = 0; times < 20; times++) Array.from({ length: 100_000 }, () => ({}));
  heap.start();
  usedUs += 5_000_000;
  expect(() => vi.advanceTimersByTime(20_000)).not.toThrow();
  expect(process.memoryUsage().heapUsed).toBeLessThan(before + 50_000_000);
  heap.stop();
});
