import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ALL_SETTINGS } from '../packages/server/src/config/settings.ts';
import { startCollector, type Collector } from './support/collector.ts';
import { eventually } from './support/processes.ts';
import { parseMetrics, type Metric } from './support/prometheus.ts';
import { aRequest, postJson } from './support/traces.ts';

describe('/metrics', () => {
  let collector: Collector;
  let metrics: ReadonlyMap<string, Metric>;
  /** Of a collector whose store is a server, which need not be there. */
  let ofServers: ReadonlyMap<string, Metric>;
  beforeAll(async () => {
    collector = await startCollector();
    await postJson(collector.otlpUrl, aRequest('one', 3));
    await postJson(collector.otlpUrl, '{');
    await postJson(collector.otlpUrl, aRequest('old', 2, 'load', Date.now() - 40 * 86_400_000));
    for (const path of [
      '/api/v1/services',
      '/api/v1/traces?limit=no',
      `/api/v1/traces/${'a'.repeat(32)}`,
      '/"\\\n{}',
    ]) {
      await fetch(`${collector.apiUrl}${path}`);
    }
    await eventually('the spans are stored, and the engine has told of itself', async () => {
      const now = await read();
      const residentBytes = valueOf(now, 'throughline_engine_resident_memory_bytes') ?? 0;
      const isStored = valueOf(now, 'throughline_loader_spans_total') === 3;
      return isStored && valueOf(now, 'throughline_spool_backlog_bytes') === 0 && residentBytes > 1e7;
    });
    metrics = await read();
    const onServer = await startCollector({ args: ['--store', 'http://127.0.0.1:9'], startsDown: true });
    ofServers = await read(onServer);
    await onServer.stop();
  });
  afterAll(() => collector.stop());

  async function read({ apiUrl } = collector): Promise<ReadonlyMap<string, Metric>> {
    const response = await fetch(`${apiUrl}/metrics`);
    return parseMetrics(await response.text());
  }

  it('is Prometheus text, with names and help as its conventions have them', async () => {
    const { headers } = await fetch(`${collector.apiUrl}/metrics`);
    expect(headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    for (const { name, type, help } of metrics.values()) {
      if (!name.startsWith('throughline_')) continue;
      expect(help, name).not.toBe('');
      expect([name, name.endsWith('_total')]).toEqual([name, type === 'counter']);
    }
  });

  it('counts what came in, by receiver and outcome, and what was rejected, by reason', () => {
    expect(valueOf(metrics, 'throughline_otlp_http_requests_total', { outcome: '200' })).toBe(2);
    expect(valueOf(metrics, 'throughline_otlp_http_requests_total', { outcome: '400' })).toBe(1);
    expect(valueOf(metrics, 'throughline_accepted_spans_total')).toBe(3);
    expect(valueOf(metrics, 'throughline_rejected_spans_total', { reason: 'too_old' })).toBe(2);
    expect(valueOf(metrics, 'throughline_rejected_spans_total', { reason: 'limit' })).toBe(0);
  });

  it('reports spool, loader, engine, questions and process', () => {
    expect(valueOf(metrics, 'throughline_spool_backlog_bytes')).toBe(0);
    expect(valueOf(metrics, 'throughline_spool_sealed_segments_total', { because: 'age' })).toBeGreaterThan(0);
    expect(valueOf(metrics, 'throughline_loader_inserts_total', { outcome: 'stored' })).toBeGreaterThan(0);
    expect(valueOf(metrics, 'throughline_engine_up')).toBe(1);
    expect(valueOf(metrics, 'throughline_engine_cpu_seconds_total')).toBeGreaterThan(0);
    expect(valueOf(metrics, 'throughline_engine_query_duration_seconds_count')).toBeGreaterThan(0);
    expect(valueOf(metrics, 'throughline_engine_queries_total', { outcome: 'ok' })).toBeGreaterThan(0);
    const route = '/api/v1/traces';
    expect(valueOf(metrics, 'throughline_api_requests_total', { route, status: '400' })).toBe(1);
    for (const name of ['process_cpu_seconds_total', 'process_resident_memory_bytes']) {
      expect(valueOf(metrics, name), name).toBeGreaterThan(0);
    }
    expect(valueOf(metrics, 'nodejs_eventloop_lag_p99_seconds')).toBeGreaterThanOrEqual(0);
  });

  it('has the counter of every setting, those of limits from the start', () => {
    const counters = ALL_SETTINGS.map(({ counter }) => counter).filter((counter) => counter !== null);
    const parsed = counters.map((counter) => /^(\w+)(?:\{(\w+)="([^"]*)"\})?$/.exec(counter) ?? []);
    expect(parsed.filter(([, name = '']) => !metrics.has(name) && !ofServers.has(name))).toEqual([]);
    // An outcome is there with its first request.
    const labelled = parsed.filter(([, , label]) => label !== undefined && label !== 'outcome');
    expect(labelled.length).toBeGreaterThan(30);
    const missing = labelled.filter(([, name = '', label = '', value = '']) => {
      return [metrics, ofServers].every((given) => valueOf(given, name, { [label]: value }) === undefined);
    });
    expect(missing).toEqual([]);
  });
});

/** Undefined where there is no such sample. */
function valueOf(
  metrics: ReadonlyMap<string, Metric>,
  sample: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  for (const { samples } of metrics.values()) {
    const found = samples.find(
      ({ name, labels: own }) =>
        name === sample && Object.entries(labels).every(([key, value]) => own.get(key) === value),
    );
    if (found !== undefined) return found.value;
  }
  return undefined;
}
