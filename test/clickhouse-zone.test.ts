import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startClickHouseHttp, type ClickHouseHttp } from './support/clickhouse-http/server.ts';
import { startCollector, type Collector } from './support/collector.ts';
import { eventually } from './support/processes.ts';
import { postJson, spanIdOf, traceIdOf } from './support/traces.ts';

/** The begin of a UTC day that is over. */
const DAY_MS = Math.floor(Date.now() / 86_400_000 - 3) * 86_400_000;
const dateOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

/** Around midnight in UTC, and in New York and Auckland; the name says when. */
const MOMENTS = ['00:00:00', '00:30:00', '03:59:59', '05:30:00', '11:30:00', '12:30:00', '23:30:00', '23:59:59'];
const startMsOf = (moment: string): number => DAY_MS + Date.parse(`1970-01-01T${moment}Z`);

function traces(): string {
  const spans = MOMENTS.map((moment) => ({
    traceId: traceIdOf(moment),
    spanId: spanIdOf(moment),
    name: moment,
    kind: 2,
    startTimeUnixNano: `${startMsOf(moment)}000000`,
    endTimeUnixNano: `${startMsOf(moment) + 5}000000`,
    attributes: [{ key: 'at', value: { stringValue: moment } }],
  }));
  const attributes = [{ key: 'service.name', value: { stringValue: 'clock' } }];
  return JSON.stringify({ resourceSpans: [{ resource: { attributes }, scopeSpans: [{ spans }] }] });
}

const QUESTIONS = [
  '/services',
  `/services?from=${DAY_MS}&to=${DAY_MS + 86_399_999}`,
  `/services?from=${DAY_MS + 84_600_000}&to=${DAY_MS + 86_399_999}`,
  '/services/clock/operations',
  `/traces?limit=100`,
  `/traces?limit=100&from=${DAY_MS}&to=${DAY_MS + 86_399_999}`,
  `/traces?limit=100&from=${DAY_MS + 84_600_000}&to=${DAY_MS + 86_399_999}`,
  `/traces?limit=100&from=${DAY_MS}&to=${DAY_MS + 3_599_999}`,
  ...[60, 3_600].map((step) => `/series?from=${DAY_MS}&to=${DAY_MS + 86_399_999}&step=${step * 10}`),
  '/attributes',
  '/attributes/at/values',
  ...MOMENTS.flatMap((moment) => [`/traces/${traceIdOf(moment)}`, `/traces?tag=${encodeURIComponent(`at=${moment}`)}`]),
];

const QUESTIONS_OF_A_DAY = ['/attributes', '/attributes/at/values'].map(
  (path) => `${path}?from=${DAY_MS}&to=${DAY_MS + 86_399_999}`,
);

const ask = async (collector: Collector, question: string): Promise<unknown> => {
  const response = await fetch(`${collector.apiUrl}/api/v1${question}`);
  return { status: response.status, answer: await response.json() };
};

/** What a user's profile may have, and what would change answers if statements did not say what they mean. */
const PROFILE = {
  session_timezone: 'Asia/Tokyo',
  output_format_json_quote_64bit_integers: '1',
  join_use_nulls: '1',
  async_insert: '1',
  wait_for_async_insert: '0',
  enable_http_compression: '1',
  max_block_size: '1000',
};

/** Behind UTC and before it: a collector's days are UTC days, whatever the zone of the server. */
describe.each([
  { timeZone: 'America/New_York', profile: {} },
  { timeZone: 'Pacific/Auckland', profile: PROFILE },
])('a ClickHouse in $timeZone as the store, with a password', ({ timeZone, profile }) => {
  let server: ClickHouseHttp;
  let onServer: Collector;
  let embedded: Collector;

  beforeAll(async () => {
    server = await startClickHouseHttp({ password: 'pa ss@:/%', timeZone, profile });
    const store = server.urlOf('default', 'pa ss@:/%');
    onServer = await startCollector({ args: ['--store', store, '--cluster-compression-level', '1'] });
    embedded = await startCollector();
    for (const collector of [onServer, embedded]) {
      await postJson(collector.otlpUrl, traces());
      await eventually('the spans are stored', async () =>
        JSON.stringify(await ask(collector, '/services')).includes(`"spanCount":${MOMENTS.length}`),
      );
      await eventually('the derived tables are filled', async () =>
        JSON.stringify(await ask(collector, '/attributes')).includes(`"at"`),
      );
    }
  });
  afterAll(async () => {
    await onServer?.stop();
    await embedded?.stop();
    await server?.stop();
  });

  it.each(QUESTIONS)('answers %s as the embedded one does', async (question) => {
    const expected = await ask(embedded, question);
    expect(expected).toMatchObject({ status: 200 });
    expect(await ask(onServer, question)).toEqual(expected);
  });

  it('shows each span at its time', async () => {
    for (const moment of MOMENTS) {
      const text = JSON.stringify(await ask(onServer, `/traces/${traceIdOf(moment)}`));
      expect(text).toContain(`"startTimeUnixNano":"${startMsOf(moment)}000000"`);
    }
  });

  it.each(QUESTIONS_OF_A_DAY)('answers %s as the embedded one does', async (question) => {
    expect(await ask(onServer, question)).toEqual(await ask(embedded, question));
  });

  it('has the spans of a UTC day in the partition of that day, in every table', async () => {
    const parts = await server.rows(
      "SELECT DISTINCT table, partition FROM system.parts WHERE database = 'throughline' AND active AND table IN ('spans', 'trace_times', 'operation_15m', 'request_1m', 'request_1h', 'weight_15m', 'attribute_values') ORDER BY table, partition",
    );
    const days = parts.map(([, partition]) => /\d{4}-\d\d-\d\d/.exec(String(partition))?.[0]);
    expect(new Set(days)).toEqual(new Set([dateOf(DAY_MS)]));
  });
});
