import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Story, TracesData } from '@throughline/trace';
import type {
  HeadlinesResponse,
  AttributesResponse,
  SamplingResponse,
  SeriesResponse,
  ServicesResponse,
  SystemResponse,
  TraceSamplingResponse,
  TracesResponse,
} from '@throughline/trace/client';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { unlike, type JsonSchema, type Types } from './api/testing/unlike.ts';
import { configOf } from './config/testing/config-of.ts';
import type { RunningServer } from './server.ts';
import { startServer } from './server.ts';
import { identifyProcess } from './storage/directory/process-identity.ts';

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
const OTHER_ID = '1bf7651916cd43dd8448eb211c80319c';

const SENT: TracesData = {
  resourceSpans: [
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }], droppedAttributesCount: 1 },
      scopeSpans: [
        {
          scope: { name: 'lib', version: '1.0' },
          spans: [
            {
              traceId: TRACE_ID,
              spanId: 'b7ad6b7169203331',
              traceState: 'a=1',
              flags: 257,
              name: "'; DROP TABLE throughline.spans; --\n\n",
              kind: 2,
              startTimeUnixNano: '1700000000000000001',
              endTimeUnixNano: '1700000000250000001',
              attributes: [
                { key: 'text', value: { stringValue: '<script>\u0000\\ \' " 🙂' } },
                { key: 'count', value: { intValue: '-9223372036854775808' } },
                { key: 'ratio', value: { doubleValue: 0.1 } },
                { key: 'flag', value: { boolValue: false } },
                { key: 'bytes', value: { bytesValue: 'AAH/' } },
                { key: 'list', value: { arrayValue: { values: [{ intValue: '1' }, { stringValue: 'a' }] } } },
                { key: 'map', value: { kvlistValue: { values: [{ key: 'k', value: { boolValue: true } }] } } },
                { key: 'text.with', value: { stringValue: '=a=b' } },
              ],
              droppedAttributesCount: 2,
              events: [
                {
                  timeUnixNano: '1700000000100000001',
                  name: 'exception',
                  attributes: [{ key: 'exception.message', value: { stringValue: 'card declined' } }],
                  droppedAttributesCount: 3,
                },
              ],
              droppedEventsCount: 4,
              links: [
                {
                  traceId: 'f'.repeat(32),
                  spanId: 'e'.repeat(16),
                  traceState: 'b=2',
                  attributes: [{ key: 'why', value: { stringValue: 'batch' } }],
                  droppedAttributesCount: 5,
                  flags: 1,
                },
              ],
              droppedLinksCount: 6,
              status: { message: 'declined', code: 2 },
            },
          ],
          schemaUrl: 'https://opentelemetry.io/schemas/1.37.0',
        },
      ],
      schemaUrl: 'https://opentelemetry.io/schemas/1.38.0',
    },
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'bank' } }] },
      scopeSpans: [
        {
          spans: [
            {
              traceId: TRACE_ID,
              spanId: 'c7ad6b7169203331',
              parentSpanId: 'b7ad6b7169203331',
              name: 'charge',
              startTimeUnixNano: '1700000000010000001',
              endTimeUnixNano: '1700000000210000001',
            },
          ],
        },
      ],
    },
  ],
};

const log = pino({ level: 'silent' });
const options = {
  engineProcessPath: new URL('../dist/storage/process/embedded-process.js', import.meta.url),
  bodyWorkerPath: new URL('../dist/receivers/decode/body-worker.js', import.meta.url),
  insightWorkerPath: new URL('../dist/insight/insight-worker.js', import.meta.url),
};

async function start(dataDirectory: string, httpPort = '0'): Promise<RunningServer> {
  const env = { THROUGHLINE_OTLP_HTTP_PORT: '0', THROUGHLINE_OTLP_GRPC_PORT: '0', THROUGHLINE_HTTP_PORT: httpPort };
  return startServer(configOf(['--data-dir', dataDirectory, '--retention-max-age', '36500'], env), log, options);
}

async function send(server: RunningServer, data: TracesData): Promise<Response> {
  const headers = { 'Content-Type': 'application/json' };
  return fetch(`${server.otlpHttpUrl}/v1/traces`, { method: 'POST', headers, body: JSON.stringify(data) });
}

async function get<T>(server: RunningServer, path: string): Promise<T> {
  const response = await fetch(`${server.uiUrl}${path}`);
  expect([path, response.status]).toEqual([path, 200]);
  return (await response.json()) as T;
}

const statusOf = async (server: RunningServer, path: string): Promise<number> =>
  (await fetch(`${server.uiUrl}${path}`)).status;

async function findable(server: RunningServer, traceId: string): Promise<void> {
  await vi.waitFor(async () => expect(await statusOf(server, `/api/v1/traces/${traceId}`)).toBe(200), {
    timeout: 240_000,
    interval: 20,
  });
}

/** The JSON that comes back for bytes which are no request. */
async function answerToNonsense(url: string): Promise<unknown> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.end('GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n');
  const answer = Buffer.concat(await socket.toArray()).toString();
  return JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')));
}

describe('a collector with the embedded store', () => {
  let directory: string;
  let server: RunningServer;
  let accepted: Response;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'throughline-server-'));
    server = await start(directory);
    await server.ready;
    accepted = await send(server, SENT);
    await findable(server, TRACE_ID);
  });
  afterAll(async () => {
    await server.close();
    await rm(directory, { recursive: true, force: true });
  });

  it('gives a trace back as it was sent, every field of OTLP', async () => {
    expect([accepted.status, await accepted.json()]).toEqual([200, {}]);
    expect(await get(server, `/api/v1/traces/${TRACE_ID.toUpperCase()}`)).toEqual(SENT);
  });

  it('says where it takes spans', async () => {
    expect(await get(server, '/api/v1/endpoints')).toEqual({
      otlpGrpcPort: Number(new URL(server.otlpGrpcUrl ?? '').port),
      otlpHttpPort: Number(new URL(server.otlpHttpUrl).port),
    });
  });

  it('shows a span once that its sender repeats', async () => {
    await send(server, SENT);
    const search = async () => get<TracesResponse>(server, '/api/v1/traces?service=bank');
    const metrics = await (await fetch(`${server.uiUrl}/metrics`)).text();
    expect(metrics).toContain('throughline_repeated_requests_total 1');
    expect((await search()).traces[0]?.spanCount).toBe(2);
    expect(await get(server, `/api/v1/traces/${TRACE_ID}`)).toEqual(SENT);
  });

  it('lists services with counts of their stored spans', async () => {
    const { services } = await get<ServicesResponse>(server, '/api/v1/services');
    expect(services.map(({ name, operationCount }) => [name, operationCount])).toEqual([
      ['bank', 1],
      ['shop', 1],
    ]);
    expect(await get(server, '/api/v1/services?to=1600000000')).toEqual({ services: [] });
    expect(await get(server, '/api/v1/services/bank/operations')).toMatchObject({ operations: [{ name: 'charge' }] });
  });

  it('shows requests over time, and says what is wrong with the query', async () => {
    const range = 'from=1700000000&to=1700000059';
    const path = `/api/v1/series?${range}&step=60`;
    // A repeat of the trace was sent as well, and is no request; rollups are filled behind the spans.
    const requestCount = async () => (await get<SeriesResponse>(server, path)).series[0]?.requestCount;
    await expect.poll(requestCount).toEqual([1, 0]);
    const answer = await get<SeriesResponse>(server, path);
    expect(answer).toMatchObject({ fromUnixNano: '1699999980000000000', stepSeconds: 60, points: 2, truncated: false });
    expect(answer.series).toMatchObject([{ service: 'shop', requestCount: [1, 0], p99Ns: [expect.any(String), null] }]);
    const byOperation = await get<SeriesResponse>(server, `/api/v1/series?${range}&step=60&groupBy=operation`);
    expect(byOperation.series).toMatchObject([{ service: 'shop', requestCount: [1, 0] }]);
    expect((await get<SeriesResponse>(server, `/api/v1/series?${range}`)).stepSeconds).toBe(1);
    for (const wrong of ['from=2&to=1', `${range}&step=0`, 'from=1&to=1700000000&step=1', `${range}&groupBy=kind`]) {
      expect([wrong, await statusOf(server, `/api/v1/series?${wrong}`)]).toEqual([wrong, 400]);
    }
  });

  it('completes keys and values of attributes', async () => {
    // They are counted by a job, behind the spans.
    const keys = async (): Promise<string[]> =>
      (await get<AttributesResponse>(server, '/api/v1/attributes?prefix=service.')).attributes.map(({ key }) => key);
    await expect.poll(keys).toContain('service.name');
    expect(await get(server, '/api/v1/attributes/service.name/values')).toEqual({
      values: [
        { value: 'bank', estimatedSpanCount: expect.any(Number) as number },
        { value: 'shop', estimatedSpanCount: expect.any(Number) as number },
      ],
    });
    expect(await get(server, '/api/v1/attributes/none/values')).toEqual({ values: [] });
  });

  const found = async (query: string): Promise<number> =>
    (await get<TracesResponse>(server, `/api/v1/traces?${query}`)).traces.length;

  it('finds the trace by each parameter, and not by one that does not hold', async () => {
    const operation = encodeURIComponent("'; DROP TABLE throughline.spans; --\n\n");
    const holding = [
      'service=shop',
      `operation=${operation}&service=shop`,
      'status=error',
      'minDurationMs=250&maxDurationMs=250',
      'tag=ratio=0.1&tag=flag=false&tag=count=-9223372036854775808',
      'tag=text.with%3D=a=b',
      'tag=service.name=shop',
      'from=1700000000000000001&to=1700000000000000001',
      'from=2023-11-14&to=1700000001',
      // It lasts 250 ms.
      'from=1700000000000000002',
      'from=1700000000250000001',
    ];
    expect(await Promise.all(holding.map(found))).toEqual(holding.map(() => 1));
    const failing = [
      'service=bank&status=error',
      'service=shop&operation=charge',
      'minDurationMs=250.000001',
      'maxDurationMs=249.999999',
      'tag=ratio=0.10',
      'tag=why=batch',
      'from=1700000000250000002',
      'to=1700000000000000000',
      `service=${encodeURIComponent("shop' OR '1'='1")}`,
    ];
    expect(await Promise.all(failing.map(found))).toEqual(failing.map(() => 0));
  });

  it('tells the story of a trace and remembers its headline', async () => {
    const story = await get<Story>(server, `/api/v1/traces/${TRACE_ID}/story`);
    expect(story.summary.operation).not.toBe('');
    const unknown = 'd'.repeat(32);
    const answer = await get(server, `/api/v1/headlines?ids=${TRACE_ID},${unknown}`);
    expect(answer).toEqual({ headlines: { [TRACE_ID]: story.headline } });
    const { traces } = await get<TracesResponse>(server, '/api/v1/traces');
    expect(traces[0]).toMatchObject({ traceId: TRACE_ID, headline: story.headline });
  });

  it('tells a trace id that is malformed from one that is not stored', async () => {
    for (const path of ['', '/story', '/critical-path', '/sampling']) {
      expect(await statusOf(server, `/api/v1/traces/${'d'.repeat(32)}${path}`)).toBe(404);
      for (const id of ['d', '0'.repeat(32), 'x'.repeat(32), `${TRACE_ID}0`, "';--"]) {
        expect(await statusOf(server, `/api/v1/traces/${id}${path}`)).toBe(400);
      }
    }
  });

  it('reads a trace id in whatever form somebody has it', async () => {
    const uuid = TRACE_ID.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
    const forms = [
      TRACE_ID.toUpperCase(),
      `0x${TRACE_ID}`,
      uuid,
      `1-${TRACE_ID.slice(0, 8)}-${TRACE_ID.slice(8)}`,
      encodeURIComponent(` ${TRACE_ID} `),
      `00-${TRACE_ID}-00f067aa0ba902b7-01`,
    ];
    for (const form of forms) {
      for (const path of ['', '/story', '/critical-path', '/sampling']) {
        expect([form, path, await statusOf(server, `/api/v1/traces/${form}${path}`)]).toEqual([form, path, 200]);
      }
    }
    const { headlines } = await get<HeadlinesResponse>(server, `/api/v1/headlines?ids=${uuid},0x${TRACE_ID}`);
    expect(Object.keys(headlines)).toEqual([TRACE_ID]);
    // One of 64 bits is filled with zeros: it is understood, and not stored.
    expect(await statusOf(server, '/api/v1/traces/7ed1c2c0305b3522')).toBe(404);
  });

  it('answers every path that its OpenAPI description names', async () => {
    interface Description {
      readonly paths: Record<
        string,
        {
          servers?: { url: string; variables: { host: { default: string }; port: { default: string } } }[];
          get?: {
            parameters: { name: string; required: boolean; in: string }[];
            responses: { 200?: { content: Record<string, { schema?: JsonSchema }> } };
          };
        }
      >;
      readonly components: { readonly schemas: Types };
    }
    const { paths, components } = await get<Description>(server, '/api/v1/openapi.json');
    expect(Object.keys(paths)).toEqual([
      '/api/v1/endpoints',
      '/api/v1/services',
      '/api/v1/services/{service}/operations',
      '/api/v1/operations',
      '/api/v1/series',
      '/api/v1/attributes',
      '/api/v1/attributes/{key}/values',
      '/api/v1/attribute-values',
      '/api/v1/traces',
      '/api/v1/headlines',
      '/api/v1/traces/{traceId}',
      '/api/v1/traces/{traceId}/story',
      '/api/v1/traces/{traceId}/critical-path',
      '/api/v1/traces/{traceId}/sampling',
      '/api/v1/traces/{traceId}/compare',
      '/api/v1/traces/{traceId}/similar',
      '/api/v1/errors',
      '/api/v1/attributes/apart',
      '/api/v1/alerts',
      '/api/v1/changes',
      '/api/v1/incidents/explain',
      '/api/v1/map',
      '/api/v1/sampling',
      '/api/v1/sampling/settings',
      '/api/v1/system',
      '/api/v1/check',
      '/api/v1/snapshot',
      '/api/v1/snapshot/{token}',
      '/healthz',
      '/readyz',
      '/metrics',
      '/api/v1/openapi.json',
      '/v1/traces',
      '/v1/metrics',
      '/v1/logs',
      '/v1/sampling',
      '/v1/sampling/settings',
      '/sampling',
    ]);
    await send(server, JSON.parse(JSON.stringify(SENT).replaceAll(TRACE_ID, OTHER_ID)) as TracesData);
    await findable(server, OTHER_ID);
    const undescribed: string[] = [];
    for (const [path, { servers, get: operation }] of Object.entries(paths)) {
      if (operation === undefined) continue;
      const { host, port } = servers?.[0]?.variables ?? {};
      const base = servers?.[0]?.url.replace('{host}', host?.default ?? '').replace('{port}', port?.default ?? '');
      const required = operation.parameters.filter((parameter) => parameter.required && parameter.in === 'query');
      const query = required.map(({ name }) => `${name}=${name === 'with' ? OTHER_ID : TRACE_ID}`).join('&');
      const target = `${path.replace('{traceId}', TRACE_ID).replace('{service}', 'shop')}?${query}`;
      const url = `${base ?? server.uiUrl}${target}`;
      const response = await fetch(url);
      // What has moved says so.
      expect([url, response.status]).toEqual([url, operation.responses[200] === undefined ? 410 : 200]);
      const { schema } = operation.responses[200]?.content['application/json'] ?? {};
      const answer: unknown = schema === undefined ? await response.arrayBuffer() : await response.json();
      expect([url, schema === undefined ? [] : unlike(answer, schema, components.schemas)]).toEqual([url, []]);
      if (schema === undefined && response.ok) undescribed.push(path);
    }
    // OpenAPI has a schema of its own.
    expect(undescribed).toEqual(['/metrics', '/api/v1/openapi.json']);
  });

  it('names every operation of its own, as a method of a generated client', async () => {
    const { paths } = await get<{ paths: Record<string, Record<string, { operationId?: string }>> }>(
      server,
      '/api/v1/openapi.json',
    );
    const ids = Object.entries(paths).flatMap(([path, item]) =>
      Object.entries(item)
        .filter(([member]) => member !== 'servers')
        .map(([method, { operationId }]): [string, string] => [operationId ?? '', `${method} ${path}`]),
    );
    expect(ids.filter(([id]) => !/^[a-z][a-zA-Z]+$/.test(id))).toEqual([]);
    expect(new Set(ids.map(([id]) => id)).size).toBe(ids.length);
    // A client that somebody has generated calls them by these names.
    expect(Object.fromEntries(ids)).toEqual({
      getEndpoints: 'get /api/v1/endpoints',
      listAlerts: 'get /api/v1/alerts',
      listServices: 'get /api/v1/services',
      listOperationsOfService: 'get /api/v1/services/{service}/operations',
      listOperations: 'get /api/v1/operations',
      getSeries: 'get /api/v1/series',
      listAttributes: 'get /api/v1/attributes',
      findAttributesApart: 'post /api/v1/attributes/apart',
      listErrors: 'get /api/v1/errors',
      listChanges: 'get /api/v1/changes',
      listValuesOfAttribute: 'get /api/v1/attributes/{key}/values',
      listAttributeValues: 'get /api/v1/attribute-values',
      searchTraces: 'get /api/v1/traces',
      getHeadlines: 'get /api/v1/headlines',
      getTrace: 'get /api/v1/traces/{traceId}',
      getStory: 'get /api/v1/traces/{traceId}/story',
      getCriticalPath: 'get /api/v1/traces/{traceId}/critical-path',
      getTraceSampling: 'get /api/v1/traces/{traceId}/sampling',
      compareTraces: 'get /api/v1/traces/{traceId}/compare',
      findSimilarTraces: 'get /api/v1/traces/{traceId}/similar',
      getMap: 'get /api/v1/map',
      getSampling: 'get /api/v1/sampling',
      getSamplingSettings: 'get /api/v1/sampling/settings',
      replaceSamplingSettings: 'put /api/v1/sampling/settings',
      getSystem: 'get /api/v1/system',
      checkStore: 'get /api/v1/check',
      repairStore: 'put /api/v1/check',
      takeSnapshot: 'put /api/v1/snapshot',
      extendSnapshot: 'put /api/v1/snapshot/{token}',
      removeSnapshot: 'delete /api/v1/snapshot/{token}',
      getLiveness: 'get /healthz',
      getReadiness: 'get /readyz',
      getMetrics: 'get /metrics',
      getOpenApi: 'get /api/v1/openapi.json',
      sendTraces: 'post /v1/traces',
      sendMetrics: 'post /v1/metrics',
      sendLogs: 'post /v1/logs',
      exchangeSampling: 'post /v1/sampling',
      explainIncident: 'post /api/v1/incidents/explain',
      listOperationSampling: 'get /v1/sampling',
      getMovedSamplingSettings: 'get /v1/sampling/settings',
      replaceMovedSamplingSettings: 'put /v1/sampling/settings',
      getJaegerStrategy: 'get /sampling',
    });
  });

  it('describes the body of every error, also where it is no ApiError', async () => {
    const { paths } = await get<{
      paths: Record<
        string,
        { get?: { responses: Record<string, { content?: Record<string, { schema?: JsonSchema }> }> } }
      >;
    }>(server, '/api/v1/openapi.json');
    const responses = paths['/readyz']?.get?.responses ?? {};
    const typeOfBody = (status: number): unknown => responses[status]?.content?.['application/json']?.schema?.$ref;
    expect([200, 503, 400].map(typeOfBody)).toEqual([
      '#/components/schemas/Readiness',
      '#/components/schemas/Readiness',
      '#/components/schemas/ApiError',
    ]);
  });

  it('describes the report of a check as it is', async () => {
    interface Description {
      readonly paths: Record<
        string,
        { put: { responses: Record<200, { content: Record<string, { schema: JsonSchema }> }> } }
      >;
      readonly components: { readonly schemas: Types };
    }
    const { paths, components } = await get<Description>(server, '/api/v1/openapi.json');
    const schema = paths['/api/v1/check']?.put.responses[200].content['application/json']?.schema ?? {};
    const progress = await vi.waitFor(
      async () => {
        const answer = await get<{ state: string }>(server, '/api/v1/check?run=described');
        expect(unlike(answer, schema, components.schemas)).toEqual([]);
        expect(answer.state).not.toBe('running');
        return answer;
      },
      { timeout: 240_000, interval: 20 },
    );
    expect(progress).toMatchObject({ state: 'done', report: { ok: true } });
  });

  it('says what is sampled and why, and how it is itself', async () => {
    const settings = { tracesPerSecond: 20, rules: [{ name: 'probe', probability: 0 }] };
    const put = async (type: string): Promise<number> => {
      const url = `${server.uiUrl}/api/v1/sampling/settings`;
      const headers = { 'content-type': type };
      return (await fetch(url, { method: 'PUT', headers, body: JSON.stringify(settings) })).status;
    };
    expect(await put('text/plain')).toBe(415);
    // What curl names by itself.
    expect(await put('application/x-www-form-urlencoded')).toBe(200);
    expect(await put('application/json; charset=utf-8')).toBe(200);
    const recent = { started: 5_000, decided: 5_000, requests: 5_000, errors: 0 };
    const told = await fetch(`${server.otlpHttpUrl}/v1/sampling`, {
      method: 'POST',
      body: JSON.stringify({
        version: 1,
        service: 'shop',
        instance: 'i1',
        windowMs: 5_000,
        operations: [{ name: 'GET', kind: 1, recent, totals: [] }],
      }),
    });
    expect(told.status).toBe(200);
    const sampling = await get<SamplingResponse>(server, '/api/v1/sampling?service=shop');
    expect(sampling).toMatchObject({
      operations: [
        {
          service: 'shop',
          name: 'GET',
          reason: 'target',
          probability: 0.02,
          policy: '20 traces a second',
          boostedUntilUnixNano: null,
        },
      ],
      settings: { ...settings, defaultProbability: 0.1 },
    });
    expect(sampling.settings).not.toHaveProperty('peers');
    expect((await get<SamplingResponse>(server, '/api/v1/sampling?service=none')).operations).toEqual([]);

    const kept = await get<TraceSamplingResponse>(server, `/api/v1/traces/${TRACE_ID}/sampling`);
    expect(kept).toMatchObject({
      traceId: TRACE_ID,
      estimate: 'exact',
      weight: 1,
      decisions: [{ service: 'shop', reason: null }],
    });

    const systemNow = (): Promise<SystemResponse> => get<SystemResponse>(server, '/api/v1/system');
    const unstored = async (): Promise<number> => {
      const { store, ingest } = await systemNow();
      return ingest.acceptedSpans - (store.spanCount ?? 0);
    };
    await expect.poll(unstored).toBe(0);
    const system = await systemNow();
    expect(system).toMatchObject({
      store: { kind: 'embedded', state: 'ready', firstDay: '2023-11-14', lastDay: '2023-11-14' },
      ingest: { acceptedSpans: system.store.spanCount, rejectedSpans: [] },
      problems: [],
    });
    expect(system.store.engineVersion).toMatch(/^\d+\./);
  });

  it('rejects a second collector on its data directory, and one on its port, and goes on', async () => {
    await expect(start(directory)).rejects.toThrow(/in use by .*process id/);
    const other = await mkdtemp(join(tmpdir(), 'throughline-server-'));
    const taken = new URL(server.uiUrl).port;
    await expect(start(other, taken)).rejects.toThrow(
      new RegExp(`port ${taken} on 127\\.0\\.0\\.1 .*\\(EADDRINUSE\\); .*--http-port or THROUGHLINE_HTTP_PORT$`),
    );
    expect(await readdir(other)).not.toContain('server.lock');
    await rm(other, { recursive: true });
    expect(await statusOf(server, '/readyz')).toBe(200);
  });

  it('keeps everything over a restart, and what it took in before its store was open', async () => {
    await server.close();
    expect(await readdir(directory)).not.toContain('server.lock');
    server = await start(directory);
    const later = structuredClone(SENT);
    const traceId = '1'.repeat(32);
    for (const { scopeSpans } of later.resourceSpans) {
      for (const { spans } of scopeSpans) for (const span of spans) span.traceId = traceId;
    }
    expect((await send(server, later)).status).toBe(200);
    await server.ready;
    await findable(server, traceId);
    expect(await get(server, `/api/v1/traces/${traceId}`)).toEqual(later);
    expect(await get(server, `/api/v1/traces/${TRACE_ID}`)).toEqual(SENT);
  });

  it('finds a trace by its id as soon as it is acknowledged, however often somebody looks', async () => {
    const statuses: number[] = [];
    for (let number = 0; number < 20; number++) {
      const traceId = String(number).padStart(32, 'a');
      const sent = structuredClone(SENT);
      for (const { scopeSpans } of sent.resourceSpans) {
        for (const { spans } of scopeSpans) for (const span of spans) span.traceId = traceId;
      }
      expect((await send(server, sent)).status).toBe(200);
      statuses.push(await statusOf(server, `/api/v1/traces/${traceId}`));
    }
    expect(statuses).toEqual(statuses.map(() => 200));
  });

  it('says what is wrong with what is not even a request, on each port in its own form', async () => {
    const message: unknown = expect.stringContaining('Content-Length');
    expect(await answerToNonsense(server.otlpHttpUrl)).toEqual({ code: 3, message });
    expect(await answerToNonsense(server.uiUrl)).toEqual({ error: { code: 'not_http', message } });
  });

  it('stops with an engine that hangs, and loads what it took at the next start', async () => {
    const lock = JSON.parse(await readFile(join(directory, 'server.lock'), 'utf8')) as { engine: { pid: number } };
    process.kill(lock.engine.pid, 'SIGSTOP');
    const traceId = '2'.repeat(32);
    const late = structuredClone(SENT);
    for (const { scopeSpans } of late.resourceSpans) {
      for (const { spans } of scopeSpans) for (const span of spans) span.traceId = traceId;
    }
    expect((await send(server, late)).status).toBe(200);
    // The engine does not come back: a stop that waited for it would outlast the test.
    await server.close();
    expect(identifyProcess(lock.engine.pid)).toBeNull();
    server = await start(directory);
    await server.ready;
    await findable(server, traceId);
  });
});
