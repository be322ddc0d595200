import { assert, property, string } from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { cleanMappings, FilePages, loadUnmap } from './file-pages.ts';

const mapping = (header: string, fields: Record<string, number>): string =>
  [header, ...Object.entries(fields).map(([name, kilobytes]) => `${`${name}:`.padEnd(16)}${kilobytes} kB`)].join('\n');

const TEXT = '7f0000001000-7f0000401000 r-xp 00001000 fe:00 1234                       /usr/lib/libengine.so';
const RODATA = '7f0000500000-7f0000600000 r--p 00500000 fe:00 1234                       /usr/lib/libengine.so';
const DATA = '7f0000700000-7f0000800000 rw-p 00700000 fe:00 1234                       /usr/lib/libengine.so';
const HEAP = '7f0000900000-7f0000a00000 r--p 00000000 00:00 0 ';
const SHARED = '7f0000b00000-7f0000c00000 r--s 00000000 fe:00 99                         /var/cache/shared';
const clean = { Rss: 1024, Private_Dirty: 0, Anonymous: 0 };

describe('cleanMappings', () => {
  it('finds code and constants of files that are as they are on the disk, and nothing that would be lost', () => {
    const smaps = [
      mapping(TEXT, { Size: 4096, ...clean }),
      mapping(RODATA, { ...clean, Private_Dirty: 4 }),
      mapping(DATA, clean),
      mapping(HEAP, clean),
      mapping(SHARED, clean),
    ].join('\n');
    expect(cleanMappings(smaps)).toEqual([
      { start: 0x7f0000001000n, end: 0x7f0000401000n, path: '/usr/lib/libengine.so', residentBytes: 1024 * 1024 },
    ]);
    expect(cleanMappings(mapping(TEXT, { ...clean, Anonymous: 8 }))).toEqual([]);
    expect(cleanMappings(mapping(TEXT, { ...clean, Rss: 64 }))).toEqual([]);
  });

  it('takes any text without failing', () => {
    assert(property(string(), (text) => cleanMappings(text).length === 0));
    expect(cleanMappings('')).toEqual([]);
  });
});

describe('FilePages', () => {
  it('unmaps what it saw at the look before, and counts it', () => {
    const asked: [bigint, bigint][] = [];
    let smaps = mapping(TEXT, clean);
    let resident = 200_000_000;
    const pages = new FilePages({
      intervalMs: 1_000,
      unmap: (start, bytes) => {
        asked.push([start, bytes]);
        return true;
      },
      readSmaps: () => smaps,
      residentBytes: () => resident,
    });
    pages.look();
    expect(asked).toEqual([]);
    smaps = [mapping(TEXT, clean), mapping(RODATA, clean)].join('\n');
    pages.look();
    expect(asked).toEqual([[0x7f0000001000n, 0x400000n]]);
    expect(pages.unmappedBytes).toBe(1024 * 1024);
    // Little has come back since.
    resident += 10_000_000;
    pages.look();
    expect(asked).toHaveLength(1);
    resident += 20_000_000;
    pages.look();
    expect(asked).toHaveLength(3);
  });

  it('looks before large work where it has not just looked', () => {
    let looks = 0;
    let now = 0;
    const options = { unmap: () => true, readSmaps: () => '', residentBytes: () => (looks++, 0), now: () => now };
    const pages = new FilePages({ ...options, intervalMs: 1_000 });
    pages.look();
    now = 499;
    pages.lookBeforeLargeWork();
    expect(looks).toBe(1);
    now = 500;
    pages.lookBeforeLargeWork();
    pages.lookBeforeLargeWork();
    expect(looks).toBe(2);
    new FilePages({ ...options, intervalMs: 0 }).lookBeforeLargeWork();
    expect(looks).toBe(2);
  });

  it('goes on without a system that reports its pages', () => {
    const pages = new FilePages({
      intervalMs: 1_000,
      unmap: () => true,
      readSmaps: () => {
        throw new Error('no such file');
      },
    });
    pages.start();
    pages.look();
    expect(pages.unmappedBytes).toBe(0);
  });

  it('asks again behind a look that failed, and no more behind many', () => {
    vi.useFakeTimers();
    let looks = 0;
    let failing = 1;
    let resident = 0;
    const pages = new FilePages({
      intervalMs: 1_000,
      unmap: () => true,
      readSmaps: () => {
        looks += 1;
        if (failing-- > 0) throw new Error('not now');
        return mapping(TEXT, clean);
      },
      residentBytes: () => (resident += 100_000_000),
    });
    pages.start();
    vi.advanceTimersByTime(3_000);
    expect(looks).toBe(4);
    expect(pages.unmappedBytes).toBeGreaterThan(0);
    failing = 1_000;
    vi.advanceTimersByTime(60_000);
    expect(looks).toBe(14);
    pages.lookBeforeLargeWork();
    expect(looks).toBe(14);
    vi.useRealTimers();
  });

  it.runIf(process.platform === 'linux')(
    'gives back memory of this very process, which goes on as before',
    async () => {
      const unmap = await loadUnmap();
      expect(unmap).not.toBeNull();
      if (unmap === null) return;
      const pages = new FilePages({ intervalMs: 1_000, unmap });
      for (let look = 0; look < 5; look++) {
        pages.look();
        expect(JSON.parse(JSON.stringify({ look }))).toEqual({ look });
        expect(new Intl.NumberFormat('de').format(1_234.5)).toBe('1.234,5');
      }
      // Node's own code and data are tens of megabytes.
      expect(pages.unmappedBytes).toBeGreaterThan(5_000_000);
    },
  );
});
