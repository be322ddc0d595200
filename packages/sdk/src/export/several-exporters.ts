import type { ExporterName } from './export-settings.ts';
import { systemTimers } from '../runtime/timers.ts';
import { TracerCounters } from '../runtime/tracer-stats.ts';
import { createExporter } from './create-exporter.ts';
import type { ChunkExporter, ExporterContext } from './exporter.ts';
import { FOR_TRACER, type Exporter } from './exporter-option.ts';
import type { Chunk } from './encode/otlp-encoder.ts';

/**
 * Hands every chunk to each of them. The tracer's counters are those of the first one, so that a span counts once; what
 * the others lose makes a flush fail as well.
 */
export function severalExporters(exporters: readonly (ExporterName | Exporter)[]): Exporter {
  const forTracer = (context: ExporterContext): ChunkExporter => {
    const made = exporters.map((exporter, i) => {
      const counters = i === 0 ? context.counters : new TracerCounters();
      const diagnostics = i === 0 ? context.diagnostics : context.diagnostics.apart();
      return { counters, exporter: createExporter(exporter, { ...context, counters, diagnostics }) };
    });
    return new SeveralExporters(
      made.map(({ exporter }) => exporter),
      made.slice(1).map(({ counters }) => counters),
    );
  };
  return { [FOR_TRACER]: forTracer };
}

class SeveralExporters implements ChunkExporter {
  readonly #exporters: readonly ChunkExporter[];
  /** Of all but the first. */
  readonly #counters: readonly TracerCounters[];

  constructor(exporters: readonly ChunkExporter[], counters: readonly TracerCounters[]) {
    this.#exporters = exporters;
    this.#counters = counters;
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

  get lastEndedAtMs(): number {
    return Math.max(...this.#exporters.map(({ lastEndedAtMs }) => lastEndedAtMs ?? -Infinity));
  }

  async flush(timeoutMs: number, isHurried?: boolean): Promise<boolean> {
    const before = this.#lost();
    const flushed = await Promise.all(this.#exporters.map((exporter) => exporter.flush(timeoutMs, isHurried)));
    return flushed.every(Boolean) && this.#lost() === before;
  }

  #lost(): number {
    return this.#counters.reduce((sum, counters) => sum + counters.droppedSpans(), 0);
  }

  hold(): void {
    for (const exporter of this.#exporters) exporter.hold?.();
  }

  /** One after the other, in one time for all. */
  flushBlocking(timeoutMs: number): void {
    const until = systemTimers.now() + timeoutMs;
    for (const exporter of this.#exporters) exporter.flushBlocking(Math.max(0, until - systemTimers.now()));
  }

  discard(): void {
    for (const exporter of this.#exporters) exporter.discard();
  }

  close(): void {
    for (const exporter of this.#exporters) exporter.close();
  }
}
