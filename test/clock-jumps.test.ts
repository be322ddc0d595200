import { rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { TracesData } from '../packages/trace/src/otlp.ts';
import { isSpoolEmpty, newDirectory, startCollector, type Collector } from './support/collector.ts';
import { Pressure } from './support/pressure.ts';
import { eventually } from './support/processes.ts';
import { NOTHING_WRONG, SpanLedger } from './support/span-ledger.ts';
import { aRequest, postJson, traceIdOf } from './support/traces.ts';

const IS_LONG = process.env['THROUGHLINE_TEST_LONG'] === 'true';
const JUMPS = IS_LONG ? 200 : 7;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** Some are beyond the retention, and beyond the hour that spans may be ahead: none is refused for its time. */
const OFFSETS_MS = [0, 120 * MINUTE_MS, 40 * DAY_MS, -40 * DAY_MS, -50 * MINUTE_MS, 20 * DAY_MS, -1];

function startWithJumpingClock(dataDirectory: string, offsetsMs: readonly number[]): Promise<Collector> {
  const clock = new URL('./support/jumping-clock.mjs', import.meta.url);
  const env = { NODE_OPTIONS: `--import=${clock.href}`, CLOCK_OFFSETS_MS: offsetsMs.join(',') };
  return startCollector({ dataDirectory, env });
}

it(
  `a clock that jumps ${JUMPS} times, days ahead and back, loses nothing, stores nothing twice and holds nothing up`,
  { timeout: 600_000 + JUMPS * 2_000 },
  async () => {
    const dataDirectory = newDirectory();
    const ledger = new SpanLedger(50);
    let collector = await startWithJumpingClock(dataDirectory, OFFSETS_MS);
    const pressure = new Pressure(collector, ledger, { httpSenders: 3, grpcSenders: 1, everyMs: 20, refusedMs: 20 });
    for (let jump = 0; jump < JUMPS; jump++) {
      process.kill(collector.pid, 'SIGUSR2');
      // More than a segment's age, so that segments begin and end under different times.
      await delay(300);
      await expectFindable(collector, `after-jump-${jump}`);
    }
    await pressure.stop();
    await collector.stop({ keepData: true });
    // The next one starts before what stands in the directory.
    collector = await startWithJumpingClock(dataDirectory, [-30 * MINUTE_MS]);
    await expectFindable(collector, 'after-the-start');
    await eventually('everything is stored', () => isSpoolEmpty(collector));
    expect(await (await fetch(`${collector.apiUrl}/readyz`)).json()).toMatchObject({ problems: [], warnings: [] });
    await collector.stop({ keepData: true });

    const audit = await ledger.audit(dataDirectory);
    console.log(JSON.stringify({ jumps: JUMPS, requests: ledger.counts, ...audit }));
    expect(audit).toMatchObject(NOTHING_WRONG);
    expect(ledger.counts).toMatchObject({ refused: 0, unanswered: 0 });
    rmSync(dataDirectory, { recursive: true });
  },
);

it('a clock that is two hours behind rejects the spans of the present one by one, and says so', async () => {
  const collector = await startWithJumpingClock(newDirectory(), [-120 * MINUTE_MS]);
  const response = await postJson(collector.otlpUrl, aRequest('ahead', 3));
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({
    partialSuccess: {
      rejectedSpans: '3',
      errorMessage: expect.stringMatching(/ahead of .*clock/) as string,
    },
  });
  await collector.stop();
});

it('a clock without a battery, which begins in 1970, rejects nothing, and that is said', async () => {
  const collector = await startWithJumpingClock(newDirectory(), [DAY_MS - Date.now()]);
  await expectFindable(collector, 'present');
  expect(await warnings(collector)).toEqual(['clock_doubtful']);
  await collector.stop();
});

/** No day of the store is far enough ahead of the clock to tell. */
it('a start with a clock that is some hours behind takes the spans of the present, and says so', async () => {
  const dataDirectory = newDirectory();
  for (const [hours, expected] of [
    [0, []],
    [-23, ['clock_doubtful']],
    [0, []],
  ] as const) {
    const collector = await startWithJumpingClock(dataDirectory, [hours * 60 * MINUTE_MS]);
    await expectFindable(collector, `behind ${hours}`);
    await eventually('everything is stored', () => isSpoolEmpty(collector));
    expect(await warnings(collector)).toEqual(expected);
    await collector.stop({ keepData: true });
  }
  rmSync(dataDirectory, { recursive: true });
});

/** The clock of the collector is wrong from its start on, ahead and behind by more than spans are kept. */
it('a start with a wrong clock drops nothing, and takes the spans of the present', async () => {
  const dataDirectory = newDirectory();
  const ledger = new SpanLedger(50);
  const warningsOf: Record<string, string[]> = {};
  const first = await startCollector({ dataDirectory });
  expect((await postJson(first.otlpUrl, aRequest('old', 1, 'old', Date.now() - 29 * DAY_MS))).status).toBe(200);
  await eventually('the retention has looked', () => hasLooked(first));
  await first.stop({ keepData: true });
  for (const [name, days] of Object.entries({ right: 0, ahead: 40, behind: -40, 'far ahead': 4_000, again: 0 })) {
    const collector = await startWithJumpingClock(dataDirectory, [days * DAY_MS]);
    for (let request = 0; request < 5; request++) {
      expect(await ledger.send(collector.otlpUrl)).toBe(200);
    }
    await expectFindable(collector, name);
    await eventually('everything is stored', () => isSpoolEmpty(collector));
    await eventually('the retention has looked', () => hasLooked(collector));
    expect(await metricsOf(collector)).not.toMatch(/throughline_retention_dropped_days_total\{.*\} [1-9]/);
    warningsOf[name] = await warnings(collector);
    await collector.stop({ keepData: true });
  }
  expect(await ledger.audit(dataDirectory)).toMatchObject({ acknowledgedSpans: 5 * 5 * 50, ...NOTHING_WRONG });
  expect(warningsOf).toEqual({ right: [], ahead: [], behind: ['clock_doubtful'], 'far ahead': [], again: [] });
  const collector = await startCollector({ dataDirectory });
  expect((await fetch(`${collector.apiUrl}/api/v1/traces/${traceIdOf('old-0')}`)).status).toBe(200);
  await collector.stop();
});

it('where spans come with the wrong clock as well, days are held and named, and stay when the clock is right', async () => {
  const dataDirectory = newDirectory();
  const ledger = new SpanLedger(50);
  let collector = await startCollector({ dataDirectory });
  for (let request = 0; request < 5; request++) expect(await ledger.send(collector.otlpUrl)).toBe(200);
  await collector.stop({ keepData: true });
  for (const held of [[], ['days_held']]) {
    collector = await startWithJumpingClock(dataDirectory, [40 * DAY_MS]);
    const ahead = aRequest(`ahead-${held.length}`, 1, 'ahead', Date.now() + 40 * DAY_MS);
    const response = await postJson(collector.otlpUrl, ahead);
    expect([response.status, await response.text()]).toEqual([200, '{}']);
    await eventually('everything is stored', () => isSpoolEmpty(collector));
    await eventually('the retention has looked', () => hasLooked(collector));
    expect(await warnings(collector)).toEqual(held);
    await collector.stop({ keepData: true });
  }
  collector = await startCollector({ dataDirectory });
  await eventually('the retention has looked', () => hasLooked(collector));
  expect(await warnings(collector)).toEqual(['clock_doubtful']);
  await collector.stop({ keepData: true });
  expect(await ledger.audit(dataDirectory)).toMatchObject({ acknowledgedSpans: 5 * 50, ...NOTHING_WRONG });
  rmSync(dataDirectory, { recursive: true });
});

async function metricsOf({ apiUrl }: Collector): Promise<string> {
  return (await fetch(`${apiUrl}/metrics`)).text();
}

/** Whether the retention has looked at a store that has something in it. */
async function hasLooked(collector: Collector): Promise<boolean> {
  return /^throughline_store_bytes [1-9]/m.test(await metricsOf(collector));
}

async function warnings({ apiUrl }: Collector): Promise<string[]> {
  const answer = (await (await fetch(`${apiUrl}/readyz`)).json()) as { warnings: { code: string }[] };
  return answer.warnings.map(({ code }) => code);
}

async function expectFindable(collector: Collector, name: string): Promise<void> {
  const response = await postJson(collector.otlpUrl, aRequest(name, 1));
  expect([response.status, await response.text()]).toEqual([200, '{}']);
  const url = `${collector.apiUrl}/api/v1/traces/${traceIdOf(`${name}-0`)}`;
  const trace = await eventually('the trace is findable', async () => {
    const answer = await fetch(url);
    return answer.ok ? ((await answer.json()) as TracesData) : undefined;
  });
  expect(trace.resourceSpans).toHaveLength(1);
}
