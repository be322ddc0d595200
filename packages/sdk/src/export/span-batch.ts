import { systemTimers } from '../runtime/timers.ts';
import { shownError } from '../runtime/shown.ts';
import type { RecordingSpan } from '../span/recording-span.ts';
import type { SpanSink } from '../span/span-sink.ts';
import type { TracerCounters } from '../runtime/tracer-stats.ts';
import type { ChunkExporter } from './exporter.ts';
import type { OtlpEncoder } from './encode/otlp-encoder.ts';

export interface SpanBatchOptions {
  readonly encoder: OtlpEncoder;
  readonly exporter: Pick<ChunkExporter, 'enqueue'>;
  readonly counters: TracerCounters;
  /** The longest that an ended span waits for others. */
  readonly scheduledDelayMillis: number;
  /** Spans at which a chunk is sealed even though it is not full; Infinity for none. */
  readonly maxExportBatchSize: number;
  /** Called when spans have been handed over. */
  readonly onSealed?: (() => void) | undefined;
  /** Called when the span has ended under which this process did all its work for a request. */
  readonly onLocalRootEnd?: (() => void) | undefined;
}

/** Collects ended spans as bytes, and seals them for export by size, by number or by time. */
export class SpanBatch implements SpanSink {
  readonly #options: SpanBatchOptions;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SpanBatchOptions) {
    this.#options = options;
  }

  add(span: RecordingSpan): void {
    const { encoder, counters, maxExportBatchSize, scheduledDelayMillis, onLocalRootEnd } = this.#options;
    try {
      if (!encoder.add(span)) counters.strippedSpans++;
    } catch (error) {
      // It would be our own fault, and must not become the application's.
      counters.dropped.export_failed++;
      counters.lastError = `encoding a span failed: ${shownError(error)}`;
      return;
    }
    if (encoder.isFull || encoder.spanCount >= maxExportBatchSize) this.seal();
    else if (this.#timer === undefined) this.#sealLater(scheduledDelayMillis);
    if (onLocalRootEnd !== undefined && (span.parent === undefined || span.parent.isRemote)) onLocalRootEnd();
  }

  /** Apart from `add`: V8 would make the timer's closure a context in every call. */
  #sealLater(delayMs: number): void {
    this.#timer = systemTimers.start(() => this.seal(), delayMs);
    this.#timer.unref();
  }

  get pendingBytes(): number {
    return this.#options.encoder.byteLength;
  }

  /** Hands over what has been collected, if anything. */
  seal(): void {
    systemTimers.stop(this.#timer);
    this.#timer = undefined;
    const chunk = this.#options.encoder.take();
    if (chunk === undefined) return;
    this.#options.exporter.enqueue(chunk);
    this.#options.onSealed?.();
  }
}
