import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SegmentMemory, type TakeMemory } from './segment-memory.ts';

const MIB = 1024 * 1024;

const lendOnce = async (memory: SegmentMemory, ...lengths: number[]): Promise<Buffer[]> =>
  await memory.lend(async (take) => lengths.map(take));

describe('SegmentMemory', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('gives each part memory of its own, and the next segment the same', async () => {
    const memory = new SegmentMemory();
    await lendOnce(memory, 1_000, 500);
    const [first, second] = (await lendOnce(memory, 600, 900)) as [Buffer, Buffer];
    first.fill(1);
    second.fill(2);
    expect([first.length, second.length]).toEqual([600, 900]);
    expect(first.every((byte) => byte === 1) && second.every((byte) => byte === 2)).toBe(true);
    const [again] = (await lendOnce(memory, 1_500)) as [Buffer];
    expect(again.buffer).toBe(first.buffer);
    expect([again[0], again[599], again[600], again[1_499]]).toEqual([1, 1, 2, 2]);
  });

  it('takes more where a segment is larger, and keeps that', async () => {
    const memory = new SegmentMemory();
    await lendOnce(memory, 1_000);
    expect((await lendOnce(memory, 800, 5_000)).map(({ length }) => length)).toEqual([800, 5_000]);
    expect(memory.keptBytes).toBe(5_800);
  });

  it('lends two segments at the same time nothing in common', async () => {
    const memory = new SegmentMemory();
    await lendOnce(memory, 1_000);
    let inner: Buffer[] = [];
    const outer = await memory.lend(async (take) => {
      inner = await lendOnce(memory, 1_000);
      return take(1_000);
    });
    expect(inner[0]?.buffer).not.toBe(outer.buffer);
  });

  it('does not lend again what a use that failed may still read', async () => {
    const memory = new SegmentMemory();
    await lendOnce(memory, 1_000);
    let lost: Buffer | undefined;
    const failing = async (take: TakeMemory): Promise<void> => {
      lost = take(1_000);
      throw new Error('no answer');
    };
    await expect(memory.lend(failing)).rejects.toThrow('no answer');
    expect((await lendOnce(memory, 1_000))[0]?.buffer).not.toBe(lost?.buffer);
  });

  it('does not lend again what an attempt that was given up may still read, where another one has succeeded', async () => {
    const memory = new SegmentMemory();
    await lendOnce(memory, 1_000);
    const lost = await memory.lend(async (take) => {
      const part = take(1_000);
      memory.abandon();
      return part;
    });
    expect(memory.keptBytes).toBe(0);
    expect((await lendOnce(memory, 1_000))[0]?.buffer).not.toBe(lost.buffer);
  });

  it('holds nothing when no segment has come for a while, and less when they have become small', async () => {
    const memory = new SegmentMemory();
    await lendOnce(memory, 8 * MIB);
    await lendOnce(memory, 3 * MIB);
    expect(memory.keptBytes).toBe(8 * MIB);
    for (let use = 0; use < 16; use++) await lendOnce(memory, MIB);
    expect(memory.keptBytes).toBe(MIB);
    vi.advanceTimersByTime(60_000);
    expect(memory.keptBytes).toBe(0);
  });

  it('does not keep what is larger than usual segments', async () => {
    const memory = new SegmentMemory();
    await lendOnce(memory, 200 * MIB);
    expect(memory.keptBytes).toBe(0);
  });
});
