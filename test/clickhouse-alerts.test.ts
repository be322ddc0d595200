import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AlertsResponse } from '@throughline/trace/client';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { AlertMessage } from '../packages/server/src/alerts/channels/alert-message.ts';
import { startReceiver, type Receiver } from '../packages/server/src/alerts/testing/receivers.ts';
import { findClickHouseServer, findZooKeeper } from '../scripts/workspace.mjs';
import { startClickHouseCluster, type ClickHouseCluster } from './support/clickhouse-cluster.ts';
import { startClickHouseServer, type ClickHouseServer } from './support/clickhouse-server.ts';
import { newDirectory, startCollector, type Collector } from './support/collector.ts';
import { eventually } from './support/processes.ts';
import { storeTheTraces } from './support/questions.ts';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const [program, zooKeeper] = [findClickHouseServer(), findZooKeeper()];

/** Two requests of each of forty traces, of which every third stands for two. */
const REQUESTS = 2 * (40 + 14);

/** The traces of the questions began two hours and more ago: windows are that long. */
const rulesFor = (url: string): string => `
channels:
  hook: {type: webhook, url: "${url}"}
defaults: {for: 0s, notify: []}
rules:
  - {name: errors, watch: errors, of: {service: web}, above: 1%, window: 6h, notify: hook}
  - {name: one operation, watch: errors, of: {service: web, operation: web operation 1}, above: 90%, window: 6h, minRequests: 5}
  - {name: by kind, watch: errors, of: {service: db, kind: client}, above: 1%, window: 6h}
  - {name: by attribute, watch: latency, quantile: p50, of: {service: web, attributes: {http.method: GET, region: eu}}, above: 1ms, window: 6h}
  - {name: by element, watch: rate, of: {service: web, attributes: {list: a}}, above: 1000/s, window: 6h}
  - {name: latency, watch: latency, quantile: p90, of: {service: web}, above: 1h, window: 6h}
  - {name: rate, watch: rate, of: {service: web}, above: 5/h, window: 6h}
  - {name: nothing, watch: errors, of: {service: "no'ne"}, above: 1%, window: 6h}
`;

const directory = newDirectory();
let receiver: Receiver;
beforeAll(async () => {
  receiver = await startReceiver();
});
afterAll(async () => {
  await receiver.close();
  rmSync(directory, { recursive: true, force: true });
});

let files = 0;
function alertArgs(path: string, content?: string): string[] {
  const file = join(directory, `alerts-${++files}.yaml`);
  writeFileSync(file, content ?? rulesFor(`${receiver.url}${path}`));
  return ['--alerts-file', file, '--alerts-interval-ms', '100', '--alerts-delay-ms', '0', '--alerts-wait-ms', '1m'];
}

const statusOf = async ({ apiUrl }: Collector): Promise<AlertsResponse> =>
  (await (await fetch(`${apiUrl}/api/v1/alerts`)).json()) as AlertsResponse;
const messagesAt = (path: string): AlertMessage[] =>
  receiver.received.filter((one) => one.path === path).map(({ body }) => JSON.parse(body) as AlertMessage);

/** What was measured, once every rule has been evaluated on all of the traces. */
async function measuredBy(collector: Collector) {
  return await eventually('every rule is evaluated', async () => {
    const { rules } = await statusOf(collector);
    const isSeen = rules.every(({ name, requests }) => name === 'nothing' || requests > 0);
    const isDone = isSeen && Math.round(rules.at(0)?.requests ?? 0) === REQUESTS;
    return isDone
      ? rules.map(({ name, state, verdict, value, lower, upper, requests }) => ({
          name,
          state,
          verdict,
          value,
          lower,
          upper,
          requests,
        }))
      : undefined;
  });
}

describe.skipIf(program === undefined)('alerts on a ClickHouse 18.16 server', () => {
  let server: ClickHouseServer;
  let onServer: Collector;
  let embedded: Collector;
  beforeAll(async () => {
    server = await startClickHouseServer(program ?? '');
    onServer = await startCollector({ args: ['--store', server.url, ...alertArgs('/server')] });
    embedded = await startCollector({ args: alertArgs('/embedded') });
    await storeTheTraces([onServer, embedded]);
  });
  afterAll(async () => {
    await onServer?.stop();
    await embedded?.stop();
    await server?.stop();
  });

  it('measure what they do on the embedded store', async () => {
    const measured = await measuredBy(embedded);
    expect(measured.map(({ name, verdict }) => [name, verdict])).toEqual([
      ['errors', 'beyond'],
      ['one operation', 'within'],
      ['by kind', 'beyond'],
      ['by attribute', 'beyond'],
      ['by element', 'within'],
      ['latency', 'within'],
      ['rate', 'beyond'],
      ['nothing', 'none'],
    ]);
    expect(await measuredBy(onServer)).toEqual(measured);
  });

  it('are kept in the store, and notify nobody again after a restart', async () => {
    await eventually('both have notified', () => messagesAt('/server').length + messagesAt('/embedded').length === 2);
    const [first] = messagesAt('/server');
    const { dataDirectory } = onServer;
    await onServer.stop({ keepData: true });
    // On another machine, with nothing of the first one.
    onServer = await startCollector({ args: ['--store', server.url, ...alertArgs('/server')] });
    const errors = await eventually('the rule is evaluated again', async () => {
      const rule = (await statusOf(onServer)).rules.at(0);
      return rule?.evaluatedAt === null || rule?.verdict === null ? undefined : rule;
    });
    expect(errors).toMatchObject({ state: 'firing', dedupKey: first?.dedupKey });
    expect(messagesAt('/server')).toHaveLength(1);
    expect(
      Number((await server.rows('SELECT count() FROM throughline.alert_states FINAL'))[0]?.[0]),
    ).toBeLessThanOrEqual(2);
    rmSync(dataDirectory, { recursive: true, force: true });
  });
});

describe.skipIf(program === undefined || zooKeeper === undefined)('alerts of two collectors on one cluster', () => {
  let cluster: ClickHouseCluster;
  let collectors: Collector[] = [];
  beforeAll(async () => {
    cluster = await startClickHouseCluster(program ?? '', zooKeeper ?? '');
    const store = ['--store', cluster.servers.map(({ url }) => url).join(','), '--store-cluster', cluster.name];
    const env = { THROUGHLINE_CLUSTER_LEASE_MS: '6s', THROUGHLINE_CLUSTER_LEASE_RENEW_MS: '500ms' };
    const start = (): Promise<Collector> => startCollector({ args: [...store, ...alertArgs('/cluster')], env });
    collectors = [await start(), await start()];
    await storeTheTraces(collectors.slice(0, 1));
  });
  afterAll(async () => {
    await Promise.all(collectors.map((collector) => collector.stop()));
    await cluster?.stop();
  });

  it('are notified by one of them, shown by both, and taken over by the other', async () => {
    const dedupKeys = async (): Promise<(string | null | undefined)[]> =>
      Promise.all(collectors.map(async (collector) => (await statusOf(collector)).rules.at(0)?.dedupKey));
    await eventually('the rule has fired', () => messagesAt('/cluster').length > 0);
    const [message] = messagesAt('/cluster');
    await eventually('both show it', async () => (await dedupKeys()).every((key) => key === message!.dedupKey));
    const led = await Promise.all(
      collectors.map(async ({ apiUrl }) =>
        /^throughline_store_leader 1$/m.test(await (await fetch(`${apiUrl}/metrics`)).text()),
      ),
    );
    const leader = collectors[led.indexOf(true)]!;
    collectors = collectors.filter((one) => one !== leader);
    const before = (await statusOf(collectors.at(0)!)).rules.at(0)!.evaluatedAt!;
    await leader.stop();
    await eventually('the other goes on', async () => {
      const rule = (await statusOf(collectors.at(0)!)).rules.at(0)!;
      return rule.evaluatedAt !== null && rule.evaluatedAt > before;
    });
    expect(await dedupKeys()).toEqual([message!.dedupKey]);
    expect(messagesAt('/cluster')).toHaveLength(1);
  });
});
