const MICROSECOND_NS = 1_000;
const MILLISECOND_NS = 1_000_000;
const SECOND_NS = 1_000_000_000;

/**
 * A duration for people: three significant digits without trailing zeros up to a minute (`4.96 s`, `120 ms`, `850 µs`,
 * `17 ns`), two units beyond (`2 min 5 s`, `3 h 20 min`). A negative one carries a minus sign.
 * `?` for what is no number. Never throws.
 *
 * @param ns nanoseconds; also a decimal string, as the API's `…Ns` members are.
 *
 * @example
 * formatDuration(1_990_000_000); // '1.99 s'
 * formatDuration('125000000000'); // '2 min 5 s'
 */
export function formatDuration(ns: number | bigint | string): string {
  const value = Number(ns);
  if (!Number.isFinite(value)) return '?';
  if (value < 0) return `-${formatDuration(-value)}`;
  if (value < 999.5) return `${Math.round(value)} ns`;
  if (value < 999.5 * MICROSECOND_NS) return `${significant(value / MICROSECOND_NS)} µs`;
  if (value < 999.5 * MILLISECOND_NS) return `${significant(value / MILLISECOND_NS)} ms`;
  if (value < 59.95 * SECOND_NS) return `${significant(value / SECOND_NS)} s`;
  const seconds = Math.round(value / SECOND_NS);
  if (seconds < 3600) return twoUnits(seconds, 60, 'min', 's');
  const minutes = Math.round(value / SECOND_NS / 60);
  return twoUnits(minutes, 60, 'h', 'min');
}

function significant(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function twoUnits(total: number, smallInLarge: number, large: string, small: string): string {
  const rest = total % smallInLarge;
  const whole = `${Math.floor(total / smallInLarge)} ${large}`;
  return rest === 0 ? whole : `${whole} ${rest} ${small}`;
}
