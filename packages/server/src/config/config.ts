import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { shownSecret, shownText } from '../without-passwords.ts';
import { CONFIG_FLAG } from './command-line.ts';
import { readConfigFile, type RawValue } from './config-file.ts';
import type { Limits } from './limits.ts';
import { limitsFrom } from './limit-settings.ts';
import { ConfigError, show, type Setting } from './setting.ts';
import { ALL_SETTINGS, SETTINGS, type Settings } from './settings.ts';
import type { StoragePolicy } from '../storage/tables.ts';

/** The settings of `throughline up`: from flags, environment, a file or defaults; frozen. */
export interface Config extends Settings {
  readonly limits: Limits;
  /**
   * Where the value of each setting comes from, by its key: `--http-port`, `THROUGHLINE_HTTP_PORT`, `file.yaml:3:9` or
   * `default`.
   */
  readonly sources: ReadonlyMap<string, string>;
  /** Every setting's value by its key. */
  readonly values: ReadonlyMap<string, unknown>;
}

/** The variable for `--config`. */
export const CONFIG_ENV = 'THROUGHLINE_CONFIG';

/**
 * Flags, as `readCommandLine` gives them, win over the environment, it over the file, and that over the defaults.
 * Throws ConfigError.
 */
export function readConfig(
  flags: ReadonlyMap<string, string>,
  env: Readonly<Record<string, string | undefined>>,
): Config {
  const path = flags.get(CONFIG_FLAG) ?? env[CONFIG_ENV] ?? '';
  const file = path === '' ? new Map<string, RawValue>() : readConfigFile(path, ALL_SETTINGS);
  const values = new Map<string, unknown>();
  const sources = new Map<string, string>();
  for (const setting of ALL_SETTINGS) {
    const given = givenFor(setting, flags, env) ?? file.get(setting.key);
    values.set(setting.key, given === undefined ? setting.defaultValue() : parse(setting, given));
    sources.set(setting.key, given?.source ?? 'default');
  }
  const plain = Object.entries<Setting>(SETTINGS as unknown as Record<string, Setting>).map(([name, { key }]) => [
    name,
    values.get(key),
  ]);
  const config = { ...Object.fromEntries(plain), limits: limitsFrom(values), sources, values } as Config;
  checkTogether(config);
  return Object.freeze(config);
}

function givenFor(
  { flag, env: name }: Setting,
  flags: ReadonlyMap<string, string>,
  env: Readonly<Record<string, string | undefined>>,
): RawValue | undefined {
  const text = flags.get(flag);
  if (text !== undefined) return { text, source: flag };
  // As OpenTelemetry reads its own: an empty variable is one that is not set.
  const variable = env[name] ?? '';
  return variable === '' ? undefined : { text: variable, source: name };
}

function parse(setting: Setting, { text, source }: RawValue): unknown {
  const value = setting.parse(text);
  if (value !== undefined) return value;
  const shown = setting.isSecret === true ? shownSecret(text) : shownText(text);
  throw new ConfigError(`${nameAt(setting, source)}: got ${JSON.stringify(shown)}, expected ${setting.accepted}`);
}

/** A setting as the person who set it knows it: by its flag, its variable or its place in the file. */
function nameAt({ key, flag, env }: Pick<Setting, 'key' | 'flag' | 'env'>, source: string | undefined): string {
  if (source === undefined || source === 'default') return `${flag} (default)`;
  return source === flag || source === env ? source : `${source}: ${key}`;
}

const PORTS = ['otlpGrpcPort', 'otlpHttpPort', 'httpPort'] as const;

interface Order {
  readonly less: string;
  readonly more: string;
  /** So many times the first must fit into the second; once by default. */
  readonly times?: number;
  /** Why it must, where one of the names does not say it. */
  readonly why?: string;
  /** The store that it is a rule of; of both by default. */
  readonly store?: 'embedded' | 'cluster';
}

/**
 * What an insert takes of a segment's bytes: the columns as they are read, and twice as much again while one of them
 * grows.
 */
const INSERT_MEMORY_TIMES = 4;
const IS_INSERTED = 'a segment is inserted as a whole';
const IS_ONE_RESPONSE = 'a trace is read as one response';

/** Where the first is greater, nothing would ever be taken, or something would fail that is within its own limit. */
const ORDERED: readonly Order[] = [
  { less: 'otlpHttp.bodyBytesMax', more: 'receivers.bytesInFlightMax' },
  { less: 'otlpHttp.decompressedBytesMax', more: 'receivers.bytesInFlightMax' },
  { less: 'otlpGrpc.messageBytesMax', more: 'receivers.bytesInFlightMax' },
  { less: 'otlpGrpc.decompressedBytesMax', more: 'receivers.bytesInFlightMax' },
  { less: 'loader.retryDelayMs', more: 'loader.retryDelayMsMax' },
  { less: 'engine.queryMemoryBytesMax', more: 'engine.memoryBytesMax' },
  { less: 'engine.unansweredPingsDown', more: 'engine.unansweredPingsMax' },
  { less: 'engine.restartDelayMs', more: 'engine.restartDelayMsMax' },
  { less: 'engine.mergeLookIntervalMs', more: 'engine.replacedPartsMs' },
  { less: 'engine.mergePauseMs', more: 'engine.mergePauseMsMax' },
  { less: 'cluster.leaseRenewMs', more: 'cluster.leaseMs' },
  { less: 'alerts.retryDelayMs', more: 'alerts.retryDelayMsMax' },
  ...(['embedded', 'cluster'] as const).flatMap((store) => {
    const group = store === 'embedded' ? 'engine' : 'cluster';
    return [
      { less: 'query.traceBytesMax', more: `${group}.resultBytesMax`, why: IS_ONE_RESPONSE, store },
      {
        less: 'spool.segmentBytesMax',
        more: `${group}.queryMemoryBytesMax`,
        times: INSERT_MEMORY_TIMES,
        why: IS_INSERTED,
        store,
      },
    ];
  }),
];

function shownAs(key: string, value: unknown): string {
  return show(ALL_SETTINGS.find((candidate) => candidate.key === key) as Setting, value);
}

function checkOrder({ values, sources, store }: Config): void {
  for (const { less, more, times = 1, why, store: only } of ORDERED) {
    if (only !== undefined && (only === 'embedded') !== (store === 'embedded')) continue;
    if (Number(values.get(less)) * times <= Number(values.get(more))) continue;
    const part =
      times === 1 ? '' : `${shownAs(less, Math.floor(Number(values.get(more)) / times))}: a ${PARTS[times]} of `;
    const most = `${part}${more} (${shownAs(more, values.get(more))}, ${sources.get(more)})`;
    const because = why === undefined ? '' : `, because ${why}`;
    throw new ConfigError(
      `${less} is ${shownAs(less, values.get(less))} (${sources.get(less)}) but may be at most ${most}${because}`,
    );
  }
}

const PARTS: Readonly<Record<number, string>> = { [INSERT_MEMORY_TIMES]: 'quarter' };

function checkTogether(config: Config): void {
  checkOrder(config);
  checkStore(config);
  if (config.dataDirectory === '') {
    throw new ConfigError(
      'there is no home directory for the data; set a directory with --data-dir or THROUGHLINE_DATA_DIR',
    );
  }
  const { host, noAuth, sources } = config;
  const taken = new Map<number, string>();
  for (const name of PORTS) {
    const port = config[name];
    const own = nameAt(SETTINGS[name], sources.get(SETTINGS[name].key));
    const other = taken.get(port);
    if (other !== undefined && port !== 0) {
      throw new ConfigError(`${other} and ${own} are both ${port}; use two different ports`);
    }
    taken.set(port, own);
  }
  if (!isLoopback(host) && !noAuth) {
    throw new ConfigError(
      `${nameAt(SETTINGS.host, sources.get('host'))} is ${JSON.stringify(host)}, which other machines can reach without ` +
        'authentication; use a loopback address, or add --no-auth if that is intended',
    );
  }
}

function checkStore(config: Config): void {
  const { store, storeCluster, storeSchema, storePasswordFile, sources } = config;
  if (storeCluster !== '' && store === 'embedded') {
    const source = sources.get(SETTINGS.storeCluster.key);
    throw new ConfigError(`${source} is set, but the embedded store has no cluster; it is for --store URL`);
  }
  if (storeSchema === 'external' && store === 'embedded') {
    const source = sources.get(SETTINGS.storeSchema.key);
    throw new ConfigError(
      `${source} is external, but the collector makes the tables of the embedded store itself; it is for --store URL`,
    );
  }
  checkTwice(config);
  checkPolicy(config);
  checkCertificates(config);
  if (storePasswordFile === '') return;
  const source = sources.get(SETTINGS.storePasswordFile.key);
  if (store === 'embedded') {
    throw new ConfigError(`${source} is set, but the embedded store has no password; it is for --store URL`);
  }
  if (store.some((url) => new URL(url).password !== '')) {
    throw new ConfigError(
      `${source} is set, and ${sources.get(SETTINGS.store.key)} has a password as well; use one of the two`,
    );
  }
}

/** Of one server under two URLs, nothing would be known twice. */
function checkTwice({ store, sources }: Config): void {
  if (store === 'embedded') return;
  const origins = store.map((url) => new URL(url).origin);
  const twice = origins.find((origin, index) => origins.indexOf(origin) !== index);
  if (twice === undefined) return;
  throw new ConfigError(`${sources.get(SETTINGS.store.key)} names ${twice} twice; name each server once`);
}

function checkCertificates(config: Config): void {
  const { store, storeCertFile, storeKeyFile, sources } = config;
  const given = (name: 'storeCaFile' | 'storeCertFile' | 'storeKeyFile'): string =>
    nameAt(SETTINGS[name], sources.get(SETTINGS[name].key));
  if ((storeCertFile === '') !== (storeKeyFile === '')) {
    const [one, other] = storeCertFile === '' ? (['Key', 'Cert'] as const) : (['Cert', 'Key'] as const);
    throw new ConfigError(`${given(`store${one}File`)} is set without ${SETTINGS[`store${other}File`].flag}; set both`);
  }
  if (store !== 'embedded' && store.some((url) => url.startsWith('https:'))) return;
  const first = (['storeCaFile', 'storeCertFile'] as const).find((name) => config[name] !== '');
  if (first === undefined) return;
  throw new ConfigError(`${given(first)} is set, but --store has no https URL; it is for servers with TLS`);
}

function checkPolicy({ store, storePolicy, storeColdVolume, storeColdDays, retentionDays, sources }: Config): void {
  const given = (name: 'storePolicy' | 'storeColdVolume' | 'storeColdDays'): string =>
    nameAt(SETTINGS[name], sources.get(SETTINGS[name].key));
  if (storePolicy !== '' && store === 'embedded') {
    throw new ConfigError(`${given('storePolicy')} is set, but the embedded store has one disk; it is for --store URL`);
  }
  if ((storeColdVolume === '') !== (storeColdDays === 0)) {
    const [one, other] = storeColdVolume === '' ? (['Days', 'Volume'] as const) : (['Volume', 'Days'] as const);
    const lacks = SETTINGS[`storeCold${other}`].flag;
    throw new ConfigError(`${given(`storeCold${one}`)} is set without ${lacks}; set both`);
  }
  if (storeColdVolume !== '' && storePolicy === '') {
    const { flag } = SETTINGS.storePolicy;
    throw new ConfigError(`${given('storeColdVolume')} is set without ${flag}, whose volume it is; set both`);
  }
  if (storeColdDays >= retentionDays) {
    const maxAge = `${SETTINGS.retentionDays.key} (${retentionDays} days)`;
    throw new ConfigError(
      `${given('storeColdDays')} is ${storeColdDays} days but must be less than ${maxAge}: older days are dropped before they move`,
    );
  }
}

/** What the tables are to be kept by, for the engine; nothing where that is the servers' default. */
export function storagePolicyOf({ storePolicy: name, storeColdVolume: volume, storeColdDays: afterDays }: Config): {
  readonly policy?: StoragePolicy;
} {
  return name === '' ? {} : { policy: { name, cold: afterDays === 0 ? null : { afterDays, volume } } };
}

/** Whether only this machine can reach the host. */
export function isLoopback(host: string): boolean {
  if (isIP(host) === 4) return host.startsWith('127.');
  return host === '::1' || host === 'localhost';
}

/** The names under which browsers may reach the collector, besides the loopback's; in lower case. */
export function ownHostNames({ host, allowedHosts }: Config): string[] {
  const own = isLoopback(host) ? [] : [host, hostname().toLowerCase()];
  return [...new Set([...own, ...allowedHosts])];
}
