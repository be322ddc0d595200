const units: readonly (readonly [suffix: string, seconds: number])[] = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
  ['s', 1],
];

/**
 * A length of time for people, in its two largest units: `3 d 4 h`, `12 min 5 s`, `40 s`. Seconds that are begun do not
 * count.
 */
export function lengthText(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const largest = units.findIndex(([, size]) => whole >= size);
  if (largest < 0) return '0 s';
  let rest = whole;
  const parts: string[] = [];
  for (const [suffix, size] of units.slice(largest, largest + 2)) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) parts.push(`${count} ${suffix}`);
  }
  return parts.join(' ');
}
