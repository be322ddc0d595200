import type { SegmentTable } from '../model/segment-table.ts';

/** Where the critical path passes from one row to another: at a moment, between two rows. */
export interface ThreadLine {
  readonly atNs: number;
  readonly topRow: number;
  readonly bottomRow: number;
}

/** A row that more lines begin at would draw a curtain over everything below it: it gets none. */
const linesPerRowMax = 16;

/**
 * The lines that tie the critical path's segments together over the visible rows. `rowOfSpan` comes from
 * `rowBySpan`.
 */
export function threadLines(segments: SegmentTable, rowOfSpan: Int32Array): readonly ThreadLine[] {
  const lines: ThreadLine[] = [];
  let before = rowOfSpan[segments.span[0] ?? -1] ?? -1;
  for (let k = 1; k < segments.span.length; k++) {
    const row = rowOfSpan[segments.span[k] ?? -1] ?? -1;
    if (row >= 0 && before >= 0 && row !== before) {
      lines.push({ atNs: segments.startNs[k] ?? 0, topRow: Math.min(row, before), bottomRow: Math.max(row, before) });
    }
    before = row;
  }
  const perRow = new Map<number, number>();
  for (const { topRow } of lines) perRow.set(topRow, (perRow.get(topRow) ?? 0) + 1);
  return lines.filter(({ topRow }) => (perRow.get(topRow) ?? 0) <= linesPerRowMax);
}
