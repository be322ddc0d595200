/** The store's servers as processes of their own, as the tests start them, so that each is measured from outside. */
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { findClickHouseServer, findZooKeeper, root } from '../../scripts/workspace.mjs';

const NEEDED = 'clickhouse-server and ZooKeeper are needed; npm run setup installs them';

/**
 * Imports a TypeScript module of the tests, bundled into `folder`. What it looks for beside itself is looked for beside its source.
 */
export async function importSupport(name, folder) {
  const source = join(root, 'test/support', name);
  const outfile = join(folder, `${name.replaceAll('/', '-')}.mjs`);
  await build({
    entryPoints: [source],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'error',
    define: { 'import.meta.url': JSON.stringify(pathToFileURL(source).href) },
  });
  return await import(pathToFileURL(outfile).href);
}

function inFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'throughline-bench-cluster-'));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Three servers in two shards, of which the first has two replicas, and ZooKeeper. */
export async function startCluster() {
  const [server, zooKeeper] = [findClickHouseServer(), findZooKeeper()];
  if (server === undefined || zooKeeper === undefined) throw new Error(NEEDED);
  const { folder, remove } = inFolder();
  try {
    const { startClickHouseCluster } = await importSupport('clickhouse-cluster.ts', folder);
    const cluster = await startClickHouseCluster(server, zooKeeper);
    return { ...cluster, stop: () => cluster.stop().finally(remove) };
  } catch (error) {
    remove();
    throw error;
  }
}

/** One server. */
export async function startServer() {
  const server = findClickHouseServer();
  if (server === undefined) throw new Error(NEEDED);
  const { folder, remove } = inFolder();
  try {
    const { startClickHouseServer } = await importSupport('clickhouse-server.ts', folder);
    const started = await startClickHouseServer(server);
    return { ...started, stop: () => started.stop().finally(remove) };
  } catch (error) {
    remove();
    throw error;
  }
}

/** The embedded engine behind ClickHouse's HTTP rules: the process that speaks HTTP, and the one of the engine. */
export async function startStandIn() {
  const child = fork(new URL('./stand-in.mjs', import.meta.url), { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const { url, enginePid } = await new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('exit', () => reject(new Error('the stand-in did not start')));
  });
  const rows = async (sql) => {
    const response = await fetch(url, { method: 'POST', body: `${sql} FORMAT JSONCompact` });
    const answer = await response.text();
    if (!response.ok) throw new Error(answer);
    return JSON.parse(answer).data;
  };
  return { url, enginePid, pid: child.pid, rows, stop: () => (child.disconnect(), exited) };
}
