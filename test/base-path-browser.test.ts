import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { chromiumPath, openBrowser, type Browser } from './support/chromium.ts';
import { startCollector, type Collector } from './support/collector.ts';
import { startPrefixProxy, type PrefixProxy } from './support/prefix-proxy.ts';
import { eventually } from './support/processes.ts';
import { aRequest, postJson, spanIdOf, traceIdOf } from './support/traces.ts';

const PREFIX = '/ops/tracing';
const TRACE_ID = traceIdOf('behind-0');
const OTHER_TRACE_ID = 'fedcba98'.repeat(4);

/** Of everything on the page that leads or loads anything, as the browser resolves it. */
function addressesOf(page: Page): Promise<string[]> {
  return page
    .locator('[href], [src], [action], [formaction], [poster]')
    .evaluateAll((elements) =>
      elements.flatMap((element) =>
        ['href', 'src', 'action', 'formaction', 'poster'].flatMap((name) =>
          element.hasAttribute(name) ? [new URL(element.getAttribute(name) ?? '', document.baseURI).href] : [],
        ),
      ),
    );
}

describe.skipIf(!chromiumPath)('the UI behind a prefix (needs Chromium)', () => {
  let collector: Collector;
  let browser: Browser;
  beforeAll(async () => {
    collector = await startCollector({ args: ['--http-base-path', PREFIX] });
    const links = [{ traceId: OTHER_TRACE_ID, spanId: '12'.repeat(8) }];
    await postJson(
      collector.otlpUrl,
      aRequest('behind', 1, 'shop').replace('"attributes":[{"key":"request"', `"links":${JSON.stringify(links)},$&`),
    );
    await eventually('the trace is stored', async () => {
      return (await fetch(`${collector.apiUrl}/api/v1/traces/${TRACE_ID}`)).status === 200;
    });
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await collector?.stop();
  });

  for (const [how, takesOff] of [
    ['takes it off', true],
    ['leaves it on', false],
  ] as const) {
    describe(`that a proxy ${how}`, () => {
      let proxy: PrefixProxy;
      let page: Page;
      const problems: string[] = [];
      beforeAll(async () => {
        proxy = await startPrefixProxy(collector.apiUrl, PREFIX, takesOff);
      });
      afterAll(() => proxy.close());
      beforeEach(async () => {
        page = await browser.context.newPage();
        page.on('pageerror', (error) => problems.push(`${page.url()}: ${error.message}`));
        page.on('console', (message) => {
          if (message.type() === 'error') problems.push(`${page.url()}: ${message.text()}`);
        });
      });
      afterEach(async () => {
        await page.close();
      });

      const path = (): string => new URL(page.url()).pathname;

      it('leads from the bare prefix through every page', async () => {
        await page.goto(proxy.url);
        await page.getByRole('rowheader', { name: 'shop' }).waitFor();
        expect(path()).toBe(`${PREFIX}/services`);
        await page.getByRole('link', { name: 'shop' }).click();
        await page
          .getByRole('link', { name: /shop operation/ })
          .first()
          .click();
        await page.getByRole('treegrid').waitFor();
        expect(path()).toBe(`${PREFIX}/trace/${TRACE_ID}`);
        await page.getByRole('link', { name: 'System' }).click();
        await page.getByRole('heading', { name: 'Sampling', exact: true }).waitFor();
        await page.locator('pre', { hasText: `${proxy.url}/api/v1/sampling/settings` }).waitFor({ state: 'attached' });
        await page.getByRole('link', { name: 'Throughline' }).click();
        await page.getByRole('rowheader', { name: 'shop' }).waitFor();
        const icon = page.getByRole('banner').locator('img');
        await expect.poll(() => icon.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBeGreaterThan(0);
      });

      it('opens every page by its address, and keeps what a person chose', async () => {
        await page.addInitScript(() => localStorage.setItem('throughline.theme', 'dark'));
        for (const [address, shown] of [
          [`/trace/${TRACE_ID}`, page.getByRole('treegrid')],
          ['/explore?service=shop', page.getByRole('link', { name: /shop operation/ })],
          ['/system', page.getByRole('heading', { name: 'Collector' })],
        ] as const) {
          await page.goto(proxy.url + address);
          await shown.first().waitFor();
          expect(await page.locator('html').getAttribute('data-theme')).toBe('dark');
        }
        await page.getByRole('link', { name: /^Skip to/ }).press('Enter');
        expect(path()).toBe(`${PREFIX}/system`);
      });

      it('opens a trace by an id in another form, at its one address', async () => {
        const uuid = TRACE_ID.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-').toUpperCase();
        await page.goto(`${proxy.url}/trace/${uuid}?span=none`);
        await page.getByRole('treegrid').waitFor();
        expect(page.url()).toBe(`${proxy.url}/trace/${TRACE_ID}?span=none`);
        await page.goto(`${proxy.url}/explore`);
        const box = page.getByRole('textbox', { name: 'Go to trace ID' });
        await box.fill('no id');
        await box.press('Enter');
        await page
          .getByRole('alert')
          .getByText(/Not a trace ID/)
          .waitFor();
        await box.fill(` 1-${TRACE_ID.slice(0, 8)}-${TRACE_ID.slice(8)} `);
        await box.press('Enter');
        await page.getByRole('treegrid').waitFor();
        expect(path()).toBe(`${PREFIX}/trace/${TRACE_ID}`);
      });

      it('has no address outside of the prefix, on any page', async () => {
        // What is not found is a message of the browser, too.
        const own = await browser.context.newPage();
        const asked: string[] = [];
        own.on('request', (request) => asked.push(request.url()));
        for (const [address, shown] of [
          ['/services', own.getByRole('link', { name: 'shop' })],
          ['/explore?service=shop', own.getByRole('link', { name: /shop operation/ })],
          ['/explore?service=none', own.getByRole('heading', { name: /No traces match/ })],
          [`/trace/${TRACE_ID}?span=${spanIdOf('behind-0')}`, own.getByRole('link', { name: /^fedcba/ })],
          [`/trace/${OTHER_TRACE_ID}`, own.getByRole('link', { name: 'Newest traces' })],
          ['/system', own.getByRole('heading', { name: 'Collector' })],
          ['/no/such/page', own.getByRole('main').getByRole('link', { name: 'Services' })],
        ] as const) {
          await own.goto(proxy.url + address);
          await shown.first().waitFor();
          const all = [...asked.splice(0), ...(await addressesOf(own))];
          expect(all.filter((one) => !one.startsWith(`${proxy.url}/`))).toEqual([]);
        }
        await own.close();
      });

      it('hands out what a trace is downloaded from', async () => {
        await page.goto(`${proxy.url}/trace/${TRACE_ID}`);
        const [download] = await Promise.all([
          page.waitForEvent('download'),
          page.getByRole('link', { name: 'JSON' }).click(),
        ]);
        expect(await readFile(await download.path(), 'utf8')).toContain(TRACE_ID);
      });

      it('asks for nothing beside the prefix, and misses nothing behind it', () => {
        expect([...proxy.astray, ...problems]).toEqual([]);
      });
    });
  }

  it('is at the same address for who comes past the proxy', async () => {
    const page = await browser.context.newPage();
    await page.goto(`${collector.apiUrl}/trace/${TRACE_ID}`);
    await page.getByRole('treegrid').waitFor();
    expect(new URL(page.url()).pathname).toBe(`${PREFIX}/trace/${TRACE_ID}`);
    await page.close();
  });

  it('is what the start message and the description of the API name', async () => {
    expect(collector.output()).toContain(`${collector.apiUrl}${PREFIX}\n`);
    const described = await fetch(`${collector.apiUrl}${PREFIX}/api/v1/openapi.json`);
    expect(await described.json()).toMatchObject({ servers: [{ url: PREFIX }] });
  });
});
