import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ApiClient } from '../packages/trace/src/client/index.ts';
import { normalsContract, type NormalsStore } from '../packages/server/src/normals/normals.contract.ts';
import { openTestStore, type StoredSpan, type TestStore } from '../packages/server/src/query/testing/test-store.ts';
import { ClusterEngine, type ClusterEngineOptions } from '../packages/server/src/storage/cluster/cluster-engine.ts';
import { SPAN_COLUMNS } from '../packages/server/src/storage/schema.ts';
import { aRegistry, silentLog } from '../packages/server/src/storage/testing/start-engine.ts';
import { findClickHouseServer, findZooKeeper } from '../scripts/workspace.mjs';
import { startClickHouseCluster, type ClickHouseCluster } from './support/clickhouse-cluster.ts';
import { startClickHouseServer, type ClickHouseServer } from './support/clickhouse-server.ts';
import { startCollector } from './support/collector.ts';
import { eventually } from './support/processes.ts';
import { postJson, spanIdOf, traceIdOf } from './support/traces.ts';

vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 });

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
    shards: () => engine.shards(),
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

  it('is measured by one of the collectors on a cluster, whichever has stored the spans', async () => {
    const args = ['--store', cluster.servers.map(({ url }) => url).join(','), '--store-cluster', cluster.name];
    // A minute is measured when what began in it is quiet.
    const env = { THROUGHLINE_NORMALS_TRACE_LENGTH_MS: '1s' };
    const collectors = await Promise.all([startCollector({ args, env }), startCollector({ args, env })]);
    try {
      const startNs = BigInt(Date.now()) * 1_000_000n;
      for (const [at, { otlpUrl }] of collectors.entries()) {
        await postJson(otlpUrl, JSON.stringify(aRequest(`shop-${at}`, startNs)));
      }
      for (const { apiUrl } of collectors) {
        const found = await eventually('both are on the map', async () => {
          const { edges } = await new ApiClient(apiUrl).map();
          return edges.length >= 2 && edges.map(({ to, sampledCalls }) => `${to} ${sampledCalls}`);
        });
        expect(new Set(found)).toEqual(new Set(['service:shop-0 1', 'service:shop-1 1']));
      }
    } finally {
      await Promise.all(collectors.map((collector) => collector.stop()));
    }
  });
});

function aRequest(service: string, startNs: bigint): object {
  const span = {
    traceId: traceIdOf(service),
    spanId: spanIdOf(service),
    name: 'GET /',
    kind: 2,
    startTimeUnixNano: String(startNs),
    endTimeUnixNano: String(startNs + 1_000_000n),
  };
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: service } }] };
  return { resourceSpans: [{ resource, scopeSpans: [{ spans: [span] }] }] };
}
