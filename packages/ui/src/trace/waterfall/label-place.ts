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
  /** Whether the label is written in full, or only its short form. */
  readonly full: boolean;
}

const gapPx = 6;

/** Where a bar's label can be read: never outside `laneWidthPx`, and on top of the bar only when nothing else is left. */
export function placeLabel(bar: BarExtent, laneWidthPx: number, fullPx: number, shortPx: number): Label {
  const inFull = roomFor(bar, laneWidthPx, fullPx);
  if (inFull !== null) return { place: inFull, full: true };
  if (bar.endPx - bar.startPx >= fullPx + 2 * gapPx) return { place: 'inside', full: true };
  return { place: roomFor(bar, laneWidthPx, shortPx) ?? 'inside', full: false };
}

function roomFor(bar: BarExtent, laneWidthPx: number, labelPx: number): LabelPlace | null {
  if (bar.endPx + gapPx + labelPx <= laneWidthPx) return 'after';
  if (bar.startPx - gapPx - labelPx >= 0) return 'before';
  if (bar.endPx - bar.overflowPx >= labelPx + 2 * gapPx) return 'overflow';
  return null;
}
