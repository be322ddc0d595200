import { isIP } from 'node:net';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { CLUSTER_NAME } from '../storage/cluster/cluster-tables.ts';
import { LIMIT_SETTINGS } from './limit-settings.ts';
import { quantity, setting, type Setting, type SettingText } from './setting.ts';

/** The settings of a collector besides its limits. */
export interface Settings {
  /** A name or an address without brackets. */
  readonly host: string;
  /** 0 picks a free one, as for the other ports. */
  readonly otlpGrpcPort: number;
  readonly otlpHttpPort: number;
  /** Of the UI and the API; 0 picks a free one. */
  readonly httpPort: number;
  /** The prefix that a proxy serves the UI and the API under, such as `/tracing`; '' for none. */
  readonly basePath: string;
  /** Absolute; '' where there is no home directory to put it in and none was given. */
  readonly dataDirectory: string;
  /** The URLs of ClickHouse servers that share their tables, or the embedded one. */
  readonly store: 'embedded' | readonly string[];
  /** What the ClickHouse servers call the cluster that keeps the tables; '' where each server keeps all rows itself. */
  readonly storeCluster: string;
  /** Who makes and alters the tables on ClickHouse servers: the collector, or somebody else. */
  readonly storeSchema: StoreSchema;
  /** Absolute; '' for none. Read at the start, and again when it changes; the same for the next. */
  readonly storePasswordFile: string;
  /** Certificates that are trusted in place of those that Node knows. */
  readonly storeCaFile: string;
  /** The certificate of the collector for servers that ask for one, and its key; both or none. */
  readonly storeCertFile: string;
  readonly storeKeyFile: string;
  /** What the ClickHouse servers call the storage policy of the tables that grow; '' for their default. */
  readonly storePolicy: string;
  /** The volume of the policy that old days move to; '' where they stay. */
  readonly storeColdVolume: string;
  /** Whole days after which they move; 0 where they stay. */
  readonly storeColdDays: number;
  /** Whole days that spans are kept, counted from their start; older ones are rejected. */
  readonly retentionDays: number;
  /** The share of the disk, above 0 and up to 1, that may be in use before the oldest spans go. */
  readonly retentionDiskShare: number;
  /** Web origins that may send spans besides those on the loopback interface; `*` allows all. */
  readonly corsOrigins: readonly string[];
  /** Names, besides the loopback's and the host's own, under which a browser may reach the collector; in lower case. */
  readonly allowedHosts: readonly string[];
  /** True when it is meant that everybody who reaches the host may send and read. */
  readonly noAuth: boolean;
  /** Whether agents may ask over the Model Context Protocol, on the port of the API. */
  readonly mcp: boolean;
  /** Absolute; the file with the rules of alerts, '' for none. Read again when it changes. */
  readonly alertsFile: string;
  /** Where people reach the UI, without a slash at its end; '' for the collector's own address. */
  readonly publicUrl: string;
  readonly logLevel: LogLevel;
  /** `auto` is text on a terminal and JSON elsewhere. */
  readonly logFormat: LogFormat;
}

const STORE_SCHEMAS = ['managed', 'external'] as const;
type StoreSchema = (typeof STORE_SCHEMAS)[number];

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const LOG_FORMATS = ['auto', 'json', 'text'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

const PORT: SettingText<number> = {
  value: 'PORT',
  accepted: 'an integer from 0 to 65535 (0 picks a free port)',
  parse: (text) => (/^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined),
};

const HOST: SettingText<string> = { value: 'HOST', accepted: 'a host name or an IP address', parse: parseHost };

/** Every setting but the limits; the usage and the tables in the documentation are tested against it. */
export const SETTINGS: { readonly [K in keyof Settings]: Setting<Settings[K]> } = {
  host: setting('host', 'Host name or address to listen on', HOST, () => '127.0.0.1'),
  otlpGrpcPort: setting('otlpGrpc.port', 'Port for OTLP/gRPC', PORT, () => 4317),
  otlpHttpPort: setting('otlpHttp.port', 'Port for OTLP/HTTP', PORT, () => 4318),
  httpPort: setting('http.port', 'Port for the UI and the API', PORT, () => 4319),
  basePath: setting(
    'http.basePath',
    'Path under which a proxy serves the UI and the API; the proxy may strip it or keep it',
    {
      value: 'PATH',
      accepted: 'a path such as /tracing, of letters, digits and the characters / . _ ~ -',
      parse: parseBasePath,
      show: (path) => (path === '' ? '/' : path),
    },
    () => '',
  ),
  dataDirectory: setting(
    'dataDir',
    'Directory for the embedded store, the spool and other state',
    {
      value: 'DIRECTORY',
      accepted: 'the path of a directory',
      parse: (text) => (text === '' || text.includes('\0') ? undefined : resolve(text)),
    },
    homeDataDirectory,
  ),
  store: setting(
    'store',
    'Storage for spans: embedded, or ClickHouse servers',
    {
      value: 'STORE',
      accepted: 'embedded, or the URLs of ClickHouse servers with commas between them, such as http://user@host:8123',
      parse: parseStore,
      show: (store) => (store === 'embedded' ? store : store.map(withoutPassword).join(', ')),
      isSecret: true,
    },
    () => 'embedded',
  ),
  storeCluster: setting(
    'storeCluster',
    'ClickHouse cluster that replicates the tables and spreads them over its shards',
    {
      value: 'NAME',
      accepted: 'the name of a cluster in remote_servers, of letters, digits and the characters _ . -',
      parse: (text) => (CLUSTER_NAME.test(text) ? text : undefined),
    },
    () => '',
  ),
  storeSchema: setting(
    'storeSchema',
    'Who creates and alters the tables on ClickHouse servers: the collector (managed), or you (external)',
    {
      value: 'MODE',
      accepted: `one of ${STORE_SCHEMAS.join(', ')}`,
      parse: (text) => STORE_SCHEMAS.find((mode) => mode === text),
    },
    () => 'managed',
  ),
  storePasswordFile: setting(
    'storePasswordFile',
    'File with the password of the ClickHouse user; read again when it changes',
    {
      value: 'FILE',
      accepted: 'the path of a file that holds the password on one line',
      parse: parseFile,
    },
    () => '',
  ),
  storePolicy: setting(
    'storePolicy',
    'Storage policy of the ClickHouse tables that grow, when they are created',
    {
      value: 'NAME',
      accepted: 'the name of a policy in storage_configuration, of letters, digits and the characters _ -',
      parse: parseStorageName,
    },
    () => '',
  ),
  storeColdVolume: setting(
    'storeColdVolume',
    'Volume of the storage policy that old days move to',
    {
      value: 'NAME',
      accepted: 'the name of a volume of the policy, of letters, digits and the characters _ -',
      parse: parseStorageName,
    },
    () => '',
  ),
  storeColdDays: setting(
    'storeColdAfter',
    'Age in days at which a day moves to that volume; 0 moves none',
    {
      ...quantity('count', 0, 36_500),
      value: 'DAYS',
      accepted: 'days such as 7 or 7d, from 0 to 36500',
      parse: (text) => (text.trim() === '0' ? 0 : parseDays(text)),
    },
    () => 0,
  ),
  storeCaFile: setting(
    'storeCaFile',
    'File with the certificates that sign those of the ClickHouse servers; read again when it changes',
    {
      value: 'FILE',
      accepted: 'the path of a file with certificates in PEM',
      parse: parseFile,
    },
    () => '',
  ),
  storeCertFile: setting(
    'storeCertFile',
    'File with the client certificate for the ClickHouse servers; read again when it changes',
    {
      value: 'FILE',
      accepted: 'the path of a file with a certificate in PEM, and those that sign it behind it',
      parse: parseFile,
    },
    () => '',
  ),
  storeKeyFile: setting(
    'storeKeyFile',
    'File with the private key of the client certificate; read again when it changes',
    { value: 'FILE', accepted: 'the path of a file with a private key in PEM, without a passphrase', parse: parseFile },
    () => '',
  ),
  retentionDays: setting(
    'retention.maxAge',
    'Retention in days; older spans are dropped, and rejected when they arrive',
    {
      ...quantity('count', 1, 36_500),
      value: 'DAYS',
      accepted: 'days such as 30 or 30d, from 1 to 36500',
      counter: 'throughline_rejected_spans_total{reason="too_old"}',
      parse: parseDays,
    },
    () => 30,
  ),
  retentionDiskShare: setting(
    'retention.maxDiskShare',
    'Share of the disk (the size of the store plus free space) above which the oldest days are dropped',
    { value: 'SHARE', accepted: 'a number above 0 and up to 1, such as 0.8', parse: parseShare },
    () => 0.8,
  ),
  corsOrigins: setting(
    'otlpHttp.corsOrigins',
    'Web origins, besides those on this machine, whose pages may send spans',
    {
      ...list(parseOrigin),
      value: 'ORIGINS',
      accepted: 'origins such as https://shop.example or https://*.shop.example with commas between them, or *',
      counter: 'throughline_otlp_http_requests_total{outcome="403"}',
    },
    () => [],
  ),
  allowedHosts: setting(
    'allowedHosts',
    'Host names, besides the one it listens on, under which browsers may reach the collector',
    {
      ...list(parseHost),
      value: 'NAMES',
      accepted: 'host names with commas between them',
      counter: 'throughline_otlp_http_requests_total{outcome="403"}',
    },
    () => [],
  ),
  noAuth: setting(
    'noAuth',
    'Listen on a non-loopback address without authentication',
    { accepted: 'true or false', parse: parseSwitch },
    () => false,
  ),
  mcp: {
    ...setting(
      'mcp.enabled',
      'Let agents ask over the Model Context Protocol, at /mcp on the port of the API',
      { accepted: 'true or false', parse: parseSwitch },
      () => false,
    ),
    // There is one way to switch it on, and what it switches on has a name.
    flag: '--mcp',
    env: 'THROUGHLINE_MCP',
  },
  alertsFile: setting(
    'alerts.file',
    'File with the rules of alerts and whom they notify; read again when it changes',
    { value: 'FILE', accepted: 'the path of a YAML file', parse: parseFile },
    () => '',
  ),
  publicUrl: setting(
    'publicUrl',
    'URL under which people reach the UI, for links in notifications',
    {
      value: 'URL',
      accepted: 'an http or https URL such as https://tools.example/tracing, without user, password and query',
      parse: parsePublicUrl,
    },
    () => '',
  ),
  logLevel: setting(
    'logLevel',
    'Minimum log level (standard error)',
    {
      value: 'LEVEL',
      accepted: `one of ${LOG_LEVELS.join(', ')}`,
      parse: (text) => LOG_LEVELS.find((level) => level === text),
    },
    () => 'warn',
  ),
  logFormat: setting(
    'logFormat',
    'Log format: JSON lines, or text for people; auto is text on a terminal',
    {
      value: 'FORMAT',
      accepted: `one of ${LOG_FORMATS.join(', ')}`,
      parse: (text) => LOG_FORMATS.find((format) => format === text),
    },
    () => 'auto',
  ),
};

/** Every setting of `throughline up`, in the order in which help and documents list them. */
export const ALL_SETTINGS: readonly Setting[] = [...(Object.values(SETTINGS) as Setting[]), ...LIMIT_SETTINGS];

function list<T>(parseItem: (text: string) => T | undefined): Pick<Setting<readonly T[]>, 'parse' | 'show'> {
  return {
    parse: (text) => {
      const items = text.split(',').map((item) => parseItem(item.trim()));
      return items.every((item) => item !== undefined) ? items : undefined;
    },
    show: (items) => items.join(','),
  };
}

function parseHost(text: string): string | undefined {
  const host = text.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  if (isIP(host) !== 0) return host;
  return /^(?=.{1,253}$)(?!\d+(?:\.\d+)*$)[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?$/.test(host) ? host : undefined;
}

/** With a slash before each part and none at the end. */
function parseBasePath(text: string): string | undefined {
  const path = `/${text}`.replace(/\/+$/, '').replace(/^\/\//, '/');
  return /^(?:\/(?!\.{1,2}(?:\/|$))[\w.~-]{1,100}){0,10}$/.test(path) ? path : undefined;
}

/** As browsers send it: scheme, host and port, and nothing behind them. */
function parseOrigin(text: string): string | undefined {
  if (text === '*') return text;
  return /^[a-z][a-z0-9+.-]*:\/\/(?:\*\.)?[^\s/?#@,*]+$/i.test(text) ? text.toLowerCase() : undefined;
}

/** Without a slash at its end. */
function parsePublicUrl(text: string): string | undefined {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return undefined;
  const { origin, pathname, search, hash, username, password } = new URL(text);
  return search === '' && hash === '' && username === '' && password === ''
    ? `${origin}${pathname.replace(/\/+$/, '')}`
    : undefined;
}

function parseFile(text: string): string | undefined {
  return text.includes('\0') ? undefined : resolve(text);
}

function parseStorageName(text: string): string | undefined {
  return /^[\w-]{1,100}$/.test(text) ? text : undefined;
}

function parseDays(text: string): number | undefined {
  const days = Number(/^(\d{1,5})\s?d?$/.exec(text.trim())?.[1] ?? Number.NaN);
  return days >= 1 && days <= 36_500 ? days : undefined;
}

function parseShare(text: string): number | undefined {
  const share = /^(?:0?\.\d{1,9}|1(?:\.0+)?)$/.test(text.trim()) ? Number(text) : Number.NaN;
  return share > 0 && share <= 1 ? share : undefined;
}

function parseSwitch(text: string): boolean | undefined {
  if (text === 'true' || text === '1') return true;
  return text === 'false' || text === '0' ? false : undefined;
}

function parseStore(text: string): Settings['store'] | undefined {
  if (text === 'embedded') return text;
  const urls = text.split(',').map((url) => url.trim());
  return urls.every(isClickHouseUrl) ? Object.freeze(urls) : undefined;
}

function isClickHouseUrl(text: string): boolean {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return false;
  const { pathname, search, hash, username, password } = new URL(text);
  return pathname === '/' && search === '' && hash === '' && isPercentEncoded(username) && isPercentEncoded(password);
}

function isPercentEncoded(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

/**
 * '' where there is no home: neither a variable nor an entry of the user, as often in a container. One that is empty
 * would be the folder that the command runs in, another one each time.
 */
function homeDataDirectory(): string {
  try {
    const home = homedir();
    return isAbsolute(home) ? join(home, '.throughline') : '';
  } catch {
    return '';
  }
}

function withoutPassword(text: string): string {
  const url = new URL(text);
  if (url.password !== '') url.password = '***';
  return url.href;
}
