import { ApiClient } from '../packages/trace/dist/client/index.js';
import { describeComparison, describeCriticalPath, traceFromOtlp } from '../packages/trace/dist/index.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCollector, type Collector } from './support/collector.ts';
import { eventually } from './support/processes.ts';
import { postJson, spanIdOf, traceIdOf } from './support/traces.ts';

const START_MS = Date.now() - 3_600_000;
const TRACES = 20;
const SLOW = traceIdOf('slow');
const ROOTLESS = traceIdOf('rootless');

const resource = (service: string) => ({
  attributes: [{ key: 'service.name', value: { stringValue: service } }],
});

/** web asks the bank; `bankMs` is how long that takes. */
function aTrace(name: string, at: number, bankMs: number, hasRoot = true) {
  const span = (of: string, startMs: number, durationMs: number, more: object) => ({
    traceId: traceIdOf(name),
    spanId: spanIdOf(`${name} ${of}`),
    name: of,
    startTimeUnixNano: `${START_MS + at * 1_000 + startMs}000000`,
    endTimeUnixNano: `${START_MS + at * 1_000 + startMs + durationMs}000000`,
    ...more,
  });
  const root = span('POST /buy', 0, bankMs + 20, { kind: 2 });
  const parentSpanId = root.spanId;
  return [
    ...(hasRoot ? [{ resource: resource('web'), scopeSpans: [{ spans: [root] }] }] : []),
    { resource: resource('bank'), scopeSpans: [{ spans: [span('charge', 10, bankMs, { kind: 2, parentSpanId })] }] },
  ];
}

describe('one trace beside others, over the API', () => {
  let collector: Collector;
  let client: ApiClient;
  beforeAll(async () => {
    collector = await startCollector();
    client = new ApiClient(collector.apiUrl);
    const usual = Array.from({ length: TRACES }, (_, at) => aTrace(`usual ${at}`, at, 30 + (at % 3))).flat();
    const others = [...aTrace('slow', TRACES, 900), ...aTrace('rootless', TRACES + 1, 30, false)];
    await postJson(collector.otlpUrl, JSON.stringify({ resourceSpans: [...usual, ...others] }));
    await eventually('all are found', async () => {
      const { traces } = await client.traces({ limit: 100 });
      return traces.length === TRACES + 2;
    });
  });
  afterAll(() => collector.stop());

  const status = async (path: string): Promise<[number, string, string]> => {
    const response = await fetch(`${collector.apiUrl}/api/v1/traces${path}`);
    const { error } = (await response.json()) as { error?: { code: string; message: string } };
    return [response.status, error?.code ?? '', error?.message ?? ''];
  };

  it('has its critical path told as the library tells it', async () => {
    const report = await client.criticalPath(SLOW);
    expect(report).toEqual(describeCriticalPath(traceFromOtlp(await client.trace(SLOW))));
    expect(report.byService[0]).toMatchObject({ service: 'bank', criticalNs: '900000000' });
  });

  it('is compared with another as the library compares them', async () => {
    const other = traceIdOf('usual 3');
    const [a, b] = [traceFromOtlp(await client.trace(other)), traceFromOtlp(await client.trace(SLOW))];
    expect(await client.compare(SLOW, other)).toEqual({ ...describeComparison(a, b), typical: null });
  });

  it('is compared with what is typical, of as many as it says', async () => {
    const { paths, typical, traceIdA, traceIdB, a, b } = await client.compare(SLOW, 'typical');
    expect(typical).toMatchObject({
      service: 'web',
      operation: 'POST /buy',
      foundCount: TRACES,
      comparedCount: TRACES,
    });
    expect(traceIdB).toBe(SLOW);
    expect((await client.trace(traceIdA)).resourceSpans).toHaveLength(2);
    expect([a.durationNs, b.durationNs]).toEqual(['51000000', '920000000']);
    expect(paths.find(({ service }) => service === 'bank')).toMatchObject({ differences: ['slower'] });
  });

  it('has similar ones, the most similar first', async () => {
    const usual = await client.similar(traceIdOf('usual 0'), { limit: TRACES });
    expect(usual.traces).toHaveLength(TRACES);
    expect(usual.traces[0]?.likeness).toBeGreaterThan(0.99);
    expect(usual.traces.at(-1)?.traceId).toBe(SLOW);
    const none = await client.similar(SLOW, { from: '0', to: '1' });
    expect(none).toMatchObject({ foundCount: 0, comparedCount: 0, traces: [] });
  });

  it.each([
    [`/${SLOW}/compare`, 400, 'invalid_parameter', 'with'],
    [`/${SLOW}/compare?with=`, 400, 'invalid_parameter', 'with'],
    [`/${SLOW}/compare?with=${SLOW.toUpperCase()}`, 400, 'invalid_parameter', 'same'],
    [`/${SLOW}/compare?with=${'x'.repeat(5_000)}`, 400, 'invalid_parameter', 'typical'],
    [`/${SLOW}/compare?with=%27%3B%00%1b%5B31m`, 400, 'invalid_parameter', 'typical'],
    [`/${SLOW}/compare?with=${traceIdOf('none')}`, 404, 'trace_not_found', traceIdOf('none')],
    [`/${traceIdOf('none')}/compare?with=${SLOW}`, 404, 'trace_not_found', traceIdOf('none')],
    [`/${traceIdOf('none')}/compare?with=typical`, 404, 'trace_not_found', traceIdOf('none')],
    [`/${traceIdOf('none')}/similar`, 404, 'trace_not_found', traceIdOf('none')],
    [`/${traceIdOf('none')}/critical-path`, 404, 'trace_not_found', traceIdOf('none')],
    [`/${ROOTLESS}/compare?with=typical`, 404, 'root_not_found', ROOTLESS],
    [`/${ROOTLESS}/similar`, 404, 'root_not_found', ROOTLESS],
    [`/${traceIdOf('usual 4')}/compare?with=typical`, 404, 'too_few_traces', '4 other traces'],
    ['/zz/similar', 400, 'invalid_trace_id', 'zz'],
    ['/zz/compare?with=typical', 400, 'invalid_trace_id', 'zz'],
    [`/${SLOW}/similar?from=2&to=1`, 400, 'invalid_parameter', 'from'],
    [`/${SLOW}/similar?from=9999999999999999999`, 400, 'invalid_parameter', 'from'],
    [`/${SLOW}/similar?limit=0`, 400, 'invalid_parameter', 'limit'],
    [`/${SLOW}/similar?of=1`, 400, 'unknown_parameter', 'of'],
  ])('%s is answered %i %s', async (path, code, name, words) => {
    const [given, error, message] = await status(path);
    expect([given, error]).toEqual([code, name]);
    expect(message).toContain(words);
  });
});
