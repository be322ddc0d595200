import type { Context, Span as OtelSpan } from '@opentelemetry/api';
import { toOtel, type ActiveContext } from '../context/active-context.ts';
import { catchRejection } from '../runtime/catch-rejection.ts';
import type { Diagnostics } from '../runtime/diagnostics.ts';
import { shownError } from '../runtime/shown.ts';
import type { ReadableSpan } from '../span/readable-span.ts';
import type { SpanObserver } from '../recording/span-observer.ts';
import type { RecordingSpan } from '../span/recording-span.ts';

/**
 * The standard SDK's interface: one written for it works here. Called in the order of registration; what it throws is
 * logged once.
 * @see https://opentelemetry.io/docs/specs/otel/trace/sdk/#span-processor
 */
export interface SpanProcessor {
  /** A recorded span has started. Called synchronously: it must not block. */
  onStart(span: ReadableSpan & OtelSpan, parentContext: Context): void;
  /** A span is about to end, and can still be changed. */
  onEnding?(span: ReadableSpan & OtelSpan): void;
  /** A span has ended, and changes no more. Called synchronously: it must not block. */
  onEnd(span: ReadableSpan): void;
  /** Called by the tracer's `flush`, which waits for it until its timeout. */
  forceFlush(): Promise<void>;
  /** Called once by the tracer's `shutdown`, after the last flush. */
  shutdown(): Promise<void>;
}

/** Shows spans to processors: each one the span itself, so that a processor knows it again wherever it meets it. */
export class SpanProcessors implements SpanObserver {
  readonly #processors: readonly SpanProcessor[];
  readonly #diagnostics: Diagnostics;
  /** How often a flush or shutdown of one was rejected. */
  failures = 0;

  constructor(processors: readonly SpanProcessor[], diagnostics: Diagnostics) {
    this.#processors = processors;
    this.#diagnostics = diagnostics;
  }

  start(span: RecordingSpan, active: ActiveContext | undefined): void {
    const context = toOtel(active);
    const readable = readableSpan(span);
    for (const processor of this.#processors) this.#call(() => processor.onStart(readable, context));
  }

  ending(span: RecordingSpan): void {
    const readable = readableSpan(span);
    for (const processor of this.#processors) this.#call(() => processor.onEnding?.(readable));
  }

  end(span: RecordingSpan): void {
    const readable = readableSpan(span);
    for (const processor of this.#processors) this.#call(() => processor.onEnd(readable));
  }

  async forceFlush(): Promise<void> {
    await this.#callAll((processor) => processor.forceFlush());
  }

  async shutdown(): Promise<void> {
    await this.#callAll((processor) => processor.shutdown());
  }

  /** A processor that throws, or is async and rejects, must reach neither the application nor the other processors. */
  #call(call: () => unknown): void {
    try {
      catchRejection(call(), (error) => this.#failed(error));
    } catch (error) {
      this.#failed(error);
    }
  }

  async #callAll(call: (processor: SpanProcessor) => Promise<void>): Promise<void> {
    const calls = this.#processors.map(async (processor) => await call(processor));
    for (const result of await Promise.allSettled(calls)) {
      if (result.status === 'fulfilled') continue;
      this.failures++;
      this.#failed(result.reason);
    }
  }

  #failed(error: unknown): void {
    this.#diagnostics.state('span processor', 'failing', `span processor failed: ${shownError(error)}`);
  }
}

/**
 * The same object: of a root's `parentSpanContext` the standard SDK's type says that it is absent, here it is
 * `undefined`.
 */
function readableSpan(span: RecordingSpan): ReadableSpan & OtelSpan {
  return span as ReadableSpan & OtelSpan;
}
