import type { Page } from 'playwright-core';
import type { SystemResponse } from '@throughline/trace/client';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { findClickHouseServer, findZooKeeper } from '../scripts/workspace.mjs';
import { seriousBarriers } from './support/barriers.ts';
import { chromiumPath, openBrowser, type Browser } from './support/chromium.ts';
import { startClickHouseCluster, type ClickHouseCluster } from './support/clickhouse-cluster.ts';
import { startCollector, type Collector } from './support/collector.ts';
import { eventually } from './support/processes.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 180_000 });

const [server, zooKeeper] = [findClickHouseServer(), findZooKeeper()];
/** `npm run setup` installs them. */
const isMissing = !chromiumPath || server === undefined || zooKeeper === undefined;

describe.skipIf(isMissing)('the servers of the store in a browser (needs Chromium)', () => {
  let cluster: ClickHouseCluster;
  let collectors: Collector[] = [];
  let browser: Browser;
  let page: Page;
  const problems: string[] = [];

  beforeAll(async () => {
    cluster = await startClickHouseCluster(server ?? '', zooKeeper ?? '');
    collectors = [await startOnCluster(), await startOnCluster()];
    browser = await openBrowser();
    page = await browser.context.newPage();
    page.on('pageerror', (error) => problems.push(`${page.url()}: ${error.message}`));
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(`${page.url()}: ${message.text()}`);
    });
  });
  afterAll(async () => {
    await browser?.close();
    await Promise.all(collectors.map((collector) => collector.stop()));
    await cluster?.stop();
  });

  function startOnCluster(): Promise<Collector> {
    const urls = cluster.servers.map(({ url }) => url).join(',');
    return startCollector({
      args: ['--store', urls, '--store-cluster', cluster.name],
      env: { THROUGHLINE_CLUSTER_LEASE_MS: '6s', THROUGHLINE_CLUSTER_LEASE_RENEW_MS: '500ms' },
    });
  }

  const hostOf = (index: number): string => new URL(cluster.servers[index]?.url ?? '').host;
  const system = async (): Promise<SystemResponse> =>
    (await (await fetch(`${collectors[0]?.apiUrl}/api/v1/system`)).json()) as SystemResponse;
  const servers = () => page.getByRole('table', { name: 'ClickHouse servers' });
  const others = () => page.getByRole('table', { name: 'Collectors' });
  const rowOf = (name: string) => page.getByRole('row').filter({ has: page.getByText(name, { exact: true }) });

  it('are listed with their shards, their state and their version', async () => {
    await eventually('each server was asked', async () =>
      (await system()).store.nodes.every(({ state, replica }) => state === 'up' && replica !== null),
    );
    const { store } = await system();
    await page.goto(`${collectors[0]?.apiUrl}/system`);
    await servers().waitFor();
    for (const { node, shard, version, replica } of store.nodes) {
      const text = await rowOf(node).innerText();
      expect(text.split(/\s+/)).toEqual(expect.arrayContaining([node, String(shard), replica, version]));
    }
    expect(store.nodes.map(({ shard }) => shard).toSorted((a, b) => Number(a) - Number(b))).toEqual([1, 1, 2]);
  });

  it('stand above the collectors, of which one runs the jobs', async () => {
    await eventually('they know each other', async () => (await system()).store.collectors.length === 2);
    await others().getByRole('row').nth(2).waitFor();
    const rows = await others().getByRole('row').allInnerTexts();
    expect(rows.filter((text) => text.includes('this collector'))).toHaveLength(1);
    expect(rows.filter((text) => text.includes('runs the jobs'))).toHaveLength(1);
  });

  it('are readable for everybody, and on a narrow screen', async () => {
    for (const scheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme: scheme });
      expect(await seriousBarriers(page)).toEqual([]);
    }
    await page.setViewportSize({ width: 380, height: 800 });
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(width).toBeLessThanOrEqual(380);
    expect(await seriousBarriers(page)).toEqual([]);
    await page.setViewportSize({ width: 1440, height: 900 });
  });

  it('are shown as unreachable with the reason, and a collector that has left as gone', async () => {
    await cluster.servers[1].kill();
    const left = collectors.pop();
    await left?.stop();
    const row = rowOf(hostOf(1));
    await row.locator('[data-level="bad"]').waitFor();
    await servers().getByText('ECONNREFUSED').waitFor();
    await others().locator('[data-level="unknown"]').waitFor();
    await cluster.servers[1].restart();
    await row.locator('[data-level="good"]').waitFor();
    expect(problems).toEqual([]);
  });
});
