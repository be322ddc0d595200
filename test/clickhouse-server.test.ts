import type { SeriesResponse } from '@throughline/trace/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findClickHouseServer } from '../scripts/workspace.mjs';
import { startClickHouseServer, type ClickHouseServer } from './support/clickhouse-server.ts';
import { startCollector, type Collector } from './support/collector.ts';
import { eventually } from './support/processes.ts';
import { ask, askApart, QUESTIONS, SELECTIONS, storedSpans, storeTheTraces, TRACES } from './support/questions.ts';
import { aRequest, postJson, spanIdOf, traceIdOf } from './support/traces.ts';

const program = findClickHouseServer();
const why =
  program === null
    ? ' (skipped: clickhouse-server is not installed; on Debian: apt-get install clickhouse-server)'
    : '';

/** One span with one event, or with one link, with an attribute. */
function aRequestWith(what: 'event' | 'link'): string {
  const request = JSON.parse(aRequest(what, 1)) as {
    resourceSpans: { scopeSpans: { spans: Record<string, unknown>[] }[] }[];
  };
  const span = request.resourceSpans[0]?.scopeSpans[0]?.spans[0];
  if (span === undefined) throw new Error('a request without a span');
  const attributes = [{ key: 'note', value: { stringValue: `of the ${what}` } }];
  if (what === 'event') span['events'] = [{ name: 'noted', timeUnixNano: span['startTimeUnixNano'], attributes }];
  else span['links'] = [{ traceId: traceIdOf('linked'), spanId: spanIdOf('linked'), attributes }];
  return JSON.stringify(request);
}

describe.skipIf(program === undefined)(`a ClickHouse 18.16 server as the store${why}`, () => {
  let server: ClickHouseServer;
  let onServer: Collector;
  let embedded: Collector;

  beforeAll(async () => {
    server = await startClickHouseServer(program ?? '');
    // Nobody is at the first one.
    onServer = await startCollector({ args: ['--store', `http://127.0.0.1:9,${server.url}`] });
    embedded = await startCollector();
    await storeTheTraces([onServer, embedded]);
  });
  afterAll(async () => {
    await onServer?.stop();
    await embedded?.stop();
    await server?.stop();
  });

  it('is an old one indeed, and has the tables of every migration', async () => {
    expect(await server.rows('SELECT version()')).toEqual([[expect.stringMatching(/^18\.16/)]]);
    const tables = await server.rows(
      "SELECT name FROM system.tables WHERE database = 'throughline' AND engine != 'MaterializedView' ORDER BY name",
    );
    expect(tables.flat()).toEqual([
      'attribute_values',
      'call_edges',
      'collector_leases',
      'counted_1h',
      'counted_1m',
      'long_traces',
      'normal_steps',
      'operation_15m',
      'path_normals',
      'path_resources',
      'request_1h',
      'request_1m',
      'rollup_progress',
      'schema_migrations',
      'spans',
      'store_id',
      'trace_times',
      'weight_15m',
    ]);
  });

  it.each(QUESTIONS)('answers %s as the embedded one does', async (question) => {
    const expected = await ask(embedded, question);
    expect(expected).toMatchObject({ status: 200 });
    expect(await ask(onServer, question)).toEqual(expected);
  });

  it.each(SELECTIONS)('answers what sets %j apart as the embedded one does', async (selection) => {
    const expected = await askApart(embedded, selection);
    expect(expected.selected.readCount).toBeGreaterThan(0);
    expect(await askApart(onServer, selection)).toEqual(expected);
  });

  it('stores what applications count, and answers by it', async () => {
    const total = {
      name: 'GET /',
      status: 2,
      requests: 700,
      durationSumNs: 7e9,
      durations: { offset: 185, counts: [700] },
    };
    const recent = { started: 700, decided: 700, requests: 700, errors: 700 };
    const body = JSON.stringify({
      version: 1,
      service: 'counted',
      instance: 'i1',
      windowMs: 1_000,
      operations: [{ name: 'GET', kind: 1, recent, totals: [total] }],
    });
    for (let sent = 0; sent < 2; sent++) {
      expect((await fetch(`${onServer.otlpUrl}/v1/sampling`, { method: 'POST', body })).status).toBe(200);
    }
    const series = await eventually('the counts are stored', async () => {
      const { answer } = (await ask(onServer, '/series?service=counted&step=3600')) as { answer: SeriesResponse };
      return answer.series[0];
    });
    // More may come of the present.
    expect(series).toMatchObject({ source: 'requestMetrics', estimate: { basis: 'estimated', relativeError: null } });
    expect(series.estimatedErrorCount).toEqual(series.estimatedRequestCount);
    expect(series.estimatedRequestCount.reduce((sum, count) => sum + count, 0)).toBe(700);
    expect(await server.rows('SELECT toUInt32(sum(requests)) FROM throughline.counted_1m')).toEqual([[700]]);
  });

  it('gives every trace once over the pages of a search', async () => {
    const ids: string[] = [];
    let cursor = '';
    do {
      const { answer } = (await ask(onServer, `/traces?limit=9${cursor}`)) as {
        answer: { traces: { traceId: string }[]; nextCursor: string | null };
      };
      ids.push(...answer.traces.map(({ traceId }) => traceId));
      cursor = answer.nextCursor === null ? '' : `&cursor=${answer.nextCursor}`;
    } while (cursor !== '');
    expect(ids).toEqual(Array.from({ length: TRACES }, (_, index) => traceIdOf(`trace-${TRACES - 1 - index}`)));
  });

  it('drops days that are too old', async () => {
    await onServer.stop();
    const daysOf = (table: string) =>
      server.rows(`SELECT count(), uniqExact(partition) FROM system.parts
WHERE database = 'throughline' AND table = '${table}' AND active AND partition < toString(today() - 30)`);
    await server.command(`INSERT INTO throughline.spans (span_id, service, name, start_s)
SELECT toFixedString('old', 8), 'old', 'old', now() - 86400 * arrayJoin([40, 3, 2, 1])`);
    expect(await daysOf('spans')).toEqual([['1', '1']]);
    onServer = await startCollector({ args: ['--store', server.url] });
    await eventually('the old day is dropped', async () => {
      const metrics = await (await fetch(`${onServer.apiUrl}/metrics`)).text();
      return metrics.includes('throughline_retention_dropped_days_total{reason="age"} 1');
    });
    for (const table of ['spans', 'operation_15m']) expect(await daysOf(table)).toEqual([['0', '0']]);
    expect(await server.rows("SELECT toUInt32(count()) FROM throughline.spans WHERE service = 'old'")).toEqual([[3]]);
  });

  it('may go away: spans are taken meanwhile, and stored when it is back', async () => {
    const before = await storedSpans(onServer)();
    await server.kill();
    await eventually('the collector has noticed', async () =>
      (await fetch(`${onServer.apiUrl}/readyz`)).status === 503 ? true : undefined,
    );
    expect((await fetch(`${onServer.apiUrl}/api/v1/services`)).status).toBe(503);
    // Requests of one segment, of which each has fields that the others have not.
    const meanwhile = [aRequest('away', 100), aRequestWith('event'), aRequest('still away', 1), aRequestWith('link')];
    for (const collector of [onServer, embedded]) {
      for (const body of meanwhile) expect((await postJson(collector.otlpUrl, body)).status).toBe(200);
    }
    await server.restart();
    await eventually('what was taken meanwhile is stored', async () =>
      (await storedSpans(onServer)()) === before + 103 ? true : undefined,
    );
    expect((await fetch(`${onServer.apiUrl}/readyz`)).status).toBe(200);
    for (const name of ['event', 'link']) {
      const question = `/traces/${traceIdOf(`${name}-0`)}`;
      const stored = await eventually('both have it', async () => {
        const [here, there] = [await ask(onServer, question), await ask(embedded, question)];
        return JSON.stringify([here, there]).includes('"status":404') ? undefined : { here, there };
      });
      expect(stored.here).toEqual(stored.there);
      expect(JSON.stringify(stored.here)).toContain(`of the ${name}`);
    }
  });
});
