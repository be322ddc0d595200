import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync, gzipSync } from 'node:zlib';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import {
  JsonLogsSerializer,
  JsonMetricsSerializer,
  ProtobufLogsSerializer,
  ProtobufMetricsSerializer,
} from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import pino from 'pino';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Ingest } from '../../ingest/ingest.ts';
import { Spool } from '../../spool/spool.ts';
import { OtherSignals } from './other-signals.ts';
import { OtlpGrpcReceiver } from '../grpc/otlp-grpc-receiver.ts';
import { otlpFormats } from '../otlp-http/otlp-formats.ts';
import { HttpReceiver } from '../http/http-receiver.ts';
import { decoderFor, sharedByReceivers } from '../testing/shared-by-receivers.ts';

const POINTS = 15;
const RECORDS = 7;

type Metrics = Parameters<typeof ProtobufMetricsSerializer.serializeRequest>[0];
type Metric = Metrics['scopeMetrics'][number]['metrics'][number];
type LogRecord = Parameters<typeof ProtobufLogsSerializer.serializeRequest>[0][number];

const resource = resourceFromAttributes({ 'service.name': 'shop' });
const scope = { name: 'http', version: '1.0.0' };
const histogram = { buckets: { boundaries: [1, 5], counts: [1, 2, 3] }, sum: 9, count: 6, hasMinMax: false };
const buckets = { offset: 0, bucketCounts: [1, 2] };
const exponential = {
  count: 3,
  sum: 4,
  scale: 1,
  zeroCount: 0,
  positive: buckets,
  negative: buckets,
  hasMinMax: false,
};

/** One of the kinds that the SDK has, of so many data points. */
function metric(dataPointType: number, points: number, value: unknown): Metric {
  const dataPoint = { startTime: [1, 0], endTime: [2, 0], attributes: { 'http.route': '/pay' }, value };
  return {
    descriptor: { name: `metric-${dataPointType}`, description: 'd', unit: 'ms', valueType: 0 },
    aggregationTemporality: 1,
    dataPointType,
    isMonotonic: true,
    dataPoints: Array.from({ length: points }, () => dataPoint),
  } as unknown as Metric;
}

const METRICS: Metrics = {
  resource,
  scopeMetrics: [
    { scope, metrics: [metric(0, 2, histogram), metric(1, 3, exponential)] },
    { scope, metrics: [metric(2, 4, 1.5), metric(3, 6, 7)] },
  ],
};

const LOGS: LogRecord[] = Array.from({ length: RECORDS }, (_, index) => ({
  hrTime: [1, index],
  hrTimeObserved: [1, index],
  severityNumber: 9,
  body: `line ${index}`,
  resource,
  instrumentationScope: scope,
  attributes: { index },
  droppedAttributesCount: 0,
}));

const bytesOf = (bytes: Uint8Array | undefined): Buffer<ArrayBuffer> => Buffer.from(bytes ?? []);
const metrics = {
  protobuf: bytesOf(ProtobufMetricsSerializer.serializeRequest(METRICS)),
  json: bytesOf(JsonMetricsSerializer.serializeRequest(METRICS)),
};
const logs = {
  protobuf: bytesOf(ProtobufLogsSerializer.serializeRequest(LOGS)),
  json: bytesOf(JsonLogsSerializer.serializeRequest(LOGS)),
};

let directory: string;
let registry: Registry;
let spool: Spool;
let http: HttpReceiver;
let grpc: OtlpGrpcReceiver;
let client: Client;
let url: string;
let shared: ReturnType<typeof sharedByReceivers>;
const logged: string[] = [];

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'throughline-signals-'));
  registry = new Registry();
  // Metrics and logs wait for no disk: they are answered while spans are not.
  spool = new Spool({ directory, log: pino({ level: 'silent' }), registry, limits: { backlogBytesMax: 1 } });
  await spool.open();
  const ingest = new Ingest({ spool, registry });
  const log = pino({ level: 'debug' }, { write: (line) => logged.push(line) });
  const otherSignals = new OtherSignals({ log, registry });
  const others = sharedByReceivers(ingest, new Registry());
  const decoder = decoderFor(ingest, { otherSignals, registry });
  const formats = otlpFormats({ ingest, decoder, otherSignals });
  shared = { ...others, registry, log, otherSignals, decoder, formats };
  http = new HttpReceiver(shared);
  grpc = new OtlpGrpcReceiver(shared);
  url = `http://127.0.0.1:${(await http.start('127.0.0.1', 0)).port}`;
  const { port } = await grpc.start('127.0.0.1', 0);
  client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
});
afterAll(async () => {
  client.close();
  await http.close();
  await grpc.close();
  await spool.close();
  rmSync(directory, { recursive: true, force: true });
});

const post = (path: string, type: string, body: Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
  fetch(`${url}${path}`, { method: 'POST', headers: { 'content-type': `application/${type}`, ...headers }, body });

const asIs = (bytes: Buffer): Buffer => bytes;

function call(service: string, message: Uint8Array): Promise<Buffer> {
  const method = `/opentelemetry.proto.collector.${service}/Export`;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(method, asIs, asIs, Buffer.from(message), new Metadata(), {}, (error, answer) =>
      error === null ? resolve(answer ?? Buffer.alloc(0)) : reject(error),
    );
  });
}

const counted = async (signal: string): Promise<number> => {
  const { values } = (await registry.getSingleMetric('throughline_unstored_records_total')?.get()) ?? { values: [] };
  return values.find(({ labels }) => labels['signal'] === signal)?.value ?? 0;
};

describe('metrics and logs', () => {
  it('are answered over HTTP with how many were not stored, and what to do, as the official SDK reads it', async () => {
    const inMetrics = { rejectedDataPoints: POINTS, errorMessage: expect.stringMatching(/OTEL_METRICS_EXPORTER=none/) };
    const inLogs = { rejectedLogRecords: RECORDS, errorMessage: expect.stringMatching(/OTEL_LOGS_EXPORTER=none/) };
    const metricsResponse = await post('/v1/metrics', 'x-protobuf', metrics.protobuf);
    expect(metricsResponse.status).toBe(200);
    const inBytes = new Uint8Array(await metricsResponse.arrayBuffer());
    expect(ProtobufMetricsSerializer.deserializeResponse(inBytes).partialSuccess).toMatchObject(inMetrics);
    const logsResponse = await post('/v1/logs', 'x-protobuf', logs.protobuf);
    const ofLogs = new Uint8Array(await logsResponse.arrayBuffer());
    expect(ProtobufLogsSerializer.deserializeResponse(ofLogs).partialSuccess).toMatchObject(inLogs);
    expect(await (await post('/v1/metrics', 'json', metrics.json)).json()).toEqual({
      partialSuccess: { ...inMetrics, rejectedDataPoints: String(POINTS) },
    });
    expect(await (await post('/v1/logs', 'json', logs.json)).json()).toEqual({
      partialSuccess: { ...inLogs, rejectedLogRecords: String(RECORDS) },
    });
  });

  it('are answered so over gRPC', async () => {
    const metricsResponse = await call('metrics.v1.MetricsService', metrics.protobuf);
    expect(ProtobufMetricsSerializer.deserializeResponse(metricsResponse).partialSuccess).toMatchObject({
      rejectedDataPoints: POINTS,
    });
    const logsResponse = await call('logs.v1.LogsService', logs.protobuf);
    expect(ProtobufLogsSerializer.deserializeResponse(logsResponse).partialSuccess).toMatchObject({
      rejectedLogRecords: RECORDS,
    });
  });

  it('are a plain success where there is nothing in them', async () => {
    const answer = await post('/v1/logs', 'x-protobuf', Buffer.alloc(0));
    expect(answer.status).toBe(200);
    expect(await answer.text()).toBe('');
    expect(await (await post('/v1/metrics', 'json', Buffer.from('{"resourceMetrics":[]}'))).json()).toEqual({});
    expect(await call('logs.v1.LogsService', Buffer.alloc(0))).toEqual(Buffer.alloc(0));
  });

  it('are counted when they are compressed, and in a JSON body that is decoded beside the event loop', async () => {
    const before = { metrics: await counted('metrics'), logs: await counted('logs') };
    await post('/v1/metrics', 'x-protobuf', gzipSync(metrics.protobuf), { 'content-encoding': 'gzip' });
    await post('/v1/traces/v1/logs/', 'json', deflateSync(logs.json), { 'content-encoding': 'deflate' });
    const many = Buffer.from(JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords: manyRecords(20_000) }] }] }));
    const answer = await post('/v1/logs', 'json', many);
    expect(await answer.json()).toMatchObject({ partialSuccess: { rejectedLogRecords: '20000' } });
    expect(await counted('metrics')).toBe(before.metrics + POINTS);
    expect(await counted('logs')).toBe(before.logs + RECORDS + 20_000);
  });

  it.each([
    ['/v1/metrics', 'x-protobuf', metrics.protobuf.subarray(0, -1)],
    ['/v1/logs', 'x-protobuf', logs.protobuf.subarray(0, -1)],
    ['/v1/metrics', 'json', Buffer.from('{')],
    ['/v1/logs', 'json', Buffer.from('{"resourceLogs":[{"scopeLogs":[{"logRecords":[7]}]}]}')],
    ['/v1/metrics', 'json', Buffer.from(JSON.stringify({ resourceMetrics: 'x'.repeat(100_000) }))],
  ])('are 400 when they are malformed: %s as %s', async (path, type, body) => {
    expect((await post(path, type, body)).status).toBe(400);
  });

  it('are INVALID_ARGUMENT over gRPC when they are malformed', async () => {
    const error = await call('metrics.v1.MetricsService', metrics.protobuf.subarray(0, -1)).then(
      () => expect.unreachable('it was taken'),
      (caught: unknown) => caught as ServiceError,
    );
    expect(error).toMatchObject({ code: 3, details: expect.stringContaining('truncated') as unknown });
  });

  it('are held to the limits of spans', async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
    expect((await post('/v1/metrics', 'x-protobuf', bomb, { 'content-encoding': 'gzip' })).status).toBe(413);
    expect((await post('/v1/logs', 'x-protobuf', Buffer.alloc(17 * 1024 * 1024))).status).toBe(413);
    expect((await post('/v1/logs', 'plain', logs.json)).status).toBe(415);
    expect((await fetch(`${url}/v1/metrics`)).status).toBe(405);
    expect((await post('/v1/profiles', 'json', logs.json)).status).toBe(404);
    expect(shared.budget.taken).toBe(0);
  });

  it('are logged once', () => {
    const lines = logged.filter((line) => line.includes('only traces'));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('OTEL_METRICS_EXPORTER=none');
  });
});

function manyRecords(count: number): object[] {
  return Array.from({ length: count }, (_, index) => ({ timeUnixNano: '1', body: { stringValue: `line ${index}` } }));
}
