import { randomInt } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { BlockLimits } from '../ingest/limits.ts';
import type { RollupLimits } from '../ingest/rollup-bounds.ts';
import type { Body } from './body.ts';
import type { JsonAnswer, JsonJob, JsonOutcome, JsonThreadData } from './json-protocol.ts';
import type { OtlpHttpLimits } from './limits.ts';
import type { Signal } from './signals.ts';

export interface JsonDecoderOptions {
  readonly limits: OtlpHttpLimits;
  readonly blockLimits: BlockLimits;
  readonly rollupLimits: RollupLimits;
  readonly registry: Registry;
  /** The built `json-worker.js`. */
  readonly workerPath?: URL;
}

/** The seconds at or between which spans must start. */
type StartWindow = Pick<JsonJob, 'earliestSecond' | 'latestSecond'>;

interface Waiting {
  readonly body: Body;
  readonly signal: Signal;
  readonly window: StartWindow;
  readonly settle: (outcome: JsonOutcome) => void;
}

const MIB = 1024 * 1024;
/** Memory for a larger body is not kept. */
const KEPT_BYTES_MAX = 4 * MIB;

/**
 * Decodes large JSON bodies in a thread of its own, first come first served, so that nobody else waits for them. The
 * thread starts with the first body and ends when it has had nothing to do for a while. How much waits for it is bounded by
 * the bytes in flight of all receivers.
 */
export class JsonDecoder {
  readonly #options: JsonDecoderOptions;
  readonly #bodies: Counter<'outcome'>;
  readonly #queue: Waiting[] = [];
  #running: Waiting | null = null;
  #worker: Worker | null = null;
  /** For the next body; the thread has it while it decodes one. */
  #memory: ArrayBuffer | null = null;
  #idleTimer: NodeJS.Timeout | null = null;

  constructor(options: JsonDecoderOptions) {
    this.#options = options;
    const { registry } = options;
    this.#bodies = new Counter({
      name: 'throughline_json_decoder_bodies_total',
      help: 'Large JSON bodies that were decoded in a thread of their own, by outcome',
      labelNames: ['outcome'],
      registers: [registry],
    });
    this.#bodies.inc({ outcome: 'decoded' }, 0);
    const waiting: Gauge = new Gauge({
      name: 'throughline_json_decoder_waiting_bodies',
      help: 'Large JSON bodies that wait for the thread',
      registers: [],
      collect: (): void => waiting.set(this.#queue.length),
    });
    registry.registerMetric(waiting);
  }

  /** Of other signals than traces the records are counted. */
  decode(body: Body, signal: Signal, window: StartWindow): Promise<JsonOutcome> {
    return new Promise((resolve) => {
      this.#queue.push({
        body,
        signal,
        window,
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
      this.#idleTimer = setTimeout(() => void this.#end(), this.#options.limits.jsonThreadIdleMs).unref();
      return;
    }
    this.#running = next;
    this.#worker ??= this.#start();
    const { body, signal, window } = next;
    const memory = this.#takeMemory(body.length);
    // What came from the socket may share its memory with others.
    body.takeInto(new Uint8Array(memory));
    this.#worker.postMessage({ memory, length: body.length, signal, ...window } satisfies JsonJob, [memory]);
  }

  #takeMemory(length: number): ArrayBuffer {
    const memory = this.#memory;
    this.#memory = null;
    if (memory !== null && memory.byteLength >= length) return memory;
    return new ArrayBuffer(length > KEPT_BYTES_MAX ? length : 2 ** Math.ceil(Math.log2(length)));
  }

  #start(): Worker {
    const { limits, blockLimits, rollupLimits, workerPath } = this.#options;
    const { jsonHeapBytesMax, jsonObjectsMax } = limits;
    const data: JsonThreadData = {
      limits: blockLimits,
      rollupLimits,
      objectsMax: jsonObjectsMax,
      seed: randomInt(2 ** 32),
    };
    const worker = new Worker(workerPath ?? new URL('./json-worker.js', import.meta.url), {
      workerData: data,
      resourceLimits: { maxOldGenerationSizeMb: Math.ceil(jsonHeapBytesMax / MIB) },
      // A loader or inspector of ours is not for it.
      execArgv: [],
    });
    worker.unref();
    worker.on('message', ({ outcome, memory }: JsonAnswer) => {
      if (memory.byteLength <= KEPT_BYTES_MAX) this.#memory = memory;
      this.#settle(outcome);
    });
    worker.on('error', (error: NodeJS.ErrnoException) => {
      if (this.#worker === worker) this.#worker = null;
      this.#settle(
        error.code === 'ERR_WORKER_OUT_OF_MEMORY'
          ? {
              kind: 'tooLarge',
              limit: 'otlpHttp.jsonHeapBytesMax',
              message: 'the request takes too much memory to be decoded; send fewer spans in a request',
            }
          : { kind: 'failed', message: error.message },
      );
    });
    return worker;
  }

  #settle(outcome: JsonOutcome): void {
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
