import type { Page } from 'playwright-core';
import type { TracesResponse } from '@throughline/trace/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chromiumPath, openBrowser } from './support/chromium.ts';
import type { Browser } from './support/chromium.ts';
import { startCollector, type Collector } from './support/collector.ts';
import { eventually } from './support/processes.ts';
import { postJson, spanIdOf, traceIdOf } from './support/traces.ts';

const ORDER = traceIdOf('a message that is worked on after the answer');
const GAME = traceIdOf('a short root before a long one');
const QUICK = traceIdOf('a root that holds everything');
const START_MS = Date.now() - 120_000;

interface Plan {
  readonly traceId: string;
  readonly name: string;
  readonly parent?: string;
  readonly kind: number;
  readonly fromMs: number;
  readonly toMs: number;
}

const PLANS: readonly Plan[] = [
  { traceId: ORDER, name: 'POST /order', kind: 2, fromMs: 0, toMs: 30 },
  { traceId: ORDER, name: 'orders send', parent: 'POST /order', kind: 4, fromMs: 5, toMs: 9 },
  { traceId: ORDER, name: 'orders process', parent: 'orders send', kind: 5, fromMs: 1000, toMs: 41_000 },
  { traceId: GAME, name: 'turn/start', kind: 2, fromMs: 0, toMs: 2 },
  { traceId: GAME, name: 'session', kind: 2, fromMs: 5, toMs: 60_005 },
  { traceId: QUICK, name: 'GET /quick', kind: 2, fromMs: 0, toMs: 80 },
  { traceId: QUICK, name: 'work', parent: 'GET /quick', kind: 1, fromMs: 5, toMs: 70 },
];

describe.skipIf(!chromiumPath)('traces that go on after their root (needs Chromium)', () => {
  let collector: Collector;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    collector = await startCollector();
    const answer = await postJson(collector.otlpUrl, requestOf(PLANS));
    if (answer.status !== 200) throw new Error(await answer.text());
    await eventually('every span is stored', async () => {
      const { traces } = await newest();
      return traces.reduce((sum, { spanCount }) => sum + spanCount, 0) === PLANS.length;
    });
    browser = await openBrowser();
    page = await browser.context.newPage();
  });
  afterAll(async () => {
    await browser?.close();
    await collector?.stop();
  });

  const newest = async (): Promise<TracesResponse> =>
    (await (await fetch(`${collector.apiUrl}/api/v1/traces`)).json()) as TracesResponse;
  const row = (traceId: string) =>
    page.locator('ol > li').filter({ has: page.locator(`a[href$="/trace/${traceId}"]`) });

  it('have both durations in the API', async () => {
    const { traces } = await newest();
    const order = traces.find(({ traceId }) => traceId === ORDER);
    expect(order).toMatchObject({ durationNs: '30000000', extentNs: '41000000000' });
    expect(traces.find(({ traceId }) => traceId === GAME)?.extentNs).toBe('60005000000');
  });

  it('show both in the list, where they differ', async () => {
    await page.goto(`${collector.apiUrl}/explore`);
    await row(ORDER).getByText('41 s total').waitFor();
    expect(await row(ORDER).innerText()).toMatch(/30 ms\s+41 s total/);
    expect(await row(QUICK).innerText()).toContain('80 ms');
    expect(await row(QUICK).innerText()).not.toContain('total');
  });

  it('show both above the trace, and of several roots the longest', async () => {
    const factsOf = async (traceId: string): Promise<string> => {
      await page.goto(`${collector.apiUrl}/trace/${traceId}`);
      await page.getByRole('treegrid').waitFor();
      return page.locator('header dl').first().innerText();
    };
    expect(await factsOf(ORDER)).toMatch(/30 ms\s*, 41 s total/);
    expect(await factsOf(QUICK)).not.toContain('total');
    expect(await factsOf(GAME)).toContain('1 min');
    expect(await page.getByRole('heading', { level: 1 }).innerText()).toContain('session');
  });

  it('are listed all the same by a collector that reports no extent', async () => {
    await page.route('**/api/v1/traces?*', async (route) => {
      const response = await route.fetch();
      const text = (await response.text()).replaceAll(/,"extentNs":"\d+"/g, '');
      await route.fulfill({ response, body: text });
    });
    await page.goto(`${collector.apiUrl}/explore`);
    await row(ORDER).getByText('30 ms', { exact: true }).waitFor();
    expect(await row(ORDER).innerText()).not.toContain('total');
  });
});

function requestOf(plans: readonly Plan[]): string {
  const spans = plans.map(({ traceId, name, parent, kind, fromMs, toMs }) => ({
    traceId,
    spanId: spanIdOf(name),
    ...(parent !== undefined && { parentSpanId: spanIdOf(parent) }),
    name,
    kind,
    startTimeUnixNano: `${START_MS + fromMs}000000`,
    endTimeUnixNano: `${START_MS + toMs}000000`,
  }));
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] };
  return JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ scope: { name: 'test' }, spans }] }] });
}
