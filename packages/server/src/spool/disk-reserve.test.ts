import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { DiskReserve, diskSpace, type DiskSpace } from './disk-reserve.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

/** A disk and a clock that the test turns, and how often the disk was asked. */
function aDisk(space: DiskSpace | null): { space: DiskSpace | null; nowMs: number; asked: number } {
  return { space, nowMs: 0, asked: 0 };
}

function reserveOn(disk: ReturnType<typeof aDisk>, bytes: number): DiskReserve {
  return new DiskReserve({
    bytes,
    now: () => disk.nowMs,
    space: () => {
      disk.asked += 1;
      return Promise.resolve(disk.space);
    },
  });
}

test('a block is taken as long as the reserve stays free behind it', async () => {
  const disk = aDisk({ freeBytes: 257 * MIB, totalBytes: 100 * GIB });
  const reserve = reserveOn(disk, 256 * MIB);
  expect(await reserve.lackFor(MIB)).toBeNull();
  disk.nowMs += 1_000;
  expect(await reserve.lackFor(MIB + 1)).toMatch(/^less than 256 MiB .*\(spool\.diskReserveBytes\)$/);
});

test('a small disk keeps a twentieth of itself', async () => {
  const totalBytes = GIB;
  expect(await reserveOn(aDisk({ freeBytes: 53 * MIB, totalBytes }), 256 * MIB).lackFor(MIB)).toBeNull();
  expect(await reserveOn(aDisk({ freeBytes: 52 * MIB, totalBytes }), 256 * MIB).lackFor(MIB)).toContain('52 MiB');
});

test('the disk is asked again after a second, after 16 MiB, and for each block while it lacks room', async () => {
  const disk = aDisk({ freeBytes: GIB, totalBytes: 100 * GIB });
  const reserve = reserveOn(disk, 256 * MIB);
  for (let count = 0; count < 16; count++) await reserve.lackFor(MIB);
  expect(disk.asked).toBe(1);
  await reserve.lackFor(1);
  expect(disk.asked).toBe(2);
  disk.nowMs += 1_000;
  disk.space = { freeBytes: 0, totalBytes: 100 * GIB };
  expect(await reserve.lackFor(1)).not.toBeNull();
  disk.space = { freeBytes: GIB, totalBytes: 100 * GIB };
  expect(await reserve.lackFor(1)).toBeNull();
  expect(disk.asked).toBe(4);
});

test('nothing is kept where nothing shall be, or where the disk does not tell', async () => {
  const full = aDisk({ freeBytes: 0, totalBytes: GIB });
  expect(await reserveOn(full, 0).lackFor(MIB)).toBeNull();
  expect(full.asked).toBe(0);
  expect(await reserveOn(aDisk(null), 256 * MIB).lackFor(MIB)).toBeNull();
});

test('the space of a disk is known, and that of a path that is not there is not', async () => {
  const space = await diskSpace(tmpdir());
  expect(space?.totalBytes).toBeGreaterThan(space?.freeBytes ?? Infinity);
  expect(await diskSpace('/no/such/path')).toBeNull();
});
