import { describe, expect, it } from 'vitest';
import { segmentTable } from '../model/segment-table.ts';
import { critical, criticalRuns } from './critical-runs.ts';

// 0 ─┬ 1
//    └ 2
const columns = {
  subtreeSize: Int32Array.of(3, 1, 1),
  segments: segmentTable(
    [
      { spanIndex: 0, startNs: 0, endNs: 10 },
      { spanIndex: 2, startNs: 10, endNs: 50 },
      { spanIndex: 0, startNs: 50, endNs: 55 },
      { spanIndex: 1, startNs: 55, endNs: 90 },
      { spanIndex: 0, startNs: 90, endNs: 100 },
    ],
    3,
  ),
};
const own = (startNs: number, endNs: number) => ({ kind: critical.own, startNs, endNs });

describe('critical stretches in a bar', () => {
  it('are those of the span alone while it is unfolded', () => {
    expect(criticalRuns(columns, 0, false, 0)).toEqual([own(0, 10), own(50, 55), own(90, 100)]);
    expect(criticalRuns(columns, 2, false, 0)).toEqual([own(10, 50)]);
  });

  it('join where the gap is too small to see', () => {
    expect(criticalRuns(columns, 0, false, 41)).toEqual([own(0, 100)]);
    expect(criticalRuns(columns, 0, false, 36)).toEqual([own(0, 10), own(50, 100)]);
  });

  it('include, in time, what a folded span hides', () => {
    expect(criticalRuns(columns, 0, true, 0)).toEqual([
      { kind: critical.inside, startNs: 10, endNs: 50 },
      { kind: critical.inside, startNs: 55, endNs: 90 },
      own(0, 10),
      own(50, 55),
      own(90, 100),
    ]);
  });
});
