import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { json } from 'node:stream/consumers';
import { MISSING_SHARDS_HEADER, SHARDS_HEADER, SPANS_IN_TRACE_HEADER } from '@throughline/trace/client';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { allowAll } from '../http/access.ts';
import type { Engine, QueryOptions } from '../storage/engine.ts';
import { singleServerTables } from '../storage/tables.ts';
import type { Headlines } from '../query/headlines.ts';
import { QUERY_LIMITS } from '../query/limits.ts';
import { EngineError, ShardAwayError, type QueryContext } from '../query/rows.ts';
import type { TraceReader } from '../query/trace-reader.ts';
import { apiRoutes } from './api-routes.ts';
import { ApiServer } from './api-server.ts';
import { API_LIMITS } from './limits.ts';
import { maintenanceRoutes, type Maintenance } from './maintenance-routes.ts';
import { openApiRoute } from './openapi-route.ts';
import { StaticUi } from './static-ui.ts';
import { StoreAnswers } from './store-answers.ts';

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
  readonly body: { readonly error?: { readonly code: string }; readonly partial?: unknown };
}

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';

/** What answers may have in their head, and mean. */
const SENT = ['Retry-After', SPANS_IN_TRACE_HEADER, MISSING_SHARDS_HEADER, SHARDS_HEADER];

const AWAY = { missingShards: 1, shards: 3, lacksTrace: () => Promise.resolve(true) };

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

/** The API over a store of which every statement, and every trace, ends so. */
async function serve(
  ends: (given: string | QueryContext, options?: QueryOptions) => Promise<unknown>,
  trace: (context: QueryContext) => Promise<unknown> = ends,
) {
  const registry = new Registry();
  const engine = {
    query: ends,
    tables: singleServerTables(),
    hasAttributeFilter: true,
    fresh: null,
  } as unknown as Engine;
  const traceReader = { ask: trace } as unknown as TraceReader;
  const maintenance: Maintenance = {
    check: () => ({ state: 'impossible' }),
    snapshot: () => Promise.resolve(null),
    keepSnapshot: () => false,
    releaseSnapshot: () => Promise.resolve(false),
  };
  const routes = [
    ...apiRoutes({
      answers: new StoreAnswers({ query: { engine, limits: QUERY_LIMITS }, registry, shardsAway: () => 0 }),
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
  const sent = SENT.map((name) => name.toLowerCase()).filter((name) => headers[name] !== undefined);
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
    ['a trace whose shard is away', new ShardAwayError(TRACE_ID, AWAY), 503],
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

  it('has what every answer over the store says of shards that are missing in it', async () => {
    const { ask, operations } = await serve(
      (given, options) => {
        const { onPartial } = typeof given === 'string' ? (options ?? {}) : given;
        onPartial?.(AWAY);
        return Promise.resolve(typeof given === 'string' ? new Uint8Array() : {});
      },
      (context) => {
        context.onPartial?.(AWAY);
        return Promise.resolve({
          truncated: true,
          storedSpanCount: 5,
          answer: { decisions: [], story: { clauses: [] }, places: [] },
        });
      },
    );
    const inJson = operations.filter(
      ({ path, responses }) => responses['504'] !== undefined && !path.startsWith('/api/v1/traces/{'),
    );
    expect(inJson.length).toBeGreaterThan(7);
    for (const operation of inJson) {
      const answer = await ask(operation.method, targetOf(operation, TRACE_ID));
      expect([operation.path, answer.status, answer.body.partial]).toEqual([
        operation.path,
        200,
        { missingShards: 1, shards: 3 },
      ]);
      expect(answer.headers[MISSING_SHARDS_HEADER.toLowerCase()]).toBe('1');
      expect(undescribed(operation, answer)).toEqual([]);
    }
    for (const of of ['story', 'sampling']) {
      const operation = operations.find(({ path }) => path === `/api/v1/traces/{traceId}/${of}`)!;
      const answer = await ask('GET', targetOf(operation, TRACE_ID));
      expect([of, answer.status, answer.headers[SHARDS_HEADER.toLowerCase()]]).toEqual([of, 200, '3']);
      expect(undescribed(operation, answer)).toEqual([]);
    }
  });

  it('has the headers that say how many spans a trace has of which not all are read', async () => {
    const trace = { truncated: true, storedSpanCount: 5, answer: ['{}'] };
    const { ask, operations } = await serve(
      () => Promise.reject(new Error('not asked')),
      ({ onPartial }) => {
        onPartial?.(AWAY);
        return Promise.resolve(trace);
      },
    );
    const operation = operations.find(({ path }) => path === '/api/v1/traces/{traceId}')!;
    const answer = await ask('GET', targetOf(operation, TRACE_ID));
    expect([answer.status, answer.headers[SPANS_IN_TRACE_HEADER.toLowerCase()]]).toEqual([200, '5']);
    expect(undescribed(operation, answer)).toEqual([]);
  });
});
