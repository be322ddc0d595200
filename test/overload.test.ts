import { rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { isSpoolEmpty, startCollector, type Collector } from './support/collector.ts';
import { Pressure } from './support/pressure.ts';
import { eventually, residentBytes } from './support/processes.ts';
import { NOTHING_WRONG, SpanLedger } from './support/span-ledger.ts';

const IS_LONG = process.env['THROUGHLINE_TEST_LONG'] === 'true';
const OVERLOAD_SECONDS = IS_LONG ? 300 : 5;
const STEADY_SECONDS = IS_LONG ? 600 : 5;
const SPANS_PER_REQUEST = 100;
/** So small that it is full within seconds; the throttle keeps it full. The whole of it has to be stored for the recovery. */
const BACKLOG = IS_LONG ? '256MiB' : '16MiB';
const MIB = 2 ** 20;
/** Of the collector: bodies in flight, columns that wait for the disk, the block that is written, and Node itself. */
const COLLECTOR_BYTES_MAX = 384 * MIB;
/** Its cap is 1 GiB of what it accounts for itself. */
const ENGINE_BYTES_MAX = 1_280 * MIB;

interface Memory {
  readonly second: number;
  readonly collectorBytes: number;
  readonly engineBytes: number;
}

/** A sample each second. */
async function watch(collector: Collector, seconds: number, atSecond: () => void = () => {}): Promise<Memory[]> {
  const samples: Memory[] = [];
  for (let second = 0; second < seconds; second++) {
    await delay(1_000);
    atSecond();
    const [collectorBytes, engineBytes] = [residentBytes(collector.pid), residentBytes(collector.enginePid())];
    samples.push({ second, collectorBytes, engineBytes });
  }
  return samples;
}

/** The engine runs for one slice and is stopped for nine: the store takes a tenth of what it can. */
function throttleToATenth(pid: number): { readonly release: () => Promise<void> } {
  const stopping = new AbortController();
  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      process.kill(pid, 'SIGSTOP');
      await delay(90);
      process.kill(pid, 'SIGCONT');
      await delay(10);
    }
  };
  const running = run();
  return {
    release: async () => {
      stopping.abort();
      await running;
    },
  };
}

async function metric(collector: Collector, name: string): Promise<number> {
  const metrics = await (await fetch(`${collector.apiUrl}/metrics`)).text();
  const line = metrics.split('\n').find((each) => each.startsWith(`${name} `));
  return Number(line?.slice(name.length) ?? Number.NaN);
}

const storedSpans = (collector: Collector): Promise<number> => metric(collector, 'throughline_loader_spans_total');
/** Requests that were told to come again because the spool is full. */
const spoolWasFull = (collector: Collector): Promise<number> =>
  metric(collector, 'throughline_limit_reached_total{limit="spool.backlogBytesMax"}');
const mib = (bytes: number): number => Math.round(bytes / MIB);

/** The store's own rate: senders that wait for what they are told, measured while nothing else goes on. */
async function sustainableRate(collector: Collector, ledger: SpanLedger, seconds: number): Promise<number> {
  const before = await storedSpans(collector);
  const begin = performance.now();
  const pressure = new Pressure(collector, ledger, { httpSenders: 4, grpcSenders: 0, everyMs: 0, refusedMs: 100 });
  await delay(seconds * 1_000);
  await pressure.stop();
  await eventually('all is stored', () => isSpoolEmpty(collector));
  return ((await storedSpans(collector)) - before) / ((performance.now() - begin) / 1_000);
}

async function audit(collector: Collector, ledger: SpanLedger, figures: object): Promise<void> {
  await collector.stop({ keepData: true });
  const found = await ledger.audit(collector.dataDirectory);
  console.log(JSON.stringify({ ...figures, requests: ledger.counts, ...found }));
  expect(found).toMatchObject(NOTHING_WRONG);
  expect(ledger.counts.unanswered).toBe(0);
  rmSync(collector.dataDirectory, { recursive: true });
}

describe('under load', { timeout: (OVERLOAD_SECONDS + STEADY_SECONDS + 900) * 1_000 }, () => {
  it(`ten times what the store takes, for ${OVERLOAD_SECONDS} s: the rest is asked to come again, nothing is lost, and all is well soon after`, async () => {
    const ledger = new SpanLedger(SPANS_PER_REQUEST);
    const collector = await startCollector({ env: { THROUGHLINE_SPOOL_BACKLOG_BYTES_MAX: BACKLOG } });
    const sustainable = await sustainableRate(collector, ledger, IS_LONG ? 20 : 2);
    const counted = async () => ({
      stored: await storedSpans(collector),
      answered: ledger.acknowledged.size + ledger.refused.size,
      full: await spoolWasFull(collector),
    });

    const throttle = throttleToATenth(collector.enginePid());
    const pressure = new Pressure(collector, ledger, { httpSenders: 24, grpcSenders: 8, everyMs: 0, refusedMs: 1 });
    // How soon depends on the machine, and that it is full afterwards does not.
    await eventually('the spool is full', async () => (await spoolWasFull(collector)) > 0);
    const before = await counted();
    const samples = await watch(collector, OVERLOAD_SECONDS);
    const after = await counted();
    await pressure.stop();
    await throttle.release();

    const begin = performance.now();
    await eventually('it is ready', async () => (await fetch(`${collector.apiUrl}/readyz`)).ok);
    await eventually('a request is taken', async () => (await ledger.send(collector.otlpUrl)) === 200);
    await eventually('everything is stored', () => isSpoolEmpty(collector));
    const recoveryMs = Math.round(performance.now() - begin);

    const seconds = OVERLOAD_SECONDS;
    const offered = ((after.answered - before.answered) * SPANS_PER_REQUEST) / seconds;
    const stored = (after.stored - before.stored) / seconds;
    const collectorMax = Math.max(...samples.map(({ collectorBytes }) => collectorBytes));
    const engineMax = Math.max(...samples.map(({ engineBytes }) => engineBytes));
    expect(after.full).toBeGreaterThan(before.full);
    expect(ledger.refused.size).toBeGreaterThanOrEqual(after.full);
    expect(collectorMax).toBeLessThan(COLLECTOR_BYTES_MAX);
    expect(engineMax).toBeLessThan(ENGINE_BYTES_MAX);
    await audit(collector, ledger, {
      seconds,
      spansASecond: { sustainable: Math.round(sustainable), offered: Math.round(offered), stored: Math.round(stored) },
      timesWhatIsStored: Math.round(offered / stored),
      residentMiB: { collector: mib(collectorMax), engine: mib(engineMax) },
      recoveryMs,
    });
  });

  it(`a steady one for ${STEADY_SECONDS} s: memory stays as it is`, async () => {
    const ledger = new SpanLedger(SPANS_PER_REQUEST);
    const collector = await startCollector();
    // 16 senders, each ten times a second.
    const pressure = new Pressure(collector, ledger, { httpSenders: 12, grpcSenders: 4, everyMs: 100, refusedMs: 100 });
    const samples = await watch(collector, STEADY_SECONDS);
    await pressure.stop();
    await eventually('everything is stored', () => isSpoolEmpty(collector));
    const part = (from: number, to: number, of: (sample: Memory) => number): number =>
      samples
        .slice(Math.floor(from * samples.length), Math.floor(to * samples.length))
        .map(of)
        .toSorted((a, b) => a - b)[Math.floor(((to - from) * samples.length) / 2)] ?? 0;
    const growth = {
      collector:
        part(0.8, 1, ({ collectorBytes }) => collectorBytes) - part(0.2, 0.4, ({ collectorBytes }) => collectorBytes),
      engine: part(0.8, 1, ({ engineBytes }) => engineBytes) - part(0.2, 0.4, ({ engineBytes }) => engineBytes),
    };
    expect(growth.collector).toBeLessThan(48 * MIB);
    expect(growth.engine).toBeLessThan(256 * MIB);
    const minutes = samples.filter(({ second }) => second % 60 === 59);
    await audit(collector, ledger, {
      seconds: STEADY_SECONDS,
      growthMiB: { collector: mib(growth.collector), engine: mib(growth.engine) },
      collectorMiB: minutes.map(({ collectorBytes }) => mib(collectorBytes)),
      engineMiB: minutes.map(({ engineBytes }) => mib(engineBytes)),
    });
  });
});
