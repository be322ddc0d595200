/** Sizes that both the layout's arithmetic and its style sheet follow, in pixels. */
export const rowPx = 28;
/** The app bar, the waterfall's tools and its time axis stay in view above the rows. */
export const stickyPx = 48 + 45 + 27;
export const nameWidthPx = { least: 140, most: 900, initial: 400 } as const;
/** Right of the time axis, for the labels of bars that reach its end; `--lane-gutter` in the style sheet. */
export const laneGutterPx = 76;
const indentPxMax = 14;

/** The share of the window that an open span covers from below where there is no room beside the rows. */
export const sheetShare = 0.58;
export const sheetQuery = '(max-width: 1000px)';

/** Indent per level: less for deep traces, so that the deepest name still has most of its column. */
export function indentPx(depthMax: number, nameWidth: number): number {
  return depthMax === 0 ? indentPxMax : Math.min(indentPxMax, (nameWidth * 0.35) / depthMax);
}

/** About the width of a text in the rows' font; generous, since it decides what fits. */
export function labelWidthPx(text: string): number {
  return text.length * 6.6 + 4;
}
