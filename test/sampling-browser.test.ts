import type { Page } from 'playwright-core';
import type { ServicesResponse, SystemResponse, TracesResponse } from '@throughline/trace/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ratio, Tracer } from '../packages/sdk/dist/index.js';
import { seriousBarriers } from './support/barriers.ts';
import { chromiumPath, openBrowser } from './support/chromium.ts';
import type { Browser } from './support/chromium.ts';
import { startCollector, type Collector } from './support/collector.ts';
import { eventually } from './support/processes.ts';
import { postJson, spanIdOf, traceIdOf } from './support/traces.ts';

const TRACES = 2000;
/** Operations of a service that only tells, so that the table is long enough for its filter. */
const QUIET_OPERATIONS = 12;

describe.skipIf(!chromiumPath)('sampling in a browser (needs Chromium)', () => {
  let collector: Collector;
  let browser: Browser;
  let page: Page;
  const problems: string[] = [];

  beforeAll(async () => {
    collector = await startCollector();
    browser = await openBrowser();
    page = await browser.context.newPage();
    page.on('pageerror', (error) => problems.push(`${page.url()}: ${error.message}`));
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(`${page.url()}: ${message.text()}`);
    });
  });
  afterAll(async () => {
    await browser.close();
    await collector.stop();
  });

  const answer = async <T>(path: string): Promise<T> => (await (await fetch(`${collector.apiUrl}${path}`)).json()) as T;
  const open = async (path: string): Promise<void> => {
    await page.goto(`${collector.apiUrl}${path}`);
  };
  const rowOf = (name: string) => page.getByRole('row').filter({ has: page.getByText(name, { exact: true }) });

  /** Told again before it is looked at: who is silent for twenty seconds has no rate. */
  const tellAll = async (): Promise<void> => {
    await tell(collector.otlpUrl, 'shop', [{ name: 'GET /cart', decided: 2000, errors: 0 }]);
    const quiet = Array.from({ length: QUIET_OPERATIONS }, (_, i) => ({ name: `job ${i}`, decided: i, errors: 0 }));
    await tell(collector.otlpUrl, 'worker', quiet);
  };

  it('says how to begin while no application asks', async () => {
    await open('/system');
    await page.getByRole('heading', { name: /remote sampling/ }).waitFor();
    expect(await page.getByText('sampling: remote()').innerText()).toContain(collector.otlpUrl);
  });

  it('takes spans of services that keep a share, everything, and nobody knows what', async () => {
    await sendTraces('shop', collector.otlpUrl, 0.05, TRACES);
    await sendTraces('ledger', collector.otlpUrl, 1, 10);
    await postJson(collector.otlpUrl, spansWithoutThreshold('importer'));
    await tellAll();
    const worth = await eventually('all of them are stored, and what they are worth', async () => {
      const { services } = await answer<ServicesResponse>('/api/v1/services');
      const told = services.map(({ name, estimate }) => `${name} ${estimate.basis}`);
      const isWhole = services.find(({ name }) => name === 'ledger')?.spanCount === 20;
      // What a count is worth is written right after the count.
      return isWhole && told.includes('importer biased') && told.includes('shop estimated') ? told : undefined;
    });
    expect(worth).toEqual(['importer biased', 'ledger exact', 'shop estimated']);
  });

  it('shows what there was, and explains it to the keyboard', async () => {
    await open('/services');
    const { services } = await answer<ServicesResponse>('/api/v1/services');
    const shop = services.find(({ name }) => name === 'shop');
    const row = rowOf('shop');
    expect(await row.innerText()).toMatch(/≈[\d.]+k[\s\S]*±\d+%/);
    await expect.poll(() => row.innerText()).toMatch(/≈[\d.]+\/s\s+±\d+%/);

    await row.getByRole('link', { name: 'shop', exact: true }).focus();
    // Past the badge of the rate.
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    const tip = page.getByRole('tooltip');
    await tip.waitFor();
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('estimated');
    expect(await tip.innerText()).toContain(`estimated from ${shop?.spanCount} stored ones`);
    await page.keyboard.press('Escape');
    await tip.waitFor({ state: 'hidden' });

    expect(await rowOf('ledger').getByRole('button').count()).toBe(0);
    expect(await rowOf('ledger').innerText()).toContain('20');
    await rowOf('importer').getByRole('button', { name: 'biased' }).last().hover();
    await expect.poll(() => page.getByRole('tooltip').innerText()).toMatch(/weight .*unknown/);
  });

  it('shows a rate over the time since the first span', async () => {
    const { services } = await answer<ServicesResponse>('/api/v1/services');
    const firstMs = Math.floor(Number(services.find(({ name }) => name === 'shop')?.firstSeenUnixNano) / 1e6);
    const later = await browser.context.newPage();
    await later.clock.setFixedTime(firstMs + 100_000);
    await later.goto(`${collector.apiUrl}/services`);
    const row = later.getByRole('row').filter({ has: later.getByText('shop', { exact: true }) });
    const text = await row.filter({ hasText: '/s' }).innerText();
    const [, perSecond, percent] = /≈([\d.]+)\/s\s+±(\d+)%/.exec(text) ?? [];
    // Far more than an interval's 95 % lie within three of it.
    const error = 3 * (Number(percent) / 100);
    expect(Math.abs(Number(perSecond) / (TRACES / 100) - 1), text).toBeLessThan(error);
    await later.close();
  });

  it('shows what is sampled and why, and follows a change by the command that it gives', async () => {
    await tellAll();
    await open('/system');
    const row = rowOf('GET /cart');
    await row.waitFor();
    // 2000 in five seconds, of which ten a second are wanted.
    for (const text of ['1 in 40', '2.5%', 'target of 10 traces a second', '400/s', '10/s', '0/s']) {
      await expect.poll(async () => (await tellAll(), row.innerText())).toContain(text);
    }
    await page.getByText('Edit settings').click();
    const command = await page.getByText('/v1/sampling/settings').innerText();
    const [, url = '', body = ''] = /^curl -X PUT (\S+) -d '([^']+)'$/.exec(command) ?? [];
    expect(url).toBe(`${collector.apiUrl}/api/v1/sampling/settings`);
    const changed = body.replace('"tracesPerSecond": 10', '"tracesPerSecond": 20');
    // As curl sends it.
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    expect((await fetch(url, { method: 'PUT', body: changed, headers })).status).toBe(200);
    await expect.poll(() => row.innerText()).toContain('1 in 20');
    await page.getByText('20 traces a second', { exact: true }).waitFor();
  });

  it('shows that an operation is boosted, why and for how long', async () => {
    const row = rowOf('POST /pay');
    const boost = await eventually('the page tells of the boost', async () => {
      await tell(collector.otlpUrl, 'till', [{ name: 'POST /pay', decided: 1000, errors: 60 }]);
      return (await row.getByText(/^error boost, \d+ s left$/).textContent({ timeout: 2_000 })) ?? undefined;
    });
    expect(boost).not.toBeNull();
    expect(await row.innerText()).toMatch(/because .*errors/);
  });

  it('narrows a long table to one service, in the URL', async () => {
    await tellAll();
    await open('/system');
    await rowOf('GET /cart').waitFor();
    expect(await page.getByRole('rowheader', { name: /^job/ }).count()).toBe(QUIET_OPERATIONS);
    await page.getByLabel('Service').selectOption('worker');
    await expect.poll(() => new URL(page.url()).search).toBe('?service=worker');
    expect(await rowOf('GET /cart').count()).toBe(0);
    const names = await page.getByRole('rowheader', { name: /^job/ }).allInnerTexts();
    expect(names[0]).toContain(`job ${QUIET_OPERATIONS - 1}`);
    await page.goBack();
    await rowOf('GET /cart').waitFor();
  });

  it('shows how the collector is', async () => {
    const system = await answer<SystemResponse>('/api/v1/system');
    const section = page.getByRole('region', { name: 'Collector' });
    await section.getByText(/are healthy/).waitFor();
    for (const text of [system.version, `${system.retention.maxAgeDays} days`, 'embedded']) {
      expect(await section.innerText()).toContain(text);
    }
    await postJson(collector.otlpUrl, spansWithoutThreshold('ancient', 1));
    await section
      .getByRole('table', { name: /^Rejected spans/ })
      .getByRole('rowheader')
      .waitFor();
  });

  it('says why a trace was sampled, and who decided', async () => {
    await open(`/trace/${await traceOf('shop')}`);
    const line = page.getByRole('button', { name: 'Sampled 1 in 20 · represents ≈20 traces' });
    await line.focus();
    await page.keyboard.press('Enter');
    const decisions = page.getByRole('region', { name: /^Why / });
    await decisions.getByRole('button', { name: /shop sampled 1 in 20/ }).click();
    const panel = page.getByRole('complementary', { name: 'Span' });
    await panel.waitFor();
    expect(await panel.innerText()).toContain('GET /cart');

    await open(`/trace/${await traceOf('ledger')}`);
    await page.getByText('Sampled at 100%').waitFor();
    expect(await page.getByRole('button', { name: /^Sampl/ }).count()).toBe(0);
  });

  it('draws the waterfall before it knows why the trace was kept', async () => {
    await page.route('**/api/v1/traces/*/sampling', () => undefined);
    await open(`/trace/${await traceOf('shop')}`);
    await page.getByRole('treegrid').getByRole('row').first().waitFor();
    expect(await page.getByText(/^Sampl(ed|ing) (at|1|not)/).count()).toBe(0);
    await page.unrouteAll({ behavior: 'ignoreErrors' });
  });

  for (const [colorScheme, width] of [
    ['light', 1440],
    ['dark', 1440],
    ['light', 390],
    ['dark', 390],
  ] as const) {
    it(`has no serious barrier and fits in ${colorScheme}, ${width} pixels wide`, async () => {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 844 });
      for (const path of ['/services', '/system', `/trace/${await traceOf('shop')}`]) {
        await open(path);
        await page.waitForLoadState('networkidle');
        const opens = page.getByText('Edit settings').or(page.getByRole('button', { name: /^Sampl/ }));
        if ((await opens.count()) > 0) await opens.click();
        expect(await seriousBarriers(page), path).toEqual([]);
        expect(await page.evaluate(() => document.documentElement.scrollWidth), path).toBeLessThanOrEqual(width);
      }
    });
  }

  it('logged no error in any page', () => {
    expect(problems).toEqual([]);
  });

  async function traceOf(service: string): Promise<string> {
    const { traces } = await answer<TracesResponse>(`/api/v1/traces?service=${service}&limit=1`);
    return traces[0]?.traceId ?? '';
  }
});

/** Traces of two spans each, of which the SDK keeps a share. */
async function sendTraces(service: string, endpoint: string, share: number, traces: number): Promise<void> {
  const tracer = new Tracer({ service, endpoint, sampling: ratio(share), register: false, flushOnExit: false });
  for (let i = 0; i < traces; i++) {
    const root = tracer.startSpan('GET /cart', { root: true, kind: 1 });
    if (i % 10 === 0) root.setStatus({ code: 2 });
    tracer.startSpan('SELECT carts', { kind: 2, parent: root }).end();
    root.end();
  }
  await tracer.shutdown();
}

/** Spans as of our SDK, which says the threshold of each, but without one; `startUnixMs` far back makes them too old. */
function spansWithoutThreshold(service: string, startUnixMs = Date.now()): string {
  return JSON.stringify({
    resourceSpans: [
      {
        resource: {
          attributes: [
            { key: 'service.name', value: { stringValue: service } },
            { key: 'telemetry.sdk.name', value: { stringValue: 'throughline' } },
          ],
        },
        scopeSpans: [
          {
            spans: [
              {
                traceId: traceIdOf(service),
                spanId: spanIdOf(service),
                name: 'import',
                kind: 2,
                startTimeUnixNano: `${startUnixMs}000000`,
                endTimeUnixNano: `${startUnixMs + 5}000000`,
              },
            ],
          },
        ],
      },
    ],
  });
}

interface Told {
  readonly name: string;
  readonly decided: number;
  readonly errors: number;
}

/** What a process tells of its last five seconds. */
async function tell(otlpUrl: string, service: string, operations: readonly Told[]): Promise<void> {
  const told = operations.map(({ name, decided, errors }) => ({
    name,
    kind: 1,
    recent: { started: decided, decided, requests: decided, errors },
    totals: [],
  }));
  const body = JSON.stringify({ version: 1, service, instance: service, windowMs: 5000, operations: told });
  const { status } = await fetch(`${otlpUrl}/v1/sampling`, { method: 'POST', body });
  if (status !== 200) throw new Error(`the exchange was answered ${status}`);
}
