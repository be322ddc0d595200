import { runWith } from '../context/active-store.ts';
import { SUPPRESSED_CONTEXT } from '../context/active-context.ts';
import { catchRejection } from '../runtime/catch-rejection.ts';
import { MILLIS_MAX } from '../runtime/checks.ts';
import { property } from '../runtime/property.ts';
import { shownError } from '../runtime/shown.ts';
import type { SpanProcessor } from './span-processor.ts';
import type { ReadableSpan } from '../span/readable-span.ts';

/**
 * The standard SDK's interface: an exporter written for it works here.
 * @see https://opentelemetry.io/docs/specs/otel/trace/sdk/#span-exporter
 */
export interface SpanExporter {
  /** Calls back once, with code 0 for success; after `exportTimeoutMillis` its spans count as lost. */
  export(spans: ReadableSpan[], done: (result: { code: number; error?: Error }) => void): void;
  /** Called by the tracer's `flush`, after the last batch. */
  forceFlush?(): Promise<void>;
  /** Called once by the tracer's `shutdown`. */
  shutdown(): Promise<void>;
}

export interface SpanExporterProcessorOptions {
  readonly exporter: SpanExporter;
  readonly scheduledDelayMillis: number;
  /** An export that has not called back by then is over, and its spans count as lost. */
  readonly exportTimeoutMillis: number;
  /** Called with the number of spans that were not taken over. */
  readonly onDrop: (spans: number, reason: 'queue_full' | 'export_failed', message: string) => void;
}

/** OpenTelemetry's defaults for its batching processor. */
const BATCH_SPANS_MAX = 512;
const QUEUED_SPANS_MAX = 2048;

/**
 * Hands ended, sampled spans to an exporter in batches, one at a time; what does not fit the queue is dropped and
 * counted.
 */
export class SpanExporterProcessor implements SpanProcessor {
  readonly #options: SpanExporterProcessorOptions;
  readonly #queue: ReadableSpan[] = [];
  #timer: NodeJS.Timeout | undefined;
  #underWay: Promise<void> | undefined;

  constructor(options: SpanExporterProcessorOptions) {
    this.#options = options;
  }

  onStart(): void {
    // An exporter sees ended spans only.
  }

  onEnd(span: ReadableSpan): void {
    if ((span.spanContext().traceFlags & 1) === 0) return;
    if (this.#queue.length >= QUEUED_SPANS_MAX) {
      this.#options.onDrop(1, 'queue_full', `its queue is full (${QUEUED_SPANS_MAX} spans)`);
      return;
    }
    this.#queue.push(span);
    if (this.#queue.length >= BATCH_SPANS_MAX) void this.#drain();
    else this.#timer ??= setTimeout(() => void this.#drain(), this.#options.scheduledDelayMillis).unref();
  }

  async forceFlush(): Promise<void> {
    await this.#drain();
    await this.#options.exporter.forceFlush?.();
  }

  async shutdown(): Promise<void> {
    await this.#drain();
    await this.#options.exporter.shutdown();
  }

  /** Resolves when the queue is empty; never rejects. */
  #drain(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    return (this.#underWay ??= this.#exportAll().finally(() => (this.#underWay = undefined)));
  }

  async #exportAll(): Promise<void> {
    while (this.#queue.length > 0) await this.#export(this.#queue.splice(0, BATCH_SPANS_MAX));
  }

  #export(spans: ReadableSpan[]): Promise<void> {
    const { exporter, exportTimeoutMillis, onDrop } = this.#options;
    return new Promise((resolve) => {
      let isOver = false;
      const over = (): boolean => {
        if (isOver) return false;
        isOver = true;
        clearTimeout(timer);
        resolve();
        return true;
      };
      const failed = (error: unknown): void => {
        if (over()) onDrop(spans.length, 'export_failed', shownError(error));
      };
      const timer = setTimeout(
        () => failed(`timed out after ${exportTimeoutMillis} ms (exportTimeoutMillis)`),
        Math.min(exportTimeoutMillis, MILLIS_MAX),
      ).unref();
      const done = (result: unknown): void => {
        if (property(result, 'code') === 0) over();
        else failed(property(result, 'error') ?? 'it reported a failure without a reason');
      };
      try {
        // What an exporter sends is not to be traced. One that is async rejects where others throw.
        catchRejection(
          runWith(SUPPRESSED_CONTEXT, () => exporter.export(spans, done) as unknown),
          failed,
        );
      } catch (error) {
        failed(error);
      }
    });
  }
}
