import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Engine } from './engine.ts';
import type { Faults } from './faults.ts';
import { HttpInterface, type SeenRequest } from './http-interface.ts';
import type { ClickHouseHttpOptions, Tls } from './options.ts';

export interface ClickHouseHttp {
  readonly url: string;
  /** The URL with user and password, percent-encoded. */
  readonly urlOf: (user: string, password: string) => string;
  readonly version: string;
  readonly enginePid: number;
  readonly seen: SeenRequest[];
  readonly faults: Faults;
  /** Names and passwords, which may change. */
  readonly users: Record<string, string>;
  /** Statements that run at this moment. */
  readonly running: () => number;
  /** Asks the engine itself, past HTTP and its faults. */
  readonly rows: (sql: string) => Promise<unknown[][]>;
  /** Ends what runs with 236, closes all connections and refuses further ones. */
  readonly shutDown: () => Promise<void>;
  /** Shows another certificate, in PEM; of a server with `tls`. */
  readonly setCertificate: (tls: Tls) => void;
  /** Takes connections again, on the same port. */
  readonly listenAgain: () => Promise<void>;
  readonly stop: () => Promise<void>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}

/**
 * A server that speaks ClickHouse's HTTP interface in front of a real, current engine (chDB). It is as strict as the
 * real one about logins, settings, statements and errors, and does wrong what a test tells it to.
 */
export async function startClickHouseHttp(options: ClickHouseHttpOptions = {}): Promise<ClickHouseHttp> {
  const folder = await mkdtemp(join(tmpdir(), 'throughline-clickhouse-http-'));
  const configPath = options.hasColdDisk === true ? await writeDisks(folder) : undefined;
  const engine = new Engine(join(folder, 'data'), {
    timeZone: options.timeZone ?? 'UTC',
    ...(configPath !== undefined && { configPath }),
  });
  const played = new HttpInterface(engine, folder, options);
  try {
    await played.open();
  } catch (error) {
    await engine.stop();
    throw error;
  }
  const stop = async (): Promise<void> => {
    await played.shutDown();
    await engine.stop();
    await rm(folder, { recursive: true, force: true });
  };
  return {
    url: played.url(),
    urlOf: (user, password) =>
      played.url().replace('//', `//${encodeURIComponent(user)}:${encodeURIComponent(password)}@`),
    version: played.version,
    enginePid: engine.pid,
    seen: played.seen,
    faults: played.faults,
    users: played.users,
    running: () => played.running.size,
    rows: (sql) => engine.rows(sql),
    shutDown: () => played.shutDown(),
    setCertificate: (tls) => played.setCertificate(tls),
    listenAgain: () => played.listen(),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Returns the path of the configuration. */
async function writeDisks(folder: string): Promise<string> {
  const path = join(folder, 'config.xml');
  await mkdir(join(folder, 'cold'));
  const disks = `<cold><type>local</type><path>${folder}/cold/</path></cold>`;
  const policies = `${policy('tiered', 'hot')}${policy('widened', 'default')}`;
  const storage = `<disks>${disks}</disks><policies>${policies}</policies>`;
  await writeFile(path, `<clickhouse><storage_configuration>${storage}</storage_configuration></clickhouse>`);
  return path;
}

/** Two volumes, of a disk each. */
function policy(name: string, hot: string): string {
  return `<${name}><volumes><${hot}><disk>default</disk></${hot}><cold><disk>cold</disk></cold></volumes></${name}>`;
}
