const units: readonly (readonly [suffix: string, ns: number])[] = [
  ['h', 3_600e9],
  ['m', 60e9],
  ['s', 1e9],
  ['ms', 1e6],
  ['us', 1e3],
  ['ns', 1],
];

/** The longest duration that a filter takes: 100 hours, well within what a double counts in whole nanoseconds. */
export const durationNsMax = 100 * 3_600e9;

const pattern = /^(\d+(?:\.\d*)?|\.\d+)\s*(h|m|s|ms|us|µs|μs|ns)?$/i;

/**
 * Reads what a person types: `500ms`, `1.5s`, `250 us`, `2m`; a bare number means milliseconds.
 * Returns whole nanoseconds, or null for anything else, negative numbers and more than `durationNsMax`.
 */
export function parseDurationText(text: string): number | null {
  const match = pattern.exec(text.trim());
  if (match === null) return null;
  const suffix = (match[2] ?? 'ms').toLowerCase().replace(/^[µμ]s$/, 'us');
  const unitNs = units.find(([name]) => name === suffix)?.[1];
  if (unitNs === undefined) return null;
  const ns = Math.round(Number(match[1]) * unitNs);
  return ns <= durationNsMax ? ns : null;
}

/** The shortest text that `parseDurationText` reads back as the same `ns` (0 to `durationNsMax`). */
export function writeDurationText(ns: number): string {
  const [suffix, unitNs] = units.find(([, size]) => ns >= size) ?? ['ms', 1e6];
  return `${String(ns / unitNs)}${suffix}`;
}
