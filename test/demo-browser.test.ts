import { rmSync } from 'node:fs';
import type { Page } from 'playwright-core';
import type { Story } from '@throughline/trace';
import type { TracesResponse } from '@throughline/trace/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seriousBarriers } from './support/barriers.ts';
import { chromiumPath, openBrowser } from './support/chromium.ts';
import type { Browser } from './support/chromium.ts';
import { newDirectory, runCommand } from './support/collector.ts';
import type { Command } from './support/collector.ts';
import { descendantsOf, eventually, isAlive } from './support/processes.ts';

const RECOVERED = /^POST \/buy recovered: payment .* fraud SELECT orders$/;

/** Longer than the slow statement and the two batches that bring it and its neighbours. */
const LATE_SPAN_MS = 240_000;

describe.skipIf(!chromiumPath)('the demo in a browser (needs Chromium)', () => {
  const dataDirectory = newDirectory();
  let demo: Command;
  let browser: Browser;
  let page: Page;
  let shopUrl: string;
  let uiUrl: string;
  const problems: string[] = [];

  beforeAll(async () => {
    demo = runCommand(['demo', '--json', '--load-seconds', '2'], {
      THROUGHLINE_DATA_DIR: dataDirectory,
      THROUGHLINE_HTTP_PORT: '0',
      THROUGHLINE_OTLP_HTTP_PORT: '0',
      THROUGHLINE_OTLP_GRPC_PORT: '0',
    });
    ({ shopUrl, uiUrl } = await eventually('the demo told its story', () => told(demo)));
    browser = await openBrowser();
    page = await browser.context.newPage();
    page.on('pageerror', (error) => problems.push(`${page.url()}: ${error.message}`));
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(`${page.url()}: ${message.text()}`);
    });
  });
  afterAll(async () => {
    await browser.close();
    const below = descendantsOf(demo.pid);
    process.kill(demo.pid, 'SIGTERM');
    await demo.exited;
    await eventually('every process of the demo has ended', () => !below.some((pid) => isAlive(pid)));
    rmSync(dataDirectory, { recursive: true, force: true });
  });

  it('leads from the Buy button to the trace, its story and the span that took the time', async () => {
    await page.goto(shopUrl);
    await page.getByRole('button', { name: 'Buy' }).click();
    const purchase = page.locator('#purchases li.pending');
    await purchase.waitFor({ timeout: LATE_SPAN_MS });
    await purchase.getByRole('link', { name: /^Why / }).click();

    // The page looks again by itself until the statement that went on has ended and arrived.
    const story = page.getByRole('region', { name: 'Story' });
    await story.getByRole('heading', { name: RECOVERED }).waitFor({ timeout: LATE_SPAN_MS });
    // Payment's timer of 2 s begins before the span of its request, and fires late on a busy machine: 1.99 s, or 2.1.
    await story
      .getByText(/payment timed out .*[\d.]+ s/)
      .first()
      .waitFor({ timeout: LATE_SPAN_MS });

    const rows = page.getByRole('treegrid').getByRole('row');
    const names = await rows.allInnerTexts();
    for (const service of ['web', 'checkout', 'payment', 'fraud']) expect(names.join('\n')).toContain(service);
    await page.getByRole('row', { name: /SELECT orders/ }).click();
    const panel = page.getByRole('complementary', { name: 'Span' });
    await panel.getByText('db.query.text').waitFor();
    expect(await panel.innerText()).toMatch(/SELECT count\(\*\)/);
    await expect.poll(() => page.url()).toMatch(/[?&]span=[0-9a-f]{16}/);
  });

  it('says in the page what the API says', async () => {
    const traceId = new URL(page.url()).pathname.split('/').at(-1);
    const story = (await (await fetch(`${uiUrl}/api/v1/traces/${traceId}/story`)).json()) as Story;
    expect(await page.getByRole('region', { name: 'Story' }).getByRole('heading').first().innerText()).toBe(
      story.headline,
    );
  });

  it('finds the trace by search, with its headline', async () => {
    await page.goto(`${uiUrl}/explore`);
    await page.getByRole('link', { name: RECOVERED }).first().waitFor({ timeout: LATE_SPAN_MS });
    await page.getByLabel('Service').selectOption('payment');
    await page
      .getByRole('button', { name: 'Error' })
      .or(page.getByRole('radio', { name: 'Error' }))
      .first()
      .click();
    await expect.poll(() => new URL(page.url()).searchParams.get('service')).toBe('payment');
    const search = `${uiUrl}/api/v1/traces?service=payment&status=error`;
    const { traces } = (await (await fetch(search)).json()) as TracesResponse;
    await expect.poll(() => page.locator('ol > li a').count()).toBe(traces.length);
    await page.getByRole('link', { name: RECOVERED }).first().click();
    await page.getByRole('region', { name: 'Story' }).getByRole('heading', { name: RECOVERED }).waitFor();
  });

  it('is operable by keyboard alone', async () => {
    const grid = page.getByRole('treegrid');
    await grid.focus();
    await page.keyboard.press('Home');
    await page.keyboard.press('e');
    await page.keyboard.press('Enter');
    const panel = page.getByRole('complementary', { name: 'Span' });
    await panel.getByText(/error/i).first().waitFor();
    await page.keyboard.press('Escape');
    await expect.poll(() => panel.count()).toBe(0);
  });

  for (const colorScheme of ['light', 'dark'] as const) {
    it(`has no serious barrier in ${colorScheme}`, async () => {
      const traceUrl = page.url();
      await page.emulateMedia({ colorScheme });
      for (const url of [`${uiUrl}/services`, `${uiUrl}/explore`, traceUrl]) {
        await page.goto(url);
        await page.waitForLoadState('networkidle');
        expect(await seriousBarriers(page), url).toEqual([]);
      }
    });
  }

  it('logged no error in any page', () => {
    expect(problems).toEqual([]);
  });

  it('says in a page that a path is nobody’s', async () => {
    const response = await page.goto(`${uiUrl}/nowhere`);
    expect(response?.status()).toBe(404);
    await page.getByRole('heading', { name: 'Page not found' }).waitFor();
  });
});

function told(demo: Command): { shopUrl: string; uiUrl: string } | undefined {
  if (!isAlive(demo.pid)) throw new Error(`the demo ended:\n${demo.output()}`);
  const line = demo
    .output()
    .split('\n')
    .find((text) => text.startsWith('{') && text.endsWith('}'));
  return line === undefined ? undefined : (JSON.parse(line) as { shopUrl: string; uiUrl: string });
}
