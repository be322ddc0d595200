/** Beside the bar, inside its overflow, or inside the bar itself. */
export type LabelPlace = 'after' | 'before' | 'overflow' | 'inside';

/** In pixels from the lane's start. */
export interface BarExtent {
  readonly startPx: number;
  readonly endPx: number;
  /** Where the bar passes its caller's end; `endPx` where it does not. */
  readonly overflowPx: number;
}

export interface Label {
  readonly place: LabelPlace;
  /** Which of the label's forms is written: an index. */
  readonly form: number;
}

const gapPx = 6;

/**
 * Where a bar's label can be read, and in which of its forms (their widths, the longest first): never outside
 * `laneWidthPx`, and on top of the bar, which hides the critical path, only when nothing else is left.
 */
export function placeLabel(bar: BarExtent, laneWidthPx: number, formsPx: readonly number[]): Label {
  for (const [form, formPx] of formsPx.entries()) {
    const place = roomFor(bar, laneWidthPx, formPx);
    if (place !== null) return { place, form };
  }
  const fitting = formsPx.findIndex((formPx) => bar.endPx - bar.startPx >= formPx + 2 * gapPx);
  return { place: 'inside', form: fitting === -1 ? formsPx.length - 1 : fitting };
}

function roomFor(bar: BarExtent, laneWidthPx: number, labelPx: number): LabelPlace | null {
  if (bar.endPx + gapPx + labelPx <= laneWidthPx) return 'after';
  if (bar.startPx - gapPx - labelPx >= 0) return 'before';
  if (bar.endPx - bar.overflowPx >= labelPx + 2 * gapPx) return 'overflow';
  return null;
}
