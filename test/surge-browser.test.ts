import type { Page } from 'playwright-core';
import type { SamplingResponse, ServicesResponse } from '@throughline/trace';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chromiumPath, openBrowser } from './support/chromium.ts';
import type { Browser } from './support/chromium.ts';
import { startCollector, type Collector } from './support/collector.ts';
import { eventually } from './support/processes.ts';
import { CALM, SURGE, SurgingService } from './support/surging-service.ts';

/** What a page shows with three digits is off by no more than this share. */
const ROUNDING = 0.005;
const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1e3, M: 1e6 };

describe.skipIf(!chromiumPath)('the page of services while their load rises a hundredfold (needs Chromium)', () => {
  let collector: Collector;
  let services: SurgingService[];
  let browser: Browser;
  let page: Page;
  /** The largest share of what a service had done that the page has shown for certain. */
  let shownShare = 0;
  beforeAll(async () => {
    browser = await openBrowser();
    page = await browser.context.newPage();
    collector = await startCollector();
    const body = JSON.stringify({ tracesPerSecond: 20 });
    const answer = await fetch(`${collector.otlpUrl}/v1/sampling/settings`, { method: 'PUT', body });
    if (answer.status !== 200) throw new Error(await answer.text());
    services = ['front', 'back'].map((name) => new SurgingService(name, collector.otlpUrl));
  });
  afterAll(async () => {
    for (const service of services ?? []) await service.stop();
    await browser?.close();
    await collector?.stop();
  });

  const ask = async <T>(path: string): Promise<T> =>
    (await (await fetch(`${collector.apiUrl}/api/v1${path}`)).json()) as T;
  const told = async (): Promise<SamplingResponse['operations']> =>
    (await ask<SamplingResponse>('/sampling')).operations.filter(({ name }) => name === 'buy');

  it('shows how many requests and spans there were, within the intervals that it gives', async () => {
    await eventually('the calm is known', async () => {
      const operations = await told();
      return operations.length === 2 && operations.every(({ decidedPerSecond }) => (decidedPerSecond ?? 0) > CALM / 2);
    });
    const firstMs = await eventually('each service is stored', firstSeenMs);
    await page.goto(`${collector.apiUrl}/services`);
    for (const service of services) service.perSecond = SURGE;
    await eventually('the surge has begun', () => services.every(({ done }) => done > SURGE));
    await holdPage(firstMs);
    await eventually('the surge is answered', async () => {
      const operations = await told();
      return operations.every(
        ({ probability, decidedPerSecond }) => probability < 0.1 && (decidedPerSecond ?? 0) > SURGE / 4,
      );
    });
    await holdPage(firstMs);
    for (const { name, done } of services) {
      expect(await rowOf(name).innerText()).toMatch(/≈[\d.]+k\s+±\d+ %\s+estimated/);
      const { services: stored } = await ask<ServicesResponse>('/services');
      expect(stored.find((service) => service.name === name)?.spanCount).toBeLessThan(done);
    }
  }, 120_000);

  const rowOf = (name: string) => page.getByRole('row').filter({ has: page.getByText(name, { exact: true }) });

  async function firstSeenMs(): Promise<ReadonlyMap<string, number> | undefined> {
    const { services: stored } = await ask<ServicesResponse>('/services');
    if (stored.length < services.length) return undefined;
    return new Map(stored.map(({ name, firstSeenUnixNano }) => [name, Number(firstSeenUnixNano) / 1e6]));
  }

  /**
   * The page comes to show all that each service has done up to now, and never more than it has done when it shows it. What it
   * shows may be off by three times the interval that it gives: weights are drawn anew each time.
   */
  async function holdPage(firstMs: ReadonlyMap<string, number>): Promise<void> {
    const atLeast = services.map(({ done }) => done);
    await eventually('what the services have done is shown', async () => {
      const openedMs = Date.now();
      await page.goto(`${collector.apiUrl}/services`);
      const isWhole: boolean[] = [];
      for (const [index, service] of services.entries()) {
        const { rate, spans } = shownIn(await rowOf(service.name).filter({ hasText: '/s' }).innerText());
        // The rate is over the time since the first span, a minute at least.
        const secondsAt = (ms: number): number => Math.max(60, (ms - (firstMs.get(service.name) ?? 0)) / 1000);
        shownShare = Math.max(
          shownShare,
          (lowest(rate) * secondsAt(openedMs)) / service.done,
          lowest(spans) / (2 * service.done),
        );
        const least = atLeast[index] ?? 0;
        isWhole.push(highest(rate) * secondsAt(Date.now()) >= least && highest(spans) >= 2 * least);
      }
      return isWhole.every(Boolean);
    });
    expect(shownShare).toBeLessThanOrEqual(1);
  }
});

interface Shown {
  readonly value: number;
  /** Half of the interval, as a share; 0 where the number is exact. */
  readonly error: number;
}

const lowest = ({ value, error }: Shown): number => value * (1 - 3 * error) * (1 - ROUNDING);
const highest = ({ value, error }: Shown): number => value * (1 + 3 * error) * (1 + ROUNDING);

/** Of a row such as `front ≈812/s ±4 % estimated ≈98.2k ±5 % estimated …`, where exact numbers are plain. */
function shownIn(row: string): { rate: Shown; spans: Shown } {
  const number = String.raw`≈?([\d.,]+)([kM]?)`;
  const error = String.raw`(?:\s+±([\d.]+) %)?(?:\s+estimated)?`;
  const match = new RegExp(String.raw`${number}/s${error}\s+${number}${error}(?:\s|$)`).exec(row);
  if (match === null) throw new Error(`no rate and count of spans: ${row}`);
  const [, rate, rateUnit, rateError, spans, spansUnit, spansError] = match;
  return { rate: shownAs(rate, rateUnit, rateError), spans: shownAs(spans, spansUnit, spansError) };
}

function shownAs(digits = '', unit = '', percent = '0'): Shown {
  return { value: Number(digits.replaceAll(',', '')) * (UNITS[unit] ?? Number.NaN), error: Number(percent) / 100 };
}
