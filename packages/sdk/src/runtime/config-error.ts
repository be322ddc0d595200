import { closest } from './closest.ts';
import { shortened, shown, shownName } from './shown.ts';

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
  const got = given === NOT_SHOWN ? NOT_SHOWN.description : shown(given);
  return new ConfigError(setting, `${shortened(setting)}: got ${got}, expected ${accepted}`, cause);
}

/** A name that no setting has: `path` is what it is in, such as `limits`, or '' for the tracer's options. */
export function unknownOption(path: string, name: string, known: readonly string[]): ConfigError {
  const whole = (each: string): string => (path === '' ? each : `${path}.${each}`);
  const renamed = Object.hasOwn(RENAMED, whole(name)) ? RENAMED[whole(name)] : undefined;
  const meant = closest(name, known);
  const hint =
    renamed !== undefined
      ? `renamed to ${renamed}`
      : meant !== undefined
        ? `did you mean ${whole(meant)}?`
        : `supported: ${listed(known)}`;
  return new ConfigError(whole(name), `unknown option ${whole(shownName(name))} (${hint})`);
}

/** Options by the names that they had. */
const RENAMED: Readonly<Record<string, string>> = { children: 'unsampledChildren', counters: 'requestMetrics' };

const LISTED_NAMES_MAX = 12;

/** The names, or where they are documented when nobody would read so many in an error. */
export function listed(names: readonly string[]): string {
  return names.length > LISTED_NAMES_MAX ? 'the options in docs/sdk-reference.md' : names.join(', ');
}

/** In place of what was given where that may be a secret: errors end in logs. */
export const NOT_SHOWN = Symbol('a value that is not shown');
