import { randomInt } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import { Counter, type Registry } from 'prom-client';
import type { Ingest } from '../../ingest/ingest.ts';
import { registerGauge } from '../../register-gauge.ts';
import { TooLongHereError, type IngestResult } from '../../columns/ingest-result.ts';
import type { BodyResponse, BodyForm, BodyJob, BodyOutcome, BodyThreadData } from './body-thread-messages.ts';
import type { Body, BodyMemory } from '../body/body.ts';
import { countProtobufRecords } from './count-records.ts';
import { RECEIVER_LIMITS, type ReceiverLimits } from '../limits.ts';
import { decodeOtlp } from '../otlp/decode-otlp.ts';
import type { OtherSignals } from '../otlp/other-signals.ts';
import type { Signal } from '../otlp/signals.ts';

export interface BodyDecoderOptions {
  readonly ingest: Ingest;
  readonly otherSignals: OtherSignals;
  readonly registry: Registry;
  readonly limits?: Partial<ReceiverLimits>;
  /** The built `body-worker.js`. */
  readonly workerPath?: URL;
}

interface Waiting {
  readonly body: Body;
  readonly form: BodyForm;
  readonly settle: (outcome: BodyOutcome) => void;
}

const MIB = 1024 * 1024;
/** Memory for a larger body is not kept. */
const KEPT_BYTES_MAX = 4 * MIB;

/**
 * Takes large bodies of all receivers: decodes them in a thread of its own, first come first served, so that nobody
 * else waits for them. The thread starts with the first body and ends when it has had nothing to do for a while. How
 * much waits for it is bounded by the bytes in flight of all receivers.
 */
export class BodyDecoder {
  readonly #options: BodyDecoderOptions;
  readonly #limits: ReceiverLimits;
  readonly #bodies: Counter<'outcome'>;
  readonly #queue: Waiting[] = [];
  #running: Waiting | null = null;
  #worker: Worker | null = null;
  /** For the next body; the thread has it while it decodes one. */
  #memory: ArrayBuffer | null = null;
  #idleTimer: NodeJS.Timeout | null = null;

  constructor(options: BodyDecoderOptions) {
    this.#options = options;
    this.#limits = { ...RECEIVER_LIMITS, ...options.limits };
    const { registry } = options;
    this.#bodies = new Counter({
      name: 'throughline_body_decoder_bodies_total',
      help: 'Large bodies that were decoded in a thread of their own, by outcome: decoded, counted (of another signal), malformed, tooLarge, failed',
      labelNames: ['outcome'],
      registers: [registry],
    });
    this.#bodies.inc({ outcome: 'decoded' }, 0);
    registerGauge(
      registry,
      'throughline_body_decoder_waiting_bodies',
      'Large bodies that wait for the thread',
      () => this.#queue.length,
    );
  }

  /**
   * Takes a body of protobuf in the same turn, or in the thread where others would wait for it. Resolves as
   * `takeBeside`. `memory` is where it is joined.
   */
  async takeProtobuf(body: Body, signal: Signal, memory: BodyMemory): Promise<IngestResult> {
    const { protobufInlineBytesMax, protobufInlineMessagesMax: messagesMax } = this.#limits;
    const form: BodyForm = { encoding: 'protobuf', signal, objectsMax: 0 };
    if (body.length > protobufInlineBytesMax) return this.takeBeside(body, form);
    const { ingest, otherSignals } = this.#options;
    try {
      if (signal !== 'traces') {
        return otherSignals.take(signal, () =>
          body.read(memory, (bytes) => countProtobufRecords(bytes, signal, messagesMax)),
        );
      }
      return await ingest.decode((block, rejected) =>
        body.read(memory, (bytes) => decodeOtlp(bytes, block, rejected, messagesMax)),
      );
    } catch (error) {
      if (!(error instanceof TooLongHereError)) throw error;
      return this.takeBeside(body, form);
    }
  }

  /**
   * Takes a body in the thread. Resolves when its spans are durable; of other signals than traces the records are
   * counted.
   */
  async takeBeside(body: Body, form: BodyForm): Promise<IngestResult> {
    const { ingest, otherSignals } = this.#options;
    const outcome = await this.#decode(body, form);
    switch (outcome.kind) {
      case 'decoded':
        return ingest.append(outcome.spans);
      case 'counted':
        return otherSignals.take(outcome.signal, () => outcome.records);
      case 'failed':
        throw new Error(`a large body could not be decoded: ${outcome.message}`);
      default:
        return outcome;
    }
  }

  #decode(body: Body, form: BodyForm): Promise<BodyOutcome> {
    return new Promise((resolve) => {
      this.#queue.push({
        body,
        form,
        settle: (outcome) => {
          this.#bodies.inc({ outcome: outcome.kind });
          resolve(outcome);
        },
      });
      this.#next();
    });
  }

  /** Ends the thread; what waits for it fails. */
  async close(): Promise<void> {
    for (const { settle } of this.#queue.splice(0)) settle({ kind: 'failed', message: 'the collector is stopping' });
    await this.#end();
  }

  #next(): void {
    if (this.#running !== null) return;
    const next = this.#queue.shift();
    if (this.#idleTimer !== null) clearTimeout(this.#idleTimer);
    this.#idleTimer = null;
    if (next === undefined) {
      this.#idleTimer = setTimeout(() => void this.#end(), this.#limits.decoderThreadIdleMs).unref();
      return;
    }
    this.#running = next;
    this.#worker ??= this.#start();
    const { body, form } = next;
    const memory = this.#takeMemory(body.length);
    // What came from the socket may share its memory with others.
    body.copyInto(new Uint8Array(memory));
    const job: BodyJob = { ...form, ...this.#options.ingest.startWindow, memory, length: body.length };
    this.#worker.postMessage(job, [memory]);
  }

  #takeMemory(length: number): ArrayBuffer {
    const memory = this.#memory;
    this.#memory = null;
    if (memory !== null && memory.byteLength >= length) return memory;
    return new ArrayBuffer(length > KEPT_BYTES_MAX ? length : 2 ** Math.ceil(Math.log2(length)));
  }

  #start(): Worker {
    const { ingest, workerPath } = this.#options;
    const { limits, rollupLimits } = ingest;
    const data: BodyThreadData = { limits, rollupLimits, seed: randomInt(2 ** 32) };
    const worker = new Worker(workerPath ?? new URL('./body-worker.js', import.meta.url), {
      workerData: data,
      resourceLimits: { maxOldGenerationSizeMb: Math.ceil(this.#limits.decoderHeapBytesMax / MIB) },
      // A loader or inspector of ours is not for it.
      execArgv: [],
    });
    worker.unref();
    worker.on('message', ({ outcome, memory }: BodyResponse) => {
      if (memory.byteLength <= KEPT_BYTES_MAX) this.#memory = memory;
      this.#settle(outcome);
    });
    worker.on('error', (error: NodeJS.ErrnoException) => {
      if (this.#worker === worker) this.#worker = null;
      this.#settle(
        error.code === 'ERR_WORKER_OUT_OF_MEMORY'
          ? {
              kind: 'tooLarge',
              limit: 'receivers.decoderHeapBytesMax',
              message: 'the request takes too much memory to be decoded; send fewer spans in a request',
            }
          : { kind: 'failed', message: error.message },
      );
    });
    return worker;
  }

  #settle(outcome: BodyOutcome): void {
    const done = this.#running;
    this.#running = null;
    done?.settle(outcome);
    this.#next();
  }

  async #end(): Promise<void> {
    const worker = this.#worker;
    this.#worker = null;
    this.#memory = null;
    await worker?.terminate();
  }
}
