import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { findClickHouseServer, findZooKeeper } from '../scripts/workspace.mjs';
import { startClickHouseCluster, type ClickHouseCluster } from './support/clickhouse-cluster.ts';
import { isSpoolEmpty, startCollector, type Collector } from './support/collector.ts';
import { eventually } from './support/processes.ts';
import { NOTHING_WRONG, SpanLedger } from './support/span-ledger.ts';

const SPANS_PER_REQUEST = 20;
/** So many requests are acknowledged before and after each fault, and while it lasts. */
const REQUESTS = 30;

const IS_REQUEST = "(kind = 2 OR kind = 5 OR hex(parent_span_id) = '0000000000000000')";

/** What a derived table holds, and what it must, in words that 18.16 has. */
const AUDITS = [
  [
    'operation_15m',
    `SELECT toUInt32(time) AS t, toString(service_name) AS s, toString(operation) AS o, sum(spans) AS n, minMerge(first_ns) AS first, maxMerge(last_ns) AS last
FROM throughline.operation_15m GROUP BY t, s, o ORDER BY t, s, o`,
    `SELECT toUInt32(toStartOfFifteenMinutes(start_s)) AS t, toString(service) AS s, toString(name) AS o, count() AS n, min(start_ns) AS first, max(start_ns) AS last
FROM throughline.spans GROUP BY t, s, o ORDER BY t, s, o`,
  ],
  ...['Minute', 'Hour'].map((unit) => [
    `request_1${unit === 'Minute' ? 'm' : 'h'}`,
    `SELECT toUInt32(time) AS t, toUInt16(bucket) AS b, sum(spans) AS n FROM throughline.request_1${unit === 'Minute' ? 'm' : 'h'} GROUP BY t, b ORDER BY t, b`,
    `SELECT toUInt32(toStartOf${unit}(start_s)) AS t, toUInt16(floor(8 * log2(if(duration_ns < 1, 1, duration_ns)))) AS b, count() AS n
FROM throughline.spans WHERE ${IS_REQUEST} GROUP BY t, b ORDER BY t, b`,
  ]),
  [
    'trace_times',
    `SELECT hex(trace_id) AS id, toDate(first_s) AS day, toUInt32(min(first_s)) AS first, toUInt64(max(toUInt32(first_s) + length_s)) AS last, max(has_root) AS root
FROM throughline.trace_times GROUP BY id, day ORDER BY id, day`,
    `SELECT hex(trace_id) AS id, toDate(start_s) AS day, toUInt32(min(start_s)) AS first, toUInt64(max(toUInt32(start_s))) AS last, max(hex(parent_span_id) = '0000000000000000') AS root
FROM throughline.spans GROUP BY id, day ORDER BY id, day`,
  ],
  [
    'attribute_values',
    `SELECT toString(day) AS d, key, toUInt64(sum(weight)) AS w FROM throughline.attribute_values WHERE key_slot >= 4096 GROUP BY d, key ORDER BY d, key`,
    `SELECT toString(toDate(start_s)) AS d, key, count() AS w FROM throughline.spans ARRAY JOIN arrayConcat(attrs_k, res_k) AS key GROUP BY d, key ORDER BY d, key`,
  ],
] as const;

/** Servers of 2018 may hang where they are killed: such a test ends, and is run once more. */
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const [server, zooKeeper] = [findClickHouseServer(), findZooKeeper()];
/** `npm run setup` installs them. */
const isMissing = server === undefined || zooKeeper === undefined;

describe.skipIf(isMissing)('under load, what was acknowledged is stored once on a cluster', () => {
  let cluster: ClickHouseCluster;
  let collector: Collector;
  const ledger = new SpanLedger(SPANS_PER_REQUEST);

  beforeAll(async () => {
    cluster = await startClickHouseCluster(server ?? '', zooKeeper ?? '');
    collector = await startOnCluster();
  });
  afterAll(async () => {
    await collector?.stop();
    await cluster?.stop();
  });

  function startOnCluster(dataDirectory?: string): Promise<Collector> {
    const urls = cluster.servers.map(({ url }) => url).join(',');
    return startCollector({
      args: ['--store', urls, '--store-cluster', cluster.name],
      ...(dataDirectory !== undefined && { dataDirectory }),
    });
  }

  async function sendMore(): Promise<void> {
    const until = ledger.acknowledged.size + REQUESTS;
    while (ledger.acknowledged.size < until) {
      expect(await ledger.send(collector.otlpUrl)).toBe(200);
      await delay(10);
    }
  }

  /** The derived tables that do not hold what the spans say. */
  async function wrongTables(): Promise<string[]> {
    const wrong: string[] = [];
    for (const [name, table, spans] of AUDITS) {
      const [held, said] = [await cluster.rows(table), await cluster.rows(spans)];
      if (JSON.stringify(held) !== JSON.stringify(said)) wrong.push(name);
    }
    return wrong;
  }

  it.each([
    ['a replica', () => cluster.servers[1]],
    ['the replica that is asked first', () => cluster.servers[0]],
    ['the one server of a shard', () => cluster.servers[2]],
    ['ZooKeeper', () => cluster.zooKeeper],
  ])('while %s is killed and comes back', async (_, victim) => {
    await sendMore();
    await victim().kill();
    await sendMore();
    await delay(1_000);
    await sendMore();
    await victim().restart();
    await sendMore();
    await eventually('everything is loaded', () => isSpoolEmpty(collector));
    await cluster.settled();
    const audit = await ledger.auditRows(cluster.rows, wrongTables);
    expect(audit).toMatchObject(NOTHING_WRONG);
    expect(audit.acknowledgedSpans).toBeGreaterThanOrEqual(4 * REQUESTS * SPANS_PER_REQUEST);
  });

  it('while a replica is away when the collector starts, and nothing but a shard is waited for', async () => {
    const { dataDirectory } = collector;
    await sendMore();
    await collector.stop({ keepData: true });
    await cluster.servers[1].kill();
    collector = await startOnCluster(dataDirectory);
    await sendMore();
    await eventually('everything is loaded', () => isSpoolEmpty(collector));
    await cluster.servers[1].restart();
    await cluster.settled();
    expect(await ledger.auditRows(cluster.rows, wrongTables)).toMatchObject(NOTHING_WRONG);
  });
});
