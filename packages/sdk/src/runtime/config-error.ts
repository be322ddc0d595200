import { closest } from './closest.ts';

/**
 * A wrong option, found where the tracer, a policy or an exporter is made. `message` names the setting, what was given
 * and what is accepted; it never shows headers, keys or other secrets.
 * @example
 * try {
 *   new Tracer({ sampling: 2 });
 * } catch (error) {
 *   if (error instanceof ConfigError) console.error(error.setting, error.message);
 * }
 */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  /** The same for every `ConfigError`, for code that cannot use `instanceof`. */
  readonly code = 'invalid_config';
  /** The option's path, such as `limits.eventCountLimit`. */
  readonly setting: string;

  constructor(setting: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.setting = setting;
  }
}

/** A setting whose value is not accepted. `accepted` completes the sentence "expected …". */
export function wrongValue(setting: string, given: unknown, accepted: string, cause?: unknown): ConfigError {
  return new ConfigError(setting, `${setting}: got ${shown(given)}, expected ${accepted}`, cause);
}

/** A name that no setting has: `path` is what it is in, such as `limits`, or '' for the tracer's options. */
export function unknownOption(path: string, name: string, known: readonly string[]): ConfigError {
  const whole = (each: string): string => (path === '' ? each : `${path}.${each}`);
  const meant = closest(name, known);
  const hint = meant === undefined ? `known are ${known.join(', ')}` : `did you mean ${whole(meant)}?`;
  return new ConfigError(whole(name), `unknown option ${whole(name)} (${hint})`);
}

/** In place of what was given where that may be a secret: errors end in logs. */
export const NOT_SHOWN = Symbol('a value that is not shown');

const SHOWN_CHARACTERS_MAX = 80;

function shown(value: unknown): string {
  if (value === NOT_SHOWN) return 'a value that is not shown';
  let text: string;
  try {
    text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  } catch {
    text = typeof value;
  }
  return text.length > SHOWN_CHARACTERS_MAX ? `${text.slice(0, SHOWN_CHARACTERS_MAX)}…` : text;
}
