/**
 * What HTTP costs an insert beside an engine that reads the file itself: segments of the same kind into the same table of the same server, one
 * way behind the other, with merges stopped. This process stands for the collector: it does with a segment what that does, and nothing else.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ClusterEngine } from '../../packages/server/dist/storage/cluster/cluster-engine.js';
import { ClickHouseHttp } from '../../packages/server/dist/storage/cluster/clickhouse-http.js';
import { CLUSTER_LIMITS } from '../../packages/server/dist/storage/cluster/cluster-limits.js';
import { ShardedInserts } from '../../packages/server/dist/storage/cluster/sharded-inserts.js';
import { BLOCK_SETTINGS, insertTarget, TOKEN_SETTINGS } from '../../packages/server/dist/storage/insert.js';
import { cpuUsOfAll } from '../ingest/collector.mjs';
import { openEngine, Registry, SILENT } from '../ingest/engine.mjs';
import { SPANS_PER_REQUEST } from '../ingest/payload.mjs';
import { median } from '../ingest/statistics.mjs';
import { startCluster, startServer, startStandIn } from './servers.mjs';

/** Requests of a segment: of 400 ms at 5,000 spans/s; the most that one has while no other waits; the most that one has. */
const SEGMENTS = { small: 4, usual: 68, large: 234 };
/** Files of a size that are inserted one behind the other: of small ones each costs a hundred files. */
const FILES_MAX = 8;
const FETCH_TIMEOUT_MS = 60_000;
const FETCH_POLL_MS = 100;
const TABLE = 'throughline.spans';
const LOG = { ...SILENT, warn() {} };

const byEngine = (engine) => ({
  prepare: ({ whole: { path } }) => {
    return () => engine.insertNativeFile('spans', path, basename(path));
  },
  clear: () => engine.command(`TRUNCATE TABLE ${TABLE}`),
  settle: async () => {},
  front: [],
});

/**
 * Each way inserts what its `prepare` has made of a segment, which does not count. `engine`: the processes of the store; `front`: those that
 * a store of a user would not have.
 */
function waysOf({ server, one, cluster, three, embedded, standIns, behind }) {
  const [first, , second] = cluster.servers;
  const ofShards = {
    prepare: byEngine(three).prepare,
    clear: async () => {
      for (const shard of [first, second]) await shard.command(`TRUNCATE TABLE ${TABLE}`);
    },
    settle: () => fetched(cluster.servers),
    engine: [...cluster.servers.map(({ pid }) => pid), cluster.zooKeeper.pid],
    front: [],
  };
  const ofStandIns = {
    clear: async () => {
      for (const engine of behind) await engine.command(`TRUNCATE TABLE ${TABLE}`);
    },
    settle: async () => {},
    engine: standIns.map(({ enginePid }) => enginePid),
    front: standIns.map(({ pid }) => pid),
  };
  return {
    server: { ...byEngine(one), engine: [server.pid] },
    serverFile: { ...byEngine(one), prepare: ({ whole }) => copyIsRead(server, whole), engine: [server.pid] },
    cluster: ofShards,
    clusterFile: {
      ...ofShards,
      prepare: ({ plainParts }) => atOnce(plainParts.map((part, index) => copyIsRead([first, second][index], part))),
    },
    embedded: { ...byEngine(embedded.engine), engine: [embedded.pid] },
    standIn: { ...byEngine(behind[0]), engine: [standIns[0].enginePid], front: [standIns[0].pid] },
    standIns: { ...ofStandIns, prepare: partedBetween(standIns, behind[0].tables) },
    standInsFile: {
      ...ofStandIns,
      prepare: ({ parts }) => atOnce(parts.map((part, index) => fileIsRead(standIns[index].url, part, TOKEN_SETTINGS))),
    },
  };
}

/** Servers without a cluster, each taken for a shard: what the collector does for one, with engines that cannot form one. */
function partedBetween(standIns, tables) {
  const { pingTimeoutMs: connectTimeoutMs, insertTimeoutMs: timeoutMs } = CLUSTER_LIMITS;
  const servers = standIns.map(({ url }) => new ClickHouseHttp(url, { ...CLUSTER_LIMITS, connectTimeoutMs }));
  const inserts = new ShardedInserts({
    shards: {
      count: servers.length,
      serversOf: (index) => [servers[index]],
      indexOf: (hash) => hash % servers.length,
      isPresent: () => true,
    },
    servers,
    admit: async () => {},
    rank: () => 0,
    noteFailed() {},
    isPlain: () => false,
    statement: (token) => ({
      sql: `INSERT INTO ${insertTarget(tables, 'spans')} FORMAT Native`,
      settings: { ...BLOCK_SETTINGS, ...TOKEN_SETTINGS, insert_deduplication_token: token },
      isRepeatable: false,
      timeoutMs,
    }),
  });
  return ({ whole: { path } }) => {
    return () => inserts.insert(path, basename(path));
  };
}

const atOnce = (inserts) => () => Promise.all(inserts.map((insert) => insert()));

/** Gives a server of 18.16 a file of its own: it reads no others. Returns the insert that reads it. */
function copyIsRead({ url, userFiles }, { path, columns }) {
  mkdirSync(userFiles, { recursive: true });
  renameSync(path, join(userFiles, basename(path)));
  return fileIsRead(url, { path: basename(path), columns }, { allow_experimental_low_cardinality_type: 1 });
}

function fileIsRead(url, { path, columns }, settings) {
  const names = columns.map(([column]) => column).join(', ');
  const structure = columns.map((column) => column.join(' ')).join(', ');
  const asked = new URL(url);
  for (const [setting, value] of Object.entries({ ...BLOCK_SETTINGS, ...settings })) {
    asked.searchParams.set(setting, String(value));
  }
  const sql = `INSERT INTO ${TABLE} (${names}) SELECT ${names} FROM file('${path}', 'Native', '${structure}')`;
  return async () => {
    const response = await fetch(asked, { method: 'POST', body: sql });
    const answer = await response.text();
    if (!response.ok) throw new Error(answer);
  };
}

const countOf = async (server) => (await server.rows(`SELECT toUInt32(count()) FROM ${TABLE}`))[0][0];

/** Waits until the second replica has what the first one has: with merges stopped a server does not say so itself. */
async function fetched([first, replica]) {
  const deadline = performance.now() + FETCH_TIMEOUT_MS;
  while ((await countOf(first)) !== (await countOf(replica))) {
    if (performance.now() > deadline) throw new Error('a replica did not fetch everything in time');
    await delay(FETCH_POLL_MS);
  }
}

/** Starts each store, and ends those that stand where another one does not start. */
async function openStores(root) {
  const stops = [];
  const stop = async () => {
    for (const end of stops.splice(0).toReversed()) await end();
  };
  const keep = async (starting) => {
    const one = await starting;
    stops.push(() => one.stop());
    return one;
  };
  const connect = async (options) => {
    const engine = new ClusterEngine({ ...options, log: LOG, registry: new Registry() });
    stops.push(() => engine.close());
    await engine.start();
    return engine;
  };
  try {
    const server = await keep(startServer());
    const one = await connect({ urls: [server.url] });
    const cluster = await keep(startCluster());
    const three = await connect({ urls: cluster.servers.map(({ url }) => url), cluster: cluster.name });
    const embedded = await openEngine(join(root, 'embedded'));
    stops.push(() => embedded.engine.close());
    const standIns = [await keep(startStandIn()), await keep(startStandIn())];
    const behind = [];
    for (const { url } of standIns) behind.push(await connect({ urls: [url] }));
    for (const store of [server, ...cluster.servers, embedded.engine, ...behind]) {
      await store.command(`SYSTEM STOP MERGES ${TABLE}`);
    }
    return { server, one, cluster, three, embedded, standIns, behind, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Segments, each with spans of its own, which another process writes. */
class Segments {
  #writer = fork(new URL('./segment-writer.mjs', import.meta.url));
  #written = 0;

  async write(requests, folder) {
    const path = join(folder, `segment-${this.#written++}.native`);
    this.#writer.send({ path, requests });
    const [segment] = await once(this.#writer, 'message');
    return segment;
  }

  close() {
    this.#writer.disconnect();
  }
}

/** One way, one size: µs of CPU a span, of this process, of the store, and of what stands in front of it. */
async function measureWay(way, segments, spans) {
  const inserts = segments.map((segment) => way.prepare(segment));
  const [engineBefore, frontBefore, before] = [cpuUsOfAll(way.engine), cpuUsOfAll(way.front), process.cpuUsage()];
  for (const insert of inserts) await insert();
  const { user, system } = process.cpuUsage(before);
  await way.settle();
  const measured = {
    collectorUs: (user + system) / spans,
    engineUs: (cpuUsOfAll(way.engine) - engineBefore) / spans,
    frontUs: (cpuUsOfAll(way.front) - frontBefore) / spans,
  };
  await way.clear();
  return measured;
}

/** `spans`: about so many of each size by each way in each round. Returns, by size and way, the medians and the rounds. */
export async function measureInsertPaths({ rounds, spans }) {
  const root = mkdtempSync(join(tmpdir(), 'throughline-bench-cluster-'));
  const segments = new Segments();
  let stores;
  try {
    stores = await openStores(root);
    const ways = waysOf(stores);
    const names = Object.keys(ways);
    const samples = {};
    // The first of several warms up.
    for (let round = rounds > 1 ? -1 : 0; round < rounds; round++) {
      for (const [size, requests] of Object.entries(SEGMENTS)) {
        const count = Math.max(1, Math.min(FILES_MAX, Math.round(spans / (requests * SPANS_PER_REQUEST))));
        // Whoever comes second finds what the first one has warmed.
        for (const name of round % 2 === 0 ? names : names.toReversed()) {
          const folder = mkdtempSync(join(root, 'segments-'));
          const files = [];
          while (files.length < count) files.push(await segments.write(requests, folder));
          const sample = await measureWay(ways[name], files, count * requests * SPANS_PER_REQUEST);
          if (round >= 0) ((samples[size] ??= {})[name] ??= []).push(sample);
          rmSync(folder, { recursive: true });
        }
      }
    }
    return Object.fromEntries(Object.entries(samples).map(([size, byWay]) => [size, summaryOf(size, byWay)]));
  } finally {
    segments.close();
    await stores?.stop();
    rmSync(root, { recursive: true, force: true });
  }
}

function summaryOf(size, samples) {
  const ways = Object.entries(samples).map(([name, rounds]) => {
    const medians = Object.keys(rounds[0]).map((key) => [key, median(rounds.map((sample) => sample[key]))]);
    return [name, { ...Object.fromEntries(medians), rounds }];
  });
  return { spansASegment: SEGMENTS[size] * SPANS_PER_REQUEST, ...Object.fromEntries(ways) };
}
