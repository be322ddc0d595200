/** A collector on the real cluster of the tests, under a bounded load: what it, the servers and ZooKeeper did in that time. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { cpuUs, readMetrics, startCollector } from '../ingest/collector.mjs';
import { startSender } from '../ingest/senders.mjs';

const WARM_UP_SECONDS = 10;
const SENDERS = [1, 2];

/** What each server has counted since its start. */
async function readServer({ rows, pid }) {
  const events = await rows('SELECT event, toString(value) FROM system.events');
  const of = (name) => Number(events.find(([event]) => event === name)?.[1] ?? 0);
  // Of parts that were merged away as well: a partition numbers the blocks that are inserted into it.
  const blocks = await rows(
    `SELECT table, sum(blocks) FROM (SELECT table, partition, max(max_block_number) + 1 AS blocks FROM system.parts
WHERE database = 'throughline' GROUP BY table, partition) GROUP BY table`,
  );
  const active = await rows(
    "SELECT max(parts) FROM (SELECT count() AS parts FROM system.parts WHERE database = 'throughline' AND table = 'spans' AND active GROUP BY partition)",
  );
  return {
    parts: Object.fromEntries(blocks.map(([table, count]) => [table, Number(count)])),
    activePartsOfSpans: Number(active[0]?.[0] ?? 0),
    insertedRows: of('InsertedRows'),
    merges: of('ReplicatedPartMerges'),
    mergedRows: of('MergedRows'),
    keeperOps: of('ZooKeeperTransactions'),
    cpuUs: cpuUs(pid),
  };
}

async function readAll(cluster, collector) {
  const servers = await Promise.all(cluster.servers.map(readServer));
  const metrics = await readMetrics(collector);
  return {
    atMs: performance.now(),
    servers,
    segments: metrics['throughline_loader_inserts_total{outcome="stored"}'] ?? 0,
    spans: metrics['throughline_loader_spans_total'] ?? 0,
    batches: metrics['throughline_rollup_batches_total{outcome="added"}'] ?? 0,
    collectorCpuUs: cpuUs(collector.pid),
  };
}

/** By second, of what lies between two readings. */
function between(before, after) {
  const seconds = (after.atMs - before.atMs) / 1_000;
  const rate = (read) => (read(after) - read(before)) / seconds;
  return {
    seconds,
    spansASecond: rate(({ spans }) => spans),
    segmentsASecond: rate(({ segments }) => segments),
    batchesASecond: rate(({ batches }) => batches),
    collectorCpuUsASpan: rate(({ collectorCpuUs }) => collectorCpuUs) / rate(({ spans }) => spans),
    servers: after.servers.map(({ parts, activePartsOfSpans }, index) => {
      const of = (read) => rate(({ servers }) => read(servers[index]));
      return {
        partsASecond: Object.fromEntries(
          Object.keys(parts).map((table) => [table, of((server) => server.parts[table] ?? 0)]),
        ),
        activePartsOfSpans,
        // Of the partition, from the first one on.
        partsOfSpans: [before, after].map(({ servers }) => servers[index].parts.spans ?? 0),
        mergesASecond: of(({ merges }) => merges),
        mergedRowsASecond: of(({ mergedRows }) => mergedRows),
        keeperOpsASecond: of(({ keeperOps }) => keeperOps),
        cores: of((server) => server.cpuUs) / 1e6,
      };
    }),
  };
}

/**
 * One collector on the cluster: idle first, then under a load for a bounded time. `settings`: of the collector, by their variables.
 */
export async function measureLoad(cluster, { spansASecond, seconds, idleSeconds, settings = {} }) {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'throughline-scale-'));
  const urls = cluster.servers.map(({ url }) => url).join(',');
  const args = ['--store', urls, '--store-cluster', cluster.name];
  const collector = await startCollector(dataDirectory, { args, env: settings });
  try {
    const idleFrom = await readAll(cluster, collector);
    await delay(idleSeconds * 1_000);
    const idle = between(idleFrom, await readAll(cluster, collector));
    const { otlpUrl } = collector;
    const sending = await Promise.all(
      SENDERS.map((sender) =>
        startSender({
          otlpUrl,
          sender,
          connections: 8,
          spansASecond: spansASecond / SENDERS.length,
          // It is stopped before.
          seconds: seconds + WARM_UP_SECONDS + 60,
          warmUpSeconds: WARM_UP_SECONDS,
        }),
      ),
    );
    try {
      await delay(WARM_UP_SECONDS * 1_000);
      const before = await readAll(cluster, collector);
      await delay(seconds * 1_000);
      const load = between(before, await readAll(cluster, collector));
      for (const { stop } of sending) stop();
      const results = await Promise.all(sending.map(({ result }) => result));
      return { idle, load, statuses: results.map(({ statuses }) => statuses) };
    } finally {
      for (const { stop } of sending) stop();
    }
  } finally {
    await collector.stop();
    rmSync(dataDirectory, { recursive: true, force: true });
  }
}
