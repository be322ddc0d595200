import type {
  AttributeValuesResponse,
  RequestSeries,
  SamplingResponse,
  SeriesResponse,
  ServicesResponse,
  TraceSamplingResponse,
  TracesResponse,
} from '@throughline/trace/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { remote, Tracer } from '../packages/sdk/dist/index.js';
import { isSpoolEmpty, startCollector, type Collector } from './support/collector.ts';
import { eventually } from './support/processes.ts';
import { CALM, LIMIT, SURGE, SurgingService } from './support/surging-service.ts';

interface Shown {
  readonly operations: readonly {
    readonly service: string;
    readonly name: string;
    readonly probability: number;
    readonly reason: string;
    readonly decidedPerSecond: number;
    readonly errorsPerSecond: number;
  }[];
}

/** Traces a second of each of its two operations. */
const LOAD = 2000;

/** A service under load, of which every request to `fails` may fail. */
class Service {
  readonly tracer: Tracer;
  isFailing = false;
  readonly #timer: NodeJS.Timeout;
  #due = 0;
  #atMs = performance.now();

  constructor(service: string, endpoint: string) {
    const sampling = remote({ intervalMillis: 1000, sampling: 1, spansPerSecond: 1e6 });
    this.tracer = new Tracer({
      service,
      endpoint,
      sampling,
      register: false,
      flushOnExit: false,
      log: () => undefined,
    });
    this.#timer = setInterval(() => this.#work(), 10);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.tracer.shutdown();
  }

  /** As many requests as are due, however late the timer is. */
  #work(): void {
    const nowMs = performance.now();
    this.#due += ((nowMs - this.#atMs) / 1000) * LOAD;
    this.#atMs = nowMs;
    for (; this.#due >= 1; this.#due--) {
      this.tracer.startSpan('works', { root: true }).end();
      const span = this.tracer.startSpan('fails', { root: true });
      if (this.isFailing && this.#due % 20 < 1) span.setStatus({ code: 2 });
      span.end();
    }
  }
}

describe('two services that sample as the collector says', () => {
  let collector: Collector;
  let services: Service[];
  beforeAll(async () => {
    collector = await startCollector();
    const settings = { tracesPerSecond: 5, errorTracesPerSecond: 20, rules: [{ name: 'probe', probability: 0 }] };
    const answer = await fetch(`${collector.apiUrl}/api/v1/sampling/settings`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(settings),
    });
    if (answer.status !== 200) throw new Error(await answer.text());
    services = ['front', 'back'].map((name) => new Service(name, collector.otlpUrl));
  });
  afterAll(async () => {
    for (const service of services) await service.stop();
    await collector.stop();
  });

  const shown = async (path = '/v1/sampling'): Promise<Shown> =>
    (await (await fetch(`${collector.otlpUrl}${path}`)).json()) as Shown;

  it('keep what is wanted of each operation, more of one whose errors rise, and go on over a restart', async () => {
    const settled = await eventually('each operation has a rate', async () => {
      const { operations } = await shown();
      return operations.length === 4 && operations.every(({ decidedPerSecond }) => decidedPerSecond > LOAD / 4)
        ? operations
        : undefined;
    });
    for (const { reason, probability, decidedPerSecond } of settled) {
      expect(reason).toBe('target');
      expect(probability * decidedPerSecond).toBeCloseTo(5, 6);
    }
    const drops = await eventually('the services do as they are told', () => {
      const drop = services.map(({ tracer }) => tracer.startSpan('works', { root: true }).isRecording());
      return drop.includes(false) ? drop : undefined;
    });
    expect(drops).toHaveLength(2);

    const [front] = services;
    if (front !== undefined) front.isFailing = true;
    const boosted = await eventually('errors are noticed', async () => {
      const { operations } = await shown('/v1/sampling?service=front');
      return operations.some(({ reason }) => reason === 'errors') ? operations : undefined;
    });
    expect(boosted.filter(({ reason }) => reason === 'errors').map(({ name }) => name)).toEqual(['fails']);
    const stored = await eventually('traces with errors are stored', async () => {
      const answer = await fetch(`${collector.apiUrl}/api/v1/traces?service=front&status=error&limit=5`);
      const { traces } = (await answer.json()) as { traces?: unknown[] };
      return traces !== undefined && traces.length > 0 ? traces : undefined;
    });
    expect(stored.length).toBeGreaterThan(0);

    const { dataDirectory } = collector;
    const port = new URL(collector.otlpUrl).port;
    await collector.stop({ keepData: true });
    collector = await startCollector({ dataDirectory, args: ['--otlp-http-port', port] });
    const { operations } = await shown();
    expect(operations.map(({ service, name }) => `${service} ${name}`).toSorted()).toEqual([
      'back fails',
      'back works',
      'front fails',
      'front works',
    ]);
    expect(Math.max(...operations.map(({ probability }) => probability))).toBeLessThan(0.5);
    for (const { tracer } of services) expect(tracer.stats().dropped.queue_full).toBe(0);
  });

  it("answer Jaeger's clients too", async () => {
    const answer = await fetch(`${collector.otlpUrl}/sampling?service=front`);
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(await answer.json()).toMatchObject({
      strategyType: 'PROBABILISTIC',
      operationSampling: { perOperationStrategies: expect.arrayContaining([]) as unknown },
    });
  });
});

const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);

/**
 * An interval holds the truth in 95 of 100 cases, twice as wide a one in 9,999 of 10,000: 3.92 standard deviations. The ids of traces
 * are drawn anew each time, and four numbers are held: chance fails one run in 2,500.
 */
const INTERVALS = 2;
/** More than the rest of a minute and the time that counts have to come. */
const LATER_MS = 180_000;

describe('two services whose load rises a hundredfold, and then fails in 5 of 100 requests', () => {
  let collector: Collector;
  let services: SurgingService[];
  const beginMs = Date.now();
  beforeAll(async () => {
    const clock = new URL('./support/jumping-clock.mjs', import.meta.url);
    const env = { NODE_OPTIONS: `--import=${clock.href}`, CLOCK_OFFSETS_MS: `0,${LATER_MS}` };
    collector = await startCollector({ env });
    const settings = { tracesPerSecond: 20, errorTracesPerSecond: 40 };
    const body = JSON.stringify(settings);
    const answer = await fetch(`${collector.apiUrl}/api/v1/sampling/settings`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body,
    });
    if (answer.status !== 200) throw new Error(await answer.text());
    services = ['front', 'back'].map((name) => new SurgingService(name, collector.otlpUrl));
  });
  afterAll(async () => {
    for (const service of services) await service.stop();
    await collector.stop();
  });

  async function ask<T>(path: string): Promise<T> {
    const answer = await fetch(`${collector.apiUrl}/api/v1${path}`);
    if (!answer.ok) throw new Error(await answer.text());
    return (await answer.json()) as T;
  }
  const told = async (): Promise<SamplingResponse['operations']> =>
    (await ask<SamplingResponse>('/sampling')).operations.filter(({ name }) => name === 'buy');
  const seriesOf = async (service: string, step: number): Promise<RequestSeries | undefined> => {
    const range = `from=${beginMs}&to=${Date.now()}`;
    return (await ask<SeriesResponse>(`/series?service=${service}&step=${step}&limit=1&${range}`)).series[0];
  };

  it('are kept within the limit, are counted right, and show why they fail', async () => {
    await eventually('the calm is known', async () => {
      const operations = await told();
      return operations.length === 2 && operations.every(({ decidedPerSecond }) => (decidedPerSecond ?? 0) > CALM / 2);
    });
    for (const service of services) service.perSecond = SURGE;
    await eventually('the surge is answered', async () => {
      const operations = await told();
      return operations.every(
        ({ probability, decidedPerSecond }) => probability < 0.1 && (decidedPerSecond ?? 0) > SURGE / 4,
      );
    });
    const [front] = services;
    if (front !== undefined) front.isFailing = true;
    const boosted = await eventually('errors are noticed', async () => {
      const operations = await told();
      return operations.some(({ reason }) => reason === 'errors') ? operations : undefined;
    });
    const [first, second] = ['front', 'back'].map((name) => boosted.find(({ service }) => service === name));
    expect([first?.reason, second?.reason]).toEqual(['errors', 'target']);
    expect(first?.probability).toBeGreaterThan((second?.probability ?? 1) * 2);
    expect(Number(first?.boostedUntilUnixNano)).toBeGreaterThan(Date.now() * 1e6);
    const failure = await eventually('a trace that failed is stored', async () => {
      const { traces } = await ask<TracesResponse>('/traces?service=front&status=error&limit=1');
      return traces[0];
    });
    const why = await ask<TraceSamplingResponse>(`/traces/${failure.traceId}/sampling`);
    expect(why).toMatchObject({
      estimate: expect.stringMatching(/^(estimated|exact)$/) as string,
      decisions: [{ service: 'front', reason: 'errors' }],
    });

    for (const service of services) await service.stop();
    for (const { name, done, tracer } of services) {
      const { exported, dropped } = tracer.stats();
      expect(sum(Object.values(dropped))).toBe(0);
      await eventually(`all spans of ${name} are stored`, () => isSpoolEmpty(collector));
      const { services: found } = await ask<ServicesResponse>('/services');
      const stored = found.find((each) => each.name === name);
      if (stored === undefined) throw new Error(`${name} is not stored`);
      expect(stored.spanCount).toBe(exported);
      expect(stored.estimate.basis).toBe('estimated');
      const off = Math.abs(stored.estimatedSpanCount / (2 * done) - 1);
      expect(off).toBeLessThan(INTERVALS * (stored.estimate.relativeError ?? 0));
      expect(stored.estimate.relativeError).toBeLessThan(0.5);
      // Counts of the present may still come, and nobody says that they are whole.
      const open = await seriesOf(name, 60);
      expect(open?.estimate.basis).toBe('estimated');
      const requests = sum(open?.estimatedRequestCount ?? []);
      expect(Math.abs(requests - done)).toBeLessThan(INTERVALS * (open?.estimate.relativeError ?? 0) * requests);
      const { values } = await ask<AttributeValuesResponse>('/attributes/service.name/values');
      const completed = values.find(({ value }) => value === name)?.estimatedSpanCount ?? 0;
      // The same weights; of many spans at once only some are looked at.
      expect(Math.abs(completed / stored.estimatedSpanCount - 1)).toBeLessThan(0.5);
      const seconds = await seriesOf(name, 1);
      expect(Math.max(...(seconds?.requestCount ?? []))).toBeLessThanOrEqual((2.7 * LIMIT) / 2);
    }

    process.kill(collector.pid, 'SIGUSR2');
    for (const { name, done, failed } of services) {
      const series = await eventually(`all requests of ${name} are counted`, async () => {
        const found = await seriesOf(name, 60);
        return found?.estimate.basis === 'exact' ? found : undefined;
      });
      expect(series).toMatchObject({ source: 'requestMetrics', estimate: { basis: 'exact', relativeError: 0 } });
      expect(sum(series.estimatedRequestCount)).toBe(done);
      expect(sum(series.estimatedErrorCount)).toBe(failed);
      expect(series.errorRateInterval?.[0]).toBeCloseTo(failed / done, 12);
    }
  });
});
