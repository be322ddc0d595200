import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { KnownCode } from './support/clickhouse-http/exception.ts';
import { noFaults } from './support/clickhouse-http/faults.ts';
import { startClickHouseHttp, type ClickHouseHttp } from './support/clickhouse-http/server.ts';
import { startCollector, type Collector } from './support/collector.ts';
import { eventually } from './support/processes.ts';
import { aRequest, postJson, spanIdOf } from './support/traces.ts';

/** What was acknowledged is stored once, by its ids, whatever stood between the collector and the store meanwhile. */
let server: ClickHouseHttp;
let collector: Collector;
const sent = new Set<string>();
const SPANS = 50;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

beforeAll(async () => {
  server = await startClickHouseHttp({ password: 'secret', timeZone: 'America/New_York' });
  const store = server.urlOf('default', 'secret');
  collector = await startCollector({ args: ['--store', store, '--cluster-ping-interval-ms', '100'] });
});
afterAll(async () => {
  await collector?.stop();
  await server?.stop();
});
beforeEach(() => {
  Object.assign(server.faults, noFaults());
});

async function send(name: string, startUnixMs = Date.now()): Promise<void> {
  const response = await postJson(collector.otlpUrl, aRequest(name, SPANS, 'load', startUnixMs));
  if (response.status !== 200) throw new Error(`answered ${response.status}`);
  for (let index = 0; index < SPANS; index++) sent.add(spanIdOf(`${name}-${index}`));
}

const ready = async (): Promise<string> => {
  const response = await fetch(`${collector.apiUrl}/readyz`);
  return `${response.status} ${await response.text()}`;
};

const hasEmptySpool = async (): Promise<boolean> =>
  (await (await fetch(`${collector.apiUrl}/metrics`)).text()).includes('throughline_spool_backlog_segments 0\n');

async function everythingIsStoredOnce(timeoutMs?: number): Promise<void> {
  const count = `SELECT uniqExact(span_id) FROM throughline.spans`;
  const stored = async (): Promise<boolean> => Number((await server.rows(count))[0]?.[0]) >= sent.size;
  await eventually('everything is stored', stored, timeoutMs);
  const ids = await server.rows(
    'SELECT lower(hex(span_id)) AS id, count() FROM throughline.spans GROUP BY id ORDER BY id',
  );
  expect(ids).toEqual([...sent].toSorted().map((id) => [id, 1]));
}

it.each([200, 302, 401, 403, 404, 413, 429, 500, 502, 503])(
  'waits for a proxy that answers %i, and says so',
  async (status) => {
    server.faults.proxy = { status };
    // One before may still be told of, and the collector be ready for a moment.
    const notices = new RegExp(`^503 .*responded with ${status}`);
    await eventually('the collector has noticed', async () => notices.test(await ready()));
    await send(`proxy ${status}`);
    const before = server.seen.length;
    // Without its lease it inserts nothing; it asks until the store answers as one.
    await eventually('the store was asked again', () => server.seen.length >= before + 3);
    expect(await ready()).not.toContain('segments_quarantined');
    server.faults.proxy = null;
    await everythingIsStoredOnce();
    await eventually('the collector is ready', async () => (await ready()).startsWith('200'));
  },
);

// In New York, where the server stands, it is another day at one of these hours.
it.each([2, 14])('stores an insert once whose answer never came, of spans of %i o’clock UTC', async (hour) => {
  let lost = 0;
  server.faults.loseResponse = (sql) => sql.startsWith('INSERT INTO throughline.spans (') && ++lost <= 3;
  await send(`lost at ${hour}`, (Math.floor(Date.now() / DAY_MS) - 1) * DAY_MS + hour * HOUR_MS);
  await eventually('the segment is let go', hasEmptySpool);
  expect(lost).toBeGreaterThan(0);
  await everythingIsStoredOnce();
});

it('waits for a server that shuts down, and for a password that is changed', async () => {
  await server.shutDown();
  await eventually('the collector has noticed', async () => (await ready()).startsWith('503'));
  await send('shut down');
  await server.listenAgain();
  await everythingIsStoredOnce();
  server.users['default'] = 'rotated';
  await eventually('the collector has noticed', async () => (await ready()).includes('AUTHENTICATION_FAILED'));
  expect(await ready()).not.toMatch(/secret|rotated/);
  server.users['default'] = 'secret';
  await eventually('the collector is ready', async () => (await ready()).startsWith('200'));
});

const WAITED_FOR: [code: KnownCode, message: string][] = [
  [201, 'Quota for user `default` for 3600s has been exceeded'],
  [202, 'Too many simultaneous queries'],
  [236, 'Query is cancelled: the server is shutting down'],
  [241, 'Memory limit (total) exceeded'],
  [242, 'Table is in readonly mode'],
  [252, 'Too many parts'],
  [319, 'Unknown status of part'],
  [439, 'Cannot schedule a task'],
  [497, 'default: Not enough privileges'],
  [999, 'Session expired'],
];

it('waits for what a server refuses for now', async () => {
  for (const [code, message] of WAITED_FOR) {
    server.faults.refuse = { code, message, of: (sql) => sql.startsWith('INSERT') };
    await send(`refused ${code}`);
    const before = server.seen.length;
    const tries = (): number => server.seen.slice(before).filter(({ sql }) => sql.startsWith('INSERT')).length;
    await expect.poll(tries).toBeGreaterThan(6);
    server.faults.refuse = null;
    await everythingIsStoredOnce(30_000);
  }
});
