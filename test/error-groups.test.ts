import { ApiClient, type ErrorsResponse } from '../packages/trace/dist/client/index.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCollector, type Collector } from './support/collector.ts';
import { eventually } from './support/processes.ts';
import { postJson, spanIdOf, traceIdOf } from './support/traces.ts';

const MINUTE_MS = 60_000;
const NOW_MS = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS;
const FAILURES = 30;
/** What a sender may put into a terminal, a page or a statement. */
const HOSTILE = `\u001B[31m'; DROP TABLE spans; --\u0000<script>\uD83D \u202E"x" 日本`;

interface Failure {
  readonly name: string;
  readonly atMs: number;
  readonly service?: string;
  readonly operation?: string;
  readonly type?: string;
  readonly message?: string;
}

const resource = (of: string) => ({ attributes: [{ key: 'service.name', value: { stringValue: of } }] });

const byType = ({ groups }: ErrorsResponse) => Object.fromEntries(groups.map((group) => [group.type, group]));

/** A gateway asks a service, which fails. */
function aTrace({
  name,
  atMs,
  service = 'bank',
  operation = 'POST /charge',
  type = 'CardError',
  message = '',
}: Failure) {
  const span = (of: string, more: object) => ({
    traceId: traceIdOf(name),
    spanId: spanIdOf(`${name} ${of}`),
    name: of,
    kind: 2,
    startTimeUnixNano: `${atMs}000000`,
    endTimeUnixNano: `${atMs + 5}000000`,
    status: { code: 2, message },
    ...more,
  });
  const root = span('GET /', {});
  const attributes = [{ key: 'error.type', value: { stringValue: type } }];
  return [
    { resource: resource('gateway'), scopeSpans: [{ spans: [root] }] },
    {
      resource: resource(service),
      scopeSpans: [{ spans: [span(operation, { parentSpanId: root.spanId, attributes })] }],
    },
  ];
}

describe('failures, over the API', () => {
  let collector: Collector;
  let client: ApiClient;
  beforeAll(async () => {
    collector = await startCollector();
    client = new ApiClient(collector.apiUrl);
    const failures: Failure[] = [
      ...Array.from({ length: FAILURES }, (_, at) => ({
        name: `card ${at}`,
        atMs: NOW_MS - at * MINUTE_MS,
        message: `card ${at} of user-${at}@example.org declined`,
      })),
      { name: 'before', atMs: NOW_MS - 70 * MINUTE_MS, message: 'card 77 of x@example.org declined' },
      { name: 'back', atMs: NOW_MS - 10 * MINUTE_MS, type: 'Back' },
      { name: 'earlier', atMs: NOW_MS - 600 * MINUTE_MS, type: 'Back' },
      { name: 'gone', atMs: NOW_MS - 80 * MINUTE_MS, type: 'Gone' },
      { name: 'hostile', atMs: NOW_MS - 10 * MINUTE_MS, type: HOSTILE, message: HOSTILE, operation: HOSTILE },
    ];
    await postJson(collector.otlpUrl, JSON.stringify({ resourceSpans: failures.flatMap((one) => aTrace(one)) }));
    await eventually('all are found', async () => {
      const { failedSpanCount } = await client.errors({ from: String(NOW_MS - 1_000 * MINUTE_MS) });
      return failedSpanCount === 2 * failures.length;
    });
  });
  afterAll(() => collector.stop());

  /** The hour up to now. */
  const hour = { from: String(NOW_MS - 60 * MINUTE_MS), to: String(NOW_MS + MINUTE_MS) };

  it('are grouped by where they began, and are new, ongoing, back or gone', async () => {
    const response = await client.errors(hour);
    const { CardError, Back, Gone } = byType(response);
    expect(response.groups[0]).toEqual(CardError);
    expect(CardError).toMatchObject({
      service: 'bank',
      operation: 'POST /charge',
      message: 'card # of # declined',
      state: 'ongoing',
      count: FAILURES,
      estimatedCount: FAILURES,
      estimatedCountBefore: 1,
    });
    expect(CardError!.trend.reduce((sum, count) => sum + count, 0)).toBe(FAILURES);
    expect(CardError!.samples[0]?.traceId).toBe(traceIdOf('card 0'));
    expect([Back?.state, Gone?.state]).toEqual(['back', 'gone']);
    expect(response).toMatchObject({ share: 1, groupCount: 4, nextCursor: null });
    const ids = new Set((await client.errors({ from: '0', to: hour.to })).groups.map(({ id }) => id));
    expect(response.groups.filter(({ id }) => !ids.has(id))).toEqual([]);
  });

  it('come as they were said, however odd that is', async () => {
    const { groups } = await client.errors(hour);
    const odd = groups.find(({ state, type }) => state === 'new' && type.includes('DROP TABLE'));
    expect(odd?.example).toContain('\u001B[31m');
    expect(odd?.message).toContain('#');
    await expect(client.trace(odd!.samples[0]!.traceId)).resolves.toBeDefined();
  });

  it('come a page at a time, in one and the same range', async () => {
    const whole = await client.errors(hour);
    const groups = [];
    let page = await client.errors({ ...hour, limit: 3 });
    groups.push(...page.groups);
    while (page.nextCursor !== null) {
      page = await client.errors({ limit: 3, cursor: page.nextCursor });
      expect(page.fromUnixNano).toBe(whole.fromUnixNano);
      groups.push(...page.groups);
    }
    expect(groups).toEqual(whole.groups);
  });

  it('are those of one service, and none of one that only passes them on', async () => {
    expect((await client.errors({ ...hour, service: 'gateway' })).groups).toEqual([]);
    expect((await client.errors({ ...hour, service: 'bank' })).groupCount).toBe(4);
    expect((await client.errors({ ...hour, service: HOSTILE })).groupCount).toBe(0);
  });

  it.each([
    ['from=2&to=1', 'invalid_windows', 'from'],
    ['from=1&to=1', 'invalid_windows', 'from'],
    ['from=x', 'invalid_parameter', 'from'],
    ['to=99999999999999999999', 'invalid_parameter', 'to'],
    ['limit=501', 'invalid_parameter', 'limit'],
    ['cursor=%27', 'invalid_parameter', 'cursor'],
    ['cursor=MToxOjE', 'invalid_parameter', 'cursor'],
    ['cursor=OTk5OTk5OTk5OTk5OTk5OTk5OTo5OTk5OTk5OTk5OTk5OTk5OTk5OjE', 'invalid_parameter', 'cursor'],
    ['operation=x', 'unknown_parameter', 'operation'],
  ])('asked for with %s get a 400 with the reason', async (query, code, words) => {
    const response = await fetch(`${collector.apiUrl}/api/v1/errors?${query}`);
    const { error } = (await response.json()) as { error: { code: string; message: string } };
    expect([response.status, error.code]).toEqual([400, code]);
    expect(error.message).toContain(words);
  });

  it.each(['from=0&to=1', 'from=0&to=9223372036854775807', 'to=1', 'from=2200-01-01&to=2200-01-02'])(
    'of the odd range %s are answered',
    async (query) => {
      expect((await fetch(`${collector.apiUrl}/api/v1/errors?${query}`)).status).toBe(200);
    },
  );
});
