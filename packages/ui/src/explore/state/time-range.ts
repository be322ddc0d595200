/** How far back "last …" ranges reach, in milliseconds. */
export const lastRanges = { '15m': 900e3, '1h': 3_600e3, '24h': 86_400e3, '7d': 604_800e3 } as const;

export type LastRange = keyof typeof lastRanges;

/** The shortest first. */
export const lastRangeNames: readonly LastRange[] = ['15m', '1h', '24h', '7d'];

/** Moments are milliseconds since the epoch. */
export type TimeRange =
  | { readonly kind: 'last'; readonly range: LastRange }
  | { readonly kind: 'all' }
  | { readonly kind: 'between'; readonly fromMs: number; readonly toMs: number };

export const defaultTimeRange: TimeRange = { kind: 'last', range: '24h' };

export function isLastRange(text: string | null): text is LastRange {
  return text !== null && Object.hasOwn(lastRanges, text);
}

/** The bounds of the API's query; a missing one is open. */
export function timeBounds(time: TimeRange, nowMs: number): { fromMs?: number; toMs?: number } {
  if (time.kind === 'all') return {};
  if (time.kind === 'between') return { fromMs: time.fromMs, toMs: time.toMs };
  return { fromMs: nowMs - lastRanges[time.range] };
}

/** The same range with absolute times, so that a link shows to everybody what its sender saw. */
export function freezeTimeRange(time: TimeRange, nowMs: number): TimeRange {
  if (time.kind !== 'last') return time;
  return { kind: 'between', fromMs: nowMs - lastRanges[time.range], toMs: nowMs };
}
