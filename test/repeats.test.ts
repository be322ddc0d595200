import { rmSync } from 'node:fs';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { Client, credentials } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import type { TracesData } from '../packages/trace/src/otlp.ts';
import { isSpoolEmpty, newDirectory, startCollector, type Collector } from './support/collector.ts';
import { canInjectFaults, FaultInjection } from './support/fault-injection.ts';
import { NumberedRequest } from './support/numbered-request.ts';
import { eventually } from './support/processes.ts';
import { NOTHING_WRONG, SpanLedger, traceIdOfRequest } from './support/span-ledger.ts';

const SPANS_PER_REQUEST = 300;
const EXPORT = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
const PROTOBUF = { 'content-type': 'application/x-protobuf' };

async function metric({ apiUrl }: Collector, name: string): Promise<number> {
  const text = await (await fetch(`${apiUrl}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1]);
}

async function post({ otlpUrl }: Collector, body: Uint8Array, headers: Record<string, string>): Promise<string> {
  const response = await fetch(`${otlpUrl}/v1/traces`, { method: 'POST', headers, body: new Uint8Array(body) });
  return `${response.status} ${Buffer.from(await response.arrayBuffer()).toString('hex')}`;
}

/** Sends the whole request, or so many bytes of its body, and leaves before an answer can come. */
function postAndLeave({ otlpUrl }: Collector, body: Uint8Array, bytes = body.length): Promise<void> {
  const { port, host } = new URL(otlpUrl);
  const head = `POST /v1/traces HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/x-protobuf\r\ncontent-length: ${body.length}\r\n\r\n`;
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), '127.0.0.1', () => {
      socket.write(Buffer.concat([Buffer.from(head), body.subarray(0, bytes)]), () => socket.destroySoon());
    });
    socket.on('error', reject).on('close', () => resolve());
  });
}

const same = (bytes: Buffer): Buffer => bytes;

function postByGrpc(client: Client, body: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(EXPORT, same, same, body, (error, answer) =>
      error === null ? resolve(`OK ${(answer ?? Buffer.alloc(0)).toString('hex')}`) : reject(error),
    );
  });
}

/** Behind the others, spans without an id: a partial success. */
function jsonRequest(number: number, spans: number): Buffer {
  const id = number.toString(16).padStart(8, '0');
  const time = `${Date.now()}000000`;
  const span = (spanId: string) => ({
    traceId: id.padStart(32, '0'),
    spanId,
    name: 'operation',
    startTimeUnixNano: time,
    endTimeUnixNano: time,
    attributes: [{ key: 'text', value: { stringValue: 'x'.repeat(200) } }],
  });
  const good = Array.from({ length: spans }, (_, index) => span(id + (index + 1).toString(16).padStart(8, '0')));
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'ledger' } }] };
  return Buffer.from(JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans: [...good, span('')] }] }] }));
}

/** Sends one request after the other, each with spans of its own, as often as it is told; the ledger has them as acknowledged. */
function stampingInto(ledger: SpanLedger): (send: (bytes: Buffer) => Promise<void>) => Promise<boolean> {
  const request = new NumberedRequest(SPANS_PER_REQUEST);
  return (send) =>
    ledger.enter(async (number) => {
      request.stamp(number);
      await send(Buffer.from(request.bytes));
      return true;
    });
}

describe('a request that is sent again', () => {
  it('is answered as the first one and stored once, whatever it comes by', async () => {
    const dataDirectory = newDirectory();
    const collector = await startCollector({ dataDirectory });
    const grpc = new Client(new URL(collector.otlpGrpcUrl).host, credentials.createInsecure());
    const ledger = new SpanLedger(SPANS_PER_REQUEST);
    const stampAndPost = stampingInto(ledger);

    // One after the other, compressed or not, and by the other protocol.
    await stampAndPost(async (bytes) => {
      const first = await post(collector, bytes, PROTOBUF);
      expect(first).toBe('200 ');
      expect(await post(collector, bytes, PROTOBUF)).toBe(first);
      expect(await post(collector, gzipSync(bytes), { ...PROTOBUF, 'content-encoding': 'gzip' })).toBe(first);
      expect(await postByGrpc(grpc, bytes)).toBe('OK ');
    });
    // At once: all but one wait for the same commit.
    await stampAndPost(async (bytes) => {
      const senders = Array.from({ length: 8 }, (_, index) =>
        index % 2 === 0 ? post(collector, bytes, PROTOBUF) : postByGrpc(grpc, bytes),
      );
      expect(new Set(await Promise.all(senders))).toEqual(new Set(['200 ', 'OK ']));
    });
    // The answer to the first was lost.
    await stampAndPost(async (bytes) => {
      await postAndLeave(collector, bytes);
      expect(await post(collector, bytes, PROTOBUF)).toBe('200 ');
    });
    // JSON, walked over where it arrives, and in a thread of its own; the partial success comes again as well.
    const smallLedger = new SpanLedger(20);
    for (const [book, offset] of [
      [ledger, 0],
      [smallLedger, 1_000_000],
    ] as const) {
      await book.enter(async (number) => {
        const body = jsonRequest(offset + number, book.spansPerRequest);
        const headers = { 'content-type': 'application/json' };
        const [first, ...repeats] = await Promise.all([1, 2, 3].map(() => post(collector, body, headers)));
        expect(Buffer.from(first?.slice(4) ?? '', 'hex').toString()).toContain('"rejectedSpans":"1"');
        expect(repeats).toEqual([first, first]);
        return true;
      });
    }
    // Another request is no repeat, however like it is.
    await stampAndPost(async (bytes) => expect(await post(collector, bytes, PROTOBUF)).toBe('200 '));
    grpc.close();

    const spans = ledger.counts.acknowledged * SPANS_PER_REQUEST + 20;
    expect(await metric(collector, 'throughline_accepted_spans_total')).toBe(spans);
    expect(await metric(collector, 'throughline_repeated_requests_total')).toBe(3 + 7 + 1 + 2 + 2);
    await eventually('everything is loaded', () => isSpoolEmpty(collector));
    await collector.stop({ keepData: true });
    const audit = await ledger.audit(dataDirectory);
    expect(audit).toMatchObject({ ...NOTHING_WRONG, inPart: [1_000_001], unknown: [1_000_001] });
    rmSync(dataDirectory, { recursive: true });
  });

  it.skipIf(!canInjectFaults)(
    'is stored once when its segment has been stored meanwhile, its first connection was cut, or its first try was refused',
    async () => {
      const dataDirectory = newDirectory();
      const faults = new FaultInjection();
      const collector = await startCollector({
        dataDirectory,
        env: faults.env,
        args: ['--spool-segment-age-ms', '300ms'],
      });
      const ledger = new SpanLedger(SPANS_PER_REQUEST);
      const stampAndPost = stampingInto(ledger);
      const acknowledged = async (bytes: Buffer): Promise<void> =>
        expect(await post(collector, bytes, PROTOBUF)).toBe('200 ');
      await stampAndPost(async (bytes) => {
        await acknowledged(bytes);
        await eventually('its segment is stored, and gone', () => isSpoolEmpty(collector));
        await acknowledged(bytes);
      });
      await stampAndPost(async (bytes) => {
        await postAndLeave(collector, bytes, bytes.length - 1);
        await acknowledged(bytes);
        await acknowledged(bytes);
      });
      await stampAndPost(async (bytes) => {
        faults.plan([{ process: 'collector', kind: 'write', pattern: '*/spool/*.native', action: 'fail ENOSPC' }]);
        const answers = await Promise.all([1, 2, 3].map(() => post(collector, bytes, PROTOBUF)));
        for (const answer of answers) expect(answer).toMatch(/^503 /);
        faults.plan([]);
        await eventually('it is taken', async () => (await post(collector, bytes, PROTOBUF)) === '200 ');
        await acknowledged(bytes);
      });
      expect(await metric(collector, 'throughline_repeated_requests_total')).toBe(3);
      await eventually('everything is stored', () => isSpoolEmpty(collector));
      await collector.stop({ keepData: true });
      expect(await ledger.audit(dataDirectory)).toMatchObject(NOTHING_WRONG);
      rmSync(dataDirectory, { recursive: true });
      rmSync(faults.directory, { recursive: true });
    },
  );

  it('counts once in the list and in its trace where the collector was killed before it could be stored', async () => {
    const dataDirectory = newDirectory();
    const number = 7;
    const request = new NumberedRequest(SPANS_PER_REQUEST);
    request.stamp(number);
    const first = await startCollector({ dataDirectory });
    expect(await post(first, request.bytes, PROTOBUF)).toBe('200 ');
    process.kill(first.pid, 'SIGKILL');
    await first.exited;
    const collector = await startCollector({ dataDirectory });
    expect(await post(collector, request.bytes, PROTOBUF)).toBe('200 ');
    const shown = async (): Promise<unknown> => {
      const list = await fetch(`${collector.apiUrl}/api/v1/traces?service=ledger`);
      const { traces } = (await list.json()) as { traces: { spanCount: number }[] };
      const trace = await fetch(`${collector.apiUrl}/api/v1/traces/${traceIdOfRequest(number)}`);
      const { resourceSpans } = (await trace.json()) as TracesData;
      const spans = resourceSpans?.flatMap(
        ({ scopeSpans }) => scopeSpans?.flatMap(({ spans: own }) => own ?? []) ?? [],
      );
      return [traces.map(({ spanCount }) => spanCount), spans?.length];
    };
    const once = [[SPANS_PER_REQUEST], SPANS_PER_REQUEST];
    expect(await shown()).toEqual(once);
    await eventually('both are stored', () => isSpoolEmpty(collector));
    expect(await shown()).toEqual(once);
    await collector.stop();
  });
});
