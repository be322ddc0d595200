import { gzipSync } from 'node:zlib';
import type { ServicesResponse } from '../packages/trace/src/client/api-types.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCollector } from './support/collector.ts';
import type { Collector } from './support/collector.ts';
import { eventually, residentBytes } from './support/processes.ts';
import { aRequest, postJson } from './support/traces.ts';

const MIB = 1024 * 1024;

describe('bad input over HTTP', () => {
  let collector: Collector;
  let accepted = 0;
  beforeAll(async () => {
    collector = await startCollector();
  });
  afterAll(() => collector.stop());

  function post(body: BodyInit, headers: Record<string, string>, path = '/v1/traces'): Promise<Response> {
    return fetch(`${collector.otlpUrl}${path}`, { method: 'POST', headers, body });
  }

  async function expectRefusal(response: Response, status: number, words: RegExp): Promise<void> {
    expect(response.status).toBe(status);
    expect(await response.text()).toMatch(words);
    const next = await postJson(collector.otlpUrl, aRequest(`after-${accepted}`, 1, 'after'));
    expect(next.status, 'the next request').toBe(200);
    accepted += 1;
  }

  const protobuf = { 'content-type': 'application/x-protobuf' };
  const json = { 'content-type': 'application/json' };

  it('answers 400 to a malformed protobuf', async () => {
    await expectRefusal(
      await post(Uint8Array.from([0xff, 0xff, 0xff, 0xff]), protobuf),
      400,
      /protobuf|varint|tag|wire/i,
    );
  });

  it('answers 400 to a truncated protobuf, and stores none of its spans', async () => {
    const span = [0x0a, 16, ...Array.from({ length: 16 }, () => 7), 0x12, 8, ...Array.from({ length: 8 }, () => 9)];
    const spans = [0x12, span.length + 2, 0x12, span.length, ...span];
    const whole = Uint8Array.from([0x0a, spans.length, ...spans]);
    await expectRefusal(await post(whole.subarray(0, -3), protobuf), 400, /truncated|beyond|ends/i);
  });

  it('answers 400 to malformed JSON and to JSON of another shape', async () => {
    await expectRefusal(await post('{"resourceSpans": [', json), 400, /JSON/);
    await expectRefusal(await post('{"resourceSpans": 7}', json), 400, /resourceSpans/);
  });

  it('answers 415 to a wrong content type', async () => {
    await expectRefusal(await post('hello', { 'content-type': 'text/plain' }), 415, /text\/plain/);
  });

  it('answers 415 to an unknown content encoding', async () => {
    await expectRefusal(await post('{}', { ...json, 'content-encoding': 'br2' }), 415, /br2/);
  });

  it('answers 413 to a body over the limit', async () => {
    await expectRefusal(await post(new Uint8Array(17 * MIB), protobuf), 413, /16/);
  });

  it('answers 413 to a gzip bomb and its memory stays flat', async () => {
    const bomb = gzipSync(Buffer.alloc(512 * MIB, 0), { level: 9 });
    await expectRefusal(await post(bomb, { ...protobuf, 'content-encoding': 'gzip' }), 413, /16/);
    const before = residentBytes(collector.pid);
    for (let round = 0; round < 20; round += 1) {
      const response = await post(bomb, { ...protobuf, 'content-encoding': 'gzip' });
      expect(response.status).toBe(413);
      await response.arrayBuffer();
    }
    expect(residentBytes(collector.pid) - before).toBeLessThan(96 * MIB);
  });

  it('answers 404 to an unknown path and 405 to another method', async () => {
    await expectRefusal(await post('{}', json, '/v1/unknown'), 404, /\/v1\/traces/);
    const response = await fetch(`${collector.otlpUrl}/v1/traces`);
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toContain('POST');
  });

  it('answers metrics and logs with a partial success, and logs them once', async () => {
    const metrics = { resourceMetrics: [{ scopeMetrics: [{ metrics: [{ gauge: { dataPoints: [{}, {}] } }] }] }] };
    const logs = { resourceLogs: [{ scopeLogs: [{ logRecords: [{}, {}, {}] }] }] };
    for (let repeat = 0; repeat < 3; repeat++) {
      const ofMetrics = await post(JSON.stringify(metrics), json, '/v1/metrics');
      expect([ofMetrics.status, await ofMetrics.json()]).toMatchObject([
        200,
        { partialSuccess: { rejectedDataPoints: '2' } },
      ]);
      // As an SDK makes it of an endpoint that names a path already.
      const ofLogs = await post(JSON.stringify(logs), json, '/v1/traces/v1/logs');
      expect([ofLogs.status, await ofLogs.json()]).toMatchObject([
        200,
        { partialSuccess: { rejectedLogRecords: '3' } },
      ]);
    }
    expect(collector.output().match(/only traces /g)).toHaveLength(1);
    const counted = await (await fetch(`${collector.apiUrl}/metrics`)).text();
    expect(counted).toContain('throughline_unstored_records_total{signal="metrics"} 6');
    expect(counted).toContain('throughline_unstored_records_total{signal="logs"} 9');
    await expectRefusal(await post('{', json, '/v1/metrics'), 400, /JSON/);
  });

  it('answers a google.rpc.Status in the encoding of the request', async () => {
    const response = await post('{', json);
    expect(response.headers.get('content-type')).toContain('application/json');
    expect(await response.json()).toMatchObject({ code: 3, message: expect.any(String) as string });
    const binary = await post(Uint8Array.from([0x0a]), protobuf);
    expect(binary.headers.get('content-type')).toContain('application/x-protobuf');
    expect([...new Uint8Array(await binary.arrayBuffer()).subarray(0, 2)]).toEqual([0x08, 3]);
  });

  it('rejects single spans without an id as a partial success', async () => {
    const body = JSON.parse(aRequest('partial', 2, 'after')) as {
      resourceSpans: [{ scopeSpans: [{ spans: [{ spanId: string }] }] }];
    };
    body.resourceSpans[0].scopeSpans[0].spans[0].spanId = '';
    const response = await post(JSON.stringify(body), json);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      partialSuccess: { rejectedSpans: '1', errorMessage: expect.stringMatching(/span/) as string },
    });
    accepted += 1;
  });

  it('kept exactly what it acknowledged', async () => {
    const { services } = await eventually('all is stored', async () => {
      const response = (await (await fetch(`${collector.apiUrl}/api/v1/services`)).json()) as ServicesResponse;
      return response.services.some(({ spanCount }) => spanCount >= accepted) ? response : undefined;
    });
    expect(services.map(({ name, spanCount }) => ({ name, spanCount }))).toEqual([
      { name: 'after', spanCount: accepted },
    ]);
  });
});

describe('bad questions to the API', () => {
  let collector: Collector;
  beforeAll(async () => {
    collector = await startCollector();
  });
  afterAll(() => collector.stop());

  it.for([
    ['/api/v1/traces/xyz', 400],
    [`/api/v1/traces/${'0'.repeat(32)}`, 400],
    [`/api/v1/traces/${'a'.repeat(32)}`, 404],
    [`/api/v1/traces/${'a'.repeat(32)}/story`, 404],
    ['/api/v1/traces/xyz/story', 400],
    ['/api/v1/traces?limit=-1', 400],
    ['/api/v1/traces?minDurationMs=fast', 400],
    ['/api/v1/traces?status=bad', 400],
    ['/api/v1/traces?from=yesterday-ish', 400],
    ['/api/v1/traces?tag=novalue', 400],
    ['/api/v1/traces?cursor=%27%3B--', 400],
    ['/api/v1/headlines?ids=xyz', 400],
    ['/api/v1/unknown', 404],
  ] as const)('%s is answered with %i and {error: {code, message}}', async ([path, status]) => {
    const response = await fetch(`${collector.apiUrl}${path}`);
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual({
      error: { code: expect.stringMatching(/^[a-z_]+$/) as string, message: expect.any(String) as string },
    });
  });
});
