import { describe, expect, it } from 'vitest';
import { segmentTable } from '../model/segment-table.ts';
import { rowBySpan, visibleRows, type TreeColumns } from '../model/visible-rows.ts';
import { threadLines } from './thread-lines.ts';

const rowsOf = (columns: TreeColumns, folded: readonly number[] = []): Int32Array =>
  rowBySpan(columns, visibleRows(columns, new Set(folded)));

// 0 ── 1 ── 2
const tree = { spanCount: 3, parentIndex: Int32Array.of(-1, 0, 1), subtreeSize: Int32Array.of(3, 2, 1) };
const segments = segmentTable(
  [
    { spanIndex: 0, startNs: 0, endNs: 10 },
    { spanIndex: 1, startNs: 10, endNs: 20 },
    { spanIndex: 2, startNs: 20, endNs: 90 },
    { spanIndex: 0, startNs: 90, endNs: 100 },
  ],
  3,
);

describe('the thread of the critical path', () => {
  it('ties each segment to the next', () => {
    expect(threadLines(segments, rowsOf(tree))).toEqual([
      { atNs: 10, topRow: 0, bottomRow: 1 },
      { atNs: 20, topRow: 1, bottomRow: 2 },
      { atNs: 90, topRow: 0, bottomRow: 2 },
    ]);
  });

  it('ends at the row that a hidden span is folded into', () => {
    expect(threadLines(segments, rowsOf(tree, [1]))).toEqual([
      { atNs: 10, topRow: 0, bottomRow: 1 },
      { atNs: 90, topRow: 0, bottomRow: 1 },
    ]);
  });

  it('omits the lines of a row that would draw a curtain', () => {
    const count = 400;
    const wide = {
      spanCount: count,
      parentIndex: Int32Array.from({ length: count }, (_, i) => (i === 0 ? -1 : 0)),
      subtreeSize: Int32Array.from({ length: count }, (_, i) => (i === 0 ? count : 1)),
    };
    const path = Array.from({ length: 2 * count - 2 }, (_, k) => ({
      spanIndex: k % 2 === 0 ? k / 2 + 1 : 0,
      startNs: k,
      endNs: k + 1,
    }));
    expect(threadLines(segmentTable(path, count), rowsOf(wide))).toEqual([]);
  });
});
