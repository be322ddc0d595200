/** A wrong option or environment variable, found at construction; `message` says what was given and what is accepted. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'invalid_config';
  /** The option's path (`limits.eventCountLimit`) or the variable's name (`OTEL_TRACES_SAMPLER_ARG`). */
  readonly setting: string;

  constructor(setting: string, given: unknown, accepted: string, cause?: unknown) {
    super(`${setting}: got ${shown(given)}, expected ${accepted}`, cause === undefined ? undefined : { cause });
    this.setting = setting;
  }
}

/** Stands for what was given where that may be a secret: errors end in logs. */
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
