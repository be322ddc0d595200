import type { ServicesResponse } from '@throughline/trace/client';
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seriousBarriers } from './support/barriers.ts';
import { chromiumPath, openBrowser, type Browser } from './support/chromium.ts';
import { startCollector, type Collector } from './support/collector.ts';
import { eventually } from './support/processes.ts';
import { aRequest, postJson, traceIdOf } from './support/traces.ts';

/** An address of plain HTTP that is no secure context, as a collector in a network has. */
const NAME = 'tracing-box';

describe.skipIf(!chromiumPath)('names and values at the edges, in a browser (needs Chromium)', () => {
  let collector: Collector;
  let browser: Browser;
  let page: Page;
  let url: string;
  beforeAll(async () => {
    collector = await startCollector({ args: ['--rollups-services-max', '3', '--allowed-hosts', NAME] });
    await send('first', 'alpha');
    await send('unnamed', 'beta', { name: '' });
    await send('parentheses', 'beta', { name: '(no name)' });
    await send('real', '(other)', { name: '(other)', status: { code: 2 } });
    await send('third', 'gamma', { name: 'of the third' });
    await send('long', 'alpha', {
      attributes: [attribute('fits', 'f'.repeat(15_000)), attribute('long', 'l'.repeat(20_000))],
    });
    browser = await openBrowser({ flags: [`--host-resolver-rules=MAP ${NAME} 127.0.0.1`] });
    page = await browser.context.newPage();
    url = collector.apiUrl.replace('127.0.0.1', NAME);
  });
  afterAll(async () => {
    await browser?.close();
    await collector?.stop();
  });

  async function send(name: string, service: string, changes: object = {}): Promise<void> {
    const request = JSON.parse(aRequest(name, 1, service)) as {
      resourceSpans: { scopeSpans: { spans: object[] }[] }[];
    };
    Object.assign(request.resourceSpans[0]?.scopeSpans[0]?.spans[0] ?? {}, changes);
    await postJson(collector.otlpUrl, JSON.stringify(request));
    await eventually('the trace is stored', async () => {
      return (await fetch(`${collector.apiUrl}/api/v1/traces/${traceIdOf(`${name}-0`)}`)).status === 200;
    });
  }

  const results = async (): Promise<string[]> => {
    await page.getByRole('status').filter({ hasText: 'newest first' }).waitFor();
    // At once: while another answer comes, the list changes.
    return page.locator('ol > li a').evaluateAll((links) => links.map((link) => link.getAttribute('href') ?? ''));
  };

  it('tells the rest of the services from a service, in the table and among the choices', async () => {
    const { services } = (await (await fetch(`${collector.apiUrl}/api/v1/services`)).json()) as ServicesResponse;
    expect(services.map(({ name, isOthers }) => [name, isOthers])).toEqual([
      ['(other)', false],
      ['alpha', false],
      ['beta', false],
      ['(other)', true],
    ]);
    await page.goto(`${url}/services`);
    const rest = page.getByRole('row', { name: /services not counted/ });
    await rest.waitFor();
    expect(await rest.getByRole('link').count()).toBe(0);
    await rest.click();
    expect(new URL(page.url()).pathname).toBe('/services');
    await page.goto(`${url}/explore`);
    const choice = page.getByLabel('Service').getByRole('option', { name: /not counted/ });
    expect(await choice.isDisabled()).toBe(true);
    expect(await styleOf(choice)).toBe('italic');
    // What is behind it is found by its name.
    await page.goto(`${url}/explore?service=gamma`);
    await expect.poll(results).toEqual([`/trace/${traceIdOf('third-0')}`]);
    expect(await seriousBarriers(page)).toEqual([]);
  });

  it('leads to a service, and to an operation, whose name reads like the rest', async () => {
    const real = `/trace/${traceIdOf('real-0')}`;
    await page.goto(`${url}/services`);
    await page.getByRole('link', { name: '(other)', exact: true }).click();
    await expect.poll(results).toEqual([real]);
    await page.getByLabel('Operation').selectOption({ label: '(other)' });
    await expect.poll(() => new URL(page.url()).searchParams.get('operation')).toBe('(other)');
    await expect.poll(results).toEqual([real]);
    await page.goto(`${url}/services`);
    await page.getByRole('link', { name: '1', exact: true }).click();
    expect(new URL(page.url()).searchParams.get('service')).toBe('(other)');
    await expect.poll(results).toEqual([real]);
  });

  it('shows a span without a name in another way than one that is called so', async () => {
    for (const [name, style] of [
      ['unnamed', 'italic'],
      ['parentheses', 'normal'],
    ] as const) {
      await page.goto(`${url}/trace/${traceIdOf(`${name}-0`)}`);
      await page.getByRole('treegrid').waitFor();
      const [inHeader, inRow] = [page.getByRole('heading', { level: 1 }), page.getByRole('gridcell').first()];
      expect(await Promise.all([inHeader, inRow].map((place) => styleOf(place.getByText('(no name)'))))).toEqual([
        style,
        style,
      ]);
      await page.goto(`${url}/explore?operation=${name === 'unnamed' ? '' : '(no name)'}`);
      await expect.poll(results).toEqual([`/trace/${traceIdOf(`${name}-0`)}`]);
      expect(await styleOf(page.locator('ol > li').getByText('(no name)').last())).toBe(style);
    }
  });

  it('asks for the operation without a name, which is another question than for any', async () => {
    await page.goto(`${url}/explore?service=beta`);
    const operations = page.getByLabel('Operation');
    await expect
      .poll(() => operations.getByRole('option').allTextContents())
      .toEqual(['Any operation', '(no name)', '(no name)']);
    await operations.selectOption('name:(no name)');
    expect(await styleOf(operations)).toBe('normal');
    await expect.poll(results).toEqual([`/trace/${traceIdOf('parentheses-0')}`]);
    await operations.selectOption(await operations.locator('optgroup option').getAttribute('value'));
    expect(await styleOf(operations)).toBe('italic');
    await expect.poll(() => new URL(page.url()).search).toBe('?service=beta&operation=');
    await expect.poll(results).toEqual([`/trace/${traceIdOf('unnamed-0')}`]);
    await page.goto(`${url}/explore?operation=`);
    await expect.poll(results).toEqual([`/trace/${traceIdOf('unnamed-0')}`]);
    await page.goto(`${url}/explore`);
    await expect.poll(results).toHaveLength(6);
  });

  it('offers to find a value that can be asked for, and no longer one', async () => {
    await page.goto(`${url}/trace/${traceIdOf('long-0')}`);
    await page
      .getByRole('row', { name: /operation/ })
      .last()
      .click();
    const panel = page.getByRole('complementary', { name: 'Span' });
    await panel.getByText('l'.repeat(100)).waitFor();
    expect(await panel.getByRole('link', { name: /traces with long=/ }).count()).toBe(0);
    await panel.getByRole('link', { name: /traces with fits=/ }).click();
    await expect.poll(results).toEqual([`/trace/${traceIdOf('long-0')}`]);
    const again = await page.reload();
    expect(again?.status()).toBe(200);
    await expect.poll(results).toHaveLength(1);
  });

  it('has a page that says what is wrong with an address that is too long', async () => {
    const answer = await page.goto(`${url}/explore?tag=${encodeURIComponent(`key=${'x'.repeat(70_000)}`)}`);
    expect(answer?.status()).toBe(431);
    await page.getByText(/fewer or shorter/).waitFor();
  });

  it('copies where the browser has no clipboard for the page', async () => {
    await page.goto(`${url}/explore?service=alpha`);
    expect(await page.evaluate('isSecureContext')).toBe(false);
    await page.getByRole('button', { name: 'Copy link' }).click();
    await page.getByRole('button', { name: 'Copied' }).waitFor();
    const box = page.getByRole('textbox', { name: 'Go to trace ID' });
    await box.focus();
    await page.keyboard.press('ControlOrMeta+V');
    expect(await box.inputValue()).toMatch(new RegExp(`^${url}/explore\\?service=alpha&from=`));
  });

  it('learns of a new service when it searches again', async () => {
    const other = await startCollector();
    try {
      await postJson(other.otlpUrl, aRequest('early', 1, 'early'));
      await eventually('the first is there', async () => {
        const { services } = (await (await fetch(`${other.apiUrl}/api/v1/services`)).json()) as ServicesResponse;
        return services.length === 1;
      });
      await page.goto(`${other.apiUrl}/explore`);
      const choices = page.getByLabel('Service').getByRole('option');
      await expect.poll(() => choices.allTextContents()).toEqual(['Any service', 'early']);
      await postJson(other.otlpUrl, aRequest('late', 1, 'late'));
      await eventually('the second is there', async () => {
        const { services } = (await (await fetch(`${other.apiUrl}/api/v1/services`)).json()) as ServicesResponse;
        return services.length === 2;
      });
      await page.getByRole('button', { name: 'Refresh' }).click();
      await expect.poll(() => choices.allTextContents()).toEqual(['Any service', 'early', 'late']);
    } finally {
      await other.stop();
    }
  });
});

function styleOf(shown: Locator): Promise<string> {
  return shown.evaluate((element) => getComputedStyle(element).fontStyle);
}

function attribute(key: string, stringValue: string): object {
  return { key, value: { stringValue } };
}
