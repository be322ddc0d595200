import type { SpanContext } from '@opentelemetry/api';
import type { Attributes, AttributeSet, StoredValue } from '../span/attributes.ts';
import { WallClock, type Clock, type TimeAnchor } from '../span/clock.ts';
import type { ActiveContext } from '../context/active-context.ts';
import { int32OfHex, RandomBatch, type IdGenerator, type OtelIdGenerator } from '../span/random-batch.ts';
import type { InstrumentationScope } from '../span/instrumentation-scope.ts';
import type { SpanOwner } from '../span/span-owner.ts';
import type { SpanSink } from '../span/span-sink.ts';
import type { SpanLimits } from '../span/span-limits.ts';
import type { LiveSpans } from './live-spans.ts';
import { continuedTrace, LocalTrace, newTrace, traceOfSpanContext } from '../span/local-trace.ts';
import { readableResource } from '../span/readable-state.ts';
import { followHint } from '../context/sampling-hint.ts';
import { CountedRecording } from '../request-metrics/counted-recording.ts';
import { decideByForeignSampler, type OtelSampler } from '../sampling/foreign-sampler.ts';
import type { RootCounter } from '../request-metrics/root-counter.ts';
import type { LocalRootSampler } from '../sampling/sampler.ts';
import type { SpanIdentity } from '../span/span-identity.ts';
import type { SpanObserver } from './span-observer.ts';
import type { ReadableResource } from '../span/readable-span.ts';
import { nameOf, type SpanLink } from '../span/span.ts';
import { kindOf, type SpanKindName } from '../span/span-kind.ts';
import { NonRecordingSpan, RemoteSpan } from '../span/non-recording-span.ts';
import { RecordingSpan } from '../span/recording-span.ts';
import type { TracerCounters } from '../runtime/tracer-stats.ts';
import type { TimeInput } from '../span/time.ts';

export interface SpanRecorderOptions {
  /** Cryptographic randomness by default. */
  readonly ids?: IdGenerator | OtelIdGenerator | undefined;
  readonly clock: Clock;
  readonly sampler: LocalRootSampler;
  /** Counts local roots exactly. */
  readonly rootCounter?: RootCounter | undefined;
  readonly limits: SpanLimits;
  readonly counters: TracerCounters;
  readonly sink: SpanSink;
  readonly liveSpans: LiveSpans;
  /** Decides every span instead of `sampler`. */
  readonly foreignSampler?: OtelSampler | undefined;
  readonly processors?: SpanObserver | undefined;
  /** Whose spans these are. */
  readonly resource: AttributeSet;
  readonly resourceSchemaUrl?: string | undefined;
  readonly enabled: boolean;
}

/** Represents "no span": where tracing is suppressed, off or shut down. */
export const INVALID_SPAN = new NonRecordingSpan(new LocalTrace(0, 0, 0, 0, 0, ''), 0, 0);

/** Starts spans and takes them back at their end: what our own API and OpenTelemetry's are built on. */
export class SpanRecorder implements SpanOwner {
  readonly limits: SpanLimits;
  readonly counters: TracerCounters;
  readonly processors: SpanObserver | undefined;
  readonly #resource: AttributeSet;
  readonly #resourceSchemaUrl: string;
  #readableResource: ReadableResource | undefined;
  readonly #random: RandomBatch;
  readonly #wallClock: WallClock;
  readonly #sampler: LocalRootSampler;
  readonly #rootCounter: RootCounter | undefined;
  readonly #foreignSampler: OtelSampler | undefined;
  readonly #sink: SpanSink;
  readonly #liveSpans: LiveSpans;
  #isWatching = false;
  /** Whether spans start in the longer way: a sampler of OpenTelemetry decides each, or local roots are counted. */
  readonly #isSpecial: boolean;
  /** Whether somebody wants to know of each span that starts. */
  #isObserved: boolean;
  #enabled: boolean;

  constructor(options: SpanRecorderOptions) {
    this.limits = options.limits;
    this.counters = options.counters;
    this.#resource = options.resource;
    this.#resourceSchemaUrl = options.resourceSchemaUrl ?? '';
    this.#random = new RandomBatch(options.ids);
    this.#wallClock = new WallClock(options.clock);
    this.#sampler = options.sampler;
    this.#rootCounter = options.rootCounter;
    this.#foreignSampler = options.foreignSampler;
    this.#isSpecial = options.foreignSampler !== undefined || options.rootCounter !== undefined;
    this.processors = options.processors;
    this.#isObserved = options.processors !== undefined;
    this.#sink = options.sink;
    this.#liveSpans = options.liveSpans;
    this.#enabled = options.enabled;
  }

  /** As the standard SDK's spans show it. */
  get resource(): ReadableResource {
    return (this.#readableResource ??= readableResource(this.#resource, this.#resourceSchemaUrl));
  }

  /** Whether a child can be decided differently from its parent. */
  get decidesEverySpan(): boolean {
    return this.#foreignSampler !== undefined;
  }

  /**
   * Starts a span under `parent`, or a new trace without one. The sampler decides once a local root. `active` is the
   * context for samplers and processors of OpenTelemetry. What few tracers have is apart, because V8 inlines into a
   * short function only.
   */
  start(
    scope: InstrumentationScope,
    name: string,
    parent: SpanIdentity | undefined,
    kind: number | SpanKindName | undefined,
    startTime: TimeInput | undefined,
    attributes?: unknown,
    links?: unknown,
    active?: ActiveContext,
  ): RecordingSpan | NonRecordingSpan {
    if (!this.#enabled) return passedOn(parent);
    if (this.#isSpecial) {
      return this.#startSpecial({
        scope,
        name,
        parent,
        kind,
        startTime,
        attributes,
        links,
        active,
      });
    }
    this.counters.started++;
    const isChild = parent !== undefined && parent.trace.isLocal;
    const trace = isChild ? parent.trace : this.#newLocalRoot(parent, name, kind, attributes, active);
    const random = this.#random;
    const at = random.take(2);
    const id0 = random.batch[at] as number;
    // W3C Trace Context forbids the id that is all zero.
    const id1 = (random.batch[at + 1] as number) || (id0 === 0 ? 1 : 0);
    if (!trace.sampled || this.#isFull()) return new NonRecordingSpan(trace, id0, id1);
    const anchor = this.#seek(trace, isChild ? parent : undefined, startTime);
    const span = new RecordingSpan(
      this,
      scope,
      trace,
      id0,
      id1,
      parent,
      typeof name === 'string' ? name : nameOf(name),
      kind === undefined ? 0 : kindOf(kind),
      anchor.high,
      anchor.low,
    );
    this.counters.sampled++;
    if (attributes !== undefined || links !== undefined) setGiven(span, attributes, links);
    if (this.#isObserved) this.#observe(span, active);
    return span;
  }

  /** The same where a sampler of OpenTelemetry decides every span, or local roots are counted. */
  #startSpecial(start: SpanStart): RecordingSpan | NonRecordingSpan {
    const { parent, attributes, links, active } = start;
    const name = nameOf(start.name);
    const kind = kindOf(start.kind);
    this.counters.started++;
    const isChild = parent !== undefined && parent.trace.isLocal;
    const decision = this.#decideSpecial(start, name, kind, isChild);
    const { trace } = decision;
    const random = this.#random;
    const at = random.take(2);
    const id0 = random.batch[at] as number;
    const id1 = (random.batch[at + 1] as number) || (id0 === 0 ? 1 : 0);
    const rootCounter = isChild ? undefined : this.#rootCounter;
    if (!decision.isRecorded || this.#isFull()) {
      if (rootCounter !== undefined) return rootCounter.startUnrecorded(trace, id0, id1, name, kind);
      return new NonRecordingSpan(trace, id0, id1);
    }
    const { high, low } = this.#seek(trace, isChild ? parent : undefined, start.startTime);
    const span =
      rootCounter === undefined
        ? new RecordingSpan(this, start.scope, trace, id0, id1, parent, name, kind, high, low)
        : new CountedRecording(
            this,
            start.scope,
            trace,
            id0,
            id1,
            parent,
            name,
            kind,
            high,
            low,
            rootCounter.start(name, kind),
          );
    if (trace.sampled) this.counters.sampled++;
    if (attributes !== undefined || links !== undefined) setGiven(span, attributes, links);
    if (decision.attributes !== undefined) setFlat(span, decision.attributes);
    if (this.#isObserved) this.#observe(span, active);
    return span;
  }

  #decideSpecial(
    { parent, attributes, links, active }: SpanStart,
    name: string,
    kind: number,
    isChild: boolean,
  ): { readonly trace: LocalTrace; readonly isRecorded: boolean; readonly attributes?: AttributeSet } {
    if (this.#foreignSampler === undefined) {
      const trace = isChild
        ? (parent as SpanIdentity).trace
        : this.#newLocalRoot(parent, name, kind, attributes, active);
      return { trace, isRecorded: trace.sampled };
    }
    const undecided = isChild ? (parent as SpanIdentity).trace : this.#newLocalTrace(parent);
    const span = { name, kind, attributes, links, active };
    return decideByForeignSampler(this.#foreignSampler, undecided, !isChild, span, this.limits);
  }

  /** A local root's trace, with the decision. */
  #newLocalRoot(
    parent: SpanIdentity | undefined,
    name: string,
    kind: number | SpanKindName | undefined,
    attributes: unknown,
    active: ActiveContext | undefined,
  ): LocalTrace {
    const trace = this.#newLocalTrace(parent);
    const isDecided = parent === undefined ? followHint(trace, active) : !parent.trace.isSamplingDeferred;
    this.#sampler.decide(trace, isDecided, name, kind, attributes);
    return trace;
  }

  #newLocalTrace(parent: SpanIdentity | undefined): LocalTrace {
    const trace = parent === undefined ? newTrace(this.#random) : continuedTrace(parent.trace);
    trace.anchor = this.#wallClock.lastAnchor;
    return trace;
  }

  /** The trace's anchor at a span's start. */
  #seek(trace: LocalTrace, parent: SpanIdentity | undefined, startTime: TimeInput | undefined): TimeAnchor {
    if (parent === undefined) {
      const anchor = (trace.anchor = this.#wallClock.now());
      if (startTime !== undefined) anchor.seek(startTime);
      return anchor;
    }
    const anchor = trace.seek(startTime);
    // Only where the clock has ever been put right.
    if (anchor.isFirst || startTime !== undefined || !(parent instanceof RecordingSpan)) return anchor;
    return anchor.notBefore(parent.startHigh, parent.startLow);
  }

  /** Counts a span that is going to live, or reports that there is no room for it. */
  #isFull(): boolean {
    const { counters } = this;
    if (counters.live >= this.#liveSpans.watchFrom && !this.#makeRoom()) return true;
    counters.live++;
    return false;
  }

  #makeRoom(): boolean {
    // From now on, so that the end of a watched span is not missed.
    this.#isWatching = true;
    this.#isObserved = true;
    return this.#liveSpans.hasRoom();
  }

  #observe(span: RecordingSpan, active: ActiveContext | undefined): void {
    if (this.counters.live > this.#liveSpans.watchFrom) this.#liveSpans.watch(span);
    this.processors?.start(span, active);
  }

  /** Takes a span that has just ended. */
  record(span: RecordingSpan): void {
    const { counters } = this;
    counters.live--;
    if (this.#isWatching) this.#liveSpans.ended(span);
    this.processors?.end(span);
    this.#rootCounter?.endRecorded(span);
    // Recorded for processors alone.
    if (!span.trace.sampled) return;
    counters.ended++;
    if (this.#enabled) this.#sink.add(span);
    else counters.dropped.shutdown++;
  }

  /** From now on spans are not recorded, only passed on; those that end are counted as dropped. */
  disable(): void {
    this.#enabled = false;
  }

  /** Whether this recorder records it; unsampled spans are nobody's. */
  isOwn(span: unknown): boolean {
    return span instanceof RecordingSpan && span.recorder === this;
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
      return isRemote === true ? new RemoteSpan(trace, id0, id1) : new NonRecordingSpan(trace, id0, id1);
    } catch {
      // A getter or a tracestate of the application threw.
      return undefined;
    }
  }
}

interface SpanStart {
  readonly scope: InstrumentationScope;
  readonly name: string;
  readonly parent: SpanIdentity | undefined;
  readonly kind: number | SpanKindName | undefined;
  readonly startTime: TimeInput | undefined;
  readonly attributes: unknown;
  readonly links: unknown;
  readonly active: ActiveContext | undefined;
}

function setGiven(span: RecordingSpan, attributes: unknown, links: unknown): void {
  if (attributes !== undefined) span.setAttributes(attributes as Attributes);
  if (links !== undefined) span.addLinks(links as SpanLink[]);
}

function setFlat(span: RecordingSpan, { flat }: AttributeSet): void {
  for (let i = 0; i < flat.length; i += 2) span.setStored(flat[i] as string, flat[i + 1] as StoredValue);
}

/** Replaces a span that is not made: its parent's identity, so that a trace from elsewhere goes on unbroken. */
function passedOn(parent: SpanIdentity | undefined): NonRecordingSpan {
  if (parent === undefined) return INVALID_SPAN;
  const { trace, id0, id1 } = parent;
  return parent.isRemote ? new RemoteSpan(trace, id0, id1) : new NonRecordingSpan(trace, id0, id1);
}
