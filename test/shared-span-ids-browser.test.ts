import type { Page } from 'playwright-core';
import type { TraceResponse } from '@throughline/trace/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seriousBarriers } from './support/barriers.ts';
import { chromiumPath, openBrowser } from './support/chromium.ts';
import type { Browser } from './support/chromium.ts';
import { startCollector, type Collector } from './support/collector.ts';
import { eventually } from './support/processes.ts';
import { postJson, spanIdOf, traceIdOf } from './support/traces.ts';

const TRACE_ID = traceIdOf('shared span ids');
const ROOT_ID = spanIdOf('root');
/** A client and a server span of one call have it, as Zipkin's B3 has it. */
const CALL_ID = spanIdOf('call');
/** Two spans that differ in nothing but an attribute have it. */
const TWIN_ID = spanIdOf('twin');
const START_MS = Date.now() - 60_000;

interface Plan {
  readonly service: string;
  readonly name: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly kind: number;
  readonly fromMs: number;
  readonly toMs: number;
  readonly who: string;
  readonly error?: string;
}

const PLANS: readonly Plan[] = [
  { service: 'web', name: 'GET /page', spanId: ROOT_ID, kind: 2, fromMs: 0, toMs: 100, who: 'root' },
  {
    service: 'web',
    name: 'client call',
    spanId: CALL_ID,
    parentSpanId: ROOT_ID,
    kind: 3,
    fromMs: 5,
    toMs: 95,
    who: 'client',
  },
  {
    service: 'pay',
    name: 'server work',
    spanId: CALL_ID,
    parentSpanId: ROOT_ID,
    kind: 2,
    fromMs: 10,
    toMs: 90,
    who: 'server',
    error: 'card declined',
  },
  {
    service: 'pay',
    name: 'charge',
    spanId: spanIdOf('charge'),
    parentSpanId: CALL_ID,
    kind: 1,
    fromMs: 12,
    toMs: 30,
    who: 'charge',
  },
  ...['first twin', 'second twin'].map((who): Plan => {
    return { service: 'pay', name: 'twin', spanId: TWIN_ID, parentSpanId: CALL_ID, kind: 1, fromMs: 40, toMs: 50, who };
  }),
  {
    service: 'pay',
    name: 'receipt',
    spanId: spanIdOf('receipt'),
    parentSpanId: CALL_ID,
    kind: 1,
    fromMs: 60,
    toMs: 88,
    who: 'receipt',
  },
];

/** In the order of the page, from top to bottom; of twins either may come first. */
const ROWS = ['GET /page', 'client call', 'server work', 'charge', 'twin', 'twin', 'receipt'];

describe.skipIf(!chromiumPath)('a trace in which spans share their ids (needs Chromium)', () => {
  let collector: Collector;
  let browser: Browser;
  let page: Page;
  const problems: string[] = [];

  beforeAll(async () => {
    collector = await startCollector();
    const answer = await postJson(collector.otlpUrl, requestOf(PLANS));
    if (answer.status !== 200) throw new Error(await answer.text());
    await eventually('every span is stored', () => isStored(TRACE_ID, PLANS.length));
    browser = await openBrowser();
    page = await browser.context.newPage();
    page.on('pageerror', (error) => problems.push(`${page.url()}: ${error.message}`));
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(`${page.url()}: ${message.text()}`);
    });
  });
  afterAll(async () => {
    await browser?.close();
    await collector?.stop();
  });

  const isStored = async (traceId: string, count: number): Promise<boolean> => {
    const stored = await fetch(`${collector.apiUrl}/api/v1/traces/${traceId}`);
    const { resourceSpans } = (await stored.json()) as TraceResponse;
    return resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)).length === count;
  };
  const open = async (search = ''): Promise<void> => {
    await page.goto(`${collector.apiUrl}/trace/${TRACE_ID}${search}`);
    await page.getByRole('treegrid').waitFor();
  };
  const panel = () => page.getByRole('complementary', { name: 'Span' });
  const rows = () =>
    page
      .getByRole('treegrid')
      .getByRole('row')
      .filter({ hasNot: page.getByRole('columnheader') });
  const selectedRow = () => page.locator('[role="row"][aria-selected="true"]');
  /** The attribute `who` of the span in the panel. */
  const who = async (): Promise<string> => {
    await panel().locator('[aria-busy="false"]').waitFor();
    const line = panel().locator('dl > div').filter({ hasText: /^who/ });
    return (await line.locator('dd').innerText()).trim();
  };
  const spanInUrl = (): string | null => new URL(page.url()).searchParams.get('span');

  it('shows each of them as a row of its own', async () => {
    await open();
    await expect.poll(() => rows().count()).toBe(ROWS.length);
    const texts = await rows().allInnerTexts();
    for (const [place, name] of ROWS.entries()) expect(texts[place]).toContain(name);
  });

  it('opens the span that is clicked', async () => {
    await open();
    for (const [name, attribute, address] of [
      ['server work', 'server', `${CALL_ID}.2`],
      ['client call', 'client', CALL_ID],
      ['server work', 'server', `${CALL_ID}.2`],
    ] as const) {
      await rows().filter({ hasText: name }).click();
      await expect.poll(who).toBe(attribute);
      await expect.poll(() => panel().getByRole('heading', { level: 2 }).innerText()).toBe(name);
      expect(await selectedRow().allInnerTexts()).toEqual([expect.stringContaining(name)]);
      await expect.poll(spanInUrl).toBe(address);
    }
    await panel().getByText('card declined').waitFor();
    const twins = rows().filter({ hasText: 'twin' });
    const seen: string[] = [];
    for (const place of [0, 1]) {
      await twins.nth(place).click();
      await expect.poll(spanInUrl).toBe(place === 0 ? TWIN_ID : `${TWIN_ID}.2`);
      seen.push(await who());
    }
    expect(seen.toSorted()).toEqual(['first twin', 'second twin']);
  });

  it('opens the span that the address names, also after a reload, and understands addresses without an ordinal', async () => {
    await open(`?span=${CALL_ID}.2`);
    await expect.poll(who).toBe('server');
    await page.reload();
    await expect.poll(who).toBe('server');
    expect(spanInUrl()).toBe(`${CALL_ID}.2`);
    await open(`?span=${CALL_ID}`);
    await expect.poll(who).toBe('client');
    await open(`?span=${CALL_ID.toUpperCase()}.1`);
    await expect.poll(who).toBe('client');
    const twins: string[] = [];
    for (const address of [TWIN_ID, `${TWIN_ID}.2`, `${TWIN_ID}.2`, TWIN_ID]) {
      await open(`?span=${address}`);
      twins.push(await who());
    }
    expect(new Set(twins.slice(0, 2)).size).toBe(2);
    expect(twins.slice(2)).toEqual(twins.slice(0, 2).toReversed());
  });

  it('walks every row with the arrows, down and up', async () => {
    await open();
    await page.getByRole('treegrid').focus();
    await page.keyboard.press('Home');
    await page.keyboard.press('Enter');
    const walked: string[] = [];
    const note = async (): Promise<void> => {
      walked.push(await panel().getByRole('heading', { level: 2 }).innerText());
    };
    await note();
    for (let row = 1; row < ROWS.length; row += 1) {
      await page.keyboard.press('ArrowDown');
      await note();
    }
    expect(walked).toEqual(ROWS);
    walked.length = 0;
    await note();
    for (let row = 1; row < ROWS.length; row += 1) {
      await page.keyboard.press('ArrowUp');
      await note();
    }
    expect(walked).toEqual(ROWS.toReversed());
  });

  it('walks the whole critical path with c, back to a span after each of its children', async () => {
    await open();
    await page.getByRole('treegrid').focus();
    await page.keyboard.press('Home');
    await page.keyboard.press('Enter');
    const path = ['client call', 'server work', 'charge', 'server work', 'twin', 'server work', 'receipt'];
    for (const name of [...path, 'server work', 'client call', 'GET /page', 'client call']) {
      await page.keyboard.press('c');
      expect(await panel().getByRole('heading', { level: 2 }).innerText()).toBe(name);
    }
  });

  it('keeps the span in the panel when the call that shares its id arrives later', async () => {
    const traceId = traceIdOf('the client comes last');
    const client = PLANS.filter(({ name }) => name === 'client call');
    const others = PLANS.filter(({ name }) => name !== 'client call');
    expect((await postJson(collector.otlpUrl, requestOf(others, traceId))).status).toBe(200);
    await eventually('the first spans are stored', () => isStored(traceId, others.length));
    await page.goto(`${collector.apiUrl}/trace/${traceId}?span=${CALL_ID}`);
    await expect.poll(who).toBe('server');
    expect((await postJson(collector.otlpUrl, requestOf(client, traceId))).status).toBe(200);
    await eventually('the client span is stored', () => isStored(traceId, PLANS.length));
    await page.getByRole('button', { name: 'Reload' }).click();
    await rows().filter({ hasText: 'client call' }).waitFor();
    await expect.poll(spanInUrl).toBe(`${CALL_ID}.2`);
    expect(await who()).toBe('server');
  });

  it('leads from the story, a search and the parent’s button to the span that they mean', async () => {
    await open();
    const story = page.getByRole('region', { name: 'Story' });
    await story.getByRole('button', { name: /server work failed/ }).click();
    await expect.poll(who).toBe('server');

    await page.getByLabel(/in this trace/).fill('who=second twin');
    await page.getByRole('search', { name: 'Find' }).getByRole('status').filter({ hasText: '1' }).waitFor();
    await page.getByLabel(/in this trace/).press('Enter');
    await expect.poll(who).toBe('second twin');
    await page.getByLabel(/in this trace/).fill('');

    await panel().getByRole('button', { name: 'pay server work' }).click();
    await expect.poll(who).toBe('server');
    await panel().getByRole('button', { name: 'web client call' }).first().click();
    await expect.poll(who).toBe('client');
  });

  it('tells two of them apart by their names for a screen reader', async () => {
    await open();
    const names = await page
      .getByRole('treegrid')
      .getByRole('row', { name: /\btwin\b/ })
      .count();
    expect(names).toBe(2);
    for (const ordinal of [1, 2]) {
      await page.getByRole('row', { name: new RegExp(`twin.*${ordinal} of 2 with this ID`) }).click();
      await panel().getByText(`${ordinal} of 2 with this ID`).waitFor();
    }
    expect(await seriousBarriers(page)).toEqual([]);
  });

  it('logged no error in any page', () => {
    expect(problems).toEqual([]);
  });
});

/** An OTLP JSON request in which the spans of a service stand together. */
function requestOf(plans: readonly Plan[], traceId = TRACE_ID): string {
  return JSON.stringify({
    resourceSpans: [...new Set(plans.map(({ service }) => service))].map((service) => ({
      resource: { attributes: [{ key: 'service.name', value: { stringValue: service } }] },
      scopeSpans: [
        {
          scope: { name: 'test' },
          spans: plans
            .filter((plan) => plan.service === service)
            .map(({ name, spanId, parentSpanId, kind, fromMs, toMs, who, error }) => ({
              traceId,
              spanId,
              parentSpanId,
              name,
              kind,
              startTimeUnixNano: `${START_MS + fromMs}000000`,
              endTimeUnixNano: `${START_MS + toMs}000000`,
              attributes: [{ key: 'who', value: { stringValue: who } }],
              status: error === undefined ? {} : { code: 2, message: error },
            })),
        },
      ],
    })),
  });
}
