import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, isAlive } from './processes.ts';

/** A server that has taken a connection may not answer on it any more. */
const PING_MS = 2_000;

export interface ClickHouseServer {
  readonly url: string;
  readonly pid: number;
  /** The folder of the files that it reads itself, as `file('name', …)`; it may not be there yet. */
  readonly userFiles: string;
  /** Rows of one SELECT. */
  readonly rows: (sql: string) => Promise<unknown[][]>;
  readonly command: (sql: string) => Promise<void>;
  readonly kill: () => Promise<void>;
  /** Stops it where it is: it accepts connections, and answers nothing until `resume`. */
  readonly hang: () => void;
  readonly resume: () => void;
  /** Another password of the user, which it accepts in place of the one before once this resolves. */
  readonly setPassword: (password: string) => Promise<void>;
  /** Whether it has logged this text. */
  readonly hasLogged: (text: string) => boolean;
  /** Starts it again on the same data and port, until it stays. */
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
  /** Of the user `default`; none by default. */
  readonly password?: string;
  /** Settings of the profile of a second user, `limited`, who has the same password; without them there is none. */
  readonly limitedTo?: string;
  /** Where its data is; a temporary folder by default. */
  readonly dataFolder?: string;
}

/** A ClickHouse server as a plain process on the loopback interface, with its data in a temporary folder. */
export async function startClickHouseServer(
  program: string,
  {
    ports,
    more = '',
    profile = '',
    profiles = '',
    users = '',
    password = '',
    limitedTo = '',
    dataFolder,
  }: ClickHouseServerOptions = {},
): Promise<ClickHouseServer> {
  const folder = mkdtempSync(join(tmpdir(), 'throughline-clickhouse-'));
  const data = dataFolder ?? join(folder, 'data');
  mkdirSync(data, { recursive: true });
  let login = password;
  const [http = 0, tcp = 0] = ports === undefined ? await freePorts(2) : [ports.http, ports.tcp];
  const port = http;
  writeFileSync(join(folder, 'config.xml'), configXml(folder, data, http, tcp, more));
  const usersFile = { profile, profiles, users, limitedTo };
  writeFileSync(join(folder, 'users.xml'), usersXml(password, usersFile));
  const url = `http://127.0.0.1:${port}`;
  const run = async (sql: string): Promise<string> => {
    const headers = { 'x-clickhouse-user': 'default', 'x-clickhouse-key': login };
    const response = await fetch(url, { method: 'POST', body: sql, headers });
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
    // One of 2018 may have crashed when it lost ZooKeeper.
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  async function setPassword(next: string): Promise<void> {
    writeFileSync(join(folder, 'users.xml'), usersXml(next, usersFile));
    login = next;
    await eventually(
      'the server has the new password',
      async () => (await rows('SELECT 1').catch(() => [])).length > 0,
    );
  }

  return {
    url,
    pid: child.pid ?? 0,
    userFiles: join(data, 'user_files'),
    hang: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    setPassword,
    rows,
    command: async (sql) => void (await run(sql)),
    kill,
    hasLogged: (text) => readFileSync(join(folder, 'server.log'), 'utf8').includes(text),
    restart: async () => {
      child = start();
      // One that finds no Keeper at its start ends, and a supervisor starts it again.
      await eventually('the ClickHouse server is back', async () => {
        if (child.exitCode !== null || child.signalCode !== null) child = start();
        return (await fetch(`${url}/ping`, { signal: AbortSignal.timeout(PING_MS) }).catch(() => null))?.ok;
      });
    },
    stop: async () => {
      await kill();
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

function configXml(folder: string, data: string, port: number, tcpPort: number, more: string): string {
  return `<yandex>
  <logger><level>debug</level><log>${folder}/server.log</log><errorlog>${folder}/error.log</errorlog></logger>
  <http_port>${port}</http_port><tcp_port>${tcpPort}</tcp_port>
  <listen_host>127.0.0.1</listen_host>
  <path>${data}/</path><tmp_path>${data}/tmp/</tmp_path>
  <mark_cache_size>67108864</mark_cache_size>
  <users_config>users.xml</users_config><default_profile>default</default_profile><default_database>default</default_database>
  <timezone>UTC</timezone>${more}
</yandex>
`;
}

function usersXml(
  password: string,
  { profile, profiles, users, limitedTo }: Record<'profile' | 'profiles' | 'users' | 'limitedTo', string>,
): string {
  const user = (of: string): string =>
    `<password>${password}</password><networks><ip>127.0.0.1</ip></networks><profile>${of}</profile><quota>default</quota>`;
  const always = '<allow_experimental_low_cardinality_type>1</allow_experimental_low_cardinality_type>';
  const [limitedProfile, limitedUser] =
    limitedTo === '' ? ['', ''] : [`<limited>${always}${limitedTo}</limited>`, `<limited>${user('limited')}</limited>`];
  return `<yandex>
  <profiles><default>${always}${profile}</default>${limitedProfile}${profiles}</profiles>
  <users><default>${user('default')}</default>${limitedUser}${users}</users>
  <quotas><default/></quotas>
</yandex>
`;
}
