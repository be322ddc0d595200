import { describe, expect, it } from 'vitest';
import { segmentTable } from '../model/segment-table.ts';
import { pathRuns } from './path-runs.ts';

// web (span 0) waits for payment (spans 1 and 2), with a moment of its own in between and at both ends.
const serviceIndex = Uint32Array.of(0, 1, 1);
const segments = segmentTable(
  [
    { spanIndex: 0, startNs: 0, endNs: 100 },
    { spanIndex: 1, startNs: 100, endNs: 400 },
    { spanIndex: 0, startNs: 400, endNs: 401 },
    { spanIndex: 2, startNs: 401, endNs: 900 },
    { spanIndex: 0, startNs: 900, endNs: 1000 },
  ],
  3,
);

describe('the strip of the critical path', () => {
  it('joins neighbours of one service, and moments too short to see', () => {
    expect(pathRuns({ segments, serviceIndex }, 10)).toEqual([
      { service: 0, startNs: 0, endNs: 100, spanIndex: 0 },
      { service: 1, startNs: 100, endNs: 900, spanIndex: 2 },
      { service: 0, startNs: 900, endNs: 1000, spanIndex: 0 },
    ]);
  });

  it('covers the path without gaps whatever is joined', () => {
    for (const least of [0, 1, 50, 5000]) {
      const runs = pathRuns({ segments, serviceIndex }, least);
      expect(runs[0]?.startNs).toBe(0);
      expect(runs.at(-1)?.endNs).toBe(1000);
      for (const [i, run] of runs.entries()) expect(run.startNs).toBe(i === 0 ? 0 : runs[i - 1]?.endNs);
    }
  });
});
