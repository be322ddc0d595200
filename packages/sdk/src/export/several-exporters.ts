import type { ExporterName } from './export-settings.ts';
import { Counters } from '../runtime/stats.ts';
import { createExporter } from './create-exporter.ts';
import type { ChunkExporter, ExporterFactory } from './exporter.ts';
import type { Chunk } from './encode/otlp-encoder.ts';

/** Hands every chunk to each of them. The tracer's counters are those of the first one, so that a span counts once. */
export function severalExporters(exporters: readonly (ExporterName | ExporterFactory)[]): ExporterFactory {
  return (context) => {
    const made = exporters.map((exporter, i) =>
      createExporter(exporter, {
        ...context,
        counters: i === 0 ? context.counters : new Counters(),
      }),
    );
    return new SeveralExporters(made);
  };
}

class SeveralExporters implements ChunkExporter {
  readonly #exporters: readonly ChunkExporter[];

  constructor(exporters: readonly ChunkExporter[]) {
    this.#exporters = exporters;
  }

  /** The bytes are shared: those that one exporter waits with are the others' too. */
  get pendingBytes(): number {
    return Math.max(...this.#exporters.map(({ pendingBytes }) => pendingBytes));
  }

  get inFlightSpans(): number {
    return this.#exporters[0]?.inFlightSpans ?? 0;
  }

  enqueue(chunk: Chunk): void {
    const { bytes, spanCount } = chunk;
    let left = this.#exporters.length;
    const releaseOnce = (): void => {
      left--;
      if (left === 0) chunk.release();
    };
    for (const exporter of this.#exporters) exporter.enqueue({ bytes, spanCount, release: releaseOnce });
  }

  async flush(timeoutMs: number, isHurried?: boolean): Promise<boolean> {
    const flushed = await Promise.all(this.#exporters.map((exporter) => exporter.flush(timeoutMs, isHurried)));
    return flushed.every(Boolean);
  }

  hold(): void {
    for (const exporter of this.#exporters) exporter.hold?.();
  }

  flushBlocking(timeoutMs: number): void {
    for (const exporter of this.#exporters) exporter.flushBlocking(timeoutMs);
  }

  discard(): void {
    for (const exporter of this.#exporters) exporter.discard();
  }

  close(): void {
    for (const exporter of this.#exporters) exporter.close();
  }
}
