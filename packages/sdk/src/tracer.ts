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
import { activeElsewhere, lookForContextManager } from './opentelemetry/foreign-context.ts';
import { keepMembers } from './recording/promise-members.ts';
import { observeStats, type ObservedStats } from './opentelemetry/sdk-metrics.ts';
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
import { systemTimers } from './runtime/timers.ts';
import type { TracerCounters, TracerStats } from './runtime/tracer-stats.ts';
import type { TimeInput } from './span/time.ts';
import { VERSION } from './runtime/version.ts';

export interface SpanOptions {
  /** By name or as `SpanKind` of OpenTelemetry's API; `'internal'` by default. */
  readonly kind?: SpanKindName | SpanKind | undefined;
  readonly attributes?: AttributesInput | undefined;
  readonly links?: readonly SpanLink[] | undefined;
  readonly startTime?: TimeInput | undefined;
  /** Instead of the active span. A context without a span starts a new trace. */
  readonly parent?: Parent | undefined;
  /** Starts a new trace whatever is active. */
  readonly root?: boolean | undefined;
}

/** Records the work of one service as spans and sends them to a collector. */
export class Tracer {
  readonly config: Config;
  /** This tracer behind OpenTelemetry's interfaces, for those who register it themselves. */
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
   * Runs `fn` in a new span, ends it when `fn` has returned, its promise has settled or its generator is done, and records what it throws. Returns
   * what `fn` returns; a promise of `fn`'s as a promise that settles alike. Each step of a generator runs with the span active.
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

  /** Starts a span under the active one, or under `options.parent`; the caller ends it. It is not made active. */
  startSpan(name: string, options?: SpanOptions): Span {
    return this.#start(name, options, currentContext());
  }

  /** Ends a span. With an error it first records that, and sets the status ERROR. */
  endSpan(span: Span, error?: unknown): void {
    try {
      if (error === undefined) span.end();
      else endFailed(span, error);
    } catch {
      // It is no span of ours.
    }
  }

  /** The span that is active here, whichever API made it so. */
  activeSpan(): Span | undefined {
    return spanIn(currentContext()) as Span | undefined;
  }

  /** Runs `fn` with a span or context active, and returns what `fn` returns. */
  with<Result>(spanOrContext: Parent, fn: () => Result): Result {
    lookForContextManager();
    return runWith(fromParent(this.#recorder, spanOrContext), fn);
  }

  /** A function that runs with what is active now, whenever it is called. */
  bind<This, Args extends unknown[], Result>(
    fn: (this: This, ...args: Args) => Result,
  ): (this: This, ...args: Args) => Result {
    const active = currentContext();
    const since = epoch();
    return function (this: This, ...args: Args) {
      return runAgain(since, active, () => fn.apply(this, args));
    };
  }

  /** Writes the active span's identity and baggage into a carrier's headers, as `propagators` says. Never throws. */
  inject<C extends Carrier>(carrier: C, setter?: TextMapSetter<C>): void {
    const active = currentContext();
    if (active !== undefined) this.#propagator.injectActive(active, carrier, setter ?? carrierSetter);
  }

  /** What a carrier's headers say of the caller, for `options.parent` and `with`; a context without a span when nothing. */
  extract<C extends Carrier>(carrier: C, getter?: TextMapGetter<C>): Context {
    return this.#propagator.extract(ROOT_CONTEXT, carrier, getter ?? carrierGetter);
  }

  stats(): TracerStats {
    return this.#counters.snapshot(this.#pendingBytes());
  }

  /**
   * Sends what has ended. Returns whether all of it was delivered: false when the time was up first, spans were refused or dropped meanwhile, or a
   * processor or metrics failed; never rejects. Without `timeoutMs` (milliseconds) it takes `flushTimeoutMillis` at most, and does not wait for a collector that refuses connections.
   */
  async flush(timeoutMs?: number): Promise<boolean> {
    const failures = this.#failures();
    const isDone = await this.#flush(millisOf(timeoutMs, this.config.flushTimeoutMillis), timeoutMs === undefined);
    return isDone && this.#failures() === failures;
  }

  /** Flushes, and returns alike; then stops: what is left is dropped and counted, and new spans are not recorded. A second call is the first. */
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

  /** Spans that are lost, and processors that could not do as they were told. */
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
      `tracer.span(${JSON.stringify(nameOf(name))}) was called without a function: nothing was run; ` +
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
 * Ends the span when what it has started is done. A thenable that is no promise, such as a query that is sent once it is awaited, is
 * awaited at once and in the span.
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
 * A promise that settles as the given one, behind what is done then. `then` may be the application's own: where it throws or does not answer a
 * promise, that of all promises is called; where that fails too, nothing can be known.
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
