import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from './clickhouse-server.ts';
import { eventually } from './processes.ts';

export interface ZooKeeper {
  readonly port: number;
  /** Of the process that runs now. */
  readonly pid: number;
  readonly kill: () => Promise<void>;
  /** Starts it again on the same data and port. */
  readonly restart: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** A ZooKeeper server as a plain process on the loopback interface. `jar` is that of Debian's package. */
export async function startZooKeeper(jar: string): Promise<ZooKeeper> {
  const folder = mkdtempSync(join(tmpdir(), 'throughline-zookeeper-'));
  mkdirSync(join(folder, 'data'));
  const [port = 0] = await freePorts(1);
  const config = join(folder, 'zoo.cfg');
  const settings = {
    tickTime: 500,
    dataDir: join(folder, 'data'),
    clientPort: port,
    clientPortAddress: '127.0.0.1',
    'admin.enableServer': false,
    '4lw.commands.whitelist': 'ruok',
  };
  writeFileSync(
    config,
    Object.entries(settings)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  );
  let child = start();
  await isReady();

  function start(): ChildProcess {
    const memory = ['-Xmx128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
    const main = 'org.apache.zookeeper.server.ZooKeeperServerMain';
    return spawn('java', [...memory, '-cp', jar, main, config], { stdio: 'ignore' });
  }

  async function isReady(): Promise<void> {
    await eventually('ZooKeeper answers', async () => {
      if (child.exitCode !== null) throw new Error('ZooKeeper ended');
      return (await isAnswering(port)) || undefined;
    });
  }

  async function kill(): Promise<void> {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  return {
    port,
    get pid() {
      return child.pid ?? 0;
    },
    kill,
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

const ANSWER_MS = 1_000;

async function isAnswering(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('ruok'));
    // One that has just begun to listen may take a connection and forget it.
    socket.setTimeout(ANSWER_MS, () => socket.destroy());
    let answer = '';
    socket.on('data', (data) => (answer += String(data)));
    socket.on('error', () => resolve(false));
    socket.on('close', () => resolve(answer === 'imok'));
  });
}
