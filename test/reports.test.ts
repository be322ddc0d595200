import type { TracesData } from '@throughline/trace';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aCheckout } from '../packages/trace/src/testing/a-checkout.ts';
import { A_START_UNIX_NANO, A_TRACE_ID, spansOf } from '../packages/trace/src/testing/a-trace.ts';
import { runCommand, startCollector, type Collector } from './support/collector.ts';
import { eventually } from './support/processes.ts';
import { postJson, traceIdOf } from './support/traces.ts';

const MINUTE_MS = 60_000;
const END_MS = Date.now() - MINUTE_MS;

function checkoutAt(name: string, startMs: number, plan: Parameters<typeof aCheckout>[0] = {}): TracesData {
  const shift = BigInt(startMs) * 1_000_000n - A_START_UNIX_NANO;
  const data = JSON.parse(JSON.stringify(aCheckout(plan)).replaceAll(A_TRACE_ID, traceIdOf(name))) as TracesData;
  for (const span of spansOf(data)) {
    span.startTimeUnixNano = String(BigInt(span.startTimeUnixNano) + shift);
    span.endTimeUnixNano = String(BigInt(span.endTimeUnixNano) + shift);
  }
  return data;
}

const spanId = (at: number): string => String(at + 1).padStart(16, '0');
const ns = (milliseconds: number): string => `${milliseconds}000000`;

describe('reports as Markdown', () => {
  let collector: Collector;

  beforeAll(async () => {
    collector = await startCollector();
    for (let at = 0; at < 40; at++) {
      const startMs = END_MS - at * MINUTE_MS;
      const fails = at < 20;
      await postJson(
        collector.otlpUrl,
        JSON.stringify(checkoutAt(`${at}`, startMs, { fails, ...(fails ? {} : { tries: 2 }) })),
      );
    }
    await eventually('all traces are found', async () => {
      const response = await get('/api/v1/traces?limit=100');
      return ((await response.json()) as { traces: unknown[] }).traces.length === 40;
    });
  });
  afterAll(() => collector.stop());

  const get = (path: string, accept = '*/*', init: RequestInit = {}): Promise<Response> =>
    fetch(collector.apiUrl + path, { ...init, headers: { accept, ...(init.headers as Record<string, string>) } });
  const markdownOf = async (path: string, init: RequestInit = {}): Promise<string> => {
    const response = await get(path, 'text/markdown', init);
    expect([path, response.status, response.headers.get('content-type')]).toEqual([
      path,
      200,
      'text/markdown; charset=utf-8',
    ]);
    return response.text();
  };
  const printed = async (...args: readonly string[]): Promise<string> => {
    const command = runCommand([...args, '--md', '--url', collector.apiUrl]);
    expect(await command.exited).toMatchObject({ code: 0 });
    return command.output();
  };

  const range = [END_MS - 20 * MINUTE_MS + 1, END_MS + 1] as const;
  const before = [END_MS - 60 * MINUTE_MS, range[0]] as const;

  it('are what the commands print', async () => {
    const id = traceIdOf('3');
    expect(await markdownOf(`/api/v1/traces/${id}`)).toBe(await printed('trace', id, '--width', '100'));
    expect(await markdownOf(`/api/v1/traces/${id}/story`)).toBe(await printed('why', id));
    expect(await markdownOf(`/api/v1/traces/${id}/story?spans=1`)).toBe(await printed('why', id, '--spans', '1'));
    const times = ['--from', ns(range[0]), '--to', ns(range[1])];
    const changes = `from=${ns(range[0])}&to=${ns(range[1])}&baselineFrom=${ns(before[0])}&baselineTo=${ns(before[1])}`;
    expect(await markdownOf(`/api/v1/changes?${changes}`)).toBe(
      await printed('changes', ...times, '--baseline', `${ns(before[0])}..${ns(before[1])}`, '--limit', '50'),
    );
    const windows = {
      incident: { fromUnixNano: ns(range[0]), toUnixNano: ns(range[1]) },
      baseline: { fromUnixNano: ns(before[0]), toUnixNano: ns(before[1]) },
    };
    expect(
      await markdownOf('/api/v1/incidents/explain', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(windows),
      }),
    ).toBe(
      await printed(
        'explain',
        '--incident',
        `${ns(range[0])}..${ns(range[1])}`,
        '--baseline',
        `${ns(before[0])}..${ns(before[1])}`,
      ),
    );
  });

  it('are the same for a trace that is read in a thread of its own', async () => {
    const id = traceIdOf('large');
    const startMs = END_MS - 24 * 60 * MINUTE_MS;
    const spans = Array.from({ length: 6_000 }, (_, at) => ({
      traceId: id,
      spanId: spanId(at),
      ...(at > 0 && { parentSpanId: spanId(Math.floor((at - 1) / 8)) }),
      name: `call ${at}`,
      kind: 3,
      startTimeUnixNano: ns(startMs + Math.floor(at / 10)),
      endTimeUnixNano: ns(startMs + 1_000 + at),
      attributes: [{ key: 'text', value: { stringValue: 'x'.repeat(100) } }],
    }));
    const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'deep' } }] };
    await postJson(collector.otlpUrl, JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans }] }] }));
    await eventually('the trace is found', async () => (await get(`/api/v1/traces/${id}/story`)).status === 200);
    const text = await markdownOf(`/api/v1/traces/${id}`);
    expect(text).toBe(await printed('trace', id, '--width', '100'));
    expect(text).toContain('6,000 spans');
    const metrics = await (await get('/metrics')).text();
    expect(metrics).toMatch(/^throughline_large_trace_queries_total\{outcome="answered"\} [1-9]/m);
  });

  it('list traces with their headlines, which a search in JSON leaves to be computed', async () => {
    const text = await markdownOf('/api/v1/traces?limit=3&service=fraud');
    const items = text.split('\n').filter((line) => line.startsWith('- '));
    expect(items.map((line) => /`([0-9a-f]{32})`/.exec(line)?.[1])).toEqual([0, 1, 2].map((at) => traceIdOf(`${at}`)));
    for (const item of items) expect(item).toContain('POST /buy timed out');
    // The age is counted from when it was asked.
    const ages = /\d+[smh] ago/g;
    const search = await printed('search', '--service', 'fraud', '--limit', '3');
    expect(search.replaceAll(ages, '')).toBe(text.replaceAll(ages, ''));
  });

  it('list what completes a search', async () => {
    await eventually('attributes are counted', async () => (await markdownOf('/api/v1/attributes')).includes('- '));
    expect(await markdownOf('/api/v1/attributes?prefix=db.')).toMatch(/^- `db\.system\.name` in about \d+ spans?$/m);
    for (const path of ['/api/v1/attributes/db.system.name/values', '/api/v1/attribute-values?key=db.system.name']) {
      expect(await markdownOf(path)).toMatch(/^- `postgresql` in about \d+ spans?$/m);
    }
  });

  it('are sent to those who prefer them, and say that others get JSON', async () => {
    const path = `/api/v1/traces/${traceIdOf('3')}/story`;
    const answers = await Promise.all(
      ['*/*', 'text/markdown, */*', 'application/json, text/markdown;q=0.9', 'text/markdown;q=0, */*'].map(
        async (accept) => {
          const response = await get(path, accept);
          await response.arrayBuffer();
          return [response.status, response.headers.get('content-type'), response.headers.get('vary')];
        },
      ),
    );
    const [json, markdown] = ['application/json', 'text/markdown; charset=utf-8'];
    const vary = 'Accept, Accept-Encoding';
    expect(answers).toEqual([
      [200, json, vary],
      [200, markdown, vary],
      [200, json, vary],
      [200, json, vary],
    ]);
    const head = await get(path, 'text/markdown', { method: 'HEAD' });
    expect([head.headers.get('content-type'), await head.text()]).toEqual([markdown, '']);
  });

  it('are refused to those who refuse JSON, where there is a choice', async () => {
    const story = await get(`/api/v1/traces/${traceIdOf('3')}/story`, 'application/xml, */*;q=0');
    expect([story.status, story.headers.get('vary')]).toEqual([406, 'Accept, Accept-Encoding']);
    expect(((await story.json()) as { error: { code: string } }).error.code).toBe('not_acceptable');
    const services = await get('/api/v1/services', 'text/markdown');
    expect([services.status, services.headers.get('content-type')]).toEqual([200, 'application/json']);
    await services.arrayBuffer();
    const unknown = await get(`/api/v1/traces/${traceIdOf('none')}/story`, 'text/markdown');
    expect([unknown.status, unknown.headers.get('content-type')]).toEqual([404, 'application/json']);
    await unknown.arrayBuffer();
  });

  it('lead to the UI under the name, the scheme and the prefix that the reader came by', async () => {
    const text = await markdownOf(`/api/v1/traces/${traceIdOf('3')}/story`, {
      headers: { 'x-forwarded-proto': 'https' },
    });
    expect(text).toContain(`<${collector.apiUrl.replace('http:', 'https:')}/trace/${traceIdOf('3')}>`);
  });

  it('are described beside the JSON', async () => {
    const { paths } = (await (await get('/api/v1/openapi.json')).json()) as {
      paths: Record<string, Record<string, { responses?: Record<string, { content?: object }> }>>;
    };
    const described = Object.entries(paths).flatMap(([path, methods]) =>
      Object.values(methods)
        .filter(({ responses }) => 'text/markdown' in (responses?.['200']?.content ?? {}))
        .map(({ responses = {} }) => [path, Object.keys(responses['200']?.content ?? {}), '406' in responses]),
    );
    const both = ['application/json', 'text/markdown'];
    expect(described.map(([, types, has406]) => [types, has406])).toEqual(described.map(() => [both, true]));
    expect(described.map(([path]) => String(path)).toSorted()).toEqual([
      '/api/v1/attribute-values',
      '/api/v1/attributes',
      '/api/v1/attributes/{key}/values',
      '/api/v1/changes',
      '/api/v1/incidents/explain',
      '/api/v1/traces',
      '/api/v1/traces/{traceId}',
      '/api/v1/traces/{traceId}/compare',
      '/api/v1/traces/{traceId}/story',
    ]);
  });
});
