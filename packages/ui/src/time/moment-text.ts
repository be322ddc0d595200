/** Milliseconds since the epoch of a decimal count of nanoseconds; the rest is cut off. */
export function unixMs(unixNano: string | bigint): number {
  return Number(BigInt(unixNano) / 1_000_000n);
}

const steps: readonly (readonly [belowMs: number, unitMs: number, suffix: string])[] = [
  [60e3, 1e3, 's'],
  [3_600e3, 60e3, 'min'],
  [86_400e3, 3_600e3, 'h'],
  [Infinity, 86_400e3, 'd'],
];

/** How long ago, in one unit: `just now`, `12 s ago`, `3 h ago`. A moment ahead of the clock reads `just now`. */
export function relativeText(momentMs: number, nowMs: number): string {
  const agoMs = nowMs - momentMs;
  if (agoMs < 2_000) return 'just now';
  for (const [belowMs, unitMs, suffix] of steps) {
    if (agoMs < belowMs) return `${Math.floor(agoMs / unitMs)} ${suffix} ago`;
  }
  return '';
}

const two = (value: number): string => String(value).padStart(2, '0');

/** Local date and time to the millisecond, sortable: `2026-11-23 05:29:10.123`. */
export function absoluteText(momentMs: number): string {
  const date = new Date(momentMs);
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${day} ${time}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}
