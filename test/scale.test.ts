import { describe, expect, it } from 'vitest';
import { batchesASecond, fleetOf, mergesOf, segmentsOf, windowSecondsOf } from '../bench/scale/fleet.mjs';

/** Round numbers, so that a person can follow. */
const CODE = {
  segmentAgeMs: 400,
  segmentRows: 35_000,
  segmentBytesMax: 50_000_000,
  requestSpans: 500,
  backlogBytesMax: 2_000_000_000,
  windowInserts: 1_000_000,
  windowSeconds: 14 * 86_400,
  mergeBase: 10,
  derivedTables: 6,
  rollupIntervalMs: 5_000,
  rollupIdleIntervalMs: 30_000,
  rollupRowsMax: 600_000,
  leaseRenewMs: 5_000,
};
const FIGURES = {
  collectorUs: 2,
  collectorSpansMax: 200_000,
  insertUs: 6,
  mergeUs: 5,
  storedBytes: 50,
  requestBytes: 400,
  nativeBytes: 250,
  keeperOpsAPart: 20,
  keeperOpsAFetch: 10,
  keeperOpsIdle: 10,
  mergeEagerness: 1.5,
  partsToThrowInsert: 3_000,
  mergeThreads: 16,
  keeperOpsMax: 10_000,
  keeperNodesMax: 10_000_000,
};
const PLAN = {
  spansASecond: 10_000,
  collectors: 2,
  shards: 2,
  replicas: 2,
  cores: 16,
  diskMbASecond: 500,
  days: 30,
  isAsked: false,
  awaySeconds: 86_400,
};

/** A second, into `spans` on each shard, with as many spans for each collector. */
function insertsOf(collectors: number, shards: number): number {
  const plan = { ...PLAN, spansASecond: 5_000 * collectors, collectors, shards };
  return fleetOf(plan, CODE, FIGURES).shard['insertsASecond']!;
}

describe('segments', () => {
  it('are sealed by their age where spans are few, and opened by the next request', () => {
    expect(segmentsOf(5_000, CODE)).toEqual({ everyMs: 500, aSecond: 2, rows: 2_500 });
    expect(segmentsOf(2_000, CODE)).toMatchObject({ everyMs: 650, rows: 1_300 });
  });

  it('are sealed by their rows where spans are many', () => {
    expect(segmentsOf(350_000, CODE)).toEqual({ everyMs: 100, aSecond: 10, rows: 35_000 });
  });

  it('have at least a request, however seldom one comes', () => {
    expect(segmentsOf(50, { ...CODE, segmentRows: 1 })).toMatchObject({ everyMs: 10_000, rows: 500 });
  });
});

describe('merges', () => {
  it.each([
    [9, { merges: 0, mergedParts: 0, timesMerged: 0, active: 9 }],
    [10, { merges: 1, mergedParts: 10, timesMerged: 1, active: 1 }],
    [100, { merges: 11, mergedParts: 200, timesMerged: 2, active: 1 }],
    [115, { merges: 12, mergedParts: 210, timesMerged: 210 / 115, active: 7 }],
  ])('of %i parts, ten at a time, are counted as digits are', (parts, expected) => {
    expect(mergesOf(parts, 10)).toEqual(expected);
  });

  it('of none are none', () => {
    expect(mergesOf(0, 10)).toEqual({ merges: 0, mergedParts: 0, timesMerged: 0, active: 0 });
  });
});

describe('the window of deduplication', () => {
  it('of 10,000 inserts is passed by 14 collectors in 286 seconds, as was measured', () => {
    const insertsASecond = 14 * segmentsOf(1_000_000, { ...CODE, segmentRows: 400_000 }).aSecond;
    expect(Math.round(windowSecondsOf(insertsASecond, { ...CODE, windowInserts: 10_000 }))).toBe(286);
  });

  it('ends with its days where inserts are few', () => {
    expect(windowSecondsOf(0.1, CODE)).toBe(14 * 86_400);
  });
});

describe('batches of the derived tables', () => {
  it('come by the interval, more often while somebody searches, or as soon as many spans wait', () => {
    expect(batchesASecond(1_000, false, CODE)).toBe(1 / 30);
    expect(batchesASecond(1_000, true, CODE)).toBe(1 / 5);
    expect(batchesASecond(1_200_000, true, CODE)).toBe(2);
  });
});

describe('a fleet', () => {
  it('has what its plan comes to', () => {
    const fleet = fleetOf(PLAN, CODE, FIGURES);
    // Each collector has 5,000 spans/s, 2 segments of 2,500, and each of these a part of 1,250 on each shard.
    expect(fleet.collector).toMatchObject({
      spansASecond: 5_000,
      segmentsASecond: 2,
      rowsASegment: 2_500,
      cores: 0.01,
    });
    expect(fleet.collector['outageMinutes']).toBeCloseTo(2e9 / (5_000 * 250) / 60);
    expect(fleet.shard).toMatchObject({ spansASecond: 5_000, insertsASecond: 4, rowsAPart: 1_250 });
    // A batch every 30 s makes six parts and two notes; two collectors give a sign of life every five seconds.
    expect(fleet.shard['partsASecond']).toBeCloseTo(4 + 6 / 30 + 2 / 30 + 2 / 5);
    // 345,600 parts a day, nearly all of them merged five times by the counter.
    expect(fleet.shard['activePartsOfSpans']).toBe(3 + 4 + 5 + 6);
    expect(fleet.shard['timesMerged']).toBeCloseTo(((5 * 300_000 + 4 * 40_000 + 3 * 5_000 + 2 * 600) / 345_600) * 1.5);
    expect(fleet.server['insertCores']).toBeCloseTo(0.03);
    expect(fleet.server['storedTb']).toBeCloseTo((5_000 * 86_400 * 30 * 50) / 1e12);
    // A part is inserted by one server: into a shard, and fetched by the other replica; or for all, and fetched by three.
    const [own, noted] = [4 + 6 / 30, 2 / 30 + 2 / 5];
    expect(fleet.keeper['opsASecond']).toBeCloseTo(own * (2 * 20 + 2 * 10) + noted * (20 + 3 * 10) + 4 * 10);
    expect(fleet.window['knownSeconds']).toBe(250_000);
    expect(fleet.beyond).toEqual([]);
  });

  it('of one server has no Keeper, and knows a repeat by its spans', () => {
    const plan = { ...PLAN, shards: 1, replicas: 1, awaySeconds: 1e9 };
    const { keeper, beyond } = fleetOf(plan, CODE, { ...FIGURES, keeperOpsMax: 0, keeperNodesMax: 0 });
    expect(keeper).toEqual({ opsASecond: 0, tokens: 0 });
    expect(beyond).toEqual([]);
  });

  it('has segments of no more bytes than they may have', () => {
    const { collector } = fleetOf(PLAN, { ...CODE, segmentBytesMax: 250_000 }, FIGURES);
    expect(collector['rowsASegment']).toBe(1_000);
  });

  it('has half of the inserts of a shard with half of the collectors, whatever the shards are', () => {
    expect(insertsOf(4, 2)).toBe(insertsOf(8, 2) / 2);
    expect(insertsOf(4, 2)).toBe(insertsOf(4, 8));
  });

  it.each([
    ['a collector that gets too much', { spansASecond: 500_000 }, {}, /^one collector/],
    ['too many parts', {}, { partsToThrowInsert: 8 }, /parts_to_throw_insert/],
    ['merges that take more than their threads', {}, { mergeThreads: 0.01 }, /merge threads/],
    ['too few cores', { cores: 0.1 }, {}, /half of them/],
    ['a slow disk', { diskMbASecond: 0.5 }, {}, /disk/],
    ['too much for Keeper', {}, { keeperOpsMax: 100 }, /Keeper, operations/],
    ['too many tokens', {}, { keeperNodesMax: 1_000_000 }, /tokens/],
    ['a collector that is away for longer than its repeats are known', { awaySeconds: 250_001 }, {}, /stored twice/],
  ])('says so of %s', (_, plan, figures, expected) => {
    const { beyond } = fleetOf({ ...PLAN, ...plan }, CODE, { ...FIGURES, ...figures });
    expect(beyond.filter((line) => expected.test(line))).toHaveLength(1);
  });
});
