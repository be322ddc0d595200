import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, vi } from 'vitest';
import { normalsContract, type NormalsStore } from '../packages/server/src/normals/normals.contract.ts';
import { openTestStore, type StoredSpan, type TestStore } from '../packages/server/src/query/testing/test-store.ts';
import { ClusterEngine, type ClusterEngineOptions } from '../packages/server/src/storage/cluster/cluster-engine.ts';
import { SPAN_COLUMNS } from '../packages/server/src/storage/schema.ts';
import { aRegistry, silentLog } from '../packages/server/src/storage/testing/start-engine.ts';
import { findClickHouseServer, findZooKeeper } from '../scripts/workspace.mjs';
import { startClickHouseCluster, type ClickHouseCluster } from './support/clickhouse-cluster.ts';
import { startClickHouseServer, type ClickHouseServer } from './support/clickhouse-server.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const [program, zooKeeper] = [findClickHouseServer(), findZooKeeper()];

/** Makes files of spans, as the spool has them. */
let writer: TestStore;
beforeAll(async () => {
  if (program !== undefined) writer = await openTestStore();
});
afterAll(async () => {
  await writer?.close();
});

async function segmentOf(spans: readonly StoredSpan[]): Promise<Uint8Array> {
  await writer.empty();
  await writer.put(spans, 1);
  const columns = SPAN_COLUMNS.map(([name, type]) =>
    type === 'DateTime' ? `CAST(${name}, 'DateTime') AS ${name}` : name,
  );
  const sql = `SELECT ${columns.join(', ')} FROM throughline.spans`;
  return await writer.context.engine.query(sql, { format: 'Native', timeoutMs: 120_000 });
}

async function open(options: Pick<ClusterEngineOptions, 'urls' | 'cluster'>): Promise<NormalsStore> {
  const directory = mkdtempSync(join(tmpdir(), 'throughline-normals-'));
  const engine = new ClusterEngine({ ...options, log: silentLog, registry: aRegistry() });
  await engine.start();
  let files = 0;
  return {
    engine,
    put: async (spans) => {
      const path = join(directory, 'spans.native');
      writeFileSync(path, await segmentOf(spans));
      await engine.insertNativeFile('spans', path, `normals-${++files}`);
    },
    empty: async () => {
      for (const name of ['spans', 'path_normals', 'path_resources', 'call_edges', 'normal_steps'] as const) {
        await engine.command(`TRUNCATE TABLE ${engine.tables[name].everywhere}`);
      }
    },
    [Symbol.asyncDispose]: async () => {
      await engine.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** `npm run setup` installs them. */
describe.skipIf(program === undefined)('on a real server', () => {
  let server: ClickHouseServer;
  beforeAll(async () => {
    server = await startClickHouseServer(program ?? '');
  });
  afterAll(async () => {
    await server?.stop();
  });
  normalsContract('what is usual, on ClickHouse 18.16', () => open({ urls: [server.url] }));
});

describe.skipIf(program === undefined || zooKeeper === undefined)('on real servers', () => {
  let cluster: ClickHouseCluster;
  beforeAll(async () => {
    cluster = await startClickHouseCluster(program ?? '', zooKeeper ?? '');
  });
  afterAll(async () => {
    await cluster?.stop();
  });
  normalsContract('what is usual, on a cluster of two shards', () =>
    open({ urls: cluster.servers.map(({ url }) => url), cluster: cluster.name }),
  );
});
