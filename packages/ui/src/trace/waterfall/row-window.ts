/** Rows `first` to `last - 1` are drawn. */
export interface RowWindow {
  readonly first: number;
  readonly last: number;
}

/**
 * The rows that a viewport shows, with `overscan` rows above and below. `scrolledPx` is how far the first row's top
 * lies above the viewport's top (negative while it is below it).
 */
export function rowWindow(
  scrolledPx: number,
  viewportPx: number,
  rowPx: number,
  rowCount: number,
  overscan: number,
): RowWindow {
  const first = Math.floor(scrolledPx / rowPx) - overscan;
  const last = Math.ceil((scrolledPx + viewportPx) / rowPx) + overscan;
  const within = (row: number): number => Math.min(rowCount, Math.max(0, row));
  return { first: within(first), last: within(last) };
}

/** How far to scroll so that a row lies within the viewport, `marginPx` clear of its edges; 0 when it does already. */
export function scrollToShow(
  rowTopPx: number,
  rowPx: number,
  viewportTopPx: number,
  viewportBottomPx: number,
  marginPx: number,
): number {
  const above = rowTopPx - marginPx - viewportTopPx;
  if (above < 0) return above;
  return Math.max(0, rowTopPx + rowPx + marginPx - viewportBottomPx);
}
