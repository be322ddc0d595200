import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, credentials, status } from '@grpc/grpc-js';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Ingest } from '../../ingest/ingest.ts';
import { writeNativeBlock } from '../../columns/write-native-block.ts';
import { Spool } from '../../spool/spool.ts';
import { silentLog as log } from '../../storage/testing/start-engine.ts';
import { OtlpGrpcReceiver } from '../grpc/otlp-grpc-receiver.ts';
import { HttpReceiver } from '../http/http-receiver.ts';
import { encodeOtlp } from '../testing/encode-otlp.ts';
import { sharedByReceivers } from '../testing/shared-by-receivers.ts';

const EXPORT = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';

let directory: string;
let stops: (() => Promise<void>)[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'throughline-failed-'));
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
  rmSync(directory, { recursive: true });
});

const aRequest = (name: string): Buffer =>
  encodeOtlp({
    resourceSpans: [
      {
        scopeSpans: [
          {
            spans: [
              {
                traceId: '0af7651916cd43dd8448eb211c80319c',
                spanId: 'b7ad6b7169203331',
                name,
                startTimeUnixNano: '1795000000000000000',
                endTimeUnixNano: '1795000000000000001',
              },
            ],
          },
        ],
      },
    ],
  });

const same = (bytes: Buffer): Buffer => bytes;

it('a request that the collector can never store is answered with an error that nobody retries', async () => {
  const registry = new Registry();
  const spool = new Spool({ directory, log, registry, limits: { segmentAgeMs: 3_600_000 } });
  await spool.open();
  const ingest = new Ingest({
    spool,
    registry,
    now: () => 1_795_000_100_000,
    write: (block, out, bounds, arrival) => {
      if (Buffer.from(block.names.entry(0)).toString() === 'poison') throw new TypeError('a bug');
      writeNativeBlock(block, out, bounds, arrival);
    },
  });
  const shared = sharedByReceivers(ingest, registry);
  const http = new HttpReceiver(shared);
  const grpc = new OtlpGrpcReceiver(shared);
  const httpAddress = await http.start('127.0.0.1', 0);
  const grpcAddress = await grpc.start('127.0.0.1', 0);
  const client = new Client(`127.0.0.1:${grpcAddress.port}`, credentials.createInsecure());
  stops = [async () => client.close(), () => http.close(), () => grpc.close(), () => spool.close()];

  const post = async (name: string): Promise<[number, string | null]> => {
    const response = await fetch(`http://127.0.0.1:${httpAddress.port}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-protobuf' },
      body: new Uint8Array(aRequest(name)),
    });
    await response.arrayBuffer();
    return [response.status, response.headers.get('retry-after')];
  };
  const call = (name: string): Promise<number> =>
    new Promise((resolve) => {
      client.makeUnaryRequest(EXPORT, same, same, aRequest(name), (error) => resolve(error?.code ?? status.OK));
    });
  expect(await post('poison')).toEqual([500, null]);
  expect(await call('poison')).toBe(status.INTERNAL);
  // Nor is it remembered as one that was stored.
  expect(await post('poison')).toEqual([500, null]);
  expect(await post('good')).toEqual([200, null]);
  expect(await call('better')).toBe(status.OK);
  expect(shared.budget.taken).toBe(0);
});
