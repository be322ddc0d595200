import type { Context, Span as OtelSpan, SpanContext, TextMapGetter, TextMapSetter } from '@opentelemetry/api';
import { ROOT_CONTEXT } from '@opentelemetry/api';
import { attributeSet, type Attributes, type AttributeSet } from './attributes.ts';
import { systemClock } from './clock.ts';
import { resolveConfig, type Config, type TracerOptions } from './config.ts';
import {
  activeStore,
  contextOf,
  isSuppressed,
  runWith,
  runWithSpan,
  spanInStore,
  storeOf,
  storeWithSpan,
  type Stored,
} from './context.ts';
import { Diagnostics, logToStderr } from './diagnostics.ts';
import { errorMessage } from './exception.ts';
import { SpanBatch } from './export/batch.ts';
import { Poster } from './export/http-post.ts';
import { OtlpEncoder } from './export/otlp-encoder.ts';
import { OtlpExporter } from './export/otlp-exporter.ts';
import { SpanExporterProcessor } from './export/span-exporter-processor.ts';
import { createRandomIds } from './ids.ts';
import { LiveSpans } from './live-spans.ts';
import { hasMeterProvider, observeStats } from './metrics.ts';
import {
  createOpenTelemetryAdapters,
  newScope,
  ownSpan,
  registerGlobally,
  startWithOptions,
  type OpenTelemetryAdapters,
} from './opentelemetry.ts';
import { unwatchProcessEnd, watchProcessEnd, type ProcessEndListener } from './process-end.ts';
import { carrierGetter, carrierSetter, type Carrier } from './propagation/carrier.ts';
import { extractTraceContext, injectTraceContext } from './propagation/w3c-trace-context.ts';
import { Sampler } from './sampling/sampler.ts';
import { SpanIdentity } from './span-identity.ts';
import { SpanProcessors } from './span-processor.ts';
import { readableResource } from './span-view.ts';
import { INVALID_SPAN, SpanRecorder } from './span-recorder.ts';
import type { RecordingSpan, NonRecordingSpan, Span, SpanLink } from './span.ts';
import { Counters, type TracerStats } from './stats.ts';
import type { TimeInput } from './time.ts';
import { VERSION } from './version.ts';

/** What a span can be started under or made active: a span, its identity, or a context such as `extract` answers. */
export type Parent = Span | OtelSpan | SpanContext | Context;

export interface SpanOptions {
  /** `SpanKind` of OpenTelemetry's API; internal by default. */
  readonly kind?: number | undefined;
  readonly attributes?: Attributes | undefined;
  readonly links?: readonly SpanLink[] | undefined;
  readonly startTime?: TimeInput | undefined;
  /** Instead of the active span. A context without a span starts a new trace. */
  readonly parent?: Parent | undefined;
  /** Starts a new trace whatever is active. */
  readonly root?: boolean | undefined;
}

const EXPORT_CONCURRENCY = 2;
const METER_RECHECK_MS = 1000;

/** Records the work of one service as spans and sends them to a collector. */
export class Tracer {
  readonly config: Config;
  /** This tracer behind OpenTelemetry's interfaces, for those who register it themselves. */
  readonly openTelemetry: OpenTelemetryAdapters;
  readonly #scope = newScope('@throughline/sdk', VERSION);
  readonly #counters = new Counters();
  readonly #recorder: SpanRecorder;
  readonly #batch: SpanBatch;
  readonly #exporter: OtlpExporter;
  readonly #processors: SpanProcessors | undefined;
  /** Whether an unsampled child is its parent's own span. */
  readonly #lite: boolean;
  readonly #unregister: () => void;
  readonly #processEndListener: ProcessEndListener;
  #unobserve: (() => void) | undefined;
  #shutdown: Promise<boolean> | undefined;

  /** @throws ConfigError for a wrong option. */
  constructor(options: TracerOptions = {}) {
    const config = resolveConfig(options, process.env);
    this.config = config;
    const diagnostics = new Diagnostics(options.log ?? logToStderr);
    for (const warning of config.warnings) diagnostics.warn(warning);
    this.#exporter = newExporter(config, this.#counters, diagnostics);
    this.#batch = new SpanBatch({
      encoder: new OtlpEncoder({
        resource: attributeSet(config.resource, Infinity, config.limits),
        chunkBytes: config.maxExportBatchBytes,
        spanBytesLimit: config.limits.spanBytesLimit,
      }),
      exporter: this.#exporter,
      counters: this.#counters,
      scheduledDelayMillis: config.scheduledDelayMillis,
      maxExportBatchSize: config.maxExportBatchSize,
    });
    const { limits } = config;
    const resource = attributeSet(config.resource, Infinity, limits);
    this.#processors = newProcessors(options, config, resource, this.#counters, diagnostics);
    this.#recorder = new SpanRecorder({
      ids: options.ids ?? createRandomIds(),
      clock: options.clock ?? systemClock,
      sampler: new Sampler(config.sampler),
      limits: config.limits,
      counters: this.#counters,
      sink: this.#batch,
      liveSpans: new LiveSpans({
        liveSpanLimit: limits.liveSpanLimit,
        reportUnended: config.reportUnendedSpans,
        counters: this.#counters,
        diagnostics,
      }),
      foreignSampler: config.enabled ? options.sampler : undefined,
      processors: this.#processors,
      enabled: config.enabled,
    });
    this.#lite = config.children === 'lite' && !this.#recorder.decidesEverySpan;
    this.openTelemetry = createOpenTelemetryAdapters(this.#recorder);
    this.#unregister = config.register && config.enabled ? this.#register(diagnostics) : () => undefined;
    this.#processEndListener = {
      hasPending: () => this.#pendingBytes() > 0,
      flush: () => this.flush(),
      discardPending: () => this.#exporter.discard(),
    };
    this.#observeStats();
    // A meter provider is often registered just after the tracer.
    if (this.#unobserve === undefined) setTimeout(() => this.#observeStats(), METER_RECHECK_MS).unref();
    if (config.flushOnExit && config.enabled) watchProcessEnd(this.#processEndListener);
  }

  /**
   * Runs `fn` in a new span, ends it when `fn` has returned or its promise has settled, and records what it throws. Answers
   * what `fn` answers; a promise of `fn`'s as a promise that settles alike.
   */
  span<Result>(name: string, fn: (span: Span) => Result): Result;
  span<Result>(name: string, options: SpanOptions, fn: (span: Span) => Result): Result;
  span<Result>(
    name: string,
    optionsOrFn: SpanOptions | ((span: Span) => Result),
    maybeFn?: (span: Span) => Result,
  ): Result {
    const fn = maybeFn ?? (optionsOrFn as (span: Span) => Result);
    const options = maybeFn === undefined ? undefined : (optionsOrFn as SpanOptions);
    const stored = activeStore();
    const span = this.#start(name, options, stored);
    // An unsampled child is its parent's own span: what is active stays as it is.
    if (span === stored || span === INVALID_SPAN) return fn(span);
    let result: Result;
    try {
      result = runWithSpan(storeWithSpan(span, stored), stored, fn, span as Span);
    } catch (error) {
      this.endSpan(span, error);
      throw error;
    }
    if (isThenable(result)) return this.#endWhenSettled(span, result) as Result;
    span.end();
    return result;
  }

  /** Starts a span under the active one, or under `options.parent`; the caller ends it. It is not made active. */
  startSpan(name: string, options?: SpanOptions): Span {
    return this.#start(name, options, activeStore());
  }

  /** Ends a span. With an error it first records that, and sets the status ERROR. */
  endSpan(span: Span, error?: unknown): void {
    if (error !== undefined) {
      span.recordException(error);
      span.setStatus({ code: 2, message: errorMessage(error) });
    }
    span.end();
  }

  /** The span that is active here, whichever API made it so. */
  activeSpan(): Span | undefined {
    return spanInStore(activeStore()) as Span | undefined;
  }

  /** Runs `fn` with a span or context active, and answers what `fn` answers. */
  with<Result>(spanOrContext: Parent, fn: () => Result): Result {
    return runWith(this.#storeOfParent(spanOrContext), fn);
  }

  /** A function that runs with what is active now, whenever it is called. */
  bind<This, Args extends unknown[], Result>(
    fn: (this: This, ...args: Args) => Result,
  ): (this: This, ...args: Args) => Result {
    const stored = activeStore();
    return function (this: This, ...args: Args) {
      return runWith(stored, () => fn.apply(this, args));
    };
  }

  /** Writes the active span's identity into a carrier's headers; nothing where no span is active. Never throws. */
  inject<C extends Carrier>(carrier: C, setter?: TextMapSetter<C>): void {
    this.#inject(activeStore(), carrier, setter);
  }

  /** What a carrier's headers say of the caller, for `options.parent` and `with`; a context without a span when nothing. */
  extract<C extends Carrier>(carrier: C, getter?: TextMapGetter<C>): Context {
    return contextOf(extractTraceContext(carrier, getter ?? carrierGetter));
  }

  stats(): TracerStats {
    return this.#counters.snapshot(this.#pendingBytes());
  }

  /** Sends what has ended. Answers whether all of it was delivered or dropped for good before the time was up; never rejects. */
  async flush(timeoutMs = this.config.flushTimeoutMillis): Promise<boolean> {
    this.#batch.seal();
    const isSent = this.#exporter.flush(timeoutMs);
    if (this.#processors === undefined) return await isSent;
    const isFlushed = await withinMs(this.#processors.forceFlush(), timeoutMs);
    return (await isSent) && isFlushed;
  }

  /** Flushes, then stops: what is left is dropped and counted, and new spans are not recorded. A second call is the first. */
  shutdown(timeoutMs = this.config.flushTimeoutMillis): Promise<boolean> {
    return (this.#shutdown ??= this.#stop(timeoutMs));
  }

  #observeStats(): void {
    if (this.#shutdown !== undefined || !hasMeterProvider()) return;
    this.#unobserve ??= observeStats(() => this.stats());
  }

  async #stop(timeoutMs: number): Promise<boolean> {
    this.#recorder.disable();
    this.#unregister();
    this.#unobserve?.();
    const isAllSent = await this.flush(timeoutMs);
    if (this.#processors !== undefined) await withinMs(this.#processors.shutdown(), timeoutMs);
    this.#exporter.close();
    unwatchProcessEnd(this.#processEndListener);
    return isAllSent;
  }

  #register(diagnostics: Diagnostics): () => void {
    const registration = registerGlobally(this.openTelemetry);
    if (registration.taken.length > 0) {
      diagnostics.warn(
        `another OpenTelemetry ${registration.taken.join(', ')} is registered already and stays: spans of libraries go there ` +
          '(register: false if that is wanted)',
      );
    }
    return () => registration.unregister();
  }

  #start(name: string, options: SpanOptions | undefined, stored: Stored | undefined): RecordingSpan | NonRecordingSpan {
    if (isSuppressed(stored)) return INVALID_SPAN;
    if (options === undefined) {
      const parent = ownSpan(this.#recorder, spanInStore(stored));
      if (parent !== undefined && this.#lite && isUnsampledHere(parent)) return parent;
      return this.#recorder.start(this.#scope, name, parent, undefined, undefined, undefined, undefined, stored);
    }
    const parentStore = options.parent === undefined ? stored : this.#storeOfParent(options.parent);
    const parent = options.root === true ? undefined : ownSpan(this.#recorder, spanInStore(parentStore));
    if (parent !== undefined && this.#lite && isUnsampledHere(parent)) return parent;
    return startWithOptions(this.#recorder, this.#scope, name, parent, options, parentStore);
  }

  #storeOfParent(parent: Parent): Stored {
    if (parent instanceof SpanIdentity) return parent;
    if (typeof parent !== 'object' || parent === null) return ROOT_CONTEXT;
    if ('getValue' in parent) return storeOf(parent);
    return this.#recorder.identityOf('spanContext' in parent ? parent.spanContext() : parent) ?? ROOT_CONTEXT;
  }

  #inject<C extends Carrier>(stored: Stored | undefined, carrier: C, setter: TextMapSetter<C> = carrierSetter): void {
    try {
      const span = isSuppressed(stored) ? undefined : ownSpan(this.#recorder, spanInStore(stored));
      if (span === undefined) return;
      injectTraceContext(span, carrier, setter);
    } catch {
      // A carrier that takes no headers (frozen, sent already) is the application's business.
    }
  }

  #endWhenSettled<T>(span: Span, result: PromiseLike<T>): PromiseLike<T> {
    return result.then(
      (value) => {
        span.end();
        return value;
      },
      (error: unknown) => {
        this.endSpan(span, error);
        throw error;
      },
    );
  }

  #pendingBytes(): number {
    return this.#batch.pendingBytes + this.#exporter.pendingBytes;
  }
}

function newExporter(config: Config, counters: Counters, diagnostics: Diagnostics): OtlpExporter {
  const url = new URL(config.tracesUrl);
  return new OtlpExporter({
    poster: new Poster({
      url,
      headers: config.headers,
      timeoutMillis: config.exportTimeoutMillis,
      connections: EXPORT_CONCURRENCY,
    }),
    url: `${url.origin}${url.pathname}`,
    maxQueueBytes: config.maxQueueBytes,
    concurrency: EXPORT_CONCURRENCY,
    retry: config.retry,
    counters,
    diagnostics,
    random: Math.random,
  });
}

function newProcessors(
  options: TracerOptions,
  config: Config,
  resource: AttributeSet,
  counters: Counters,
  diagnostics: Diagnostics,
): SpanProcessors | undefined {
  const exporting = (options.spanExporters ?? []).map(
    (exporter) =>
      new SpanExporterProcessor({
        exporter,
        scheduledDelayMillis: config.scheduledDelayMillis,
        onDrop(spans, _reason, message) {
          counters.processorDropped += spans;
          diagnostics.state('span exporter', 'failing', `a span exporter dropped ${spans} spans: ${message}`);
        },
      }),
  );
  const processors = [...(options.spanProcessors ?? []), ...exporting];
  if (processors.length === 0) return undefined;
  return new SpanProcessors(processors, { resource: readableResource(resource) }, diagnostics);
}

/** Whether a promise was fulfilled within a time. */
async function withinMs(promise: Promise<void>, timeoutMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => (timer = setTimeout(() => resolve(false), timeoutMs)));
  const inTime = promise.then(
    () => true,
    () => false,
  );
  const answer = await Promise.race([inTime, late]);
  clearTimeout(timer);
  return answer;
}

/** Whether nothing below this span is recorded, so that a child needs no identity of its own. */
function isUnsampledHere(span: SpanIdentity): span is NonRecordingSpan {
  return span.trace.isLocal && !span.trace.sampled;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}
