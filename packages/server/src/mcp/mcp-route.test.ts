import { EventEmitter, once } from 'node:events';
import { request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import * as fc from 'fast-check';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ApiServer } from '../api/api-server.ts';
import type { ApiLimits } from '../api/limits.ts';
import { StaticUi } from '../api/static-ui.ts';
import { allowAll, type AccessCheck } from '../http/access.ts';
import { Problem } from '../http/problem.ts';
import { json, markdown, type ApiResponse } from '../http/response.ts';
import type { Route } from '../http/route.ts';
import { EngineError } from '../query/rows.ts';
import { MCP_LIMITS, type McpLimits } from './mcp-limits.ts';
import { mcpRoute } from './mcp-route.ts';

type Handle = Route['handle'];
type Asked = Parameters<Handle>[0];

const NOW_MS = Date.parse('2026-11-23T05:00:00Z');
const TOKEN = 'Bearer of-a-reader';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

/** Routes that answer what the test says; others answer that they were asked. */
function routesOf(handles: Readonly<Record<string, Handle>>): Route[] {
  const ids = [
    'searchTraces',
    'getStory',
    'compareTraces',
    'listChanges',
    'explainIncident',
    'listAttributes',
    'listAttributeValues',
    'listServices',
    'listOperations',
  ];
  return ids.map((operationId) => ({
    path: `/api/v1/${operationId}`,
    operationId,
    method: 'GET',
    summary: '',
    parameters: {},
    pathParameters: {},
    answers: null,
    report: null,
    problems: {},
    usesStore: true,
    isForProbes: false,
    body: null,
    handle: handles[operationId] ?? (() => Promise.resolve(markdown(`### ${operationId}\n\n- \`x\`\n`))),
  }));
}

interface Started {
  readonly url: string;
  readonly registry: Registry;
  readonly connect: (mode?: 'auto' | 'legacy', headers?: Record<string, string>) => Promise<Client>;
  readonly post: (body: string, headers?: Record<string, string>) => Promise<Answered>;
  readonly ask: (method: string, headers?: Record<string, string>, body?: string) => Promise<Answered>;
}

interface Answered {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}

async function start(
  handles: Readonly<Record<string, Handle>> = {},
  {
    limits = {},
    mcp = {},
    access = allowAll,
  }: { limits?: Partial<ApiLimits>; mcp?: Partial<McpLimits>; access?: AccessCheck } = {},
): Promise<Started> {
  const registry = new Registry();
  const log = pino({ level: 'silent' });
  const route = await mcpRoute({
    routes: routesOf(handles),
    version: '1.2.3',
    log,
    registry,
    limits: { ...MCP_LIMITS, ...mcp },
    retryAfterMs: 1_000,
    now: () => NOW_MS,
  });
  const ui = new StaticUi(new Map());
  const api = new ApiServer({ routes: [route], ui, hostNames: ['box'], log, registry, limits, access });
  const { port } = await api.start('127.0.0.1', 0);
  stops.push(() => api.close(0));
  const url = `http://127.0.0.1:${port}/mcp`;
  const ask: Started['ask'] = (method, headers = {}, body) =>
    new Promise((resolve, reject) => {
      // Plain requests: fetch lets nobody choose Host and Origin.
      const sent = request(url, { method, headers, agent: false }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => (text += part));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
      });
      sent.on('error', reject);
      sent.end(body);
    });
  return {
    url,
    registry,
    ask,
    post: (body, headers) => ask('POST', { ...PLAIN, ...headers }, body),
    connect: async (mode = 'auto', headers = {}) => {
      const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode } });
      await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }));
      stops.push(() => client.close());
      return client;
    },
  };
}

const PLAIN = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };

async function called(client: Client, name: string, given: Record<string, unknown> = {}) {
  const result = await client.callTool({ name, arguments: given });
  const [content] = result.content;
  return { text: content?.type === 'text' ? content.text : '', isError: result.isError === true };
}

const ns = (hoursAgo: number): string => `${NOW_MS - hoursAgo * 3_600_000}000000`;
const nothing = (): Promise<ApiResponse> => Promise.resolve(markdown('### No trace matches\n'));
const failing = (error: Error): Handle => vi.fn<Handle>().mockRejectedValue(error);

const PING = '{"jsonrpc":"2.0","method":"ping","id":1}';
const metric = async (registry: Registry, pattern: RegExp): Promise<number> =>
  Number(pattern.exec(await registry.metrics())?.[1] ?? Number.NaN);

describe('the tools', () => {
  it('are the six, in the same order for every client, and only read', async () => {
    const { connect } = await start();
    const lists = await Promise.all(
      (['auto', 'legacy'] as const).map(async (mode) => (await connect(mode)).listTools()),
    );
    const [first, second] = lists.map(({ tools }) => tools);
    expect(first?.map(({ name }) => name)).toEqual(['changes', 'explain', 'search', 'story', 'compare', 'attributes']);
    expect(second).toEqual(first);
    for (const { annotations, inputSchema, description = '' } of first ?? []) {
      expect(annotations).toMatchObject({ readOnlyHint: true, openWorldHint: false });
      expect(inputSchema).toMatchObject({ type: 'object', additionalProperties: false });
      for (const property of Object.values(inputSchema.properties ?? {}))
        expect(property).toHaveProperty('description');
      expect(description.length).toBeGreaterThan(50);
    }
  });

  it('ask the routes of the API, with times that are read as people write them', async () => {
    const asked: [string, Record<string, string>, string[], unknown, string | undefined][] = [];
    const note =
      (name: string): Handle =>
      (given) => {
        const body = given.body.length === 0 ? null : (JSON.parse(Buffer.from(given.body).toString()) as unknown);
        asked.push([
          name,
          { ...given.path, ...Object.fromEntries(given.query) },
          given.query.getAll('tag'),
          body,
          given.headers.accept,
        ]);
        return Promise.resolve(markdown('### x\n\n- `y`\n'));
      };
    const names = [
      'searchTraces',
      'getStory',
      'compareTraces',
      'listChanges',
      'explainIncident',
      'listAttributes',
      'listAttributeValues',
    ];
    const { connect } = await start(Object.fromEntries(names.map((name) => [name, note(name)])));
    const client = await connect();
    await called(client, 'search', {
      service: 'a&b',
      attributes: { 'x=y': 'z', n: '1' },
      minDuration: '1.5s',
      from: '15m ago',
      to: '2026-11-23T05:00:00Z',
      status: 'error',
      operation: '',
      maxDuration: null,
    });
    await called(client, 'story', { traceId: 'a/b' });
    await called(client, 'compare', { traceId: 'a', with: 'b', rows: 7 });
    await called(client, 'compare', { traceId: 'a' });
    await called(client, 'changes', { from: '1h' });
    await called(client, 'explain', { from: '15m' });
    await called(client, 'explain', { from: '2h', to: '1h', baselineFrom: '1d', baselineTo: '3h' });
    await called(client, 'attributes', { prefix: 'http.' });
    await called(client, 'attributes', { key: 'http.route', limit: 3 });
    expect(asked).toEqual([
      [
        'searchTraces',
        { from: ns(0.25), to: ns(0), service: 'a&b', status: 'error', tag: 'n=1', minDurationMs: '1500', limit: '5' },
        [String.raw`x\=y=z`, 'n=1'],
        null,
        'text/markdown',
      ],
      ['getStory', { traceId: 'a%2Fb', spans: '1' }, [], null, 'text/markdown'],
      ['compareTraces', { traceId: 'a', with: 'b', rows: '7' }, [], null, 'text/markdown'],
      ['compareTraces', { traceId: 'a', with: 'typical', rows: '20' }, [], null, 'text/markdown'],
      ['listChanges', { from: ns(1), limit: '5' }, [], null, 'text/markdown'],
      [
        'explainIncident',
        {},
        [],
        {
          incident: { fromUnixNano: ns(0.25), toUnixNano: ns(0) },
          baseline: { fromUnixNano: ns(24.25), toUnixNano: ns(0.25) },
        },
        'text/markdown',
      ],
      [
        'explainIncident',
        {},
        [],
        {
          incident: { fromUnixNano: ns(2), toUnixNano: ns(1) },
          baseline: { fromUnixNano: ns(24), toUnixNano: ns(3) },
        },
        'text/markdown',
      ],
      ['listAttributes', { prefix: 'http.', limit: '20' }, [], null, 'text/markdown'],
      ['listAttributeValues', { key: 'http.route', limit: '3' }, [], null, 'text/markdown'],
    ]);
  });

  it.each([
    ['search', { from: 'soon' }, 'from'],
    ['search', { minDuration: 'long' }, 'minDuration'],
    ['search', { lmit: 3 }, 'lmit'],
    ['search', { limit: 51 }, 'limit'],
    ['search', { limit: '5' }, 'limit'],
    ['search', { status: 'bad' }, 'status'],
    ['search', { attributes: { a: 1 } }, 'attributes'],
    ['search', { service: ['a'] }, 'service'],
    ['story', {}, 'traceId'],
    ['story', { traceId: '' }, 'traceId'],
    ['explain', {}, 'from'],
    ['compare', { with: '5b8efff798038103d269b633813fc60c' }, 'traceId'],
    ['compare', { traceId: 'x', rows: 201 }, 'rows'],
  ])('say what is wrong with arguments, as an answer that an agent reads: %s %j', async (name, given, named) => {
    const { connect, registry } = await start();
    const { text, isError } = await called(await connect(), name, given);
    expect(isError).toBe(true);
    expect(text).toContain(named);
    expect(text).toContain(' ');
    expect(await metric(registry, /^throughline_mcp_calls_total\{tool="\w+",outcome="rejected"\} (\d+)$/m)).toBe(1);
  });

  it('name what is nearest to what is not there', async () => {
    const service = { isOthers: false, spanCount: 1 };
    const { connect } = await start({
      searchTraces: nothing,
      listServices: () =>
        Promise.resolve(json({ services: ['cart', 'checkout'].map((name) => ({ ...service, name })) })),
      listOperations: ({ query }) =>
        Promise.resolve(json({ operations: [{ name: `GET /${query.get('service')}`, isOthers: false }] })),
      listAttributes: () => Promise.resolve(json({ attributes: [{ key: 'http.route', estimatedSpanCount: 1 }] })),
      listAttributeValues: ({ headers }) =>
        Promise.resolve(headers.accept === 'text/markdown' ? markdown('### 0 values\n') : json({ values: [] })),
    });
    const client = await connect();
    const answers = [
      await called(client, 'search', { service: 'chekout' }),
      await called(client, 'changes', { service: 'crt' }),
      await called(client, 'search', { service: 'zzz`\n# zzz' }),
      await called(client, 'search', { service: 'cart', operation: 'GET /crt' }),
      await called(client, 'attributes', { key: 'http.rout' }),
      await called(client, 'search', { service: 'cart', attributes: { 'htp.route': '/' } }),
    ];
    expect(answers.map(({ isError }) => isError)).toEqual([true, true, true, true, true, false]);
    const near = ['checkout', 'cart', 'cart', 'GET /cart', 'http.route', 'http.route'];
    for (const [at, { text }] of answers.entries()) expect(text).toContain(`\`${near.at(at)}\``);
    expect(answers.at(2)?.text).not.toContain('\n');
  });

  it('say the next step where a route answers with a problem, and give away nothing of what nobody foresaw', async () => {
    const { connect, registry } = await start({
      getStory: failing(new Problem(404, 'trace_not_found', 'no span of trace x is stored')),
      listChanges: failing(new Problem(400, 'invalid_windows', 'from is not before to')),
      searchTraces: failing(new EngineError('unavailable', 'the store is starting')),
      explainIncident: failing(new Error('secret')),
    });
    const client = await connect();
    const [story, changes, search, explain] = [
      await called(client, 'story', { traceId: 'x' }),
      await called(client, 'changes'),
      await called(client, 'search'),
      await called(client, 'explain', { from: '1h' }),
    ];
    expect([story, changes, search, explain].map(({ isError }) => isError)).toEqual([true, true, true, true]);
    expect(story.text).toContain('`search`');
    expect(changes.text).toBe('from is not before to');
    expect(search.text).toContain('the store is starting; ');
    expect(explain.text).not.toContain('secret');
    const metrics = await registry.metrics();
    for (const [tool, outcome] of [
      ['story', 'rejected'],
      ['changes', 'rejected'],
      ['search', 'failed'],
      ['explain', 'failed'],
    ]) {
      expect(metrics).toContain(`throughline_mcp_calls_total{tool="${tool}",outcome="${outcome}"} 1\n`);
    }
  });

  it('cut what is too long, say so, and count it', async () => {
    const long = `### x\n\n${'- `y`\n'.repeat(10_000)}`;
    const { connect, registry } = await start({ searchTraces: () => Promise.resolve(markdown(long)) });
    const { text, isError } = await called(await connect(), 'search');
    expect([isError, text.length <= MCP_LIMITS.answerCharactersMax]).toEqual([false, true]);
    expect(text).toContain(String(long.length));
    expect(await metric(registry, /limit="mcp\.answerCharactersMax"\} (\d+)/)).toBe(1);
  });

  it('that are unknown are an error of the protocol', async () => {
    const { connect } = await start();
    await expect(called(await connect(), 'drop_tables')).rejects.toMatchObject({ code: -32_602 });
  });
});

/** Ends when its query is aborted, and says why. */
function endless(): { readonly handle: Handle; readonly begun: Promise<unknown>; readonly ended: Promise<unknown[]> } {
  const events = new EventEmitter();
  const begun = once(events, 'begun');
  const ended = once(events, 'ended');
  const handle = ({ signal }: Asked): Promise<ApiResponse> =>
    new Promise((_, reject) => {
      signal.addEventListener('abort', () => {
        events.emit('ended', signal.reason);
        reject(signal.reason as Error);
      });
      events.emit('begun');
    });
  return { handle, begun, ended };
}

describe('a call', () => {
  it('that its client cancels ends the query, and is counted', async () => {
    const { handle, begun, ended } = endless();
    const { connect, registry } = await start({ searchTraces: handle });
    const client = await connect();
    const cancel = new AbortController();
    const call = client.callTool({ name: 'search', arguments: {} }, { signal: cancel.signal });
    await begun;
    cancel.abort();
    await expect(call).rejects.toThrow(/abort/i);
    expect(await ended).toMatchObject([{ name: 'ClientLeft' }]);
    await vi.waitFor(async () => expect(await metric(registry, /tool="search",outcome="left"\} (\d+)/)).toBe(1));
    expect(await metric(registry, /^throughline_api_queries_running (\d+)$/m)).toBe(0);
  });

  it.each(['2026-07-28', '2025-11-25'])('whose connection is cut ends the query as well (%s)', async (version) => {
    const { handle, begun, ended } = endless();
    const { url } = await start({ searchTraces: handle });
    const params = { name: 'search', arguments: {}, ...(version === '2026-07-28' && { _meta: META }) };
    const headers = { ...PLAIN, 'mcp-protocol-version': version, 'mcp-method': 'tools/call', 'mcp-name': 'search' };
    const sent = request(url, { method: 'POST', headers, agent: false });
    sent.on('error', () => {});
    sent.end(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params }));
    await begun;
    sent.destroy();
    expect(await ended).toMatchObject([{ name: 'ClientLeft' }]);
  });

  it('that takes too long is answered with what to do, whatever the version', async () => {
    for (const mode of ['auto', 'legacy'] as const) {
      const { handle, ended } = endless();
      const { connect, registry } = await start({ searchTraces: handle }, { limits: { responseTimeoutMs: 200 } });
      const { text, isError } = await called(await connect(mode), 'search');
      expect(isError).toBe(true);
      expect(text).toContain('timed out');
      expect(await ended).toMatchObject([{ name: 'TimeoutError' }]);
      expect(await metric(registry, /limit="http\.responseTimeoutMs"\} (\d+)/)).toBe(1);
    }
  });

  it('waits for its turn among those of others, and is refused where too many wait', async () => {
    const { handle, begun } = endless();
    const { connect, post } = await start(
      { searchTraces: handle },
      { limits: { concurrentQueries: 1, queuedQueriesMax: 0 } },
    );
    const client = await connect();
    const cancel = new AbortController();
    const first = client
      .callTool({ name: 'search', arguments: {} }, { signal: cancel.signal })
      .catch(() => 'cancelled');
    await begun;
    const refused = await post(PING);
    expect([refused.status, refused.headers['retry-after']]).toEqual([503, '1']);
    cancel.abort();
    expect(await first).toBe('cancelled');
    await vi.waitFor(async () => expect((await post(PING)).status).toBe(200));
  });

  it('of one client is not mixed with that of another that uses the same ids', async () => {
    const { connect } = await start({
      getStory: async ({ path }) => {
        // The first to come is the last to be answered.
        await delay(path['traceId'] === 'first' ? 100 : 0);
        return markdown(`### ${path['traceId']}\n`);
      },
    });
    for (const mode of ['auto', 'legacy'] as const) {
      const clients = await Promise.all([connect(mode), connect(mode)]);
      const texts = await Promise.all(
        ['first', 'second'].map(async (traceId, at) => (await called(clients.at(at)!, 'story', { traceId })).text),
      );
      expect(texts).toEqual(['### first\n', '### second\n']);
    }
  });
});

const META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
};

const initialize = (protocolVersion: string): string =>
  JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'initialize',
    params: { protocolVersion, capabilities: {}, clientInfo: { name: 'test', version: '1' } },
  });

describe('who may ask', () => {
  it('no page of elsewhere, and nobody by a name that such a page may have given us', async () => {
    const { post } = await start();
    const answers = await Promise.all(
      [
        { origin: 'https://evil.example' },
        { origin: 'null' },
        { host: 'evil.example:4319' },
        { 'sec-fetch-site': 'cross-site' },
        { origin: 'http://localhost:3000' },
        {},
        { host: 'box' },
      ].map((headers) => post(PING, headers)),
    );
    expect(answers.map(({ status }) => status)).toEqual([403, 403, 403, 403, 200, 200, 200]);
  });

  it('those whom the access check of the API lets in', async () => {
    const seen: unknown[] = [];
    const { connect, post } = await start(
      {
        searchTraces: ({ access }) => {
          seen.push(access.identity);
          return Promise.resolve(markdown('### x\n\n- `y`\n'));
        },
      },
      {
        access: ({ headers }) =>
          headers.authorization === TOKEN
            ? { isAllowed: true, identity: 'reader' }
            : {
                status: 401,
                code: 'unauthorized',
                message: 'a token is needed',
                headers: { 'www-authenticate': 'Bearer' },
              },
      },
    );
    const refused = await post(PING);
    expect([refused.status, refused.headers['www-authenticate']]).toEqual([401, 'Bearer']);
    await expect(connect()).rejects.toThrow(/401|unauthorized/i);
    expect((await called(await connect('auto', { authorization: TOKEN }), 'search')).isError).toBe(false);
    expect(seen).toEqual(['reader']);
  });

  it('clients of each version of the protocol, and others hear which there are', async () => {
    const { post } = await start();
    for (const version of ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25']) {
      const { status, body } = await post(initialize(version));
      expect([status, body]).toEqual([200, expect.stringContaining(`"protocolVersion":"${version}"`)]);
    }
    const modern = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/list' };
    const list = { jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta: META } };
    const listed = await post(JSON.stringify(list), modern);
    expect([listed.status, listed.headers['content-type']]).toEqual([200, 'application/json']);
    const future = { ...META, 'io.modelcontextprotocol/protocolVersion': '2099-01-01' };
    const refused = await post(JSON.stringify({ ...list, params: { _meta: future } }), {
      ...modern,
      'mcp-protocol-version': '2099-01-01',
    });
    expect(refused.status).toBe(400);
    expect(JSON.parse(refused.body)).toMatchObject({ error: { code: -32_022, data: { supported: ['2026-07-28'] } } });
    expect((await post(initialize('2099-01-01'))).body).toContain('"protocolVersion":"2025-11-25"');
    const mismatch = await post(JSON.stringify(list), { ...modern, 'mcp-method': 'tools/call' });
    expect(JSON.parse(mismatch.body)).toMatchObject({ error: { code: -32_020 } });
  });

  it('only by POST: there are no streams and no sessions to end', async () => {
    const { ask } = await start();
    const headers = { accept: 'text/event-stream', 'mcp-session-id': 'x' };
    for (const method of ['GET', 'DELETE', 'PUT', 'HEAD']) {
      const { status, headers: said } = await ask(method, headers);
      expect([method, status, said['allow']]).toEqual([method, 405, 'POST']);
    }
  });

  it('a session that somebody claims is not looked at', async () => {
    const { post } = await start();
    const { status, headers } = await post(PING, { 'mcp-session-id': 'x', 'last-event-id': '1' });
    expect([status, headers['mcp-session-id']]).toEqual([200, undefined]);
  });
});

const aCall = (more: object): string => JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', ...more });

describe('a body', () => {
  it('that is too large is refused and counted', async () => {
    const { post, registry } = await start({}, { mcp: { requestBytesMax: 1_024 } });
    const large = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping', params: { x: 'x'.repeat(2_000) } });
    expect((await post(large)).status).toBe(413);
    expect(await metric(registry, /limit="mcp\.requestBytesMax"\} (\d+)/)).toBe(1);
  });

  it('that is no JSON by its type, or compressed, is refused', async () => {
    const { post } = await start();
    expect((await post(PING, { 'content-type': 'text/plain' })).status).toBe(415);
    expect((await post(PING, { 'content-encoding': 'gzip' })).status).toBe(415);
  });

  it('that is a notification is taken without an answer', async () => {
    const { post } = await start();
    const { status, body } = await post('{"jsonrpc":"2.0","method":"notifications/initialized"}');
    expect([status, body]).toEqual([202, '']);
  });

  it.each([
    ['nothing', ''],
    ['half of it', '{"jsonrpc":'],
    ['several at once', `[${PING},${PING}]`],
    ['a deep tree', `{"jsonrpc":"2.0","id":1,"method":"ping","params":${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}}`],
    ['no version', '{"method":"ping","id":1}'],
    ['another version', '{"jsonrpc":"1.0","method":"ping","id":1}'],
    ['a method that is none', '{"jsonrpc":"2.0","method":{},"id":1}'],
    ['an unknown method', '{"jsonrpc":"2.0","method":"__proto__","id":1}'],
    ['a huge id', `{"jsonrpc":"2.0","method":"ping","id":${'9'.repeat(400)}}`],
    ['a long id', `{"jsonrpc":"2.0","method":"ping","id":"${'x'.repeat(50_000)}"}`],
    ['an id that is none', '{"jsonrpc":"2.0","method":"ping","id":{}}'],
    ['a broken id', '{"jsonrpc":"2.0","method":"ping","id":1.5}'],
    ['a response', '{"jsonrpc":"2.0","id":1,"result":{}}'],
    ['a call of nothing', aCall({})],
    ['a call with a name that is none', aCall({ params: { name: 7 } })],
    ['a call with a long name', aCall({ params: { name: 'x'.repeat(50_000) } })],
    ['arguments that are none', aCall({ params: { name: 'search', arguments: [] } })],
    [
      'a prototype in arguments',
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search","arguments":{"__proto__":{"limit":1}}}}',
    ],
    ['a task that nobody has', aCall({ method: 'tasks/get', params: { taskId: 'x' } })],
    ['a stream that stays open', aCall({ method: 'subscriptions/listen', params: { _meta: META } })],
    [
      'metadata that is none',
      aCall({ params: { name: 'search', _meta: { 'io.modelcontextprotocol/protocolVersion': 7 } } }),
    ],
    ['a level of logging', aCall({ method: 'logging/setLevel', params: { level: 'debug' } })],
    ['resources', aCall({ method: 'resources/read', params: { uri: 'file:///etc/passwd' } })],
  ])('is answered, whatever it is: %s', async (_, body) => {
    const { post } = await start();
    for (const headers of [{}, { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'x' }]) {
      const { status } = await post(body, headers);
      expect(status).toBeGreaterThanOrEqual(200);
      expect(status).toBeLessThan(500);
    }
    expect((await post(PING)).status).toBe(200);
  });

  it('is answered, whatever JSON it is', async () => {
    const { post } = await start({ searchTraces: nothing });
    const name = fc.constantFrom('changes', 'explain', 'search', 'story', 'compare', 'attributes', '');
    const given = fc.oneof(
      fc.dictionary(
        fc.constantFrom(
          'service',
          'operation',
          'attributes',
          'from',
          'to',
          'limit',
          'traceId',
          'key',
          'rows',
          '__proto__',
        ),
        fc.jsonValue({ maxDepth: 2 }),
      ),
      fc.jsonValue({ maxDepth: 3 }),
    );
    const method = fc.constantFrom('tools/call', 'tools/list', 'initialize', 'ping', 'notifications/cancelled', '');
    const meta = fc.oneof(fc.constant(META), fc.constant(undefined), fc.jsonValue({ maxDepth: 2 }));
    const id = fc.oneof(fc.integer(), fc.string(), fc.jsonValue({ maxDepth: 1 }));
    await fc.assert(
      fc.asyncProperty(name, given, method, meta, id, async (tool, args, asked, _meta, requestId) => {
        const params = { name: tool, arguments: args, _meta };
        const { status, body } = await post(JSON.stringify({ jsonrpc: '2.0', id: requestId, method: asked, params }));
        expect([status >= 200 && status < 500, body]).toEqual([true, expect.not.stringContaining('at Object.')]);
      }),
      { numRuns: 150 },
    );
    expect((await post(PING)).status).toBe(200);
  });
});
