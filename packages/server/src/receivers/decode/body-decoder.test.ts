import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import type { TracesData } from '@throughline/trace';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Ingest } from '../../ingest/ingest.ts';
import { Spool } from '../../spool/spool.ts';
import { silentLog as log } from '../../storage/testing/start-engine.ts';
import type { OtlpHttpLimits, ReceiverLimits } from '../limits.ts';
import { HttpReceiver } from '../http/http-receiver.ts';
import { encodeOtlp } from '../testing/encode-otlp.ts';
import { sharedByReceivers } from '../testing/shared-by-receivers.ts';

let directory: string;
let registry: Registry;
let spool: Spool;
let receiver: HttpReceiver;
let url: string;
let stops: (() => Promise<void>)[];

async function start(limits: Partial<OtlpHttpLimits & ReceiverLimits> = {}): Promise<void> {
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
  receiver = new HttpReceiver({ ...sharedByReceivers(ingest, registry, limits), limits });
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

test('a large body is answered as a small one, rejections and warnings included', async () => {
  await start();
  const many = Array.from({ length: 1_000 }, () => aSpan());
  const answers: unknown[] = [];
  for (const spans of [[], many]) {
    const odd = [aSpan({ spanId: '' }), aSpan({ attributes: Array.from({ length: 5 }, () => attribute) })];
    const answer = await send(request(...odd, ...spans));
    answers.push([answer.status, await answer.json()]);
  }
  const errorMessage: unknown = expect.stringMatching(
    /^1 span .*rejected: span id .*; 2 attributes .*\(ingest\.attributesMax\)$/,
  );
  const expected = [200, { partialSuccess: { rejectedSpans: '1', errorMessage } }];
  expect(answers).toEqual([expected, expected]);
  const metrics = await registry.metrics();
  expect(metrics).toContain('throughline_body_decoder_bodies_total{outcome="decoded"} 1');
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
  const partialSuccess = {
    rejectedSpans: '1',
    errorMessage: expect.stringMatching(
      /^1 span .*rejected: trace id .*; 1 attribute .*\(attribute\), 1 link .*\(link\), 1 .*\(field\); .*: resourceSpans\[0\].*spans\[0\]\.kind/,
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
  await start({ decoderHeapBytesMax: 16 * 1024 * 1024 });
  // What is unknown is parsed, whatever it is.
  const answer = await send(`{"unknown":[${Array(900_000).fill('{}').join(',')}]}`);
  expect([answer.status, await answer.json()]).toEqual([
    413,
    { code: 8, message: expect.stringContaining('too much memory') },
  ]);
  expect(await registry.metrics()).toContain(
    'throughline_limit_reached_total{limit="receivers.decoderHeapBytesMax"} 1',
  );
  expect((await send(request(...Array.from({ length: 1_000 }, () => aSpan())))).status).toBe(200);
});

test('too many objects are answered 413 and counted', async () => {
  await start({ jsonObjectsMax: 1_000 });
  const answer = await send(request(...Array.from({ length: 1_000 }, () => aSpan())));
  expect(answer.status).toBe(413);
  expect(await registry.metrics()).toContain('throughline_limit_reached_total{limit="otlpHttp.jsonObjectsMax"} 1');
});

test('bodies at the same time are all taken, and the thread that was idle starts again', async () => {
  await start({ decoderThreadIdleMs: 1 });
  for (let round = 0; round < 2; round++) {
    const bodies = Array.from({ length: 8 }, () => request(...Array.from({ length: 500 }, () => aSpan())));
    const statuses = await Promise.all(bodies.map(async (body) => (await send(body)).status));
    expect(statuses).toEqual(Array(8).fill(200));
    await expect.poll(() => registry.metrics()).toContain('throughline_body_decoder_waiting_bodies 0');
  }
  expect(await registry.metrics()).toContain('throughline_accepted_spans_total 8000');
  expect(spool.status.backlogBytes).toBeGreaterThan(0);
});

const attributesOf = (count: number): object[] =>
  Array.from({ length: count }, () => ({ key: 'k', value: { arrayValue: { values: [] } } }));
const encoded = (...spans: object[]): Uint8Array<ArrayBuffer> =>
  new Uint8Array(encodeOtlp({ resourceSpans: [{ scopeSpans: [{ spans }] }] } as unknown as TracesData));
const inside = (tags: readonly number[], content: Buffer): Buffer =>
  tags.reduceRight((inner, tag) => Buffer.concat([Buffer.from([tag]), lengthOf(inner), inner]), content);

describe('protobuf', () => {
  const ACCEPTED = { headers: { 'content-type': 'application/x-protobuf' }, method: 'POST' };
  const post = (body: Uint8Array<ArrayBuffer>): Promise<Response> => fetch(url, { ...ACCEPTED, body });
  test('a large body, and one that is much work, are answered as a small one', async () => {
    await start({ protobufInlineBytesMax: 50_000, protobufInlineMessagesMax: 1_000 });
    const answers: unknown[] = [];
    const odd = [aSpan({ spanId: '' }), aSpan({ attributes: attributesOf(5) })];
    const many = Array.from({ length: 900 }, () => aSpan());
    const bodies = [
      encoded(...odd),
      encoded(...odd, ...many),
      encoded(...odd, aSpan({ attributes: attributesOf(500) })),
    ];
    for (const body of bodies) {
      const answer = await post(body);
      answers.push([answer.status, Buffer.from(await answer.arrayBuffer()).toString('latin1')]);
    }
    expect(bodies.map(({ length }) => length > 50_000)).toEqual([false, true, false]);
    expect(answers).toEqual([
      [200, expect.stringMatching(/1 span .*rejected: span id .*; 2 attributes/)],
      [200, expect.stringMatching(/1 span .*rejected: span id .*; 2 attributes/)],
      [200, expect.stringMatching(/1 span .*rejected: span id .*; 499 attributes/)],
    ]);
    const metrics = await registry.metrics();
    expect(metrics).toContain('throughline_body_decoder_bodies_total{outcome="decoded"} 2');
    expect(metrics).toContain('throughline_accepted_spans_total 904');
    expect(metrics).toContain('throughline_rejected_spans_total{reason="span_id"} 3');
  });

  /** Messages without contents are two bytes each. */
  const COUNT = 2_000;
  const empties = (tag: number): Buffer => Buffer.alloc(2 * COUNT, Buffer.from([tag, 0]));
  const kinds: Readonly<Record<string, readonly number[]>> = {
    'resource spans': [0x0a],
    resources: [0x0a, 0x0a],
    'attributes of a resource': [0x0a, 0x0a, 0x0a],
    'entity references': [0x0a, 0x0a, 0x1a],
    'keys of an entity reference': [0x0a, 0x0a, 0x1a, 0x1a],
    'scope spans': [0x0a, 0x12],
    scopes: [0x0a, 0x12, 0x0a],
    'attributes of a scope': [0x0a, 0x12, 0x0a, 0x1a],
    spans: [0x0a, 0x12, 0x12],
    attributes: [0x0a, 0x12, 0x12, 0x4a],
    'values of an attribute': [0x0a, 0x12, 0x12, 0x4a, 0x12],
    'elements of an array': [0x0a, 0x12, 0x12, 0x4a, 0x12, 0x2a, 0x0a],
    'elements of a map': [0x0a, 0x12, 0x12, 0x4a, 0x12, 0x32, 0x0a],
    'values of an element of a map': [0x0a, 0x12, 0x12, 0x4a, 0x12, 0x32, 0x0a, 0x12],
    events: [0x0a, 0x12, 0x12, 0x5a],
    'attributes of an event': [0x0a, 0x12, 0x12, 0x5a, 0x1a],
    links: [0x0a, 0x12, 0x12, 0x6a],
    'attributes of a link': [0x0a, 0x12, 0x12, 0x6a, 0x22],
    statuses: [0x0a, 0x12, 0x12, 0x7a],
  };

  test.each(Object.entries(kinds))('so many empty %s are the work of the thread', async (_, tags) => {
    await start({ protobufInlineMessagesMax: COUNT - 1 });
    const answer = await post(new Uint8Array(inside(tags.slice(0, -1), empties(tags.at(-1) ?? 0))));
    expect(answer.status).toBe(200);
    expect(await registry.metrics()).toMatch(/throughline_body_decoder_bodies_total\{outcome="decoded"\} 1\n/);
  });
});

/** Of a message, as a varint. */
function lengthOf({ length }: Buffer): Buffer {
  const digits: number[] = [];
  let rest = length;
  for (; rest >= 128; rest = Math.floor(rest / 128)) digits.push((rest % 128) | 128);
  return Buffer.from([...digits, rest]);
}
