import { types } from 'node:util';
import { assemble } from './assemble.ts';
import type { Context, SpanKind, TextMapGetter, TextMapSetter } from '@opentelemetry/api';
import { ROOT_CONTEXT } from '@opentelemetry/api';
import { type AttributesInput } from './span/attributes.ts';
import { MILLIS_MAX } from './runtime/checks.ts';
import { withoutCredentials } from './config/resolve.ts';
import type { Config, TracerOptions } from './config/options.ts';
import { epoch, keeper, ownContext, runAgain, runWith, sharedStore } from './context/active-store.ts';
import { isSuppressed, spanIn, withSpan, type ActiveContext } from './context/active-context.ts';
import type { Diagnostics } from './runtime/diagnostics.ts';
import { errorMessage } from './span/exception.ts';
import type { SpanBatch } from './export/span-batch.ts';
import type { ChunkExporter } from './export/exporter.ts';
import type { Transport } from './export/transport/transport.ts';
import { endWithGenerator, isGenerator, keepActive } from './recording/generator-span.ts';
import { activeElsewhere, lookForContextManager } from './opentelemetry/look-for-context-manager.ts';
import { keepMembers } from './recording/keep-members.ts';
import { observeStats, type ObservedStats } from './opentelemetry/observe-stats.ts';
import {
  createOpenTelemetryAdapters,
  newScope,
  ownSpan,
  registerGlobally,
  startWithOptions,
  type OpenTelemetryAdapters,
} from './opentelemetry/adapters.ts';
import { parentContextOf, fromParent, contextUnder, type Parent } from './context/parent.ts';
import { catchRejection } from './runtime/catch-rejection.ts';
import { unwatchProcessEnd, watchProcessEnd, type ProcessEndListener } from './runtime/process-end.ts';
import { carrierGetter, carrierSetter, type Carrier } from './propagation/carrier.ts';
import type { CompositePropagator } from './propagation/composite-propagator.ts';
import { CountedRoot } from './request-metrics/counted-root.ts';
import { type StartedSampling } from './sampling/start-sampling.ts';
import { SpanIdentity } from './span/span-identity.ts';
import type { SpanProcessors } from './opentelemetry/span-processor.ts';
import { INVALID_SPAN, type SpanRecorder } from './recording/span-recorder.ts';
import { nameOf, type Span, type SpanLink } from './span/span.ts';
import type { SpanKindName } from './span/span-kind.ts';
import { STATUS_ERROR } from './span/span-status.ts';
import type { NonRecordingSpan } from './span/non-recording-span.ts';
import type { RecordingSpan } from './span/recording-span.ts';
import { quoted } from './runtime/shown.ts';
import { systemTimers } from './runtime/timers.ts';
import type { TracerCounters, TracerStats } from './runtime/tracer-stats.ts';
import type { TimeInput } from './span/time.ts';
import { VERSION } from './runtime/version.ts';

/**
 * What is known of a span at its start. Samplers, policies and processors see only these attributes when they decide.
 * @see https://opentelemetry.io/docs/specs/otel/trace/api/#span-creation
 */
export interface SpanOptions {
  /** By name or as `SpanKind` of OpenTelemetry's API; `'internal'` by default. */
  readonly kind?: SpanKindName | SpanKind | undefined;
  /** Values that are `null` or `undefined` are omitted. */
  readonly attributes?: AttributesInput | undefined;
  /** Spans that this one is related to, besides its parent; `limits.linkCountLimit` of them are recorded. */
  readonly links?: readonly SpanLink[] | undefined;
  /** When the work began, if not now. */
  readonly startTime?: TimeInput | undefined;
  /** Instead of the active span. A context without a span starts a new trace. */
  readonly parent?: Parent | undefined;
  /** True starts a new trace, whatever is active. Default false. */
  readonly root?: boolean | undefined;
}

/**
 * Records the work of one service as spans and sends them to a collector. Make one for a process, before anything that
 * it is to trace. No method throws, except the constructor for a wrong option, and but for what the application's own
 * function throws.
 * @example
 * const tracer = new Tracer({ service: 'checkout' });
 * const total = await tracer.span('charge card', { attributes: { 'order.id': 17 } }, async (span) => {
 *   span.setAttribute('receipt.id', 'r-1');
 *   return 42;
 * });
 * @see https://opentelemetry.io/docs/specs/otel/trace/api/#tracer
 */
export class Tracer {
  /** The settings in force and their sources, without secrets. */
  readonly config: Config;
  /** This tracer behind OpenTelemetry's interfaces, for `register: false` and those who register it themselves. */
  readonly openTelemetry: OpenTelemetryAdapters;
  readonly #scope = newScope('@throughline/sdk', VERSION);
  readonly #counters: TracerCounters;
  readonly #diagnostics: Diagnostics;
  readonly #recorder: SpanRecorder;
  readonly #sampling: StartedSampling;
  readonly #propagator: CompositePropagator;
  readonly #batch: SpanBatch;
  readonly #exporter: ChunkExporter;
  readonly #processors: SpanProcessors | undefined;
  /** Whether an unsampled child is its parent's own span. */
  readonly #sharesUnsampled: boolean;
  readonly #unregister: () => void;
  readonly #processEndListener: ProcessEndListener;
  readonly #observed: ObservedStats;
  readonly #onShutdown: readonly (() => unknown)[];
  #shutdown: Promise<boolean> | undefined;

  /** @throws ConfigError for a wrong option. */
  constructor(options: TracerOptions = {}) {
    const { config, diagnostics, ...parts } = assemble(options, {
      onSealed: () => this.#observed.look(),
      onLocalRootEnd: options.waitUntil === undefined ? undefined : this.#exportNowUnder(options.waitUntil),
    });
    this.config = withoutCredentials(config);
    this.#onShutdown = [...(options.onShutdown ?? [])];
    this.#counters = parts.counters;
    this.#diagnostics = diagnostics;
    this.#exporter = parts.exporter;
    this.#batch = parts.batch;
    this.#processors = parts.processors;
    this.#sampling = parts.sampling;
    this.#recorder = parts.recorder;
    this.#propagator = parts.propagator;
    this.#sharesUnsampled = config.unsampledChildren === 'shared' && !this.#recorder.decidesEverySpan;
    this.openTelemetry = createOpenTelemetryAdapters(this.#recorder, this.#propagator, this);
    this.#unregister = config.register && config.enabled ? this.#register(diagnostics) : () => undefined;
    lookForContextManager();
    this.#processEndListener = {
      hasPending: () => this.#pendingBytes() > 0 || this.#sampling.metrics?.hasPending === true,
      flush: () => this.#flush(config.flushTimeoutMillis, true),
      flushBlocking: (millis) => {
        this.#exporter.hold?.();
        this.#batch.seal();
        this.#exporter.flushBlocking(Math.min(config.flushTimeoutMillis, millis));
      },
      lastEndedAtMs: () => this.#exporter.lastEndedAtMs ?? -Infinity,
      discardPending: () => this.#exporter.discard(),
    };
    this.#observed = observeStats({
      config,
      stats: () => this.stats(),
      inFlightSpans: () => this.#exporter.inFlightSpans,
      counts: this.#sampling.counts,
    });
    if (config.flushOnExit && config.enabled) watchProcessEnd(this.#processEndListener);
  }

  /**
   * Runs `fn` in a new active span and returns what `fn` returns; a promise as one that settles alike. The span ends
   * when `fn` has returned, its promise has settled or its generator is done. What `fn` throws is recorded, sets the
   * status ERROR, and is thrown on. Each step of a generator runs with the span active. A call without a function does
   * nothing but warn once.
   * @example
   * const rows = await tracer.span('load orders', { kind: 'client' }, async (span) => {
   *   const found = await Promise.resolve(['a', 'b']);
   *   span.setAttribute('db.response.returned_rows', found.length);
   *   return found;
   * });
   */
  span<Result>(name: string, fn: (span: Span) => Result): Result;
  span<Result>(name: string, options: SpanOptions, fn: (span: Span) => Result): Result;
  span<Result>(
    name: string,
    optionsOrFn: SpanOptions | ((span: Span) => Result),
    maybeFn?: (span: Span) => Result,
  ): Result {
    const active = currentContext();
    if (typeof optionsOrFn === 'function' && maybeFn === undefined) {
      return this.#run(this.#startPlain(name, active), active, active, optionsOrFn);
    }
    // A mistake of the application's, which must not become an exception that it would not have without us.
    if (typeof maybeFn !== 'function') return this.#warnOfNoFunction(name) as Result;
    const options = optionsOrFn as SpanOptions;
    return this.#run(
      this.#start(name, options, active),
      contextUnder(this.#recorder, options, active),
      active,
      maybeFn,
    );
  }

  /** Runs `fn` in a span that has just started, under what `under` holds besides it; `active` is what is active now. */
  #run<Result>(
    span: RecordingSpan | NonRecordingSpan,
    under: ActiveContext | undefined,
    active: ActiveContext | undefined,
    fn: (span: Span) => Result,
  ): Result {
    // An unsampled child is its parent's own span: what is active stays as it is.
    if (span === active || span === INVALID_SPAN) {
      const result = fn(span);
      if (active !== undefined && isGenerator(result)) keepActive(result, active);
      return result;
    }
    let result: Result;
    try {
      result = keeper.runWithSpan(withSpan(span, under), active, fn, span as Span);
    } catch (error) {
      endFailed(span, error);
      throw error;
    }
    if (typeof result === 'object' && result !== null) return endWithResult(span, under, result);
    span.end();
    return result;
  }

  /**
   * Starts a span under the active one, or under `options.parent`. It is not made active, and the caller ends it: a
   * span that is never ended is never sent. For work that does not follow one function.
   * @example
   * const span = tracer.startSpan('cache lookup');
   * tracer.with(span, () => tracer.span('decode', () => undefined));
   * tracer.endSpan(span);
   * @see https://opentelemetry.io/docs/specs/otel/trace/api/#span-creation
   */
  startSpan(name: string, options?: SpanOptions): Span {
    return this.#start(name, options, currentContext());
  }

  /**
   * Ends a span now. With an error it first records that as an exception, and sets the status ERROR. A second end does
   * nothing.
   * @example
   * const span = tracer.startSpan('send mail');
   * const timer = setTimeout(() => tracer.endSpan(span, new Error('no response within a second')), 1000);
   * queueMicrotask(() => {
   *   clearTimeout(timer);
   *   tracer.endSpan(span);
   * });
   * @see https://opentelemetry.io/docs/specs/otel/trace/api/#end
   */
  endSpan(span: Span, error?: unknown): void {
    try {
      if (error === undefined) span.end();
      else endFailed(span, error);
    } catch {
      // It is no span of ours.
    }
  }

  /**
   * The span that is active here, whichever API made it so; `undefined` where none is.
   * @example
   * tracer.activeSpan()?.setAttribute('cart.items', 3);
   * const traceId = tracer.activeSpan()?.spanContext().traceId;
   * @see https://opentelemetry.io/docs/specs/otel/trace/api/#context-interaction
   */
  activeSpan(): Span | undefined {
    return spanIn(currentContext()) as Span | undefined;
  }

  /**
   * Runs `fn` with a span or context active, and returns what `fn` returns; ends nothing.
   * @example
   * const caller = tracer.extract({ traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' });
   * tracer.with(caller, () => tracer.span('handle message', () => undefined));
   * @see https://opentelemetry.io/docs/specs/otel/context/#attach-context
   */
  with<Result>(spanOrContext: Parent, fn: () => Result): Result {
    lookForContextManager();
    return runWith(fromParent(this.#recorder, spanOrContext), fn);
  }

  /**
   * Returns a function that runs `fn` with what is active now, whenever it is called: for callbacks that libraries keep
   * and call later.
   * @example
   * const done = tracer.bind(() => tracer.activeSpan()?.addEvent('done'));
   * setTimeout(done, 10);
   */
  bind<This, Args extends unknown[], Result>(
    fn: (this: This, ...args: Args) => Result,
  ): (this: This, ...args: Args) => Result {
    const active = currentContext();
    const since = epoch();
    return function (this: This, ...args: Args) {
      return runAgain(since, active, () => fn.apply(this, args));
    };
  }

  /**
   * Writes the active span's identity and baggage into a carrier's headers, in the formats of `propagators`. Writes
   * nothing where nothing is active.
   * @example
   * const headers: Record<string, string> = {};
   * tracer.inject(headers);
   * @see https://opentelemetry.io/docs/specs/otel/context/api-propagators/#inject
   */
  inject<C extends Carrier>(carrier: C, setter?: TextMapSetter<C>): void {
    const active = currentContext();
    if (active !== undefined) this.#propagator.injectActive(active, carrier, setter ?? carrierSetter);
  }

  /**
   * Reads the caller's span and baggage from a carrier's headers, for `options.parent` and `with`. Returns a context
   * without a span where there is none; malformed headers count as absent.
   * @example
   * const parent = tracer.extract({ traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' });
   * tracer.span('handle message', { parent, kind: 'consumer' }, () => undefined);
   * @see https://opentelemetry.io/docs/specs/otel/context/api-propagators/#extract
   */
  extract<C extends Carrier>(carrier: C, getter?: TextMapGetter<C>): Context {
    return this.#propagator.extract(ROOT_CONTEXT, carrier, getter ?? carrierGetter);
  }

  /**
   * What became of all spans so far. Cheap enough to be read once a second.
   * @example
   * const { exported, dropped, lastError } = tracer.stats();
   * if (dropped.queue_full > 0) console.warn('spans were dropped', exported, lastError);
   */
  stats(): TracerStats {
    return this.#counters.snapshot(this.#pendingBytes());
  }

  /**
   * Sends what has ended. Resolves with true when all of it was delivered; with false when it timed out, spans were
   * rejected or dropped meanwhile, or a processor, an exporter of yours or the metrics failed. Never rejects.
   * `timeoutMs` is in milliseconds; without it `flushTimeoutMillis` is the limit, and a collector that refuses two
   * connections in a row is not waited for.
   * @example
   * if (!(await tracer.flush(2000))) console.warn('not all spans were delivered', tracer.stats().lastError);
   * @see https://opentelemetry.io/docs/specs/otel/trace/sdk/#forceflush
   */
  async flush(timeoutMs?: number): Promise<boolean> {
    const failures = this.#failures();
    const isDone = await this.#flush(millisOf(timeoutMs, this.config.flushTimeoutMillis), timeoutMs === undefined);
    return isDone && this.#failures() === failures;
  }

  /**
   * Flushes, and resolves like `flush`; then stops: what is left is dropped and counted, new spans are not recorded,
   * OpenTelemetry's globals are restored, and `onShutdown` is called. Never rejects. A second call returns the first
   * one's promise. `timeoutMs` is the limit for each of these steps; without it `flushTimeoutMillis` is.
   * @example
   * createServer().on('close', () => void tracer.shutdown());
   * @see https://opentelemetry.io/docs/specs/otel/trace/sdk/#shutdown
   */
  shutdown(timeoutMs?: number): Promise<boolean> {
    return (this.#shutdown ??= this.#stop(timeoutMs));
  }

  async #stop(timeoutMs: number | undefined): Promise<boolean> {
    this.#recorder.disable();
    this.#unregister();
    // Where it was registered nothing is active any more; where not, others share what is, and only its own span goes.
    if (this.#recorder.isOwn(spanIn(ownContext()))) sharedStore.enter(undefined);
    this.#observed.stop();
    const failures = this.#failures();
    const isAllSent = await this.flush(timeoutMs);
    await withinMs(this.#sampling.stop(), millisOf(timeoutMs, this.config.flushTimeoutMillis));
    if (this.#processors !== undefined) {
      await withinMs(this.#processors.shutdown(), millisOf(timeoutMs, this.config.flushTimeoutMillis));
    }
    const isDone = await withinMs(this.#close(), millisOf(timeoutMs, this.config.flushTimeoutMillis));
    this.#exporter.close();
    // It is code of the application, for the last time: what it leaves open is not for us to close.
    await withinMs(closeTransport(this.config.transport), millisOf(timeoutMs, this.config.flushTimeoutMillis));
    unwatchProcessEnd(this.#processEndListener);
    return isAllSent && isDone && this.#failures() === failures;
  }

  /** Calls each of `onShutdown`, whatever becomes of the others. Returns whether all succeeded. */
  async #close(): Promise<boolean> {
    const closed = await Promise.allSettled(this.#onShutdown.map(async (close) => await close()));
    return closed.every(({ status }) => status === 'fulfilled');
  }

  /** Spans that are lost, and processors that could not do as they should. */
  #failures(): number {
    return this.#counters.lostSpans() + (this.#processors?.failures ?? 0);
  }

  async #flush(millis: number, isHurried: boolean): Promise<boolean> {
    this.#batch.seal();
    const parts = [this.#exporter.flush(millis, isHurried)];
    if (this.#sampling.metrics !== undefined) parts.push(withinMs(this.#sampling.metrics.flush(), millis));
    if (this.#processors !== undefined) parts.push(withinMs(this.#processors.forceFlush(), millis));
    return (await Promise.all(parts)).every(Boolean);
  }

  /** Exports in the same turn, however many requests end in it. */
  #exportNowUnder(waitUntil: (exported: Promise<unknown>) => void): () => void {
    let exported: Promise<boolean> | undefined;
    return () => {
      exported ??= Promise.resolve().then(() => {
        exported = undefined;
        return this.flush();
      });
      try {
        catchRejection(waitUntil(exported));
      } catch {
        // The platform's refusal must not reach the code whose span has ended; the export goes on.
      }
    };
  }

  #register(diagnostics: Diagnostics): () => void {
    const { logLevel, sources } = this.config;
    const registration = registerGlobally(this.openTelemetry, sources['logLevel'] === 'default' ? 'none' : logLevel);
    if (registration.occupied.length > 0) {
      diagnostics.warn(
        `an OpenTelemetry ${registration.occupied.join(', ')} is already registered; spans from instrumentation libraries go to it ` +
          '(set register: false if intended)',
      );
    }
    return () => registration.unregister();
  }

  /** Starts a span without options: mostly either nothing or a span of ours is active. */
  #startPlain(name: string, active: ActiveContext | undefined): RecordingSpan | NonRecordingSpan {
    if (active !== undefined && (!(active instanceof SpanIdentity) || active === INVALID_SPAN)) {
      return this.#start(name, undefined, active);
    }
    if (active !== undefined && this.#sharesUnsampled && isUnsampledHere(active)) return active;
    return this.#recorder.start(this.#scope, name, active, undefined, undefined, undefined, undefined, active);
  }

  #start(
    name: string,
    options: SpanOptions | undefined,
    active: ActiveContext | undefined,
  ): RecordingSpan | NonRecordingSpan {
    if (isSuppressed(active)) return INVALID_SPAN;
    if (typeof options !== 'object' || options === null) {
      const parent = ownSpan(this.#recorder, spanIn(active));
      if (parent !== undefined && this.#sharesUnsampled && isUnsampledHere(parent)) return parent;
      return this.#recorder.start(this.#scope, name, parent, undefined, undefined, undefined, undefined, active);
    }
    const parentContext = parentContextOf(this.#recorder, options, active);
    const parent = ownSpan(this.#recorder, spanIn(parentContext));
    if (parent !== undefined && this.#sharesUnsampled && isUnsampledHere(parent)) return parent;
    return startWithOptions(this.#recorder, this.#scope, name, parent, options, parentContext);
  }

  #warnOfNoFunction(name: unknown): undefined {
    this.#diagnostics.once(
      'span without a function',
      `tracer.span(${quoted(nameOf(name))}) was called without a function: nothing was run; ` +
        'for a span without one use tracer.startSpan (logged once)',
    );
  }

  #pendingBytes(): number {
    return this.#batch.pendingBytes + this.#exporter.pendingBytes;
  }
}

/** What is active here, whoever keeps it by now. */
function currentContext(): ActiveContext | undefined {
  return keeper.current() ?? activeElsewhere();
}

async function closeTransport(transport: Transport | undefined): Promise<void> {
  await (transport?.close?.() as unknown);
}

/** Whether a promise was fulfilled within a time, and not with false. */
async function withinMs(promise: Promise<boolean | void>, timeoutMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => (timer = systemTimers.start(() => resolve(false), timeoutMs)));
  const inTime = promise.then(
    (answer) => answer !== false,
    () => false,
  );
  const answer = await Promise.race([inTime, late]);
  systemTimers.stop(timer);
  return answer;
}

/** Whatever was thrown, nothing at all too. */
function endFailed(span: Span, error: unknown): void {
  span.recordException(error);
  span.setStatus({ code: STATUS_ERROR, message: errorMessage(error) });
  span.end();
}

/**
 * Ends the span when what it has started is done. A thenable that is no promise, such as a query that is sent once it
 * is awaited, is awaited at once and in the span.
 */
function endWhenSettled<T>(
  span: RecordingSpan | NonRecordingSpan,
  under: ActiveContext | undefined,
  result: PromiseLike<T>,
): PromiseLike<T> {
  const promise = types.isPromise(result)
    ? (result as PromiseLike<T>)
    : runWith(withSpan(span, under), () => new Promise<T>((resolve, reject) => void result.then(resolve, reject)));
  const since = epoch();
  const settled = follow(
    promise,
    (value) => endNowOrWithGenerator(span, since, under, value),
    (error) => endFailed(span, error),
  );
  if (settled === undefined) {
    span.end();
    return result;
  }
  keepMembers(result, settled);
  return settled;
}

const OWN_THEN_FIRST = [true, false] as const;

/**
 * A promise that settles as the given one, behind what is done then. `then` may be the application's own: where it
 * throws or does not return a promise, that of all promises is called; where that fails too, nothing can be known.
 */
function follow<T>(
  promise: PromiseLike<T>,
  resolved: (value: T) => void,
  rejected: (error: unknown) => void,
): PromiseLike<T> | undefined {
  for (const isOwn of OWN_THEN_FIRST) {
    let isUsed = true;
    const whenResolved = (value: T): T => {
      if (isUsed) resolved(value);
      return value;
    };
    const whenRejected = (error: unknown): unknown => {
      if (!isUsed) return undefined;
      rejected(error);
      throw error;
    };
    try {
      const settled: unknown = isOwn
        ? promise.then(whenResolved, whenRejected)
        : Promise.prototype.then.call(promise, whenResolved as (value: unknown) => T, whenRejected);
      if (typeof settled === 'object' && settled !== null && isThenable(settled)) return settled as PromiseLike<T>;
    } catch {
      // It is the application's.
    }
    isUsed = false;
  }
  return undefined;
}

/** Ends the span now, or when what was started is done. */
function endWithResult<Result extends object>(
  span: RecordingSpan | NonRecordingSpan,
  under: ActiveContext | undefined,
  result: Result,
): Result {
  if (isThenable(result)) return endWhenSettled(span, under, result) as unknown as Result;
  endNowOrWithGenerator(span, epoch(), under, result);
  return result;
}

/** A generator has done nothing yet when it is made: its span ends with it. */
function endNowOrWithGenerator(
  span: RecordingSpan | NonRecordingSpan,
  since: number,
  under: ActiveContext | undefined,
  result: unknown,
): void {
  if (isGenerator(result)) {
    endWithGenerator(result, since, withSpan(span, under), span, (error) => endFailed(span, error));
  } else span.end();
}

/** Whether nothing below this span is recorded, so that a child needs no identity of its own. */
function isUnsampledHere(span: SpanIdentity): span is NonRecordingSpan {
  // What is done to a child must not be counted as its root's.
  return span.trace.isLocal && !span.trace.sampled && !(span instanceof CountedRoot);
}

/** A timeout that timers take; anything but a number of milliseconds is the default. */
function millisOf(timeoutMs: unknown, fallback: number): number {
  return typeof timeoutMs === 'number' && timeoutMs >= 0 ? Math.min(timeoutMs, MILLIS_MAX) : fallback;
}

function isThenable(value: object): value is PromiseLike<unknown> {
  try {
    return typeof (value as { then?: unknown }).then === 'function';
  } catch {
    // What the application returns is its own business.
    return false;
  }
}
