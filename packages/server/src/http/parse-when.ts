import { parseTime } from './parse-time.ts';

/** What `parseWhen` accepts, completing "expected …". */
export const WHEN_ACCEPTED = 'a time such as 15m, 2h ago, now, 2026-11-23T05:00:00Z, or a count since 1970';

const SECOND_NS = 1_000_000_000n;
/** Each of the ways in which people write a unit: a month or a millisecond begins as a minute does. */
const UNIT_NS: Readonly<Record<string, bigint>> = {
  ...written(['s', 'sec', 'secs', 'second', 'seconds'], SECOND_NS),
  ...written(['m', 'min', 'mins', 'minute', 'minutes'], 60n * SECOND_NS),
  ...written(['h', 'hr', 'hrs', 'hour', 'hours'], 3_600n * SECOND_NS),
  ...written(['d', 'day', 'days'], 86_400n * SECOND_NS),
  ...written(['w', 'week', 'weeks'], 604_800n * SECOND_NS),
};

function written(names: readonly string[], ns: bigint): Record<string, bigint> {
  return Object.fromEntries(names.map((name) => [name, ns]));
}

/**
 * A moment in nanoseconds since 1970 as people write it: `15m` and `15m ago` are before `nowMs`, and `now` is that;
 * else as `parseTime` reads it. Null when it is none.
 */
export function parseWhen(text: string, nowMs: number): bigint | null {
  const now = BigInt(nowMs) * 1_000_000n;
  const trimmed = text.trim().toLowerCase();
  if (trimmed === 'now') return now;
  const [, count, name = ''] = /^-?(\d{1,9}) ?([a-z]{1,7})(?: ago)?$/.exec(trimmed) ?? [];
  const unitNs = Object.hasOwn(UNIT_NS, name) ? UNIT_NS[name] : undefined;
  const ns = count === undefined || unitNs === undefined ? parseTime(text.trim()) : now - BigInt(count) * unitNs;
  return ns !== null && ns >= 0n ? ns : null;
}

/** What `parseMilliseconds` accepts, completing "expected …". */
export const MILLISECONDS_ACCEPTED = 'a duration such as 250ms, 1.5s or 2m; without a unit, milliseconds';

/** A duration in milliseconds: `250` and `250ms`, `1.5s`, `2m`. Null when it is none. */
export function parseMilliseconds(text: string): number | null {
  const [, count, unit = 'ms'] = /^(\d{1,9}(?:\.\d{1,6})?) ?(us|µs|ms|s|m|min|h)?$/.exec(text.trim()) ?? [];
  const factor = MILLISECONDS[unit];
  // The API takes six decimal places; products of floats have more.
  return count === undefined || factor === undefined ? null : Number((Number(count) * factor).toFixed(6));
}

const MILLISECONDS: Readonly<Record<string, number>> = {
  us: 0.001,
  µs: 0.001,
  ms: 1,
  s: 1_000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
};
