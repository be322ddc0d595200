import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, credentials, status, type ServiceError } from '@grpc/grpc-js';
import type { Collector } from './collector.ts';
import { NumberedRequest } from './numbered-request.ts';
import type { SpanLedger } from './span-ledger.ts';

export interface PressureOptions {
  readonly httpSenders: number;
  readonly grpcSenders: number;
  /** Each sender begins a request so often at most; 0 sends again as soon as it is answered. */
  readonly everyMs: number;
  /** What a sender waits after a refusal. Far less than it was told: the pressure is the point. */
  readonly refusedMs: number;
}

/** Sends numbered requests over both protocols until it is stopped. A failed test is what any other answer ends in. */
export class Pressure {
  readonly #stopping = new AbortController();
  readonly #senders: Promise<void>[];
  readonly #agent = new Agent({ keepAlive: true });
  readonly #grpc: Client;

  constructor(collector: Collector, ledger: SpanLedger, options: PressureOptions) {
    this.#grpc = new Client(new URL(collector.otlpGrpcUrl).host, credentials.createInsecure());
    const http = (body: Buffer): Promise<boolean> => postHttp(`${collector.otlpUrl}/v1/traces`, this.#agent, body);
    const grpc = (body: Buffer): Promise<boolean> => callGrpc(this.#grpc, body);
    this.#senders = [
      ...Array.from({ length: options.httpSenders }, () => this.#send(ledger, http, options)),
      ...Array.from({ length: options.grpcSenders }, () => this.#send(ledger, grpc, options)),
    ];
  }

  /** Resolves when every request has been answered. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#senders);
    this.#agent.destroy();
    this.#grpc.close();
  }

  async #send(
    ledger: SpanLedger,
    post: (body: Buffer) => Promise<boolean>,
    { everyMs, refusedMs }: PressureOptions,
  ): Promise<void> {
    const numbered = new NumberedRequest(ledger.spansPerRequest);
    while (!this.#stopping.signal.aborted) {
      const begin = performance.now();
      const isAcknowledged = await ledger.enter(async (number) => {
        numbered.stamp(number);
        return post(numbered.bytes);
      });
      const pauseMs = isAcknowledged ? everyMs - (performance.now() - begin) : refusedMs;
      if (pauseMs > 0) await delay(pauseMs);
    }
  }
}

/** Whether it was acknowledged; false for 503 with Retry-After, the one refusal that a sender may repeat. */
function postHttp(url: string, agent: Agent, body: Buffer): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/x-protobuf', 'content-length': body.length };
    const sent = request(url, { method: 'POST', agent, headers }, (response) => {
      const { statusCode } = response;
      const isTold = Number(response.headers['retry-after']) >= 1;
      response.resume().once('close', () => {
        if (statusCode === 200) resolve(true);
        else if (statusCode === 503 && isTold) resolve(false);
        else reject(new Error(`answered ${statusCode}`));
      });
    });
    sent.once('error', reject);
    sent.end(body);
  });
}

const EXPORT = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
const asIs = (bytes: Buffer): Buffer => bytes;

/** The same for RESOURCE_EXHAUSTED with RetryInfo. */
function callGrpc(client: Client, body: Buffer): Promise<boolean> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(EXPORT, asIs, asIs, body, (error: ServiceError | null) => {
      if (error === null) resolve(true);
      else if (error.code === status.RESOURCE_EXHAUSTED && hasRetryInfo(error)) resolve(false);
      else reject(error);
    });
  });
}

function hasRetryInfo({ metadata }: ServiceError): boolean {
  return metadata.get('grpc-status-details-bin').some((details) => details.includes('google.rpc.RetryInfo'));
}
