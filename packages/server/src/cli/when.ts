import { ConfigError } from '../config/setting.ts';
import { MILLISECONDS_ACCEPTED, parseMilliseconds, parseWhen, WHEN_ACCEPTED } from '../http/parse-when.ts';
import { shownText } from '../without-passwords.ts';

export { MILLISECONDS_ACCEPTED, WHEN_ACCEPTED };

/** A moment as the API takes it, in nanoseconds since 1970, of what `parseWhen` reads. Throws ConfigError. */
export function readWhen(flag: string, text: string, nowMs: number): string {
  const ns = parseWhen(text, nowMs);
  if (ns !== null) return String(ns);
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

/** A duration in milliseconds. Throws ConfigError. */
export function readMilliseconds(flag: string, text: string): number {
  const milliseconds = parseMilliseconds(text);
  if (milliseconds !== null) return milliseconds;
  throw new ConfigError(`${flag}: got ${JSON.stringify(shownText(text))}, expected ${MILLISECONDS_ACCEPTED}`);
}
