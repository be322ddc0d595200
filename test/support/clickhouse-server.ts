import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, isAlive } from './processes.ts';

export interface ClickHouseServer {
  readonly url: string;
  readonly pid: number;
  /** Rows of one SELECT. */
  readonly rows: (sql: string) => Promise<unknown[][]>;
  readonly command: (sql: string) => Promise<void>;
  readonly kill: () => Promise<void>;
  /** Holds it still: its connections stay open, and nothing comes out of them. */
  readonly hang: () => void;
  readonly goOn: () => void;
  /** Whether it has logged this text. */
  readonly hasLogged: (text: string) => boolean;
  /** Starts it again on the same data and port. */
  readonly restart: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

export interface ClickHousePorts {
  readonly http: number;
  readonly tcp: number;
}

export interface ClickHouseServerOptions {
  readonly ports?: ClickHousePorts;
  /** What its configuration has beside that of every test. */
  readonly more?: string;
  /** The same of its users. */
  readonly profiles?: string;
  readonly users?: string;
  /** Settings of the default profile, as XML. */
  readonly profile?: string;
}

/** A ClickHouse server as a plain process on the loopback interface, with its data in a temporary folder. */
export async function startClickHouseServer(
  program: string,
  { ports, more = '', profile = '', profiles = '', users = '' }: ClickHouseServerOptions = {},
): Promise<ClickHouseServer> {
  const folder = mkdtempSync(join(tmpdir(), 'throughline-clickhouse-'));
  mkdirSync(join(folder, 'data'));
  const [http = 0, tcp = 0] = ports === undefined ? await freePorts(2) : [ports.http, ports.tcp];
  const port = http;
  writeFileSync(join(folder, 'config.xml'), configXml(folder, http, tcp, more));
  writeFileSync(join(folder, 'users.xml'), usersXml(profile, profiles, users));
  const url = `http://127.0.0.1:${port}`;
  const run = async (sql: string): Promise<string> => {
    const response = await fetch(url, { method: 'POST', body: sql });
    const answer = await response.text();
    if (!response.ok) throw new Error(answer);
    return answer;
  };
  const rows = async (sql: string): Promise<unknown[][]> =>
    (JSON.parse(await run(`${sql} FORMAT JSONCompact`)) as { data: unknown[][] }).data;
  let child = start();
  await isReady();

  function start() {
    return spawn(program, [`--config-file=${join(folder, 'config.xml')}`], {
      stdio: 'ignore',
      env: { ...process.env, TZ: 'UTC' },
    });
  }

  async function isReady(): Promise<void> {
    await eventually('the ClickHouse server answers', async () => {
      const answer = await fetch(`${url}/ping`).catch(() => null);
      if (!isAlive(child.pid ?? 0)) throw new Error('the ClickHouse server ended');
      return answer?.ok === true ? true : undefined;
    });
  }

  async function kill(): Promise<void> {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  return {
    url,
    pid: child.pid ?? 0,
    rows,
    command: async (sql) => void (await run(sql)),
    kill,
    hang: () => void child.kill('SIGSTOP'),
    goOn: () => void child.kill('SIGCONT'),
    hasLogged: (text) => readFileSync(join(folder, 'server.log'), 'utf8').includes(text),
    restart: async () => {
      child = start();
      await isReady();
    },
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/**
 * Ports that nobody listens on, below those that the system gives to connections and to servers that ask for any: between
 * this and the server's start nobody is given one of them.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = randomInt(10_000, 32_000);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

function configXml(folder: string, port: number, tcpPort: number, more: string): string {
  return `<yandex>
  <logger><level>debug</level><log>${folder}/server.log</log><errorlog>${folder}/error.log</errorlog></logger>
  <http_port>${port}</http_port><tcp_port>${tcpPort}</tcp_port>
  <listen_host>127.0.0.1</listen_host>
  <path>${folder}/data/</path><tmp_path>${folder}/data/tmp/</tmp_path>
  <mark_cache_size>67108864</mark_cache_size>
  <users_config>users.xml</users_config><default_profile>default</default_profile><default_database>default</default_database>
  <timezone>UTC</timezone>${more}
</yandex>
`;
}

function usersXml(profile: string, profiles: string, users: string): string {
  return `<yandex>
  <profiles><default><allow_experimental_low_cardinality_type>1</allow_experimental_low_cardinality_type>${profile}</default>${profiles}</profiles>
  <users><default><password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></default>${users}</users>
  <quotas><default/></quotas>
</yandex>
`;
}
