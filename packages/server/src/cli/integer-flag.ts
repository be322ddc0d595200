import { ConfigError } from '../config/setting.ts';
import { shownText } from '../without-passwords.ts';

/** What a flag accepts, as `Command.flags` takes it. */
export interface IntegerRange {
  readonly min: number;
  readonly max: number;
  readonly accepted: string;
}

export function integerFrom(min: number, max: number): IntegerRange {
  return { min, max, accepted: `an integer from ${min} to ${max}` };
}

/** Undefined where the flag is not given. Throws ConfigError. */
export function integerFlag(
  flags: ReadonlyMap<string, string>,
  flag: string,
  { min, max, accepted }: IntegerRange,
): number | undefined {
  const text = flags.get(flag);
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text) && Number(text) >= min && Number(text) <= max) return Number(text);
  throw new ConfigError(`${flag}: got ${JSON.stringify(shownText(text))}, expected ${accepted}`);
}
