import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bucketOf, LogSketch, quantilesOf, SKETCH_ERROR, valueOf } from './log-sketch.ts';

const value = fc.oneof(
  fc.double({ min: -1e18, max: 1e18, noNaN: true }),
  fc.integer({ min: -1_000_000, max: 1_000_000 }),
  fc.constantFrom(0, 1, -1, 2 ** 63, -(2 ** 63), 0.5),
);
const sample = fc.record({ value, weight: fc.integer({ min: 1, max: 1_000 }) });
const samples = fc.array(sample, { minLength: 1, maxLength: 200 });

function sketchOf(given: readonly { readonly value: number; readonly weight: number }[]): LogSketch {
  const sketch = new LogSketch();
  for (const one of given) sketch.add(one.value, one.weight);
  return sketch;
}

describe('a sketch', () => {
  test('has a bucket of 16 bits for every value, whose middle is near it', () => {
    fc.assert(
      fc.property(value, (given) => {
        const bucket = bucketOf(given);
        expect(bucket).toBe(new Int16Array([bucket])[0]);
        const error = Math.abs(valueOf(bucket) - given);
        expect(error).toBeLessThanOrEqual(Math.max(1, Math.abs(given) * SKETCH_ERROR * (1 + 1e-9)));
      }),
    );
  });

  test('of a union is the sum of the sketches of its parts', () => {
    fc.assert(
      fc.property(samples, samples, (some, others) => {
        const merged = new LogSketch();
        for (const part of [sketchOf(others), sketchOf(some)]) {
          const entries = part.entries();
          merged.merge(
            entries.map(([bucket]) => bucket),
            entries.map(([, weight]) => weight),
          );
        }
        const whole = sketchOf([...some, ...others]);
        expect(merged.entries()).toEqual(whole.entries());
        expect(merged.total).toBe(whole.total);
      }),
    );
  });

  test('gives each quantile within the error of the value that has that weight up to it', () => {
    fc.assert(
      fc.property(samples, fc.double({ min: 0.001, max: 1, noNaN: true }), (given, share) => {
        const sorted = given.toSorted((a, b) => a.value - b.value);
        const total = sorted.reduce((sum, { weight }) => sum + weight, 0);
        let reached = 0;
        const exact = sorted.find(({ weight }) => (reached += weight) >= share * total * (1 - 1e-12))!.value;
        const [estimate = Number.NaN] = quantilesOf(sketchOf(given).entries(), [share]);
        expect(Math.abs(estimate - exact)).toBeLessThanOrEqual(
          Math.max(1, Math.abs(exact) * SKETCH_ERROR * (1 + 1e-9)),
        );
      }),
    );
  });

  test('without values has no quantile, and takes none without weight', () => {
    const sketch = new LogSketch();
    sketch.add(1, 0);
    sketch.add(1, Number.NaN);
    expect(sketch.entries()).toEqual([]);
    expect(quantilesOf(sketch.entries(), [0.5, 0.9])).toEqual([Number.NaN, Number.NaN]);
  });
});
