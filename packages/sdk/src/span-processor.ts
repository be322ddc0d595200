import type {
  Attributes as OtelAttributes,
  Context,
  HrTime,
  Link,
  Span as OtelSpan,
  SpanContext,
  SpanKind,
  SpanStatus,
} from '@opentelemetry/api';
import { contextOf, type Stored } from './context.ts';
import type { Diagnostics } from './diagnostics.ts';
import type { RecordingSpan } from './span.ts';
import { SpanView, type ViewSource } from './span-view.ts';

/** What happened at a moment of a span, as the standard SDK shows it. */
export interface TimedEvent {
  readonly time: HrTime;
  readonly name: string;
  readonly attributes?: OtelAttributes;
  readonly droppedAttributesCount?: number;
}

/** The resource as the standard SDK's exporters read it. */
export interface ReadableResource {
  readonly attributes: OtelAttributes;
  readonly schemaUrl?: string;
  readonly asyncAttributesPending: boolean;
  waitForAsyncAttributes(): Promise<void>;
  merge(other: ReadableResource | null): ReadableResource;
  getRawAttributes(): [string, OtelAttributes[string]][];
}

/** A span as SpanProcessors and SpanExporters of the standard SDK (2.x) read it. */
export interface ReadableSpan {
  readonly name: string;
  readonly kind: SpanKind;
  readonly spanContext: () => SpanContext;
  readonly parentSpanContext?: SpanContext;
  readonly startTime: HrTime;
  /** `[0, 0]` until the span has ended. */
  readonly endTime: HrTime;
  readonly status: SpanStatus;
  readonly attributes: OtelAttributes;
  readonly links: Link[];
  readonly events: TimedEvent[];
  readonly duration: HrTime;
  readonly ended: boolean;
  readonly resource: ReadableResource;
  readonly instrumentationScope: { readonly name: string; readonly version?: string; readonly schemaUrl?: string };
  readonly droppedAttributesCount: number;
  readonly droppedEventsCount: number;
  readonly droppedLinksCount: number;
}

/** The standard SDK's interface: one written for it works here. Called in the order of registration. */
export interface SpanProcessor {
  onStart(span: ReadableSpan & OtelSpan, parentContext: Context): void;
  /** While the span can still be changed. */
  onEnding?(span: ReadableSpan & OtelSpan): void;
  onEnd(span: ReadableSpan): void;
  forceFlush(): Promise<void>;
  shutdown(): Promise<void>;
}

/** Shows spans to processors; a view of a span is made only here, that is, only when one is registered. */
export class SpanProcessors {
  readonly #processors: readonly SpanProcessor[];
  readonly #source: ViewSource;
  readonly #diagnostics: Diagnostics;
  /** How often a flush or shutdown of one was rejected. */
  failures = 0;
  /** A processor may know a span again at its end by the object that it saw at the start. */
  readonly #views = new WeakMap<RecordingSpan, SpanView>();

  constructor(processors: readonly SpanProcessor[], source: ViewSource, diagnostics: Diagnostics) {
    this.#processors = processors;
    this.#source = source;
    this.#diagnostics = diagnostics;
  }

  start(span: RecordingSpan, stored: Stored | undefined): void {
    const view = this.#viewOf(span) as unknown as ReadableSpan & OtelSpan;
    const context = contextOf(stored);
    for (const processor of this.#processors) this.#call(() => processor.onStart(view, context));
  }

  ending(span: RecordingSpan): void {
    const view = this.#viewOf(span) as unknown as ReadableSpan & OtelSpan;
    for (const processor of this.#processors) this.#call(() => processor.onEnding?.(view));
  }

  end(span: RecordingSpan): void {
    const view = this.#viewOf(span);
    this.#views.delete(span);
    view.keep();
    const readable = view as unknown as ReadableSpan;
    for (const processor of this.#processors) this.#call(() => processor.onEnd(readable));
  }

  async forceFlush(): Promise<void> {
    await this.#callAll((processor) => processor.forceFlush());
  }

  async shutdown(): Promise<void> {
    await this.#callAll((processor) => processor.shutdown());
  }

  #viewOf(span: RecordingSpan): SpanView {
    let view = this.#views.get(span);
    if (view === undefined) {
      view = new SpanView(span, this.#source);
      this.#views.set(span, view);
    }
    return view;
  }

  /** A processor that throws must reach neither the application nor the other processors. */
  #call(call: () => void): void {
    try {
      call();
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
    this.#diagnostics.state('span processor', 'failing', `a span processor failed: ${String(error)}`);
  }
}
