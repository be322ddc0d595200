import type { SpanContext } from '@opentelemetry/api';
import type { Attributes, AttributeSet, StoredValue } from './attributes.ts';
import { WallClock, type Clock, type TimeAnchor } from './clock.ts';
import type { Stored } from './context.ts';
import { int32OfHex, type IdGenerator } from './ids.ts';
import type { SpanLimits } from './limits.ts';
import type { LiveSpans } from './live-spans.ts';
import { continuedTrace, LocalTrace, newTrace, traceOfSpanContext } from './local-trace.ts';
import { decideByForeignSampler, type ForeignDecision, type OtelSampler } from './sampling/foreign-sampler.ts';
import { CountedRecording } from './sampling/counted-recording.ts';
import type { RootCounter } from './sampling/root-counter.ts';
import type { LocalRootSampler } from './sampling/sampler.ts';
import type { SpanIdentity } from './span-identity.ts';
import type { SpanProcessors } from './span-processor.ts';
import { highHalf, lowHalf, nameOf, NonRecordingSpan, RecordingSpan, type SpanLink } from './span.ts';
import type { Counters } from './stats.ts';
import { givenUnixNano, type TimeInput } from './time.ts';

/** The library that a span comes from: OTLP's InstrumentationScope. */
export interface InstrumentationScope {
  readonly name: string;
  readonly version: string;
  readonly schemaUrl: string;
  readonly attributes: AttributeSet;
}

/** Where ended spans go. Called synchronously by `end()`; it must not keep the span. */
export interface SpanSink {
  add(span: RecordingSpan): void;
}

export interface SpanRecorderOptions {
  readonly ids: IdGenerator;
  readonly clock: Clock;
  readonly sampler: LocalRootSampler;
  /** Counts local roots exactly. */
  readonly rootCounter?: RootCounter | undefined;
  readonly limits: SpanLimits;
  readonly counters: Counters;
  readonly sink: SpanSink;
  readonly liveSpans: LiveSpans;
  /** Decides every span instead of `sampler`. */
  readonly foreignSampler?: OtelSampler | undefined;
  readonly processors?: SpanProcessors | undefined;
  readonly enabled: boolean;
}

/** `SpanKind` of OpenTelemetry's API. */
const KIND_INTERNAL = 0;
const KIND_MAX = 4;

/** Stands for "no span": where tracing is suppressed, off or shut down. */
export const INVALID_SPAN = new NonRecordingSpan(new LocalTrace(0, 0, 0, 0, 0, ''), 0, 0, false);

/** Starts spans and takes them back at their end: what our own API and OpenTelemetry's stand on. */
export class SpanRecorder {
  readonly limits: SpanLimits;
  readonly counters: Counters;
  readonly processors: SpanProcessors | undefined;
  readonly #ids: IdGenerator;
  readonly #clock: Clock;
  readonly #wallClock: WallClock;
  readonly #sampler: LocalRootSampler;
  readonly #rootCounter: RootCounter | undefined;
  readonly #foreignSampler: OtelSampler | undefined;
  readonly #sink: SpanSink;
  readonly #liveSpans: LiveSpans;
  #isWatching = false;
  #enabled: boolean;

  constructor(options: SpanRecorderOptions) {
    this.limits = options.limits;
    this.counters = options.counters;
    this.#ids = options.ids;
    this.#clock = options.clock;
    this.#wallClock = new WallClock(options.clock);
    this.#sampler = options.sampler;
    this.#rootCounter = options.rootCounter;
    this.#foreignSampler = options.foreignSampler;
    this.processors = options.processors;
    this.#sink = options.sink;
    this.#liveSpans = options.liveSpans;
    this.#enabled = options.enabled;
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  /** Whether a child can be decided differently from its parent. */
  get decidesEverySpan(): boolean {
    return this.#foreignSampler !== undefined;
  }

  /**
   * Starts a span under `parent`, or a new trace without one. The sampler decides once a local root. `stored` is the context for samplers
   * and processors of OpenTelemetry.
   */
  start(
    scope: InstrumentationScope,
    givenName: string,
    parent: SpanIdentity | undefined,
    givenKind: number | undefined,
    startTime: TimeInput | undefined,
    attributes?: unknown,
    links?: unknown,
    stored?: Stored,
  ): RecordingSpan | NonRecordingSpan {
    if (!this.#enabled) return passedOn(parent);
    const { counters, processors } = this;
    counters.started++;
    const name = nameOf(givenName);
    const kind = kindOf(givenKind);
    const isChild = parent !== undefined && parent.trace.isLocal;
    let trace = isChild ? parent.trace : this.#newLocalTrace(parent);
    let decision: ForeignDecision | undefined;
    if (this.#foreignSampler !== undefined) {
      const span = { name, kind, attributes, links, stored };
      decision = decideByForeignSampler(this.#foreignSampler, trace, !isChild, span, this.limits);
      trace = decision.trace;
    } else if (!isChild) {
      const hasParent = parent !== undefined && !parent.trace.isSamplingDeferred;
      this.#sampler.decide(trace, hasParent, name, kind, attributes);
    }
    const id0 = this.#ids.int32();
    let id1 = this.#ids.int32();
    while ((id0 | id1) === 0) id1 = this.#ids.int32();
    const isRecorded = decision === undefined ? trace.sampled : decision.isRecorded;
    const rootCounter = this.#rootCounter;
    const isCounted = rootCounter !== undefined && !isChild;
    if (!isRecorded) {
      if (isCounted) return rootCounter.startUnrecorded(trace, id0, id1, name, kind);
      return new NonRecordingSpan(trace, id0, id1, false);
    }
    const isCrowded = counters.live >= this.#liveSpans.watchFrom;
    if (isCrowded && !this.#liveSpans.hasRoom()) {
      if (isCounted) return rootCounter.startUnrecorded(trace, id0, id1, name, kind);
      return new NonRecordingSpan(trace, id0, id1, false);
    }
    counters.live++;
    if (trace.sampled) counters.sampled++;
    const nowMs = this.#clock.monotonicMs();
    if (!isChild) trace.anchor = this.#wallClock.anchorAt(nowMs);
    const anchor = trace.anchor as TimeAnchor;
    const unixNano = startTime === undefined ? undefined : givenUnixNano(startTime, anchor, nowMs);
    const high = unixNano === undefined ? anchor.highAt(nowMs) : highHalf(unixNano);
    const low = unixNano === undefined ? anchor.lowAt(nowMs) : lowHalf(unixNano);
    const operation = isCounted ? rootCounter.start(name, kind) : undefined;
    const span =
      operation === undefined
        ? new RecordingSpan(this, scope, trace, id0, id1, parent, name, kind, high, low)
        : new CountedRecording(this, scope, trace, id0, id1, parent, name, kind, high, low, operation);
    if (attributes !== undefined) span.setAttributes(attributes as Attributes);
    if (links !== undefined) span.addLinks(links as SpanLink[]);
    if (decision !== undefined) setFlat(span, decision.attributes);
    if (isCrowded) this.#watch(span);
    processors?.start(span, stored);
    return span;
  }

  /** Takes a span that has just ended. */
  record(span: RecordingSpan): void {
    const { counters } = this;
    counters.live--;
    if (this.#isWatching) this.#liveSpans.ended(span);
    this.#rootCounter?.endRecorded(span);
    this.processors?.end(span);
    // Recorded for processors alone.
    if (!span.trace.sampled) return;
    counters.ended++;
    if (this.#enabled) this.#sink.add(span);
    else counters.dropped.shutdown++;
  }

  #watch(span: RecordingSpan): void {
    this.#isWatching = true;
    this.#liveSpans.watch(span);
  }

  /** From now on spans are not recorded, only passed on; those that end are counted as dropped. */
  disable(): void {
    this.#enabled = false;
  }

  /** A span of another implementation or process, by its context; `undefined` when that is not valid. */
  identityOf(context: unknown): NonRecordingSpan | undefined {
    if (typeof context !== 'object' || context === null) return undefined;
    try {
      const trace = traceOfSpanContext(context as SpanContext);
      const { spanId, isRemote } = context as SpanContext;
      if (trace === undefined || typeof spanId !== 'string' || spanId.length !== 16) return undefined;
      const id0 = int32OfHex(spanId, 0);
      const id1 = int32OfHex(spanId, 8);
      if (Number.isNaN(id0 + id1) || (id0 | id1) === 0) return undefined;
      return new NonRecordingSpan(trace, id0, id1, isRemote === true);
    } catch {
      // A getter or a tracestate of the application threw.
      return undefined;
    }
  }

  #newLocalTrace(parent: SpanIdentity | undefined): LocalTrace {
    const trace = parent === undefined ? newTrace(this.#ids) : continuedTrace(parent.trace);
    trace.anchor = this.#wallClock.lastAnchor;
    return trace;
  }
}

function setFlat(span: RecordingSpan, { flat }: AttributeSet): void {
  for (let i = 0; i < flat.length; i += 2) span.setStored(flat[i] as string, flat[i + 1] as StoredValue);
}

/** What stands for a span that is not made: its parent's identity, so that a trace from elsewhere goes on unbroken. */
function passedOn(parent: SpanIdentity | undefined): NonRecordingSpan {
  return parent === undefined
    ? INVALID_SPAN
    : new NonRecordingSpan(parent.trace, parent.id0, parent.id1, parent.isRemote);
}

function kindOf(kind: unknown): number {
  return typeof kind === 'number' && Number.isInteger(kind) && kind >= 0 && kind <= KIND_MAX ? kind : KIND_INTERNAL;
}
