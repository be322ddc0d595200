import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { settingsTable } from './testing/settings-table.ts';
import { configOf } from './testing/config-of.ts';
import { configText } from './config-text.ts';
import { ConfigError, show } from './setting.ts';
import { ALL_SETTINGS, SETTINGS } from './settings.ts';
import { storeUrls } from './store-urls.ts';

const directory = mkdtempSync(join(tmpdir(), 'throughline-config-'));
afterAll(() => rmSync(directory, { recursive: true }));

function writeFile(text: string | Uint8Array): string {
  const path = join(directory, 'x.yaml');
  writeFileSync(path, text);
  return path;
}

function messageOf(args: readonly string[], env: Record<string, string> = {}): string {
  try {
    configOf(args, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return 'accepted';
}

function basePathOf(text: string): string {
  return configOf(['--http-base-path', text], {}).basePath;
}

/** Why a file is rejected: `x.yaml:1:1: …`. */
const refusalOf = (text: string): string => messageOf(['--config', writeFile(text)]).replace(/^.*\//, '');

/** Why a password cannot be read from there. */
function withoutPasswordFrom(path: string): string {
  try {
    storeUrls(configOf(['--store', 'http://a'], { THROUGHLINE_STORE_PASSWORD_FILE: path }));
  } catch (error) {
    return (error as Error).message;
  }
  return 'accepted';
}

/** Arguments and variables that are wrong, each in its own way. */
const WRONG_CONFIGS: readonly (readonly [args: readonly string[], env?: Record<string, string>])[] = [
  [['--store-cluster', 'main']],
  [['--store-policy', 'tiered']],
  [['--store', 'http://host', '--store-policy', 'a;b']],
  [['--store', 'http://host', '--store-policy', 'tiered', '--store-cold-volume', 'cold']],
  [['--store', 'http://host', '--store-policy', 'tiered', '--store-cold-after', '7d']],
  [['--store', 'http://host', '--store-cold-volume', 'cold', '--store-cold-after', '7d']],
  [['--store', 'http://host', '--store-policy', 'p', '--store-cold-volume', 'cold', '--store-cold-after', '30']],
  [['--store', 'http://host', '--store-cluster', 'a b']],
  [['--store-schema', 'external']],
  [['--store', 'http://host', '--store-schema', 'mine']],
  [['--http-port', '65536']],
  [[], { THROUGHLINE_LOG_LEVEL: 'loud' }],
  [['--store', 'sqlite']],
  [['--store', 'http://user:s3cret@host:8123/mydb']],
  [[], { THROUGHLINE_NO_AUTH: 'constructor' }],
  [['--host', 'a b']],
  [['--host', '0.0.0.0']],
  [['--data-dir', '']],
  [['--http-port']],
  [['--config']],
  [['--config', '/nowhere/x.yaml']],
  [['--config', directory]],
  [['4319']],
  [['--htp-port', '1']],
  [['-store=http://a']],
  [['-p', '1']],
  [['--http-port', '4318']],
  [['--spool-backlog-bytes-max', '1']],
  [['--query-query-timeout-ms', 'soon']],
  [['--retention-max-age', '0']],
  [['--retention-max-disk-share', '80']],
  [['--http-base-path', '/a//b']],
  [['--otlp-http-cors-origins', 'example.com']],
  [['--receivers-bytes-in-flight-max', '8MiB']],
  [['--engine-memory-bytes-max', '512MiB']],
  [['--spool-segment-bytes-max', '256MiB']],
  [['--query-trace-bytes-max', '512MiB']],
  [['--store', 'http://u:p4ss@h', '--store-password-file', '/run/password']],
  [['--store-password-file', '/run/password']],
  [['--store', 'http://host:8123,http://ann:p4ss@host:8123']],
  [['--store', 'http://host', '--store-ca-file', '/run/ca.pem']],
  [['--store', 'https://host', '--store-cert-file', '/run/client.pem']],
  [['--store', 'https://host', '--store-key-file', '/run/client.key']],
  [['--store', 'http://host', '--store-cert-file', '/run/client.pem', '--store-key-file', '/run/client.key']],
  [['--public-url', 'tools.example']],
  [['--public-url', 'https://ann:p4ss@tools.example/?a=b']],
];

/** Configuration files that are wrong, and how the message is known. */
const WRONG_FILES: readonly (readonly [text: string, message: RegExp])[] = [
  ['retension:\n  maxAge: 1\n', /^x\.yaml:1:1: .*`retension`; .*`retention`\?$/],
  ['retention:\n  maxAgee: 1\n', /^x\.yaml:2:3: .*`maxAgee` .*`retention`; .*`maxAge`\?$/],
  ['http-port: 1\n', /^x\.yaml:1:1: .*`http-port`; .*`http\.port`\?$/],
  ['segmentAgeMs: 1\n', /^x\.yaml:1:1: .*`segmentAgeMs`; .*`spool\.segmentAgeMs`\?$/],
  ['retention:\n  zzzzzzzzz: 1\n', /^x\.yaml:2:3: .*`zzzzzzzzz` .*`retention`; supported: maxAge, maxDiskShare/],
  ['http:\n  port: high\n', /^x\.yaml:2:9: http\.port: got "high", expected .*0 to 65535/],
  ['http: 4319\n', /^x\.yaml:1:7: http .*group of settings/],
  ['host:\n  name: a\n', /^x\.yaml:2:3: host: .*single value/],
  ['- host\n', /^x\.yaml:1:1: .*"host: 127\.0\.0\.1"$/],
  ['a: &a b\nhost: *a\n', /^x\.yaml:1:1: .*`a`/],
  ['host: 0.0.0.0\n', /^x\.yaml:1:7: host is "0\.0\.0\.0", .*other machines/],
];

/** Files that are no YAML: its parser says what is wrong. */
const NO_YAML: typeof WRONG_FILES = [
  ['host: a\nhost: b\n', /^x\.yaml:2:1: .*must be unique/],
  ['host: [\n', /^x\.yaml:2:1: /],
];

const bytes = (text: string): number => configOf(['--spool-backlog-bytes-max', text], {}).limits.spool.backlogBytesMax;
const ms = (text: string): number => configOf(['--query-query-timeout-ms', text], {}).limits.query.queryTimeoutMs;

describe('readConfig', () => {
  it('listens on the loopback interface and keeps traces in the home directory by default', () => {
    const config = configOf([], {});
    expect(config).toMatchObject({
      host: '127.0.0.1',
      otlpGrpcPort: 4317,
      otlpHttpPort: 4318,
      httpPort: 4319,
      store: 'embedded',
      noAuth: false,
      logLevel: 'warn',
    });
    expect(config.dataDirectory).toMatch(/\/\.throughline$/);
    expect(Object.isFrozen(config)).toBe(true);
  });

  it('prefers a flag to the environment and the environment to the default, and keeps the source of each value', () => {
    const env = { THROUGHLINE_HTTP_PORT: '1', THROUGHLINE_OTLP_HTTP_PORT: '2', THROUGHLINE_STORE: '' };
    const config = configOf(['--http-port', '3', '--data-dir=/tmp/a=b'], env);
    expect(config).toMatchObject({ httpPort: 3, otlpHttpPort: 2, dataDirectory: '/tmp/a=b' });
    expect(config.sources.get('http.port')).toBe('--http-port');
    expect(config.sources.get('otlpHttp.port')).toBe('THROUGHLINE_OTLP_HTTP_PORT');
    expect(config.sources.get('dataDir')).toBe('--data-dir');
    expect(config.sources.get('store')).toBe('default');
  });

  it('says where a value was set, what it was and what is expected', () => {
    expect(messageOf(['--http-port', '65536'])).toMatch(/^--http-port: got "65536", expected .*0 to 65535/);
    expect(messageOf([], { THROUGHLINE_LOG_LEVEL: 'loud' })).toMatch(
      /^THROUGHLINE_LOG_LEVEL: got "loud", expected .*trace, debug, .*silent$/,
    );
    expect(messageOf(['--store', 'sqlite'])).toMatch(
      /^--store: got "\*\*\*", expected embedded, .*http:\/\/user@host:8123$/,
    );
    expect(messageOf([], { THROUGHLINE_NO_AUTH: 'constructor' })).toMatch(/^THROUGHLINE_NO_AUTH: .*true or false$/);
    expect(messageOf(['--host', 'a b'])).toMatch(/^--host: got "a b", expected /);
    expect(messageOf(['--host', '999.1.1.1'])).toMatch(/^--host: got "999.1.1.1", expected /);
    expect(messageOf(['--data-dir', ''])).toMatch(/^--data-dir: got "", expected /);
    expect(messageOf(['--http-port'])).toMatch(/^--http-port: missing value, expected /);
    expect(messageOf(['4319'])).toBe('unexpected argument "4319"');
  });

  it('has its messages in config-messages.golden.txt', async () => {
    const messages = WRONG_CONFIGS.map(([args, env]) => messageOf(args, env));
    const ofFiles = WRONG_FILES.map(([text]) => refusalOf(text));
    const ofPasswords = ['/nowhere/password', directory, writeFile('')].map(withoutPasswordFrom);
    const parts = [
      '# Flags and variables',
      ...messages,
      '',
      '# Files',
      ...ofFiles,
      '',
      '# Passwords',
      ...ofPasswords,
      '',
    ];
    await expect(parts.join('\n').replaceAll(directory, '/tmp')).toMatchFileSnapshot('config-messages.golden.txt');
  });

  it('names the flag that was meant', () => {
    expect(messageOf(['--htp-port', '1'])).toMatch(/--htp-port; .*--http-port\?$/);
    expect(messageOf(['-p', '1'])).toMatch(/ -p; throughline up --help /);
  });

  it('takes the URLs of ClickHouse servers as the store, and shows no password', () => {
    expect(configOf(['--store', 'http://localhost:8123'], {}).store).toEqual(['http://localhost:8123']);
    const { store } = configOf([], { THROUGHLINE_STORE: 'https://u:p@a, https://b/' });
    expect(store).toEqual(['https://u:p@a', 'https://b/']);
    expect(SETTINGS.store.show?.(store)).toBe('https://u:***@a/, https://b/');
    for (const wrong of ['clickhouse://db', 'http://a,', 'http://a/path', 'http://a?database=x', 'embedded,http://a']) {
      expect(messageOf(['--store', wrong])).toMatch(/^--store: .*expected embedded, /);
    }
  });

  it('rejects a host that other machines reach unless --no-auth says that it is meant', () => {
    for (const host of ['0.0.0.0', '::', '192.168.1.2', 'example.com']) {
      expect(messageOf(['--host', host])).toMatch(/--no-auth .*intended$/);
      expect(configOf(['--host', host, '--no-auth'], {}).host).toBe(host);
    }
    for (const host of ['127.0.0.1', '127.9.9.9', '::1', '[::1]', 'localhost']) {
      expect(messageOf(['--host', host])).toBe('accepted');
    }
  });

  it('rejects one port for two things, but not two free ones', () => {
    expect(messageOf(['--http-port', '4318'])).toMatch(/^--otlp-http-port \(default\) and --http-port .*4318/);
    expect(messageOf(['--otlp-grpc-port', '4318'])).toMatch(
      /^--otlp-grpc-port and --otlp-http-port \(default\) .*4318/,
    );
    expect(messageOf(['--http-port', '0', '--otlp-http-port', '0'])).toBe('accepted');
  });

  it('reads every setting from its flag, from its variable and from a file, as it shows it', () => {
    for (const setting of ALL_SETTINGS) {
      const { key, flag, env, value } = setting;
      const text = GIVEN[key] ?? show(setting, (setting.defaultValue() as number) + 1);
      const file = writeFile(
        key
          .split('.')
          .map((name, depth) => `${'  '.repeat(depth)}${name}:`)
          .join('\n') + ` ${text}\n`,
      );
      const others = NEEDED[key] ?? {};
      const configs = [
        configOf(value === undefined ? [flag] : [flag, text], { ...others }),
        configOf([], { ...others, [env]: text }),
        configOf(['--config', file], { ...others }),
        configOf([], { ...others, THROUGHLINE_CONFIG: file }),
      ];
      for (const config of configs) expect([key, show(setting, config.values.get(key))]).toEqual([key, text]);
      const sources = configs.map((config) => config.sources.get(key)?.replace(/:\d+:\d+$/, ''));
      expect(sources).toEqual([flag, env, file, file]);
    }
  });

  it('hands every limit to its module', () => {
    const config = configOf(['--spool-segment-age-ms', '50', '--otlp-http-body-bytes-max=1MiB'], {});
    expect(config.limits.spool).toEqual({ ...configOf([], {}).limits.spool, segmentAgeMs: 50 });
    expect(config.limits.otlpHttp.bodyBytesMax).toBe(1024 * 1024);
    expect(Object.isFrozen(config.limits.spool)).toBe(true);
  });

  it('takes numbers in the unit of their name or with a unit of their own, within their bounds', () => {
    expect([bytes('16777216'), bytes('16MiB'), bytes('1 GiB')]).toEqual([2 ** 24, 2 ** 24, 2 ** 30]);
    expect([ms('1500'), ms('1500ms'), ms('2s'), ms('1m')]).toEqual([1_500, 1_500, 2_000, 60_000]);
    expect(messageOf(['--spool-backlog-bytes-max', '1'])).toMatch(
      /^--spool-backlog-bytes-max: got "1", expected bytes, .*from 16MiB to 1TiB$/,
    );
    for (const text of ['-1', '1.5', '1e3', '10 minutes', '1MB', '', ' ', '9'.repeat(30)]) {
      expect([text, messageOf(['--spool-segment-age-ms', text])]).not.toContain('accepted');
    }
    expect(messageOf(['--retention-max-age', '0'])).toMatch(/expected days .*1 to 36500$/);
    expect(configOf(['--retention-max-age', '7d'], {}).retentionDays).toBe(7);
    expect(messageOf(['--retention-max-disk-share', '80'])).toContain('above 0 and up to 1');
  });

  it('rejects limits of which one makes the other useless', () => {
    expect(messageOf(['--receivers-bytes-in-flight-max', '8MiB'])).toMatch(
      /^otlpHttp\.bodyBytesMax is 16MiB \(default\) .*receivers\.bytesInFlightMax \(8MiB, --receivers-bytes-in-flight-max\)$/,
    );
    expect(messageOf(['--engine-memory-bytes-max', '512MiB'])).toContain(
      'engine.queryMemoryBytesMax is 640MiB (default)',
    );
  });

  it('rejects a memory of queries that no segment could be inserted with, and larger segments than that', () => {
    for (const flag of ['--engine-query-memory-bytes-max', '--cluster-query-memory-bytes-max']) {
      expect(messageOf([flag, '128MiB'])).toContain('from 192MiB to 1TiB');
      expect(messageOf([flag, '192MiB'])).toBe('accepted');
    }
    expect(messageOf(['--spool-segment-bytes-max', '256MiB'])).toMatch(
      /^spool\.segmentBytesMax is 256MiB \(--spool-segment-bytes-max\) .*160MiB.*engine\.queryMemoryBytesMax \(640MiB, default\)/,
    );
    expect(messageOf(['--spool-segment-bytes-max', '256MiB', '--store', 'http://a'])).toBe('accepted');
    expect(
      messageOf([
        '--cluster-query-memory-bytes-max',
        '192MiB',
        '--spool-segment-bytes-max',
        '49MiB',
        '--store',
        'http://a',
      ]),
    ).toContain('cluster.queryMemoryBytesMax');
  });

  it('rejects traces that are larger than the answer that they are read in', () => {
    expect(messageOf(['--query-trace-bytes-max', '512MiB'])).toMatch(
      /^query\.traceBytesMax is 512MiB \(--query-trace-bytes-max\) .*engine\.resultBytesMax \(256MiB, default\)/,
    );
    expect(messageOf(['--query-trace-bytes-max', '512MiB', '--engine-result-bytes-max', '512MiB'])).toBe('accepted');
    expect(messageOf(['--cluster-result-bytes-max', '64MiB'])).toBe('accepted');
    expect(messageOf(['--cluster-result-bytes-max', '64MiB', '--store', 'http://a'])).toContain('query.traceBytesMax');
  });

  it('prints settings that can be read again', () => {
    const config = configOf(['--otlp-http-cors-origins', 'https://a.example,*', '--http-port', '0'], {});
    const text = configText(config);
    expect(text).toMatch(/^ {2}port: 0 +# --http-port$/m);
    const again = configOf(['--config', writeFile(text)], {});
    expect(again.values).toEqual(config.values);
  });
});

const SERVER = { THROUGHLINE_STORE: 'http://host' };
const SECURE = { THROUGHLINE_STORE: 'https://host' };
const POLICY = { ...SERVER, THROUGHLINE_STORE_POLICY: 'tiered' };
/** What is for a server, or of use with another setting alone. */
const NEEDED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  storePasswordFile: SERVER,
  storeCluster: SERVER,
  storeSchema: SERVER,
  storeCaFile: SECURE,
  storeCertFile: { ...SECURE, THROUGHLINE_STORE_KEY_FILE: '/run/client.key' },
  storeKeyFile: { ...SECURE, THROUGHLINE_STORE_CERT_FILE: '/run/client.pem' },
  storePolicy: SERVER,
  storeColdVolume: { ...POLICY, THROUGHLINE_STORE_COLD_AFTER: '7' },
  storeColdAfter: { ...POLICY, THROUGHLINE_STORE_COLD_VOLUME: 'cold' },
};

/** What is not a number in its default plus one. */
const GIVEN: Readonly<Record<string, string>> = {
  host: '127.0.0.2',
  'alerts.file': '/tmp/alerts.yaml',
  publicUrl: 'https://tools.example/tracing',
  'otlpGrpc.port': '3',
  'otlpHttp.port': '1',
  'http.port': '2',
  'http.basePath': '/tracing',
  dataDir: '/tmp/x',
  store: 'embedded',
  storeCluster: 'main',
  storeSchema: 'external',
  storePasswordFile: '/run/password',
  storePolicy: 'tiered',
  storeColdVolume: 'cold',
  storeCaFile: '/run/ca.pem',
  storeCertFile: '/run/client.pem',
  storeKeyFile: '/run/client.key',
  'retention.maxDiskShare': '0.5',
  'otlpHttp.corsOrigins': 'https://a.example,*',
  allowedHosts: 'traces.example,b',
  noAuth: 'true',
  'mcp.enabled': 'true',
  logLevel: 'debug',
  logFormat: 'json',
};

describe('a configuration file', () => {
  it('lies between the environment and the defaults', () => {
    const file = writeFile('# mine\nhttp:\n  port: 1\notlpHttp:\n  port: 2\nretention:\n  maxAge: 7d\n');
    const config = configOf(['--config', file, '--http-port', '5'], { THROUGHLINE_OTLP_HTTP_PORT: '6' });
    expect(config).toMatchObject({ httpPort: 5, otlpHttpPort: 6, retentionDays: 7 });
    expect(config.sources.get('retention.maxAge')).toBe(`${file}:7:11`);
  });

  it('may be empty, leave values out and give lists in either form', () => {
    for (const text of ['', '# nothing\n', 'host:\nhttp:\n', 'host: ~\n', '---\n'])
      expect(refusalOf(text)).toBe('accepted');
    const file = writeFile('otlpHttp:\n  corsOrigins:\n    - https://a.example\n    - https://b.example:8080\n');
    expect(configOf(['--config', file], {}).corsOrigins).toEqual(['https://a.example', 'https://b.example:8080']);
  });

  it.each([...WRONG_FILES, ...NO_YAML])('is rejected with file, line and column: %j', (text, message) => {
    expect(refusalOf(text)).toMatch(message);
  });

  it('that cannot be read is named', () => {
    expect(messageOf(['--config', '/nowhere/x.yaml'])).toMatch(/\/nowhere\/x\.yaml not found$/);
    expect(messageOf(['--config', directory])).toMatch(/is a directory$/);
    expect(messageOf(['--config', writeFile(Buffer.from([0xff, 0xfe, 0x00]))])).toContain('not UTF-8');
    expect(messageOf(['--config'])).toMatch(/^--config: missing value, .*YAML file$/);
  });
});

describe('secrets', () => {
  const PASSWORD = 's3cret';

  it('are not repeated, wherever a mistake puts them', () => {
    const url = `http://user:${PASSWORD}@host:8123/mydb`;
    const encoded = `http://user:${PASSWORD}%zz@host:8123`;
    const file = writeFile(`store: ${url}\n`);
    const messages = [
      messageOf(['--store', url]),
      messageOf([`--store=${encoded}`]),
      messageOf([], { THROUGHLINE_STORE: `${url},http://other` }),
      messageOf(['--config', file]),
      messageOf([`-store=${url}`]),
      messageOf([`--stroe=${url}`]),
      messageOf([url]),
      messageOf(['--log-level', url]),
      messageOf(['--config', writeFile(`${url}: 1\n`)]),
      messageOf(['--host', `user:${PASSWORD}@host`]),
      messageOf(['--log-level', `//user:${PASSWORD}@host:8123`]),
      messageOf([`user:${PASSWORD}@host:8123`]),
      messageOf(['--config', writeFile(`host: user:${PASSWORD}@host\n`)]),
    ];
    for (const message of messages) {
      expect(message).not.toBe('accepted');
      expect(message).not.toContain(PASSWORD);
    }
    expect(messages[0]).toMatch(/^--store: got "http:\/\/\*\*\*@host:8123\/[^"]*", expected embedded, /);
    expect(messages[4]).toMatch(/ -store; .*--store\?$/);
  });

  it('are shown as *** among the settings, percent-encoded or not', () => {
    const urls = 'http://user:s3cret%40@a:8123,https://other:s3cret!@b';
    const text = configText(configOf(['--store', urls], {}));
    expect(text).toMatch(/^store: "http:\/\/user:\*\*\*@a:8123\/, https:\/\/other:\*\*\*@b\/"/m);
    expect(text).not.toContain(PASSWORD);
  });

  it('come from a file, without the end of its line, whatever characters they hold', () => {
    for (const [held, password] of [
      ['s3cret\n', 's3cret'],
      ['s3cret\r\n', 's3cret'],
      ['50%25 of "@:/?#\u00fc', '50%25 of "@:/?#\u00fc'],
      [' \n', ' '],
    ] as const) {
      const path = writeFile(held);
      const config = configOf(['--store', 'http://ann@a:8123,http://b', '--store-password-file', path], {});
      const [first, second] = (storeUrls(config) as readonly string[]).map((url) => new URL(url));
      expect([first?.username, decodeURIComponent(first?.password ?? '')]).toEqual(['ann', password]);
      expect([second?.username, decodeURIComponent(second?.password ?? '')]).toEqual(['default', password]);
    }
    expect(storeUrls(configOf(['--store', 'http://ann@a:8123'], {}))).toEqual(['http://ann@a:8123']);
  });

  it('that no file holds are missed in one line', () => {
    expect(withoutPasswordFrom('/nowhere/password')).toBe(
      'password file /nowhere/password (THROUGHLINE_STORE_PASSWORD_FILE) not found',
    );
    expect(withoutPasswordFrom(directory)).toMatch(/is a directory$/);
    for (const held of ['', '\n', 'one\ntwo\n', 'a\0b', 'x'.repeat(100_000)]) {
      expect(withoutPasswordFrom(writeFile(held))).toMatch(/ no password; .*one line/);
    }
  });

  it('come from one place, and for a store that asks for them', () => {
    const path = writeFile('s3cret\n');
    expect(messageOf(['--store', 'http://u:p4ss@h', '--store-password-file', path])).toMatch(
      /^--store-password-file .*--store has a password/,
    );
    expect(messageOf(['--store-password-file', path])).toMatch(/--store-password-file.*embedded store/);
  });
});

describe('the prefix', () => {
  it('is read with and without slashes around it', () => {
    expect(['/', '/tracing', 'tracing/', '/a/b-c_d.e~f/'].map(basePathOf)).toEqual([
      '',
      '/tracing',
      '/tracing',
      '/a/b-c_d.e~f',
    ]);
    expect(configText(configOf(['--http-base-path', '/a/b'], {}))).toMatch(
      /^ {2}basePath: \/a\/b +# --http-base-path$/m,
    );
  });

  it.each(['/a//b', '/../x', '/a/.', 'http://host/x', '/a b', '/ä', '/%2e', '/a?b', '/"><script>'])(
    'is not %s',
    (text) => {
      expect(messageOf(['--http-base-path', text])).toMatch(/^--http-base-path: .*\/tracing/);
    },
  );
});

describe('the tables of settings', () => {
  it('in the README tell every flag, variable, default and what is accepted', async () => {
    const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
    const home = join(homedir(), '.throughline');
    const rows = Object.values(SETTINGS).map((setting) => {
      const { flag, env, defaultValue, accepted } = setting;
      const shown = show(setting as never, defaultValue() as never).replace(home, '~/.throughline');
      return `| \`${flag}\` | \`${env}\` | ${shown === '' ? 'none' : `\`${shown}\``} | ${accepted} |`;
    });
    expect(readme).toContain(`| --- | --- | --- | --- |\n${rows.join('\n')}\n\n`);
  });

  it('in the guide tell every limit, its default, bounds, variable and counter', async () => {
    const guide = await readFile(new URL('../../../../docs/collector.md', import.meta.url), 'utf8');
    expect(guide).toContain(settingsTable());
  });
});
