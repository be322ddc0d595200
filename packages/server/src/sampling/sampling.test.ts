import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Ingest } from '../ingest/ingest.ts';
import { Spool } from '../spool/spool.ts';
import { sharedByReceivers } from '../receivers/testing/shared-by-receivers.ts';
import { HttpReceiver } from '../receivers/http/http-receiver.ts';
import { eventually, silentLog as log } from '../storage/testing/start-engine.ts';
import { Sampling, type TakeTotals } from './sampling.ts';
import { readSamplingSettings } from './sampling-settings.ts';

class Collector {
  readonly registry = new Registry();
  readonly sampling: Sampling;
  takeTotals: TakeTotals = () => Promise.resolve({ kind: 'accepted' });
  readonly #spool: Spool;
  #receiver: HttpReceiver | undefined;
  url = '';

  constructor(directory: string) {
    this.sampling = new Sampling({
      directory: join(directory, 'sampling'),
      log,
      registry: this.registry,
      takeTotals: (...given) => this.takeTotals(...given),
    });
    this.#spool = new Spool({ directory: join(directory, 'spool'), log, registry: this.registry });
  }

  async start(): Promise<this> {
    const { registry } = this;
    await this.#spool.open();
    const ingest = new Ingest({ spool: this.#spool, registry });
    this.#receiver = new HttpReceiver({ ...sharedByReceivers(ingest, registry), routes: this.sampling.routes });
    const { port } = await this.#receiver.start('127.0.0.1', 0);
    this.url = `http://127.0.0.1:${port}`;
    return this;
  }

  async close(): Promise<void> {
    await this.#receiver?.close();
    await this.sampling.close();
    await this.#spool.close();
  }

  change(settings: unknown) {
    return this.sampling.control.change(settings);
  }

  async ask(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<[number, unknown]> {
    const given = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
    const response = await fetch(this.url + path, {
      method,
      headers: { 'content-type': 'application/json', ...headers },
      ...(body !== undefined && { body: given as string }),
    });
    return [response.status, await response.json()];
  }
}

let directory: string;
let collectors: Collector[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'throughline-sampling-'));
  collectors = [];
});
afterEach(async () => {
  for (const collector of collectors) await collector.close();
  rmSync(directory, { recursive: true, force: true });
});

async function start(name = 'a'): Promise<Collector> {
  const path = join(directory, name);
  mkdirSync(path, { recursive: true });
  const collector = await new Collector(path).start();
  collectors.push(collector);
  return collector;
}

const recent = { started: 5000, decided: 5000, requests: 5000, errors: 0 };
const REPORT = {
  version: 1,
  service: 'shop',
  instance: 'i1',
  windowMs: 5000,
  operations: [{ name: 'GET', kind: 1, recent, totals: [] }],
};

const OPERATION = REPORT.operations[0];
const TOTAL = { name: 'GET /', status: 0, requests: 3, durationSumNs: 300, durations: { offset: 160, counts: [1, 2] } };
const withTotals = (totals: unknown): object => ({ ...REPORT, operations: [{ ...OPERATION, totals }] });

describe('POST /v1/sampling', () => {
  it('hands totals on, with whether another collector counts them, and says what became of them', async () => {
    const collector = await start();
    const taken: unknown[] = [];
    let answer: Awaited<ReturnType<TakeTotals>> = { kind: 'accepted' };
    collector.takeTotals = ({ service, instance, windowMs, uptimeMs, totals }, isForwarded) => {
      taken.push([{ service, instance, windowMs, uptimeMs, totals }, isForwarded]);
      return Promise.resolve(answer);
    };
    const told = withTotals([TOTAL]);
    expect((await collector.ask('POST', '/v1/sampling', told))[1]).not.toHaveProperty('totalsNoted');
    expect((await collector.ask('POST', '/v1/sampling', told, { 'throughline-forwarded': '1' }))[0]).toBe(200);
    const { durations, ...total } = TOTAL;
    const totals = [{ ...total, ...durations, startName: 'GET', kind: 1 }];
    const message = { service: 'shop', instance: 'i1', windowMs: 5_000, uptimeMs: undefined, totals };
    expect(taken).toEqual([
      [message, false],
      [message, true],
    ]);
    answer = { kind: 'deferred' };
    expect(await collector.ask('POST', '/v1/sampling', told)).toMatchObject([200, { totalsNoted: false }]);
    answer = { kind: 'rejected', message: 'less than they were' };
    const problem = { error: { code: 'invalid_message', message: 'less than they were' } };
    expect(await collector.ask('POST', '/v1/sampling', told)).toEqual([400, problem]);
    expect(await collector.registry.metrics()).toContain('throughline_sampling_exchanges_total{outcome="rejected"} 1');
  });

  it('takes request metrics and answers probabilities, plain or compressed', async () => {
    const collector = await start();
    const answer = {
      version: 1,
      probability: 0.1,
      errorTracesPerSecond: 5,
      operations: [{ name: 'GET', kind: 1, probability: 0.01, tracesPerSecond: 10 }],
      rules: [],
    };
    expect(await collector.ask('POST', '/v1/sampling', REPORT)).toEqual([200, answer]);
    const zipped = gzipSync(JSON.stringify(REPORT));
    expect(await collector.ask('POST', '/v1/sampling', zipped, { 'content-encoding': 'gzip' })).toEqual([200, answer]);
    expect(await collector.ask('GET', '/v1/sampling?service=shop')).toMatchObject([
      200,
      { operations: [{ service: 'shop', name: 'GET', probability: 0.01, reason: 'target', decidedPerSecond: 1000 }] },
    ]);
  });

  it.each<[string, unknown, RegExp | string]>([
    ['no JSON', '{', /is not valid JSON/],
    ['another version', { ...REPORT, version: 2 }, /^version: got 2, expected 1$/],
    ['no service', { ...REPORT, service: '' }, /^service: got "", expected a string of 1 to 1024 characters$/],
    [
      'a window that is no time',
      { ...REPORT, windowMs: -1 },
      /^windowMs: got -1, expected an integer from 0 to 86400000$/,
    ],
    ['an uptime that is no time', { ...REPORT, uptimeMs: 'long' }, /^uptimeMs: got "long"/],
    [
      'counts that are no numbers',
      { ...REPORT, operations: [{ name: 'a', kind: 1, recent: { started: '1' } }] },
      /^operations\[0\]\.recent\.started: got "1"/,
    ],
    [
      'more errors than requests',
      { ...REPORT, operations: [{ name: 'a', kind: 1, recent: { ...recent, errors: 9e9 } }] },
      /^operations\[0\]\.recent\.errors: got 9000000000, expected at most requests, which is 5000$/,
    ],
    [
      'too many operations',
      { ...REPORT, operations: Array.from({ length: 2001 }, () => REPORT.operations[0]) },
      /at most 2000/,
    ],
    ['an operation twice', { ...REPORT, operations: [OPERATION, OPERATION] }, /operations\[1\] reports "GET" twice/],
    ['totals that are no array', withTotals({}), /^operations\[0\].totals: got {}, expected an array/],
    [
      'too many totals',
      withTotals(Array.from({ length: 10_001 }, () => TOTAL)),
      /expected an array of at most 10000 items$/,
    ],
    [
      'too many totals of several operations',
      {
        ...REPORT,
        operations: ['GET', 'PUT'].map((name) => ({
          ...OPERATION,
          name,
          totals: Array.from({ length: 5_001 }, (_, i) => ({ ...TOTAL, name: String(i) })),
        })),
      },
      /^operations\[1\]\.totals are too many; a message may have 10000 of all operations$/,
    ],
    ['a total twice', withTotals([TOTAL, TOTAL]), /totals\[1\] reports "GET \/" with status 0 twice/],
    ...(
      [
        ['a status that is none', { status: 3 }, 'status: got 3, expected an integer from 0 to 2'],
        ['requests below 0', { requests: -1 }, 'requests: got -1, expected an integer from 0 to'],
        ['requests that are no number', { requests: null }, 'requests: got null'],
        ['very many requests', { requests: 1e14 }, 'requests: got 100000000000000'],
        ['a duration below 0', { durationSumNs: -1 }, 'durationSumNs: got -1, expected a number from 0'],
        ['a duration that is no number', { durationSumNs: null }, 'durationSumNs: got null'],
        ['no durations', { durations: undefined }, 'durations: missing, expected an object with offset, counts'],
        [
          'durations of other requests',
          { durations: { offset: 160, counts: [1] } },
          'durations.counts: got [1], expected counts whose sum is 3, the number of requests',
        ],
        [
          'buckets that are none',
          { durations: { offset: 500, counts: [0, 0, 0, 0, 3] } },
          'durations: got {"offset":500,"counts":[0,0,0,0,3]}, expected an offset and counts of buckets up to 503',
        ],
        [
          'very many buckets',
          { durations: { offset: 0, counts: Array.from({ length: 100_000 }, () => 0) } },
          'durations.counts: got [0,0,',
        ],
        ['a bucket below 0', { durations: { offset: 160, counts: [4, -1] } }, 'durations.counts[1]: got -1'],
      ] as const
    ).map(([what, given, message]): [string, unknown, string] => [
      `totals with ${what}`,
      withTotals([{ ...TOTAL, ...given }]),
      `operations[0].totals[0].${message}`,
    ]),
  ])('rejects %s, and remembers nothing of it', async (_, body, message) => {
    const collector = await start();
    const [status, problem] = await collector.ask('POST', '/v1/sampling', body);
    expect([status, problem]).toMatchObject([400, { error: { code: 'invalid_message' } }]);
    const words = (problem as { error: { message: string } }).error.message;
    expect(typeof message === 'string' ? words.startsWith(message) : message.test(words), words).toBe(true);
    expect(await collector.ask('GET', '/v1/sampling')).toEqual([200, { operations: [] }]);
    expect(await collector.registry.metrics()).toContain('throughline_sampling_exchanges_total{outcome="rejected"} 1');
  });

  it('rejects what is too large, pages of others, and methods that it does not take', async () => {
    const collector = await start();
    const tooLarge = await collector.ask('POST', '/v1/sampling', ' '.repeat(5 * 1024 * 1024));
    expect(tooLarge).toMatchObject([413, { error: { code: 'body_too_large' } }]);
    const { registry } = collector;
    expect(await registry.metrics()).toContain('throughline_limit_reached_total{limit="sampling.messageBytesMax"} 1');
    expect((await collector.ask('POST', '/v1/sampling', REPORT, { origin: 'https://evil.example' }))[0]).toBe(403);
    expect((await collector.ask('DELETE', '/v1/sampling'))[0]).toBe(405);
    expect((await collector.ask('POST', '/v1/sampling', REPORT, { 'content-encoding': 'br' }))[0]).toBe(415);
    expect((await collector.ask('GET', '/v1/samplings'))[0]).toBe(404);
  });
});

describe('settings', () => {
  it('are changed, and are there after a restart', async () => {
    const collector = await start();
    expect(await collector.change({ tracesPerSecond: 100 })).toMatchObject({ kind: 'changed' });
    expect(await collector.ask('POST', '/v1/sampling', REPORT)).toMatchObject([
      200,
      { operations: [{ probability: 0.1 }] },
    ]);
    await collectors.pop()?.close();
    const again = await start();
    expect(again.sampling.control.settings).toMatchObject({ tracesPerSecond: 100 });
  });

  it('stay as they are when a change is rejected', async () => {
    const collector = await start();
    const refused = {
      kind: 'rejected',
      message: expect.stringMatching(/^tracesPerSecond: got "many"/) as string,
    };
    expect(await collector.change({ tracesPerSecond: 'many' })).toEqual(refused);
    expect(await collector.change([])).toMatchObject({ kind: 'rejected' });
    // The other collectors are no setting that a request can change.
    expect(await collector.change({ peer: [] })).toMatchObject({
      kind: 'rejected',
      message: expect.stringMatching(/"peer"; supported: tracesPerSecond, (?!.*peers)/) as string,
    });
    expect(collector.sampling.control.settings).toMatchObject({ tracesPerSecond: 10 });
    expect(readdirSync(join(directory, 'a/sampling'))).toEqual([]);
  });

  it('are not for those who send spans: their port names the place', async () => {
    const collector = await start();
    for (const method of ['GET', 'PUT']) {
      const [status, problem] = await collector.ask(
        method,
        '/v1/sampling/settings',
        method === 'PUT' ? { tracesPerSecond: 0 } : undefined,
      );
      expect([status, problem]).toMatchObject([
        410,
        {
          error: {
            code: 'moved',
            message: expect.stringMatching(/\/api\/v1\/sampling\/settings .*the API/) as string,
          },
        },
      ]);
    }
    expect(collector.sampling.control.settings).toMatchObject({ tracesPerSecond: 10 });
  });

  it('name other collectors in the file alone: nobody who may change them can make this one send elsewhere', async () => {
    const peers = ['http://collector-2:4318'];
    mkdirSync(join(directory, 'a/sampling'), { recursive: true });
    writeFileSync(join(directory, 'a/sampling/settings.json'), JSON.stringify({ peers }));
    const collector = await start();
    expect(await collector.change({ peers: ['http://169.254.169.254'] })).toMatchObject({
      kind: 'rejected',
      message: expect.stringMatching(/^peers .*the file/) as string,
    });
    expect(await collector.change({ tracesPerSecond: 1 })).toMatchObject({ kind: 'changed' });
    expect(collector.sampling.controller.settings.peers).toEqual(peers);
    expect(collector.sampling.control.settings).not.toHaveProperty('peers');
  });

  it('keep a password in the URL of a peer to themselves', () => {
    expect(() => readSamplingSettings({ peers: ['ftp://user:s3cret@collector-2'] })).toThrow(
      'ftp://user:***@collector-2',
    );
    expect(readSamplingSettings({ peers: ['http://user:s3cret@collector-2:4318'] }).peers).toEqual([
      'http://collector-2:4318',
    ]);
  });

  it('that a person wrote wrongly keep the collector from starting, with the reason', async () => {
    await start();
    await collectors.pop()?.close();
    writeFileSync(join(directory, 'a/sampling/settings.json'), '{"maxProbability": 7}');
    expect(() => new Collector(join(directory, 'a'))).toThrow(/settings\.json .*: maxProbability: got 7/);
  });
});

describe('the state', () => {
  it('is there after a restart, and what is no state is learned anew', async () => {
    const collector = await start();
    await collector.ask('POST', '/v1/sampling', REPORT);
    await collectors.pop()?.close();
    const again = await start();
    expect(await again.ask('GET', '/v1/sampling')).toMatchObject([
      200,
      { operations: [{ decidedPerSecond: 1000, probability: 0.01 }] },
    ]);
    await collectors.pop()?.close();
    const statePath = join(directory, 'a/sampling/state.json');
    for (const torn of ['', '{"version":1,"oper', '[]', '{"version":1,"operations":[{"name":7}]}']) {
      writeFileSync(statePath, torn);
      const anew = await start();
      expect(await anew.ask('GET', '/v1/sampling')).toEqual([200, { operations: [] }]);
      await collectors.pop()?.close();
      expect(readFileSync(statePath, 'utf8')).toBe(torn);
    }
  });
});

describe('several collectors of one fleet', () => {
  it('pass on what is reported to them, once', async () => {
    const [first, second] = [await start('a'), await start('b')];
    // As the files would say, had the ports been known before.
    first.sampling.controller.settings = readSamplingSettings({ peers: [second.url] });
    second.sampling.controller.settings = readSamplingSettings({ peers: [first.url] });
    await first.ask('POST', '/v1/sampling', REPORT);
    await eventually(() => second.sampling.controller.operationCount === 1);
    const [, answer] = await second.ask('POST', '/v1/sampling', { ...REPORT, instance: 'i2' });
    expect(answer).toMatchObject({ operations: [{ probability: 0.005 }], errorTracesPerSecond: 2.5 });
    const forwarded = 'throughline_sampling_exchanges_total{outcome="forwarded"} 1';
    await eventually(async () => (await first.registry.metrics()).includes(forwarded));
    const sent = 'throughline_sampling_forwards_total{outcome="sent"} 1';
    await eventually(async () => (await first.registry.metrics()).includes(sent));
  });
});

describe("GET /sampling, in Jaeger's JSON", () => {
  it('answers a probability for a service that reports nothing', async () => {
    const collector = await start();
    expect(await collector.ask('GET', '/sampling?service=legacy')).toEqual([
      200,
      { strategyType: 'PROBABILISTIC', probabilisticSampling: { samplingRate: 0.1 } },
    ]);
  });

  it('answers operations, where they are known or set', async () => {
    const collector = await start();
    await collector.change({ operations: [{ service: 'shop', operation: 'pay', probability: 1 }] });
    await collector.ask('POST', '/v1/sampling', REPORT);
    expect(await collector.ask('GET', '/sampling?service=shop')).toEqual([
      200,
      {
        strategyType: 'PROBABILISTIC',
        probabilisticSampling: { samplingRate: 0.1 },
        operationSampling: {
          defaultSamplingProbability: 0.1,
          defaultLowerBoundTracesPerSecond: 1 / 600,
          perOperationStrategies: [
            { operation: 'GET', probabilisticSampling: { samplingRate: 0.01 } },
            { operation: 'pay', probabilisticSampling: { samplingRate: 1 } },
          ],
        },
      },
    ]);
  });

  it('asks for one service', async () => {
    const collector = await start();
    for (const query of ['', '?service=', '?service=a&service=b']) {
      expect((await collector.ask('GET', `/sampling${query}`))[0]).toBe(400);
    }
  });
});
