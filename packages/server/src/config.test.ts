import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Settings } from './config.ts';
import { ConfigError, readConfig, SETTINGS } from './config.ts';

function messageOf(args: readonly string[], env: Record<string, string> = {}): string {
  try {
    readConfig(args, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return 'accepted';
}

describe('readConfig', () => {
  it('listens on the loopback interface and keeps traces in the home directory by default', () => {
    const config = readConfig([], {});
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
    const config = readConfig(['--http-port', '3', '--data-dir=/tmp/a=b'], env);
    expect(config).toMatchObject({ httpPort: 3, otlpHttpPort: 2, dataDirectory: '/tmp/a=b' });
    expect(config.sources).toMatchObject({
      httpPort: '--http-port',
      otlpHttpPort: 'THROUGHLINE_OTLP_HTTP_PORT',
      dataDirectory: '--data-dir',
      store: 'default',
    });
  });

  it('says what was given, where, and what is accepted', () => {
    expect(messageOf(['--http-port', '65536'])).toBe(
      '--http-port was given as "65536"; accepted is a whole number from 0 to 65535, where 0 picks a free port',
    );
    expect(messageOf([], { THROUGHLINE_LOG_LEVEL: 'loud' })).toBe(
      'THROUGHLINE_LOG_LEVEL was given as "loud"; accepted is one of trace, debug, info, warn, error, fatal, silent',
    );
    expect(messageOf(['--store', 'sqlite'])).toBe('--store was given as "sqlite"; accepted is embedded');
    expect(messageOf([], { THROUGHLINE_NO_AUTH: 'constructor' })).toContain('accepted is true or false');
    expect(messageOf(['--host', 'a b'])).toContain('accepted is a host name or an IP address');
    expect(messageOf(['--host', '999.1.1.1'])).toContain('accepted is a host name or an IP address');
    expect(messageOf(['--data-dir', ''])).toContain('accepted is the path of a directory');
    expect(messageOf(['--http-port'])).toContain('--http-port was given without a value');
    expect(messageOf(['4319'])).toBe('"4319" was given; accepted are only flags');
  });

  it('names the flag that was meant', () => {
    expect(messageOf(['--htp-port', '1'])).toBe(
      '--htp-port is not a flag of throughline up; did you mean --http-port?',
    );
    expect(messageOf(['-p', '1'])).toContain('-p is not a flag of throughline up; accepted are --host,');
  });

  it('says in one line what comes with a later release', () => {
    for (const url of ['http://localhost:8123', 'https://a,https://b', 'clickhouse://db']) {
      const message = messageOf(['--store', url]);
      expect(message).toBe('a ClickHouse server as the store comes with a later release; accepted is embedded');
    }
    expect(messageOf(['--config', 'throughline.yaml'])).toContain('a configuration file comes with a later release');
  });

  it('refuses a host that other machines reach unless --no-auth says that it is meant', () => {
    for (const host of ['0.0.0.0', '::', '192.168.1.2', 'example.com']) {
      expect(messageOf(['--host', host])).toContain('add --no-auth when that is meant');
      expect(readConfig(['--host', host, '--no-auth'], {}).host).toBe(host);
    }
    for (const host of ['127.0.0.1', '127.9.9.9', '::1', '[::1]', 'localhost']) {
      expect(messageOf(['--host', host])).toBe('accepted');
    }
  });

  it('refuses one port for two things, but not two free ones', () => {
    expect(messageOf(['--http-port', '4318'])).toBe(
      'port 4318 was given both for OTLP/HTTP (default) and for the UI (--http-port); accepted are two ports',
    );
    expect(messageOf(['--otlp-grpc-port', '4318'])).toContain(
      'both for OTLP/gRPC (--otlp-grpc-port) and for OTLP/HTTP',
    );
    expect(messageOf(['--http-port', '0', '--otlp-http-port', '0'])).toBe('accepted');
  });

  it('reads every setting from its flag and from its variable', () => {
    const given: Record<keyof Settings, string> = {
      host: '127.0.0.2',
      otlpGrpcPort: '3',
      otlpHttpPort: '1',
      httpPort: '2',
      dataDirectory: '/tmp/x',
      store: 'embedded',
      noAuth: 'true',
      logLevel: 'debug',
    };
    for (const [key, { flag, env, value }] of Object.entries(SETTINGS)) {
      const text = given[key as keyof Settings];
      const byFlag = readConfig(value === undefined ? [flag] : [flag, text], {});
      const byVariable = readConfig([], { [env]: text });
      expect(String(byFlag[key as keyof Settings])).toBe(text);
      expect(String(byVariable[key as keyof Settings])).toBe(text);
      expect(byFlag.sources[key as keyof Settings]).toBe(flag);
      expect(byVariable.sources[key as keyof Settings]).toBe(env);
    }
  });
});

describe('the table of settings in the README', () => {
  it('tells every flag, variable, default and what is accepted', async () => {
    const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
    const home = join(homedir(), '.throughline');
    const rows = Object.values(SETTINGS).map(({ flag, env, otherwise, accepted }) => {
      const shown = String(otherwise()).replace(home, '~/.throughline');
      return `| \`${flag}\` | \`${env}\` | \`${shown}\` | ${accepted} |`;
    });
    expect(readme).toContain(`| --- | --- | --- | --- |\n${rows.join('\n')}\n\n`);
  });
});
