import { isIP } from 'node:net';
import { homedir, hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { closest } from './closest.ts';

/** What `throughline up` was told, by flags, by environment, or by default; frozen. */
export interface Config extends Settings {
  /** Where each value comes from: `--http-port`, `THROUGHLINE_HTTP_PORT` or `default`. */
  readonly sources: Readonly<Record<keyof Settings, string>>;
}

export interface Settings {
  /** A name or an address without brackets. */
  readonly host: string;
  /** 0 picks a free one, as for the other ports. */
  readonly otlpGrpcPort: number;
  readonly otlpHttpPort: number;
  /** Of the UI and the API; 0 picks a free one. */
  readonly httpPort: number;
  /** Absolute. */
  readonly dataDirectory: string;
  readonly store: 'embedded';
  /** True when it is meant that everybody who reaches the host may send and read. */
  readonly noAuth: boolean;
  readonly logLevel: LogLevel;
}

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

type LogLevel = (typeof LOG_LEVELS)[number];

/** A setting that is not accepted. The message is one line for people: what was given, what is accepted, and where. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'invalid_config';
}

interface Setting<T> {
  readonly flag: string;
  readonly env: string;
  /** How the flag's value is called in the usage; a flag without one is a switch. */
  readonly value?: string;
  readonly help: string;
  readonly accepted: string;
  readonly otherwise: () => T;
  /** Undefined when the text is not accepted; throws ConfigError where more can be said. */
  parse(text: string): T | undefined;
}

const PORT = {
  value: 'PORT',
  accepted: 'a whole number from 0 to 65535, where 0 picks a free port',
  parse: (text: string) => (/^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined),
};

/** Every setting of `throughline up`; the usage and the README's table are tested against it. */
export const SETTINGS: { readonly [K in keyof Settings]: Setting<Settings[K]> } = {
  host: {
    flag: '--host',
    env: 'THROUGHLINE_HOST',
    value: 'HOST',
    help: 'Name or address to listen on',
    accepted: 'a host name or an IP address',
    otherwise: () => '127.0.0.1',
    parse: parseHost,
  },
  otlpGrpcPort: {
    ...PORT,
    flag: '--otlp-grpc-port',
    env: 'THROUGHLINE_OTLP_GRPC_PORT',
    help: 'Port for OTLP/gRPC',
    otherwise: () => 4317,
  },
  otlpHttpPort: {
    ...PORT,
    flag: '--otlp-http-port',
    env: 'THROUGHLINE_OTLP_HTTP_PORT',
    help: 'Port for OTLP/HTTP',
    otherwise: () => 4318,
  },
  httpPort: {
    ...PORT,
    flag: '--http-port',
    env: 'THROUGHLINE_HTTP_PORT',
    help: 'Port for the UI and the API',
    otherwise: () => 4319,
  },
  dataDirectory: {
    flag: '--data-dir',
    env: 'THROUGHLINE_DATA_DIR',
    value: 'DIRECTORY',
    help: 'Where traces are kept',
    accepted: 'the path of a directory',
    otherwise: () => join(homedir(), '.throughline'),
    parse: (text) => (text === '' || text.includes('\0') ? undefined : resolve(text)),
  },
  store: {
    flag: '--store',
    env: 'THROUGHLINE_STORE',
    value: 'STORE',
    help: 'Where spans are stored',
    accepted: 'embedded',
    otherwise: () => 'embedded',
    parse: parseStore,
  },
  noAuth: {
    flag: '--no-auth',
    env: 'THROUGHLINE_NO_AUTH',
    help: 'Allow a host that others can reach',
    accepted: 'true or false',
    otherwise: () => false,
    parse: parseSwitch,
  },
  logLevel: {
    flag: '--log-level',
    env: 'THROUGHLINE_LOG_LEVEL',
    value: 'LEVEL',
    help: 'Least level of what is logged, as JSON on standard error',
    accepted: `one of ${LOG_LEVELS.join(', ')}`,
    otherwise: () => 'warn',
    parse: (text) => LOG_LEVELS.find((level) => level === text),
  },
};

/** Names that belong to later releases: silence would look like success. */
const LATER: Readonly<Record<string, string>> = {
  '--config': 'a configuration file',
};

/** Flags win over the environment, and it over the defaults. Throws ConfigError. */
export function readConfig(args: readonly string[], env: Readonly<Record<string, string | undefined>>): Config {
  const flags = readFlags(args);
  const values: Record<string, unknown> = {};
  const sources: Record<string, string> = {};
  for (const [key, setting] of Object.entries(SETTINGS) as [keyof Settings, Setting<unknown>][]) {
    const { value, source } = readSetting(setting, flags, env);
    values[key] = value;
    sources[key] = source;
  }
  const config = { ...values, sources: Object.freeze(sources) } as unknown as Config;
  checkTogether(config);
  return Object.freeze(config);
}

function readSetting(
  setting: Setting<unknown>,
  flags: ReadonlyMap<string, string>,
  env: Readonly<Record<string, string | undefined>>,
): { value: unknown; source: string } {
  const flag = flags.get(setting.flag);
  if (flag !== undefined) return { value: parse(setting, flag, setting.flag), source: setting.flag };
  // As OpenTelemetry reads its own: an empty variable is one that is not set.
  const variable = env[setting.env] ?? '';
  if (variable !== '') return { value: parse(setting, variable, setting.env), source: setting.env };
  return { value: setting.otherwise(), source: 'default' };
}

function parse(setting: Setting<unknown>, text: string, source: string): unknown {
  const value = setting.parse(text);
  if (value !== undefined) return value;
  throw new ConfigError(`${source} was given as ${JSON.stringify(text)}; accepted is ${setting.accepted}`);
}

/** `--flag value` and `--flag=value`; a switch stands alone. Of a flag that was given twice, the last one counts. */
function readFlags(args: readonly string[]): Map<string, string> {
  const flags = new Map<string, string>();
  const known = new Map(Object.values(SETTINGS).map((setting) => [setting.flag, setting]));
  for (let i = 0; i < args.length; i++) {
    const [, name = '', , inline] = /^(--[^=]+|-[^-].*)(=(.*))?$/s.exec(args[i] ?? '') ?? [];
    if (name === '') throw new ConfigError(`${JSON.stringify(args[i])} was given; accepted are only flags`);
    const setting = known.get(name);
    if (setting === undefined) throw unknownFlag(name, [...known.keys()]);
    if (setting.value === undefined) {
      flags.set(name, inline ?? 'true');
      continue;
    }
    const value = inline ?? args[++i];
    if (value === undefined)
      throw new ConfigError(`${name} was given without a value; accepted is ${setting.accepted}`);
    flags.set(name, value);
  }
  return flags;
}

function unknownFlag(name: string, known: readonly string[]): ConfigError {
  if (Object.hasOwn(LATER, name)) return comesLater(name);
  const meant = closest(name, known);
  const hint = meant === null ? `accepted are ${known.join(', ')}` : `did you mean ${meant}?`;
  return new ConfigError(`${name} is not a flag of throughline up; ${hint}`);
}

function comesLater(name: string): ConfigError {
  return new ConfigError(`${name} was given, but ${LATER[name]} comes with a later release; leave it out`);
}

const LISTENERS = [
  ['otlpGrpcPort', 'OTLP/gRPC'],
  ['otlpHttpPort', 'OTLP/HTTP'],
  ['httpPort', 'the UI'],
] as const;

function checkTogether(config: Config): void {
  const { host, noAuth, sources } = config;
  const taken = new Map<number, string>();
  for (const [name, listener] of LISTENERS) {
    const port = config[name];
    const own = `${listener} (${sources[name]})`;
    const other = taken.get(port);
    if (other !== undefined && port !== 0) {
      throw new ConfigError(`port ${port} was given both for ${other} and for ${own}; accepted are two ports`);
    }
    taken.set(port, own);
  }
  if (!isLoopback(host) && !noAuth) {
    throw new ConfigError(
      `${sources.host} was given as ${JSON.stringify(host)}, which other machines can reach, and nobody is asked who ` +
        'they are; accepted is a loopback address, or add --no-auth when that is meant',
    );
  }
}

function isLoopback(host: string): boolean {
  if (isIP(host) === 4) return host.startsWith('127.');
  return host === '::1' || host === 'localhost';
}

function parseHost(text: string): string | undefined {
  const host = text.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  if (isIP(host) !== 0) return host;
  return /^(?=.{1,253}$)(?!\d+(?:\.\d+)*$)[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?$/.test(host) ? host : undefined;
}

function parseSwitch(text: string): boolean | undefined {
  if (text === 'true' || text === '1') return true;
  return text === 'false' || text === '0' ? false : undefined;
}

function parseStore(text: string): 'embedded' | undefined {
  if (/^(?:https?|clickhouse|tcp):\/\//i.test(text)) {
    throw new ConfigError('a ClickHouse server as the store comes with a later release; accepted is embedded');
  }
  return text === 'embedded' ? text : undefined;
}

/** The names under which browsers may reach a server on this host, besides the loopback's. */
export function ownHostNames(host: string): string[] {
  return isLoopback(host) ? [] : [...new Set([host, hostname().toLowerCase()])];
}
