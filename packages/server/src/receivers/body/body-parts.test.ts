import * as fc from 'fast-check';
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { BodyParts } from './body-parts.ts';
import { ByteBudget } from './byte-budget.ts';

const newBudget = (bytesMax?: number) =>
  new ByteBudget({ registry: new Registry(), ...(bytesMax !== undefined && { bytesMax }) });

/** What the parts hold: their memory once, however many of them are in it. */
function heldBytes(parts: readonly Uint8Array[]): number {
  return [...new Set(parts.map(({ buffer }) => buffer))].reduce((bytes, { byteLength }) => bytes + byteLength, 0);
}

test('parts of any size come out as they went in, and never hold more than was reserved for them', () => {
  /** What one read from the socket brought: frames, of which some or all are the body's. */
  const anyRead = fc
    .tuple(fc.array(fc.integer({ min: 1, max: 16_384 }), { minLength: 1, maxLength: 4 }), fc.boolean(), fc.nat(255))
    .map(([lengths, isShared, byte]) => {
      const read = Buffer.alloc(isShared ? 65_536 : lengths.reduce((sum, length) => sum + length, 0), byte);
      let at = 0;
      return lengths.map((length) => read.subarray(at, (at += length)));
    });
  const anyPart = fc.oneof(
    { weight: 5, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 3 }) },
    fc.uint8Array({ maxLength: 300 }),
    fc.tuple(fc.integer({ min: 1_000, max: 200_000 }), fc.nat(255)).map(([length, byte]) => Buffer.alloc(length, byte)),
    // A part of what was read from the socket.
    fc
      .tuple(fc.integer({ min: 1, max: 60_000 }), fc.nat(255))
      .map(([length, byte]) => Buffer.alloc(65_536, byte).subarray(100, 100 + length)),
  );
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          anyPart.map((part) => [part]),
          anyRead,
        ),
        { maxLength: 60 },
      ),
      (reads) => {
        const given = reads.flat();
        const budget = newBudget();
        const reservation = budget.reserve();
        const body = new BodyParts(reservation);
        for (const part of given) body.add(part);
        const parts = body.end();
        expect(Buffer.concat(parts).equals(Buffer.concat(given))).toBe(true);
        expect(body.length).toBe(Buffer.concat(given).length);
        expect(budget.taken).toBe(body.reservedBytes);
        expect(heldBytes(parts)).toBeLessThanOrEqual(budget.taken);
        // A body in usual parts is not priced far above its length.
        expect(budget.taken).toBeLessThanOrEqual(2 * body.length + 512 * given.length + 70_000);
        reservation.release();
        expect(budget.taken).toBe(0);
      },
    ),
  );
});

test('parts of one byte are few, and cost about what they are', () => {
  const body = new BodyParts(newBudget().reserve());
  const read = Buffer.alloc(65_536, 7);
  for (let at = 0; at < 1_000_000; at++) body.add(read.subarray(at % 65_536, (at % 65_536) + 1));
  expect(body.end().length).toBeLessThan(40);
  expect(body.reservedBytes).toBeLessThan(1_200_000);
});

test('frames that are most of what was read are not copied, and those that are not hold nothing of it', () => {
  const read = Buffer.alloc(65_536, 7);
  const whole = new BodyParts(newBudget().reserve());
  for (let at = 9; at < 65_536; at += 16_384) whole.add(read.subarray(at, at + 16_000));
  expect(whole.end().every(({ buffer }) => buffer === read.buffer)).toBe(true);
  expect(whole.reservedBytes).toBe(65_536 + 4 * 512);
  const shared = new BodyParts(newBudget().reserve());
  shared.add(read.subarray(9, 16_009));
  expect(shared.end().some(({ buffer }) => buffer === read.buffer)).toBe(false);
  expect(shared.reservedBytes).toBe(16_384 + 512);
});

test('a part for which there is no memory left is rejected, for later or for good', () => {
  const budget = newBudget(100_000);
  const other = budget.reserve();
  other.take(50_000);
  const body = new BodyParts(budget.reserve());
  body.add(Buffer.alloc(40_000));
  expect(() => body.add(Buffer.alloc(40_000))).toThrow(expect.objectContaining({ status: 503 }) as Error);
  expect(() => body.add(Buffer.alloc(70_000))).toThrow(expect.objectContaining({ status: 413 }) as Error);
  expect(budget.taken).toBe(50_000 + body.reservedBytes);
});
