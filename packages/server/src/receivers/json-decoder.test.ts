import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Ingest } from '../ingest/ingest.ts';
import { Spool } from '../ingest/spool.ts';
import { silentLog as log } from '../storage/testing/start-engine.ts';
import type { OtlpHttpLimits } from './limits.ts';
import { OtlpHttpReceiver } from './otlp-http.ts';
import { sharedByReceivers } from './testing/shared-by-receivers.ts';

/** What `tsc -b packages/server` has made of it. */
const jsonWorkerPath = new URL('../../dist/receivers/json-worker.js', import.meta.url);

let directory: string;
let registry: Registry;
let spool: Spool;
let receiver: OtlpHttpReceiver;
let url: string;
let stops: (() => Promise<void>)[];

async function start(limits: Partial<OtlpHttpLimits> = {}): Promise<void> {
  directory = mkdtempSync(join(tmpdir(), 'throughline-json-'));
  registry = new Registry();
  spool = new Spool({ directory, log, registry, limits: { segmentAgeMs: 3_600_000 } });
  await spool.open();
  const ingest = new Ingest({
    spool,
    registry,
    limits: { attributesMax: 3, recentRequestsMax: 0 },
    now: () => 1_795_000_100_000,
  });
  receiver = new OtlpHttpReceiver({ ingest, ...sharedByReceivers(registry), limits, jsonWorkerPath });
  const { port } = await receiver.start('127.0.0.1', 0);
  url = `http://127.0.0.1:${port}/v1/traces`;
  stops.push(
    () => receiver.close(),
    () => spool.close(),
  );
}

beforeEach(() => {
  stops = [];
});
afterEach(async () => {
  for (const stop of stops) await stop();
  rmSync(directory, { recursive: true, force: true });
});

const attribute = { key: 'k', value: { stringValue: 'x'.repeat(100) } };
const aSpan = (fields: object = {}): object => ({
  traceId: 'ab'.repeat(16),
  spanId: 'cd'.repeat(8),
  name: 'a',
  startTimeUnixNano: '1795000000000000000',
  endTimeUnixNano: '1795000000000000001',
  attributes: [attribute],
  ...fields,
});
const request = (...spans: object[]): string => JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] });

function send(body: string): Promise<Response> {
  return fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
}

test('a large body is answered as a small one, refusals and warnings included', async () => {
  await start();
  const many = Array.from({ length: 1_000 }, () => aSpan());
  const answers: unknown[] = [];
  for (const spans of [[], many]) {
    const odd = [aSpan({ spanId: '' }), aSpan({ attributes: Array.from({ length: 5 }, () => attribute) })];
    const answer = await send(request(...odd, ...spans));
    answers.push([answer.status, await answer.json()]);
  }
  const errorMessage =
    '1 span was refused: span id has 0 bytes instead of 8; 2 attributes were dropped (ingest.attributesMax)';
  const expected = [200, { partialSuccess: { rejectedSpans: '1', errorMessage } }];
  expect(answers).toEqual([expected, expected]);
  const metrics = await registry.metrics();
  expect(metrics).toContain('throughline_json_decoder_bodies_total{outcome="decoded"} 1');
  expect(metrics).toContain('throughline_accepted_spans_total 1002');
  expect(metrics).toContain('throughline_rejected_spans_total{reason="span_id"} 2');
  expect(metrics).toContain('throughline_limit_reached_total{limit="ingest.attributesMax"} 4');
});

test('a bad part costs a large body what it costs a small one', async () => {
  await start();
  const many = Array.from({ length: 1_000 }, () => aSpan());
  const answers: unknown[] = [];
  for (const spans of [[], many]) {
    const odd = [aSpan({ kind: 'no', links: [{}] }), aSpan({ traceId: 'no' }), aSpan({ attributes: [null] })];
    const answer = await send(request(...odd, ...spans));
    answers.push([answer.status, await answer.json()]);
  }
  const errorMessage = [
    '1 span was refused: trace id is not 32 hexadecimal digits',
    '1 attributes without a valid key and value were dropped (attribute), 1 links without valid ids were dropped (link), ',
  ].join('; ');
  const partialSuccess = {
    rejectedSpans: '1',
    errorMessage: expect.stringMatching(
      `^${errorMessage.replaceAll(/[()[\]]/g, String.raw`\$&`)}1 invalid fields were left out \\(field\\); the first: resourceSpans\\[0\\].*spans\\[0\\].kind`,
    ) as string,
  };
  expect(answers).toEqual([
    [200, { partialSuccess }],
    [200, { partialSuccess }],
  ]);
  const metrics = await registry.metrics();
  for (const part of ['attribute', 'link', 'field']) {
    expect(metrics).toContain(`throughline_bad_parts_total{part="${part}"} 2`);
  }
});

test('a malformed large body is answered 400 with the place of the mistake', async () => {
  await start();
  const body = request(...Array.from({ length: 1_000 }, () => aSpan()));
  const answer = await send(`${body.slice(0, -2)}!${body.slice(-2)}`);
  const message = expect.stringMatching(/^malformed JSON: .*position/) as string;
  expect([answer.status, await answer.json()]).toEqual([400, { code: 3, message }]);
  expect((await send(request(aSpan()))).status).toBe(200);
});

test('a small request is not held up by a large one', async () => {
  await start();
  const order: string[] = [];
  const body = request(...Array.from({ length: 40_000 }, () => aSpan()));
  const large = send(body).then(({ status }) => order.push(`large ${status}`));
  // Its body is read, and the thread is at work.
  await expect.poll(() => registry.metrics()).toContain(`throughline_otlp_http_body_bytes_total ${body.length}`);
  await send(request(aSpan())).then(({ status }) => order.push(`small ${status}`));
  await large;
  expect(order).toEqual(['small 200', 'large 200']);
});

test('a body that takes too much memory is answered 413, and the next one is taken', async () => {
  await start({ jsonHeapBytesMax: 16 * 1024 * 1024 });
  // What is unknown is parsed, whatever it is.
  const answer = await send(`{"unknown":[${Array(900_000).fill('{}').join(',')}]}`);
  expect([answer.status, await answer.json()]).toEqual([
    413,
    { code: 8, message: 'the request takes too much memory to be decoded; send fewer spans in a request' },
  ]);
  expect(await registry.metrics()).toContain('throughline_limit_reached_total{limit="otlpHttp.jsonHeapBytesMax"} 1');
  expect((await send(request(...Array.from({ length: 1_000 }, () => aSpan())))).status).toBe(200);
});

test('too many objects are answered 413 and counted', async () => {
  await start({ jsonObjectsMax: 1_000 });
  const answer = await send(request(...Array.from({ length: 1_000 }, () => aSpan())));
  expect(answer.status).toBe(413);
  expect(await registry.metrics()).toContain('throughline_limit_reached_total{limit="otlpHttp.jsonObjectsMax"} 1');
});

test('bodies at the same time are all taken, and the thread that was idle starts again', async () => {
  await start({ jsonThreadIdleMs: 1 });
  for (let round = 0; round < 2; round++) {
    const bodies = Array.from({ length: 8 }, () => request(...Array.from({ length: 500 }, () => aSpan())));
    const statuses = await Promise.all(bodies.map(async (body) => (await send(body)).status));
    expect(statuses).toEqual(Array(8).fill(200));
    await expect.poll(() => registry.metrics()).toContain('throughline_json_decoder_waiting_bodies 0');
  }
  expect(await registry.metrics()).toContain('throughline_accepted_spans_total 8000');
  expect(spool.status.backlogBytes).toBeGreaterThan(0);
});
