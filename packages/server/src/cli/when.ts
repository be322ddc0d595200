import { ConfigError } from '../config/setting.ts';
import { parseTime } from '../http/parse-time.ts';
import { shownText } from '../without-passwords.ts';

/** What `readWhen` accepts, completing "expected …". */
export const WHEN_ACCEPTED = 'a time such as 15m, 2h ago, now, 2026-11-23T05:00:00Z, or a count since 1970';

const UNIT_NS: Readonly<Record<string, bigint>> = {
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
  d: 86_400_000_000_000n,
  w: 604_800_000_000_000n,
};

/**
 * A moment as the API takes it, in nanoseconds since 1970: `15m` and `15m ago` are before `nowMs`, and `now` is that;
 * else as the API reads times. Throws ConfigError.
 */
export function readWhen(flag: string, text: string, nowMs: number): string {
  const now = BigInt(nowMs) * 1_000_000n;
  const trimmed = text.trim().toLowerCase();
  if (trimmed === 'now') return String(now);
  const [, count, unit = ''] = /^-?(\d{1,9}) ?([smhdw])[a-z]*(?: ago)?$/.exec(trimmed) ?? [];
  const ns = count === undefined ? parseTime(text.trim()) : now - BigInt(count) * UNIT_NS[unit]!;
  if (ns !== null && ns >= 0n) return String(ns);
  throw new ConfigError(`${flag}: got ${JSON.stringify(shownText(text))}, expected ${WHEN_ACCEPTED}`);
}

/** `A..B`; without `B`, up to now. Throws ConfigError. */
export function readRange(flag: string, text: string, nowMs: number): { fromUnixNano: string; toUnixNano: string } {
  const [from = '', to, ...rest] = text.split('..');
  if (rest.length > 0 || to === undefined) {
    throw new ConfigError(
      `${flag}: got ${JSON.stringify(shownText(text))}, expected two times with two dots between, such as 2h..1h`,
    );
  }
  const range = {
    fromUnixNano: readWhen(flag, from, nowMs),
    toUnixNano: readWhen(flag, to === '' ? 'now' : to, nowMs),
  };
  if (BigInt(range.fromUnixNano) < BigInt(range.toUnixNano)) return range;
  throw new ConfigError(`${flag}: got ${JSON.stringify(shownText(text))}, expected a begin before the end`);
}

/** A duration in milliseconds: `250` and `250ms`, `1.5s`, `2m`. Throws ConfigError. */
export function readMilliseconds(flag: string, text: string): number {
  const [, count, unit = 'ms'] = /^(\d{1,9}(?:\.\d{1,6})?) ?(us|µs|ms|s|m|min|h)?$/.exec(text.trim()) ?? [];
  const factor = MILLISECONDS[unit];
  // The API takes six decimal places; products of floats have more.
  if (count !== undefined && factor !== undefined) return Number((Number(count) * factor).toFixed(6));
  throw new ConfigError(`${flag}: got ${JSON.stringify(shownText(text))}, expected ${MILLISECONDS_ACCEPTED}`);
}

export const MILLISECONDS_ACCEPTED = 'a duration such as 250ms, 1.5s or 2m; without a unit, milliseconds';

const MILLISECONDS: Readonly<Record<string, number>> = {
  us: 0.001,
  µs: 0.001,
  ms: 1,
  s: 1_000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
};
