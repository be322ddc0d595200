import { inspect } from 'node:util';
import {
  context as contextApi,
  diag as diagApi,
  DiagConsoleLogger,
  DiagLogLevel,
  propagation as propagationApi,
  ProxyTracerProvider,
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
import { activeContext, keeper } from '../context/active-store.ts';
import {
  isSuppressed,
  spanIn,
  fromOtelChecked,
  withoutSpan,
  withSpan,
  type ActiveContext,
} from '../context/active-context.ts';
import { StorageContextManager } from './storage-context-manager.ts';
import type { LogLevel } from '../runtime/diagnostics.ts';
import { lookForContextManager } from './look-for-context-manager.ts';
import { SpanIdentity } from '../span/span-identity.ts';
import { INVALID_SPAN, type SpanRecorder } from '../recording/span-recorder.ts';
import type { InstrumentationScope } from '../span/instrumentation-scope.ts';
import { nameOf, type SpanLink } from '../span/span.ts';
import type { SpanKindName } from '../span/span-kind.ts';
import type { NonRecordingSpan } from '../span/non-recording-span.ts';
import type { RecordingSpan } from '../span/recording-span.ts';
import { attributeSet, type AttributesInput, type AttributeSet } from '../span/attributes.ts';
import { property } from '../runtime/property.ts';

/**
 * What the standard SDK's providers have besides OpenTelemetry's interface; some instrumentations (AWS Lambda's) look
 * for it.
 */
export interface SdkTracerProvider extends TracerProvider {
  /** The tracer's `flush`, with its result: whether all that had ended was delivered. Never rejects. */
  forceFlush(): Promise<boolean>;
  /** The tracer's `shutdown`, likewise. */
  shutdown(): Promise<boolean>;
}

/** The same tracer behind the interfaces of `@opentelemetry/api`, as `register` makes them global. */
export interface OpenTelemetryAdapters {
  /** @see https://opentelemetry.io/docs/specs/otel/trace/api/#tracerprovider */
  readonly tracerProvider: SdkTracerProvider;
  /** Keeps the active context where the tracer keeps its own. */
  readonly contextManager: ContextManager;
  /**
   * The formats of the option `propagators`.
   * @see https://opentelemetry.io/docs/specs/otel/context/api-propagators/
   */
  readonly propagator: TextMapPropagator;
}

/** What a provider's life is made of; both never reject. */
interface ProviderLife {
  flush(): Promise<boolean>;
  shutdown(): Promise<boolean>;
}

export function createOpenTelemetryAdapters(
  recorder: SpanRecorder,
  propagator: TextMapPropagator,
  life: ProviderLife,
): OpenTelemetryAdapters {
  return {
    tracerProvider: new RecorderTracerProvider(recorder, life),
    contextManager: new StorageContextManager(),
    propagator,
  };
}

/**
 * Instrumentation scopes come from libraries, which are few; more than this come from a mistake and share one tracer
 * each call.
 */
const CACHED_TRACERS_MAX = 1000;

/** So that texts of any two tracers differ where these do. */
const WHOLE = { depth: null, maxArrayLength: null, maxStringLength: null, breakLength: Infinity };
const NO_ATTRIBUTES: AttributeSet = Object.freeze({ flat: [], dropped: 0, invalid: 0 });

class RecorderTracerProvider implements SdkTracerProvider {
  readonly #recorder: SpanRecorder;
  readonly #life: ProviderLife;
  readonly #tracers = new Map<string, OtelTracer>();

  constructor(recorder: SpanRecorder, life: ProviderLife) {
    this.#recorder = recorder;
    this.#life = life;
  }

  forceFlush(): Promise<boolean> {
    return this.#life.flush();
  }

  shutdown(): Promise<boolean> {
    return this.#life.shutdown();
  }

  getTracer(name: string, version?: string, options?: OtelTracerOptions): OtelTracer {
    const given = [name ?? '', version ?? '', property(options, 'schemaUrl') ?? ''].map(nameOf);
    // The specification knows attributes of a scope, which the API's types do not have yet.
    const attributes = attributeSet(property(options, 'attributes'), Infinity, this.#recorder.limits);
    const key = JSON.stringify(given) + (attributes.flat.length === 0 ? '' : inspect(attributes.flat, WHOLE));
    let tracer = this.#tracers.get(key);
    if (tracer === undefined) {
      const [scopeName = '', scopeVersion, schemaUrl] = given;
      tracer = new RecorderTracer(this.#recorder, newScope(scopeName, scopeVersion, schemaUrl, attributes));
      if (this.#tracers.size < CACHED_TRACERS_MAX) this.#tracers.set(key, tracer);
    }
    return tracer;
  }
}

export function newScope(
  name: string,
  version = '',
  schemaUrl = '',
  attributes: AttributeSet = NO_ATTRIBUTES,
): InstrumentationScope {
  return { name, version, schemaUrl, attributes };
}

class RecorderTracer implements OtelTracer {
  readonly #recorder: SpanRecorder;
  readonly #scope: InstrumentationScope;

  constructor(recorder: SpanRecorder, scope: InstrumentationScope) {
    this.#recorder = recorder;
    this.#scope = scope;
  }

  startSpan(name: string, options?: OtelSpanOptions, context?: Context): OtelSpan {
    lookForContextManager();
    return this.#start(name, options, givenOrActive(context));
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
    lookForContextManager();
    const active = givenOrActive(context);
    const span = this.#start(name, options, active);
    const before = context === undefined ? active : activeContext();
    return keeper.runWithSpan(withSpan(span, active), before, fn, span) as ReturnType<F>;
  }

  #start(
    name: string,
    options: OtelSpanOptions | undefined,
    active: ActiveContext | undefined,
  ): RecordingSpan | NonRecordingSpan {
    if (isSuppressed(active)) return INVALID_SPAN;
    const parentContext = isRoot(options) ? withoutSpan(active) : active;
    const parent = ownSpan(this.#recorder, spanIn(parentContext));
    return startWithOptions(this.#recorder, this.#scope, name, parent, options, parentContext);
  }
}

function isRoot(options: OtelSpanOptions | undefined): boolean {
  try {
    return options?.root === true;
  } catch {
    return false;
  }
}

/** Of a context that a caller passed or omitted: the active one in place of anything that is none. */
function givenOrActive(context: Context | undefined): ActiveContext | undefined {
  return context === undefined ? activeContext() : (fromOtelChecked(context) ?? activeContext());
}

/** What the two APIs accept alike at a span's start. */
export interface StartOptions {
  readonly kind?: SpanKindName | number | undefined;
  readonly attributes?: AttributesInput | undefined;
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
  active: ActiveContext | undefined,
): RecordingSpan | NonRecordingSpan {
  let kind: StartOptions['kind'];
  let startTime: StartOptions['startTime'];
  let attributes: StartOptions['attributes'];
  let links: StartOptions['links'];
  try {
    ({ kind, startTime, attributes, links } = options ?? NO_OPTIONS);
  } catch {
    // A getter of the application's threw: what it would have returned is absent.
  }
  return recorder.start(scope, name, parent, kind, startTime, attributes, links, active);
}

/** Our identity of any span: itself, or one that represents another implementation's. */
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

function globalOf(name: 'context' | 'propagation' | 'diag'): unknown {
  return property(Reflect.get(globalThis, Symbol.for('opentelemetry.js.api.1')), name);
}

const DIAG_LEVELS: Readonly<Record<LogLevel, DiagLogLevel>> = {
  none: DiagLogLevel.NONE,
  error: DiagLogLevel.ERROR,
  warn: DiagLogLevel.WARN,
  info: DiagLogLevel.INFO,
  debug: DiagLogLevel.DEBUG,
  verbose: DiagLogLevel.VERBOSE,
  all: DiagLogLevel.ALL,
};

/**
 * Makes the adapters OpenTelemetry's global ones, and returns what takes them back; or the names of those that were
 * taken already, which stay as they are. What libraries say of themselves is printed down to `logLevel`.
 */
export function registerGlobally(
  adapters: OpenTelemetryAdapters,
  logLevel: LogLevel,
): { readonly occupied: string[]; unregister(): void } {
  const occupied: string[] = [];
  const hasProvider = traceApi.setGlobalTracerProvider(adapters.tracerProvider);
  if (!hasProvider) occupied.push('tracer provider');
  const hasContext = contextApi.setGlobalContextManager(adapters.contextManager);
  if (!hasContext) occupied.push('context manager');
  lookForContextManager();
  const hasDiag = logLevel !== 'none' && globalOf('diag') === undefined;
  if (hasDiag) diagApi.setLogger(new DiagConsoleLogger(), DIAG_LEVELS[logLevel]);
  const hasPropagator = propagationApi.setGlobalPropagator(adapters.propagator);
  if (!hasPropagator) occupied.push('propagator');
  return {
    occupied,
    unregister() {
      const current = traceApi.getTracerProvider();
      const delegate = current instanceof ProxyTracerProvider ? current.getDelegate() : current;
      if (hasProvider && delegate === adapters.tracerProvider) traceApi.disable();
      // Somebody else's may have come in their place.
      if (hasContext && globalOf('context') === adapters.contextManager) contextApi.disable();
      if (hasPropagator && globalOf('propagation') === adapters.propagator) propagationApi.disable();
      if (hasDiag) diagApi.disable();
      lookForContextManager();
    },
  };
}
