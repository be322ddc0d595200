import { isCollectorUrl, isCount, URL_ACCEPTED } from '../runtime/checks.ts';
import { shown } from '../runtime/shown.ts';
import { withoutSecrets } from '../runtime/without-secrets.ts';

/** Where a value came from: `option`, `default`, or the name of an environment variable. */
export type ConfigSource = string;

export type Environment = Readonly<Record<string, string | undefined>>;

/** A parsed value, or in words what would have been accepted. */
type Parse<T> = (text: string) => T | string;

/** Reads environment variables, and remembers where each setting's value came from and which variables were ignored. */
export class ConfigEnvironment {
  readonly sources: Record<string, ConfigSource> = {};
  readonly warnings: string[] = [];
  readonly #environment: Environment;
  #lastRead = '';

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** The option, else what `fromEnv` reads, else the default; notes which it was. */
  choose<T>(setting: string, option: T | undefined, fromEnv: () => T | undefined, fallback: T): T {
    if (option !== undefined) {
      this.sources[setting] = 'option';
      return option;
    }
    const value = fromEnv();
    this.sources[setting] = value === undefined ? 'default' : this.#lastRead;
    return value ?? fallback;
  }

  /**
   * A variable's parsed value. Unset and empty are the same, as OpenTelemetry says; a wrong one is ignored with a
   * warning, which has of the text what `visible` leaves of it, and nothing of it where that is null.
   */
  read<T extends object | number | boolean>(
    variable: string,
    parse: Parse<T>,
    visible: ((text: string) => string) | null = (text): string => text,
  ): T | undefined {
    const text = this.#environment[variable]?.trim();
    if (text === undefined || text === '') return undefined;
    const value = parse(text);
    if (typeof value === 'string') {
      const got = visible === null ? '' : ` got ${shown(visible(text))},`;
      const warning = `${variable} is ignored:${got} expected ${value}`;
      // Some are read for several settings.
      if (!this.warnings.includes(warning)) this.warnings.push(warning);
      return undefined;
    }
    this.#lastRead = variable;
    return value;
  }

  /** Notes a value that was found inside a variable that has been read before. */
  named(variable: string, value: string | undefined): string | undefined {
    if (value !== undefined) this.#lastRead = variable;
    return value;
  }

  string(variable: string): string | undefined {
    return this.read(variable, (text) => ({ text }))?.text;
  }

  boolean(variable: string): boolean | undefined {
    return this.read<boolean>(variable, (text) => {
      const lower = text.toLowerCase();
      if (lower === 'true') return true;
      return lower === 'false' ? false : 'true or false';
    });
  }

  /** Upper or lower case. */
  oneOf<T extends string>(variable: string, accepted: readonly T[]): T | undefined {
    return this.read(variable, (text) => {
      const name = text.toLowerCase() as T;
      return accepted.includes(name) ? { name } : `one of ${accepted.join(', ')}`;
    })?.name;
  }

  number(variable: string, min: number, max = Infinity, mustBeCount = false): number | undefined {
    return this.read<number>(variable, (text) => {
      const value = Number(text);
      if (value >= min && value <= max && (!mustBeCount || isCount(value))) return value;
      const kind = mustBeCount ? 'an integer' : 'a number';
      return max === Infinity ? `${kind} ≥ ${min}` : `${kind} from ${min} to ${max}`;
    });
  }

  url(variable: string): URL | undefined {
    return this.read(
      variable,
      (text) => {
        const url = URL.canParse(text) ? new URL(text) : undefined;
        return url !== undefined && isCollectorUrl(url) ? url : URL_ACCEPTED;
      },
      withoutSecrets,
    );
  }
}

/** `key=value,key=value` with percent-encoded values, as in OTEL_RESOURCE_ATTRIBUTES and OTEL_EXPORTER_OTLP_HEADERS. */
export function parseKeyValues(text: string): Record<string, string> | string {
  const pairs: Record<string, string> = {};
  for (const [at, part] of text.split(',').entries()) {
    if (part.trim() === '') continue;
    const equals = part.indexOf('=');
    const key = part.slice(0, equals).trim();
    // Of what has no equals sign nobody knows which part is the value.
    if (equals < 1 || key === '') return `comma-separated key=value pairs; pair ${at + 1} is not one`;
    try {
      pairs[decodeURIComponent(key)] = decodeURIComponent(part.slice(equals + 1).trim());
    } catch {
      return `percent-encoded values in key=value pairs; that of pair ${at + 1} (${shown(key)}) is not`;
    }
  }
  return pairs;
}
