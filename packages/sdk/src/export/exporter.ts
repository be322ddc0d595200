import type { ExportSettings } from './export-settings.ts';
import type { Diagnostics } from '../runtime/diagnostics.ts';
import { shownError } from '../runtime/shown.ts';
import type { TracerCounters } from '../runtime/tracer-stats.ts';
import type { Chunk } from './encode/otlp-encoder.ts';

/**
 * What sealed chunks are handed to. It takes each of them over: delivers or drops it, counts which, and releases it.
 */
export interface ChunkExporter {
  /** Bytes waiting or under way. */
  readonly pendingBytes: number;
  /** Spans in requests that are under way. */
  readonly inFlightSpans: number;
  enqueue(chunk: Chunk): void;
  /**
   * Resolves when every chunk that is pending now was delivered or dropped: true; or false when the time was up first.
   * Where it `isHurried`, a collector that cannot be reached at all is not waited for: false, too.
   */
  flush(timeoutMs: number, isHurried?: boolean): Promise<boolean>;
  /** When a request last ended, as `performance.now()`, given up or not; nothing where there are none. */
  readonly lastEndedAtMs?: number;
  /**
   * Begins nothing asynchronous any more: called before the last chunk is handed over for `flushBlocking`, which would
   * send it a second time.
   */
  hold?(): void;
  /** The same for `process.exit`, where nothing asynchronous happens any more: blocks, no longer than `timeoutMs`. */
  flushBlocking(timeoutMs: number): void;
  /** Drops what is still pending, and aborts requests that are under way. */
  discard(): void;
  /** Drops what is still pending, and takes nothing any more. */
  close(): void;
}

/** What a tracer gives the exporter that it makes. */
export interface ExporterContext {
  readonly config: ExportSettings;
  readonly counters: TracerCounters;
  readonly diagnostics: Diagnostics;
}

/**
 * Hands each chunk on at once, so that nothing is ever pending. `deliver` must not keep the bytes; what it throws is a
 * drop.
 */
export class ImmediateExporter implements ChunkExporter {
  readonly pendingBytes = 0;
  readonly inFlightSpans = 0;
  readonly #context: ExporterContext;
  readonly #deliver: (bytes: Uint8Array) => void;
  #closed = false;

  constructor(context: ExporterContext, deliver: (bytes: Uint8Array) => void) {
    this.#context = context;
    this.#deliver = deliver;
  }

  enqueue(chunk: Chunk): void {
    const { counters } = this.#context;
    if (this.#closed) counters.dropped.shutdown += chunk.spanCount;
    else {
      try {
        this.#deliver(chunk.bytes);
        counters.exported += chunk.spanCount;
        counters.exportedBytes += chunk.bytes.length;
      } catch (error) {
        counters.dropped.export_failed += chunk.spanCount;
        counters.lastError = `export failed: ${shownError(error)}`;
      }
    }
    chunk.release();
  }

  flush(): Promise<boolean> {
    return Promise.resolve(true);
  }

  flushBlocking(): void {}

  discard(): void {}

  close(): void {
    this.#closed = true;
  }
}

/** For `exporter: 'none'`: spans exist, for logs and other processes, and go nowhere. */
export class NoExporter implements ChunkExporter {
  readonly pendingBytes = 0;
  readonly inFlightSpans = 0;
  readonly #counters: TracerCounters;

  constructor({ counters }: ExporterContext) {
    this.#counters = counters;
  }

  enqueue(chunk: Chunk): void {
    this.#counters.dropped.no_exporter += chunk.spanCount;
    chunk.release();
  }

  flush(): Promise<boolean> {
    return Promise.resolve(true);
  }

  flushBlocking(): void {}

  discard(): void {}

  close(): void {}
}
