import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteBuffer } from './growable-buffers.ts';

test('bytes of every length are copied from everywhere to everywhere', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), fc.nat(20), fc.nat(20), (source, skip, before) => {
      const start = Math.min(skip, source.length);
      const buffer = new ByteBuffer();
      buffer.zeros(before);
      // A view into the middle of other memory, as a request's body is.
      const shifted = new Uint8Array(source.length + 3).subarray(3);
      shifted.set(source);
      buffer.copy(shifted, start, source.length);
      expect([...buffer.content()]).toEqual([...new Uint8Array(before), ...source.subarray(start)]);
    }),
    { numRuns: 300, seed: 11 },
  );
});

test('a repeat appends the last bytes as often as it is told', () => {
  for (const [length, times] of [
    [0, 5],
    [1, 0],
    [1, 1],
    [3, 7],
    [5, 64],
  ] as const) {
    const buffer = new ByteBuffer();
    buffer.byte(9);
    const piece = Uint8Array.from({ length }, (_, index) => index + 1);
    buffer.copy(piece, 0, length);
    buffer.repeat(1, times);
    expect([...buffer.content()]).toEqual([9, ...Array.from({ length: times + 1 }, () => [...piece]).flat()]);
  }
});

test('memory stays while it is used and is given back when little of it is', () => {
  const buffer = new ByteBuffer();
  const use = (count: number): number => {
    buffer.zeros(count);
    buffer.clear();
    return buffer.bytes.length;
  };
  const large = 10_000_000;
  for (let round = 0; round < 40; round++) expect(use(large)).toBeGreaterThanOrEqual(large);
  for (let round = 0; round < 40; round++) use(100);
  expect(buffer.bytes.length).toBeLessThan(10_000);
});
