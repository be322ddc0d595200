import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { json } from 'node:stream/consumers';
import { SPANS_IN_TRACE_HEADER } from '@throughline/trace/client';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { allowAll } from '../http/access.ts';
import type { Engine } from '../storage/engine.ts';
import { singleServerTables } from '../storage/tables.ts';
import type { Headlines } from '../query/headlines.ts';
import { QUERY_LIMITS } from '../query/limits.ts';
import { EngineError } from '../query/rows.ts';
import type { TraceReader } from '../query/trace-reader.ts';
import { apiRoutes } from './api-routes.ts';
import { ApiServer } from './api-server.ts';
import { API_LIMITS } from './limits.ts';
import { maintenanceRoutes, type Maintenance } from './maintenance-routes.ts';
import { openApiRoute } from './openapi-route.ts';
import { StaticUi } from './static-ui.ts';

interface Described {
  readonly $ref?: string;
  readonly description: string;
  readonly headers?: Readonly<Record<string, unknown>>;
}

interface Operation {
  readonly method: string;
  readonly path: string;
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly required: boolean }[];
  /** By the status. */
  readonly responses: Readonly<Record<string, Described>>;
}

interface Answered {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: { readonly error?: { readonly code: string } };
}

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

/** The API over a store of which every statement, and every trace, ends so. */
async function serve(ends: () => Promise<never>, trace: () => Promise<unknown> = ends) {
  const registry = new Registry();
  const engine = {
    query: ends,
    tables: singleServerTables(),
    hasAttributeFilter: true,
    fresh: null,
  } as unknown as Engine;
  const query = { engine, limits: QUERY_LIMITS };
  const traceReader = { ask: trace } as unknown as TraceReader;
  const maintenance: Maintenance = {
    check: () => ({ state: 'impossible' }),
    snapshot: () => Promise.resolve(null),
    keepSnapshot: () => false,
    releaseSnapshot: () => Promise.resolve(false),
  };
  const routes = [
    ...apiRoutes({
      query,
      traceReader,
      headlines: { compute: ends, get: () => null } as unknown as Headlines,
      endpoints: { otlpGrpcPort: null, otlpHttpPort: 4318 },
      samplingReasonOf: () => null,
      countedUntil: () => () => 0,
      registry,
    }),
    ...maintenanceRoutes(maintenance),
  ];
  const log = pino({ level: 'silent' });
  const ui = new StaticUi(new Map());
  const all = [...routes, openApiRoute({ routes, version: '0' })];
  const limits = { ...API_LIMITS, retryAfterMs: 7_000 };
  const api = new ApiServer({
    routes: all,
    ui,
    hostNames: [],
    log,
    registry: new Registry(),
    limits,
    access: allowAll,
  });
  const { port } = await api.start('127.0.0.1', 0);
  stops.push(() => api.close(0));
  const ask = async (method: string, path: string): Promise<Answered> => {
    const sent = request({ port, host: '127.0.0.1', path, method, agent: false }).end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    const { statusCode = 0, headers } = response;
    return { status: statusCode, headers, body: (await json(response)) as Answered['body'] };
  };
  const { body } = await ask('GET', '/api/v1/openapi.json');
  const { paths, components } = body as unknown as {
    paths: Record<string, Record<string, Operation>>;
    components: { responses: Record<string, Described> };
  };
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): Operation => {
      const responses = Object.entries(operation.responses).map(([status, response]) => [
        status,
        response.$ref === undefined ? response : components.responses[response.$ref.split('/').at(-1)!],
      ]);
      return { ...operation, method: method.toUpperCase(), path, responses: Object.fromEntries(responses) };
    }),
  );
  return { ask, operations };
}

/** With its path's parameters, and those that it requires. */
function targetOf({ path, parameters }: Operation, segment: string): string {
  const query = parameters.filter((one) => one.in === 'query' && one.required).map(({ name }) => `${name}=${TRACE_ID}`);
  return `${path.replaceAll(/\{\w+\}/g, segment)}?${query.join('&')}`;
}

/** What the document does not say of an answer; empty where it says all. */
function undescribed({ method, path, responses }: Operation, { status, headers, body }: Answered): string[] {
  const at = `${method} ${path} ${status}`;
  const response = responses[status];
  if (response === undefined) return [`${at} is not described`];
  const code = body.error?.code;
  const isNamed =
    code === undefined || status === 400 || new RegExp(String.raw`\b${code}\b`).test(response.description);
  const described = Object.keys(response.headers ?? {}).map((name) => name.toLowerCase());
  const sent = ['retry-after', SPANS_IN_TRACE_HEADER.toLowerCase()].filter((name) => headers[name] !== undefined);
  return [
    ...(isNamed ? [] : [`${at} does not name ${code}`]),
    ...sent.filter((name) => !described.includes(name)).map((name) => `${at} has ${name}, which is not described`),
    ...described.filter((name) => !sent.includes(name)).map((name) => `${at} has no ${name}`),
  ];
}

describe('the OpenAPI description', () => {
  it.each([
    ['a statement that needs too much memory', new EngineError('too_large', 'no', { clickhouseCode: 241 }), 422],
    ['an answer that is too large', new EngineError('too_large', 'no'), 422],
    ['a store that is away', new EngineError('unavailable', 'no'), 503],
    ['a statement that takes too long', new EngineError('timeout', 'no'), 504],
    ['a fault of our own', new TypeError('no'), 500],
  ])('has what every route over the store answers to %s', async (_, error, status) => {
    const asked = vi.fn<() => Promise<never>>(() => Promise.reject(error));
    const { ask, operations } = await serve(asked);
    const overStore = operations.filter(({ responses }) => responses['504'] !== undefined);
    expect(overStore.length).toBeGreaterThan(10);
    for (const operation of overStore) {
      const answer = await ask(operation.method, targetOf(operation, TRACE_ID));
      expect([operation.path, answer.status, asked.mock.calls.length > 0]).toEqual([operation.path, status, true]);
      expect(undescribed(operation, answer)).toEqual([]);
      asked.mockClear();
    }
  });

  it('has what a path without its parameter is answered, and one of what is not there', async () => {
    const { ask, operations } = await serve(
      () => Promise.reject(new Error('not asked')),
      () => Promise.resolve(null),
    );
    const withParameter = operations.filter(({ path }) => path.includes('{'));
    expect(withParameter.length).toBeGreaterThan(5);
    for (const operation of withParameter) {
      const answer = await ask(operation.method, targetOf(operation, ''));
      expect([operation.path, answer.body.error?.code]).toEqual([operation.path, 'not_found']);
      expect(undescribed(operation, answer)).toEqual([]);
    }
    for (const operation of withParameter.filter(({ path }) => /\{(?:traceId|token)\}/.test(path))) {
      const answer = await ask(operation.method, targetOf(operation, TRACE_ID));
      expect([operation.path, answer.status]).toEqual([operation.path, 404]);
      expect(undescribed(operation, answer)).toEqual([]);
    }
  });

  it('has all methods of a path: another one is answered 405', async () => {
    const { ask, operations } = await serve(() => Promise.reject(new Error('not asked')));
    for (const operation of operations) {
      const { path } = operation;
      const own = operations.filter((other) => other.path === path);
      const { status, headers } = await ask('PATCH', targetOf(operation, TRACE_ID));
      const allowed = own.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
      expect([path, status, headers.allow?.split(', ').toSorted()]).toEqual([path, 405, allowed.toSorted()]);
    }
  });

  it('has the header that says how many spans a trace has of which not all are read', async () => {
    const trace = { truncated: true, storedSpanCount: 5, answer: ['{}'] };
    const { ask, operations } = await serve(
      () => Promise.reject(new Error('not asked')),
      () => Promise.resolve(trace),
    );
    const operation = operations.find(({ path }) => path === '/api/v1/traces/{traceId}')!;
    const answer = await ask('GET', targetOf(operation, TRACE_ID));
    expect([answer.status, answer.headers[SPANS_IN_TRACE_HEADER.toLowerCase()]]).toEqual([200, '5']);
    expect(undescribed(operation, answer)).toEqual([]);
  });
});
