/** A collector on each kind of store, with the processes whose CPU is whose. */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { openEngine } from '../ingest/engine.mjs';
import { startCollector } from '../ingest/collector.mjs';
import { startCluster, startServer, startStandIn } from './servers.mjs';

/**
 * Each starts a store. `args`: how a collector uses it; `processes`: what works for it, by what it is. A stand-in has one in front of the
 * engine that no store of a user has. `rows`: of a SELECT from the tables as a single server has them; without it the collector's own store
 * is opened when it has left that.
 */
export const STORES = {
  embedded: async () => ({ args: [], processes: {}, stop: async () => {} }),
  standIn: async () => {
    const { url, enginePid, pid, rows, stop } = await startStandIn();
    return { args: ['--store', url], processes: { store: [enginePid], front: [pid] }, rows, stop };
  },
  server: async () => {
    const { url, pid, rows, stop } = await startServer();
    return { args: ['--store', url], processes: { store: [pid] }, rows, stop };
  },
  cluster: async () => {
    const { name, servers, zooKeeper, rows, stop } = await startCluster();
    const urls = servers.map(({ url }) => url).join(',');
    const processes = { store: servers.map(({ pid }) => pid), keeper: [zooKeeper.pid] };
    return { args: ['--store', urls, '--store-cluster', name], processes, rows, stop };
  },
};

/** All at once: an idle one costs the others a few percent of a core, and a start more than that. `root`: for their files. */
export async function startSetups(names, root) {
  const setups = [];
  try {
    for (const name of names) setups.push(await startSetup(name, root));
    return setups;
  } catch (error) {
    for (const { stop } of setups) await stop();
    throw error;
  }
}

async function startSetup(name, root) {
  const { args, processes, rows, stop } = await STORES[name]();
  const directory = mkdtempSync(join(root, `${name}-`));
  const collector = await startCollector(directory, { args, processes }).catch(async (error) => {
    await stop();
    throw error;
  });
  if (name === 'cluster') {
    collector.isCounted = async () => {
      const [[stored]] = await rows('SELECT count() FROM throughline.spans');
      const [[counted]] = await rows('SELECT sum(spans) FROM throughline.operation_15m');
      return Number(stored) === Number(counted);
    };
  }
  let isRunning = true;
  const stopCollector = async () => {
    if (isRunning) await collector.stop();
    isRunning = false;
  };
  return {
    name,
    collector,
    /** Ends the collector, and counts what is stored: throws where it is not what was acknowledged, each span once. */
    check: async (acknowledged) => {
      await stopCollector();
      if (rows !== undefined) {
        await checkStored(name, rows, acknowledged);
        return;
      }
      const { engine, ask } = await openEngine(join(directory, 'store'));
      try {
        await checkStored(name, ask, acknowledged);
      } finally {
        await engine.close();
      }
    },
    stop: async () => {
      await stopCollector();
      await stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** All ids at once would take more memory than a query may. */
const ID_PARTS = 16;

async function checkStored(name, rows, acknowledged) {
  const number = async (sql) => Number((await rows(sql))[0][0]);
  let ids = 0;
  for (let part = 0; part < ID_PARTS; part++) {
    const where = `cityHash64(span_id) % ${ID_PARTS} = ${part}`;
    ids += await number(`SELECT uniqExact(trace_id, span_id) FROM throughline.spans WHERE ${where}`);
  }
  const stored = await number('SELECT count() FROM throughline.spans');
  const counted = await number('SELECT sum(spans) FROM throughline.operation_15m');
  if ([stored, ids, counted].some((found) => found !== acknowledged)) {
    const found = `${stored} are stored, with ${ids} distinct ids, and ${counted} are counted in operation_15m`;
    throw new Error(`${name}: ${acknowledged} spans were acknowledged, ${found}`);
  }
}
