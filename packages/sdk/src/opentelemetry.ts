import { EventEmitter } from 'node:events';
import {
  context as contextApi,
  propagation as propagationApi,
  ProxyTracerProvider,
  ROOT_CONTEXT,
  trace as traceApi,
  type Context,
  type ContextManager,
  type Span as OtelSpan,
  type SpanOptions as OtelSpanOptions,
  type TextMapPropagator,
  type Tracer as OtelTracer,
  type TracerOptions as OtelTracerOptions,
  type TracerProvider,
} from '@opentelemetry/api';
import { activeStore, enterStore, runWith, runWithSpan } from './active-store.ts';
import {
  contextOf,
  isSuppressed,
  spanInStore,
  storeOf,
  storeWithoutSpan,
  storeWithSpan,
  type Stored,
} from './context.ts';
import { SpanIdentity } from './span-identity.ts';
import { INVALID_SPAN, type InstrumentationScope, type SpanRecorder } from './span-recorder.ts';
import { nameOf, type NonRecordingSpan, type RecordingSpan, type SpanLink } from './span.ts';
import type { Attributes } from './attributes.ts';
import { isContext } from './parent.ts';
import { property } from './property.ts';

/** The same tracer behind the interfaces of `@opentelemetry/api`. */
export interface OpenTelemetryAdapters {
  readonly tracerProvider: TracerProvider;
  readonly contextManager: ContextManager;
  readonly propagator: TextMapPropagator;
}

export function createOpenTelemetryAdapters(
  recorder: SpanRecorder,
  propagator: TextMapPropagator,
): OpenTelemetryAdapters {
  return {
    tracerProvider: new RecorderTracerProvider(recorder),
    contextManager: new StorageContextManager(),
    propagator,
  };
}

/** Instrumentation scopes come from libraries, which are few; more than this come from a mistake and share one tracer each call. */
const CACHED_TRACERS_MAX = 1000;

class RecorderTracerProvider implements TracerProvider {
  readonly #recorder: SpanRecorder;
  readonly #tracers = new Map<string, OtelTracer>();

  constructor(recorder: SpanRecorder) {
    this.#recorder = recorder;
  }

  getTracer(name: string, version?: string, options?: OtelTracerOptions): OtelTracer {
    const given = [name ?? '', version ?? '', property(options, 'schemaUrl') ?? ''].map(nameOf);
    const key = JSON.stringify(given);
    let tracer = this.#tracers.get(key);
    if (tracer === undefined) {
      const [scopeName = '', scopeVersion, schemaUrl] = given;
      tracer = new RecorderTracer(this.#recorder, newScope(scopeName, scopeVersion, schemaUrl));
      if (this.#tracers.size < CACHED_TRACERS_MAX) this.#tracers.set(key, tracer);
    }
    return tracer;
  }
}

export function newScope(name: string, version = '', schemaUrl = ''): InstrumentationScope {
  return { name, version, schemaUrl, attributes: { flat: [], dropped: 0, invalid: 0 } };
}

class RecorderTracer implements OtelTracer {
  readonly #recorder: SpanRecorder;
  readonly #scope: InstrumentationScope;

  constructor(recorder: SpanRecorder, scope: InstrumentationScope) {
    this.#recorder = recorder;
    this.#scope = scope;
  }

  startSpan(name: string, options?: OtelSpanOptions, context?: Context): OtelSpan {
    return this.#start(name, options, storeOfGiven(context));
  }

  startActiveSpan<F extends (span: OtelSpan) => unknown>(
    name: string,
    optionsOrFn: OtelSpanOptions | F,
    contextOrFn?: Context | F,
    fnAfterContext?: F,
  ): ReturnType<F> {
    if (typeof optionsOrFn === 'function') return this.#startActive(name, undefined, undefined, optionsOrFn);
    if (typeof contextOrFn === 'function') return this.#startActive(name, optionsOrFn, undefined, contextOrFn);
    return this.#startActive(name, optionsOrFn, contextOrFn, fnAfterContext as F);
  }

  #startActive<F extends (span: OtelSpan) => unknown>(
    name: string,
    options: OtelSpanOptions | undefined,
    context: Context | undefined,
    fn: F,
  ): ReturnType<F> {
    const stored = storeOfGiven(context);
    const span = this.#start(name, options, stored);
    const before = context === undefined ? stored : activeStore();
    return runWithSpan(storeWithSpan(span, stored), before, fn, span) as ReturnType<F>;
  }

  #start(
    name: string,
    options: OtelSpanOptions | undefined,
    stored: Stored | undefined,
  ): RecordingSpan | NonRecordingSpan {
    if (isSuppressed(stored)) return INVALID_SPAN;
    const parentStore = property(options, 'root') === true ? storeWithoutSpan(stored) : stored;
    const parent = ownSpan(this.#recorder, spanInStore(parentStore));
    return startWithOptions(this.#recorder, this.#scope, name, parent, options, parentStore);
  }
}

/** Of a context that a caller handed over, or may have left out: anything that is none stands for the active one. */
function storeOfGiven(context: Context | undefined): Stored | undefined {
  if (context === undefined) return activeStore();
  return isContext(context) ? storeOf(context) : activeStore();
}

/** What the two APIs accept alike at a span's start. */
export interface StartOptions {
  readonly kind?: number | undefined;
  readonly attributes?: Attributes | undefined;
  readonly links?: readonly SpanLink[] | undefined;
  readonly startTime?: OtelSpanOptions['startTime'] | undefined;
}

const NO_OPTIONS: StartOptions = {};

export function startWithOptions(
  recorder: SpanRecorder,
  scope: InstrumentationScope,
  name: string,
  parent: SpanIdentity | undefined,
  options: StartOptions | OtelSpanOptions | undefined,
  stored: Stored | undefined,
): RecordingSpan | NonRecordingSpan {
  let kind: StartOptions['kind'];
  let startTime: StartOptions['startTime'];
  let attributes: StartOptions['attributes'];
  let links: StartOptions['links'];
  try {
    ({ kind, startTime, attributes, links } = options ?? NO_OPTIONS);
  } catch {
    // A getter of the application's threw: what it would have answered is absent.
  }
  return recorder.start(scope, name, parent, kind, startTime, attributes, links, stored);
}

/** Our identity of any span: itself, or one that stands for another implementation's. */
export function ownSpan(recorder: SpanRecorder, span: SpanIdentity | OtelSpan | undefined): SpanIdentity | undefined {
  if (span === undefined) return undefined;
  try {
    if (span instanceof SpanIdentity) return span === INVALID_SPAN ? undefined : span;
    return typeof span.spanContext === 'function' ? recorder.identityOf(span.spanContext()) : undefined;
  } catch {
    // Another implementation's, or none at all.
    return undefined;
  }
}

/** What to make active for a context that somebody handed over; anything that is none holds nothing. */
function storeToActivate(context: Context): Stored {
  return isContext(context) ? storeOf(context) : ROOT_CONTEXT;
}

class StorageContextManager implements ContextManager {
  active(): Context {
    return contextOf(activeStore());
  }

  with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
    context: Context,
    fn: F,
    thisArg?: ThisParameterType<F>,
    ...args: A
  ): ReturnType<F> {
    const stored = storeToActivate(context);
    return runWith(stored, () => fn.apply(thisArg, args));
  }

  bind<T>(context: Context, target: T): T {
    const stored = storeToActivate(context);
    if (isEventEmitter(target)) return bindEmitter(target, (fn) => bound(stored, fn));
    return typeof target === 'function' ? (bound(stored, target as unknown as Listener) as unknown as T) : target;
  }

  /** OpenTelemetry API 1.10: makes a context active from here on, until the token is disposed of. */
  attach(context: Context): { dispose(): void } {
    const before = activeStore();
    enterStore(storeToActivate(context));
    let isAttached = true;
    return {
      dispose() {
        if (isAttached) enterStore(before);
        isAttached = false;
      },
    };
  }

  enable(): this {
    return this;
  }

  disable(): this {
    return this;
  }
}

type Listener = (this: unknown, ...args: unknown[]) => unknown;

function isEventEmitter(target: unknown): target is EventEmitter {
  try {
    return target instanceof EventEmitter;
  } catch {
    return false;
  }
}

function bound(stored: ReturnType<typeof storeOf>, fn: Listener): Listener {
  const wrapper: Listener = function (this: unknown, ...args) {
    return runWith(stored, () => fn.apply(this, args));
  };
  const length = property(fn, 'length');
  if (typeof length === 'number') Object.defineProperty(wrapper, 'length', { configurable: true, value: length });
  return wrapper;
}

const ADD_METHODS = ['on', 'addListener', 'once', 'prependListener', 'prependOnceListener'] as const;
const REMOVE_METHODS = ['off', 'removeListener'] as const;

/** Makes every listener that is added from now on run through `wrap`, and still be removable by its own identity. */
function bindEmitter<T extends EventEmitter>(emitter: T, wrap: (fn: Listener) => Listener): T {
  const wrappers = new WeakMap<Listener, Listener>();
  // `once` calls `on` on the emitter itself: the inner call must not wrap again.
  let isAdding = false;
  const methods = emitter as unknown as Record<string, (event: string | symbol, listener: Listener) => unknown>;
  for (const name of ADD_METHODS) {
    const original = methods[name];
    if (original === undefined) continue;
    methods[name] = function (event, listener) {
      if (isAdding || typeof listener !== 'function') return original.call(emitter, event, listener);
      const wrapper = wrappers.get(listener) ?? wrap(listener);
      wrappers.set(listener, wrapper);
      isAdding = true;
      try {
        return original.call(emitter, event, wrapper);
      } finally {
        isAdding = false;
      }
    };
  }
  for (const name of REMOVE_METHODS) {
    const original = methods[name];
    if (original === undefined) continue;
    methods[name] = (event, listener) => original.call(emitter, event, wrappers.get(listener) ?? listener);
  }
  return emitter;
}

/**
 * Makes the adapters OpenTelemetry's global ones, and answers what takes them back; or the names of those that were taken already, which
 * stay as they are.
 */
export function registerGlobally(adapters: OpenTelemetryAdapters): { readonly taken: string[]; unregister(): void } {
  const taken: string[] = [];
  const hasProvider = traceApi.setGlobalTracerProvider(adapters.tracerProvider);
  if (!hasProvider) taken.push('tracer provider');
  const hasContext = contextApi.setGlobalContextManager(adapters.contextManager);
  if (!hasContext) taken.push('context manager');
  const hasPropagator = propagationApi.setGlobalPropagator(adapters.propagator);
  if (!hasPropagator) taken.push('propagator');
  return {
    taken,
    unregister() {
      const current = traceApi.getTracerProvider();
      const delegate = current instanceof ProxyTracerProvider ? current.getDelegate() : current;
      if (hasProvider && delegate === adapters.tracerProvider) traceApi.disable();
      if (hasContext) contextApi.disable();
      if (hasPropagator) propagationApi.disable();
    },
  };
}
