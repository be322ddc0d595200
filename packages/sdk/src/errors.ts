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

const SHOWN_CHARACTERS_MAX = 80;

function shown(value: unknown): string {
  let text: string;
  try {
    text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  } catch {
    text = typeof value;
  }
  return text.length > SHOWN_CHARACTERS_MAX ? `${text.slice(0, SHOWN_CHARACTERS_MAX)}…` : text;
}
