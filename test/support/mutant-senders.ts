import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { deflateSync, gzipSync } from 'node:zlib';
import { Client, credentials, status, type ServiceError } from '@grpc/grpc-js';
import { ProtobufReader } from '../../packages/server/src/receivers/otlp/protobuf-reader.ts';
import type { Seeded } from '../../packages/server/src/columns/testing/seeded.ts';
import type { Collector } from './collector.ts';

/** What a collector says to one request; `rejectedSpans` of those that it took. */
export type Answer =
  | { readonly kind: 'accepted'; readonly rejectedSpans: number }
  | { readonly kind: 'refused' }
  | { readonly kind: 'busy' };

export type Send = (body: Buffer) => Promise<Answer>;

/** Sends bodies in pieces and compressed as chance has it. Throws for an answer that no client expects. */
export class MutantSenders {
  readonly #agent = new Agent({ keepAlive: true });
  readonly #client: Client;
  readonly #collector: Collector;
  readonly #random: Seeded;

  constructor(collector: Collector, random: Seeded) {
    this.#collector = collector;
    this.#random = random;
    this.#client = new Client(new URL(collector.otlpGrpcUrl).host, credentials.createInsecure());
  }

  readonly protobuf: Send = (body) =>
    this.#post(body, 'application/x-protobuf', (answer) => rejectedSpans(Buffer.from(answer)));

  readonly json: Send = (body) =>
    this.#post(body, 'application/json', (answer) => {
      const { partialSuccess } = JSON.parse(answer.toString()) as { partialSuccess?: { rejectedSpans?: string } };
      return Number(partialSuccess?.rejectedSpans ?? 0);
    });

  readonly grpc: Send = (body) =>
    new Promise((resolve, reject) => {
      const path = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
      this.#client.makeUnaryRequest(path, asIs, asIs, body, (error: ServiceError | null, answer?: Buffer) => {
        if (error === null) resolve({ kind: 'accepted', rejectedSpans: rejectedSpans(answer ?? Buffer.alloc(0)) });
        else if (error.code === status.INVALID_ARGUMENT) resolve({ kind: 'refused' });
        else if (error.code === status.RESOURCE_EXHAUSTED) resolve({ kind: 'busy' });
        else reject(error);
      });
    });

  close(): void {
    this.#agent.destroy();
    this.#client.close();
  }

  #post(body: Buffer, type: string, rejected: (answer: Buffer) => number): Promise<Answer> {
    const random = this.#random;
    const encoding = random.pick(['identity', 'identity', 'identity', 'gzip', 'deflate'] as const);
    const sent = encoding === 'gzip' ? gzipSync(body) : encoding === 'deflate' ? deflateSync(body) : body;
    const pieces = random.chance(0.2) ? piecesOf(sent, random) : [sent];
    return new Promise((resolve, reject) => {
      const headers = { 'content-type': type, ...(encoding !== 'identity' && { 'content-encoding': encoding }) };
      const options = { method: 'POST', agent: this.#agent, headers };
      const call = request(`${this.#collector.otlpUrl}/v1/traces`, options, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.once('end', () => {
          const answer = Buffer.concat(parts);
          const { statusCode } = response;
          if (statusCode === 200) resolve({ kind: 'accepted', rejectedSpans: rejected(answer) });
          else if (statusCode === 400 || statusCode === 413) resolve({ kind: 'refused' });
          else if (statusCode === 503) resolve({ kind: 'busy' });
          else reject(new Error(`answered ${statusCode}: ${answer.toString()}`));
        });
      });
      call.once('error', reject);
      void (async () => {
        for (const [index, piece] of pieces.entries()) {
          // So that they are not put together again on their way.
          if (index > 0) await delay(0);
          call.write(piece);
        }
        call.end();
      })();
    });
  }
}

const asIs = (bytes: Buffer): Buffer => bytes;

function piecesOf(bytes: Buffer, random: Seeded): Buffer[] {
  const ends = Array.from({ length: 1 + random.below(4) }, () => random.below(bytes.length + 1));
  const sorted = [...ends, bytes.length].toSorted((left, right) => left - right);
  return sorted.map((end, index) => bytes.subarray(sorted[index - 1] ?? 0, end));
}

/** Of an ExportTraceServiceResponse: `partial_success` is its field 1, `rejected_spans` that one's field 1. */
function rejectedSpans(answer: Buffer): number {
  const reader = new ProtobufReader(answer);
  if (answer.length === 0 || reader.tag() !== 0x0a) return 0;
  reader.range();
  reader.enter(reader.start, reader.stop);
  if (reader.tag() !== 0x08) return 0;
  reader.varint();
  return reader.low;
}
