import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { findClickHouseServer, findZooKeeper } from '../scripts/workspace.mjs';
import { startClickHouseCluster, type ClickHouseCluster } from './support/clickhouse-cluster.ts';
import { isSpoolEmpty, readyz, startCollector, type Collector } from './support/collector.ts';
import { Pressure } from './support/pressure.ts';
import { eventually, residentBytes } from './support/processes.ts';
import { metricOf } from './support/prometheus.ts';
import { NOTHING_WRONG, SpanLedger, traceIdOfRequest } from './support/span-ledger.ts';
import { isCountedOn, wrongTables } from './support/wrong-tables.ts';

const IS_LONG = process.env['THROUGHLINE_TEST_LONG'] === 'true';
const OUTAGE_MS = 300_000;
/** Of the short form: so many spans are acknowledged while nothing is there. */
const OUTAGE_SPANS = 20_000;

const SPANS_PER_REQUEST = 100;
/** 5,000 spans in a second. */
const LOAD = { httpSenders: 4, grpcSenders: 1, everyMs: 100, refusedMs: 100 };
/** So slow in the short form that a trace can be looked for in the middle of it; in the long form the default. */
const BACKLOG_ROWS_PER_SECOND = 700;
const SHORT = {
  THROUGHLINE_SPOOL_SEGMENT_ROWS_MAX: '2000',
  THROUGHLINE_LOADER_BACKLOG_ROWS_PER_SECOND_MAX: String(BACKLOG_ROWS_PER_SECOND),
};

/** Servers of 2018 may hang where they are killed: such a test ends, and is run once more. */
vi.setConfig({ testTimeout: IS_LONG ? 1_800_000 : 240_000, hookTimeout: 120_000 });

const [server, zooKeeper] = [findClickHouseServer(), findZooKeeper()];
/** `npm run setup` installs them. */
const isMissing = server === undefined || zooKeeper === undefined;

describe.skipIf(isMissing)('an outage of the whole cluster at 5,000 spans per second', () => {
  let cluster: ClickHouseCluster;
  let collector: Collector;
  const ledger = new SpanLedger(SPANS_PER_REQUEST);

  beforeAll(async () => {
    cluster = await startClickHouseCluster(server ?? '', zooKeeper ?? '');
    const urls = cluster.servers.map(({ url }) => url).join(',');
    collector = await startCollector({
      args: ['--store', urls, '--store-cluster', cluster.name, '--cluster-ping-interval-ms', '500'],
      env: IS_LONG ? {} : SHORT,
    });
  });
  afterAll(async () => {
    await collector?.stop();
    await cluster?.stop();
  });

  const backlog = (): Promise<number> => metricOf(collector, 'throughline_spool_backlog_segments');

  async function isFound(request: number): Promise<boolean> {
    return (await fetch(`${collector.apiUrl}/api/v1/traces/${traceIdOfRequest(request)}`)).status === 200;
  }

  it('refuses nothing and loses nothing, and spans that come while the backlog is stored are found before its end', async () => {
    const before = new Pressure(collector, ledger, LOAD);
    await eventually('spans are stored', async () => (await metricOf(collector, 'throughline_loader_spans_total')) > 0);
    for (const each of cluster.servers) await each.kill();
    await cluster.zooKeeper.kill();
    await eventually('it says so', async () =>
      (await readyz(collector)).problems.some(({ code }) => code === 'engine_down'),
    );
    const acknowledged = ledger.acknowledged.size;
    if (IS_LONG) await delay(OUTAGE_MS);
    else {
      await eventually(
        'enough has come',
        () => (ledger.acknowledged.size - acknowledged) * SPANS_PER_REQUEST >= OUTAGE_SPANS,
      );
    }
    const during = (ledger.acknowledged.size - acknowledged) * SPANS_PER_REQUEST;
    const memory = residentBytes(collector.pid);
    // In the long form the load goes on.
    if (!IS_LONG) await before.stop();
    const waiting = await backlog();
    const storedBefore = await metricOf(collector, 'throughline_loader_spans_total');
    await cluster.zooKeeper.restart();
    const restarted = Promise.all(cluster.servers.map((each) => each.restart()));
    await eventually(
      'the backlog is being stored',
      async () => (await metricOf(collector, 'throughline_loader_spans_total')) > storedBefore,
    );
    const begin = performance.now();
    const found: { readonly ms: number; readonly left: number }[] = [];
    const findNext = async (): Promise<void> => {
      const sent = performance.now();
      expect(await ledger.send(collector.otlpUrl)).toBe(200);
      const request = Math.max(...ledger.acknowledged);
      await eventually('a span that has just come is found', () => isFound(request));
      found.push({ ms: performance.now() - sent, left: await backlog() });
    };
    await findNext();
    // What came in the outage still waits.
    expect(found[0]?.left).toBeGreaterThanOrEqual(IS_LONG ? 0 : 3);
    while ((await backlog()) > 2) await findNext();
    const drainedMs = performance.now() - begin;
    const rate = Math.round(
      (((await metricOf(collector, 'throughline_loader_spans_total')) - storedBefore) / drainedMs) * 1_000,
    );
    if (IS_LONG) await before.stop();
    const slowest = Math.max(...found.map(({ ms }) => ms));
    process.stdout.write(
      `outage: ${during} spans came in ${waiting} segments; stored ${rate} spans/s for ${Math.round(drainedMs / 1_000)} s; ` +
        `${found.length} traces found meanwhile, the slowest after ${Math.round(slowest)} ms; ` +
        `resident ${memory >> 20} MiB in the outage, ${residentBytes(collector.pid) >> 20} MiB after it\n`,
    );
    await restarted;
    await eventually('everything is loaded', () => isSpoolEmpty(collector));
    await eventually('everything is counted', () => isCountedOn(cluster));
    await cluster.settled();
    expect(ledger.counts).toMatchObject({ refused: 0, unanswered: 0 });
    // Of so many spans in a batch attribute values are estimated.
    const wrong = async (): Promise<string[]> =>
      (await wrongTables(cluster.rows)).filter((table) => table !== 'attribute_values');
    expect(await ledger.auditRows(cluster.rows, wrong)).toMatchObject(NOTHING_WRONG);
    const limited = await metricOf(collector, 'throughline_limit_reached_total', {
      limit: 'loader.backlogRowsPerSecondMax',
    });
    expect(limited).toBeGreaterThanOrEqual(IS_LONG ? 0 : 1);
  });
});
