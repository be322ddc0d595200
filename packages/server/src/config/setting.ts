import { withoutPasswords } from '../without-passwords.ts';

/**
 * A setting that is not accepted. The message is one line for people: where it was set, what it was and what is
 * expected.
 */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'invalid_config';

  /** A password in what was given is not repeated, wherever it was given. */
  constructor(message: string, options?: ErrorOptions) {
    super(withoutPasswords(message), options);
  }
}

/** One setting, wherever it is given. */
export interface Setting<T = unknown> extends SettingText<T> {
  /** Its place in a configuration file: groups and name with dots between them, such as `spool.segmentAgeMs`. */
  readonly key: string;
  readonly flag: string;
  readonly env: string;
  readonly help: string;
  /**
   * What counts how often it is hit: a metric, with its labels, at `/metrics`. Null where there is nothing to count,
   * such as a port.
   */
  readonly counter: string | null;
  readonly defaultValue: () => T;
}

/** How a setting's value is read and shown. */
export interface SettingText<T> {
  /** How the value is called in the usage; a flag without one is a switch. */
  readonly value?: string;
  readonly accepted: string;
  /** Undefined when the text is not accepted; throws ConfigError where more can be said. */
  parse(text: string): T | undefined;
  /** As it could be given; `String` by default. A secret is shown as `***`. */
  show?(value: T): string;
  /** It may hold a secret: a text that is not accepted is not repeated. */
  readonly isSecret?: boolean;
}

/** The names of a setting follow from its key, so that who knows one knows all three. */
export function setting<T>(
  key: string,
  help: string,
  text: SettingText<T> & { readonly counter?: string },
  defaultValue: () => T,
): Setting<T> {
  const kebab = key.replaceAll('.', '-').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return {
    counter: null,
    ...text,
    key,
    flag: `--${kebab}`,
    env: `THROUGHLINE_${kebab.replaceAll('-', '_').toUpperCase()}`,
    help,
    defaultValue,
  };
}

export function show<T>(of: Setting<T>, value: T): string {
  return of.show?.(value) ?? String(value);
}

export type Unit = 'bytes' | 'ms' | 'count';

const UNITS: Readonly<Record<Unit, { readonly factors: Readonly<Record<string, number>>; readonly example: string }>> =
  {
    bytes: { factors: { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 }, example: '64MiB' },
    ms: { factors: { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }, example: '30s' },
    count: { factors: {}, example: '' },
  };

/** The unit that a limit's name names. */
export function unitOf(name: string): Unit {
  if (/bytes/i.test(name)) return 'bytes';
  return /Ms(?:Max)?$/.test(name) ? 'ms' : 'count';
}

/** A whole number in its unit, or one with a unit of its own behind it: `67108864` and `64MiB`, `30000` and `30s`. */
export function quantity(unit: Unit, min: number, max: number): SettingText<number> {
  const { factors, example } = UNITS[unit];
  const pattern = new RegExp(`^(\\d{1,15})\\s?(${Object.keys(factors).join('|')})?$`);
  const range = `from ${showQuantity(unit, min)} to ${showQuantity(unit, max)}`;
  const what = { bytes: 'bytes', ms: 'milliseconds', count: 'an integer' }[unit];
  return {
    value: { bytes: 'BYTES', ms: 'MS', count: 'N' }[unit],
    accepted: unit === 'count' ? `${what} ${range}` : `${what}, or a number with a unit such as ${example}, ${range}`,
    parse: (text) => {
      const [, digits = '', suffix = ''] = pattern.exec(text.trim()) ?? [];
      const value = Number(digits) * (factors[suffix] ?? 1);
      return digits !== '' && value >= min && value <= max ? value : undefined;
    },
    show: (value) => showQuantity(unit, value),
  };
}

/** In the largest unit that keeps it a whole number. */
function showQuantity(unit: Unit, value: number): string {
  const fitting = Object.entries(UNITS[unit].factors).findLast(([, factor]) => value >= factor && value % factor === 0);
  return fitting === undefined ? String(value) : `${value / fitting[1]}${fitting[0]}`;
}
