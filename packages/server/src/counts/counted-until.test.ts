import { describe, expect, it } from 'vitest';
import { countedUntil, type CountedUntilOptions, type HeardProcess } from './counted-until.ts';

const NOW_MS = 1_700_000_100_000;
const OPTIONS: CountedUntilOptions = {
  nowMs: NOW_MS,
  storedMs: NOW_MS - 5_000,
  listeningMs: NOW_MS - 3_600_000,
  settleMs: 25_000,
};

/** Heard so long ago. */
function aProcess(silentMs: number, given: Partial<HeardProcess> = {}): HeardProcess {
  const atMs = NOW_MS - silentMs;
  return { service: 'shop', toldMs: atMs, heardMs: atMs, windowMs: 5_000, ...given };
}

/** How long ago counts of the service cease to be whole. */
function behindMs(
  processes: readonly HeardProcess[],
  given: Partial<CountedUntilOptions> = {},
  service: string | null = 'shop',
): number {
  return NOW_MS - countedUntil(processes, { ...OPTIONS, ...given })(service);
}

describe('the moment until when counts are whole', () => {
  it('is that until when all have reported that report in the usual time, and have been stored', () => {
    expect(behindMs([])).toBe(30_000);
    expect(behindMs([aProcess(6_000), aProcess(100)])).toBe(30_000);
    expect(behindMs([aProcess(100)], { storedMs: NOW_MS - 40_000 })).toBe(65_000);
  });

  it('is earlier for a service that has a process which reports seldom', () => {
    const slow = aProcess(100, { windowMs: 60_000 });
    expect(behindMs([aProcess(100), slow, aProcess(200)])).toBe(125_000);
    expect(behindMs([slow], {}, 'other-shop')).toBe(30_000);
    // Which services are among the others is not known.
    expect(behindMs([slow], {}, null)).toBe(125_000);
  });

  it('waits for a process that is silent, until that has ended', () => {
    expect(behindMs([aProcess(59_000)])).toBe(59_000);
    expect(behindMs([aProcess(61_000)])).toBe(30_000);
    expect(behindMs([aProcess(170_000, { windowMs: 60_000 })])).toBe(170_000);
    expect(behindMs([aProcess(181_000, { windowMs: 60_000 })])).toBe(30_000);
  });

  it('waits for a process that goes on telling and cannot be noted, and after a start for all that are known', () => {
    expect(behindMs([aProcess(100, { toldMs: NOW_MS - 400_000 })])).toBe(400_000);
    expect(behindMs([aProcess(400_000)], { listeningMs: NOW_MS - 3_000 })).toBe(400_000);
    expect(behindMs([aProcess(400_000)], { listeningMs: NOW_MS - 61_000 })).toBe(30_000);
  });
});
