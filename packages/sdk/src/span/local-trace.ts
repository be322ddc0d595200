import type { SpanContext } from '@opentelemetry/api';
import type { TimeAnchor } from './clock.ts';
import { hexOfInt32, int32OfHex, type RandomBatch } from './random-batch.ts';
import { normalTraceState } from './trace-state.ts';
import type { TimeInput } from './time.ts';

export const SAMPLED_FLAG = 0x01;
/** W3C Trace Context Level 2: the low seven bytes of the trace id are random. */
export const RANDOM_FLAG = 0x02;
const KNOWN_FLAGS = SAMPLED_FLAG | RANDOM_FLAG;

/**
 * What `instrumentation-express` and others look for under OpenTelemetry's RPC_METADATA key to name the server's span.
 */
export interface RpcMetadata {
  readonly type: 'http';
  readonly span: unknown;
  route?: string;
}

/**
 * What all spans of one trace in this process share: the trace's id, its sampling decision, and the moment that their
 * times are counted from. Made at a local root (a span without a parent here) and for each remote parent.
 */
export class LocalTrace {
  // `declare`: a field that the class defines first and the constructor fills then is written twice, and never inlined.
  /** The 128 bits as four signed integers: V8 keeps those without a box. */
  declare readonly id0: number;
  declare readonly id1: number;
  declare readonly id2: number;
  declare readonly id3: number;
  /** Sampled and random bits of the W3C flags. */
  declare flags: number;
  /** In normal form, '' for none. */
  declare traceState: string;
  /**
   * Set where a span of this process is the trace's root here; all its spans are timed by it, so that their order is
   * true, or by the one that has followed it.
   */
  declare anchor: TimeAnchor | undefined;
  declare rpcMetadata: RpcMetadata | undefined;
  /** What the caller's headers say of sampling besides the sampled flag. */
  declare samplingHint: 'debug' | 'deferred' | undefined;
  declare hexCache: string | undefined;

  constructor(id0: number, id1: number, id2: number, id3: number, flags: number, traceState: string) {
    this.id0 = id0;
    this.id1 = id1;
    this.id2 = id2;
    this.id3 = id3;
    this.flags = flags;
    this.traceState = traceState;
    this.anchor = undefined;
    this.rpcMetadata = undefined;
    this.samplingHint = undefined;
    this.hexCache = undefined;
  }

  /** What the times of a trace that has a root here are counted from, at a given time or at the present. */
  seek(given: TimeInput | undefined): TimeAnchor {
    const anchor = this.anchor as TimeAnchor;
    anchor.seek(given);
    return anchor.readingMs < anchor.compareAtMs ? anchor : this.#follow(anchor, given);
  }

  #follow(anchor: TimeAnchor, given: TimeInput | undefined): TimeAnchor {
    const followed = anchor.wallClock.follow(anchor);
    if (followed !== anchor) {
      this.anchor = followed;
      followed.seek(given);
    }
    return followed;
  }

  /**
   * Whether a span of this process is its root here; not where only another process' or implementation's span is known.
   */
  get isLocal(): boolean {
    return this.anchor !== undefined;
  }

  /** The caller wants that nobody drops this trace (B3's and Jaeger's debug flag). */
  get isDebug(): boolean {
    return this.samplingHint === 'debug';
  }

  /** The caller left the decision to us: a local root decides as for a new trace. */
  get isSamplingDeferred(): boolean {
    return this.samplingHint === 'deferred';
  }

  get sampled(): boolean {
    return (this.flags & SAMPLED_FLAG) !== 0;
  }

  /** 32 lower-case hex digits, made on first use. */
  get idHex(): string {
    return (this.hexCache ??=
      hexOfInt32(this.id0) + hexOfInt32(this.id1) + hexOfInt32(this.id2) + hexOfInt32(this.id3));
  }

  /** The high 28 of the 56 random bits that sampling decides by. */
  get randomHigh28(): number {
    return ((this.id2 & 0xffffff) << 4) | (this.id3 >>> 28);
  }

  get randomLow28(): number {
    return this.id3 & 0xfffffff;
  }
}

/** A new trace. The tracestate is the sampler's to set. */
export function newTrace(random: RandomBatch): LocalTrace {
  const { batch } = random;
  const at = random.take(4);
  const id0 = batch[at] as number;
  const id1 = batch[at + 1] as number;
  const id2 = batch[at + 2] as number;
  const id3 = batch[at + 3] as number;
  // W3C Trace Context forbids the id that is all zero.
  const flags = random.isRandom ? RANDOM_FLAG : 0;
  return new LocalTrace(id0, id1, id2, (id0 | id1 | id2 | id3) === 0 ? 1 : id3, flags, '');
}

/** The same trace for another local root: its own anchor and decision. */
export function continuedTrace(trace: LocalTrace): LocalTrace {
  const continued = new LocalTrace(trace.id0, trace.id1, trace.id2, trace.id3, trace.flags, trace.traceState);
  // What was deferred is decided now.
  if (trace.isDebug) continued.samplingHint = 'debug';
  return continued;
}

/** The trace of a context from elsewhere, or `undefined` when its id is not 32 lower-case hex digits, or all zero. */
export function traceOfSpanContext(context: SpanContext): LocalTrace | undefined {
  const { traceId } = context;
  if (typeof traceId !== 'string' || traceId.length !== 32) return undefined;
  const traceState = context.traceState === undefined ? '' : normalTraceState(context.traceState.serialize());
  return traceOfHex(traceId, 0, context.traceFlags & KNOWN_FLAGS, traceState);
}

/** The trace whose id is at `offset`, or `undefined` when it is malformed or all zero. Unknown flags are masked. */
export function traceOfHex(text: string, offset: number, flags: number, traceState: string): LocalTrace | undefined {
  const id0 = int32OfHex(text, offset);
  const id1 = int32OfHex(text, offset + 8);
  const id2 = int32OfHex(text, offset + 16);
  const id3 = int32OfHex(text, offset + 24);
  if (Number.isNaN(id0 + id1 + id2 + id3) || (id0 | id1 | id2 | id3) === 0) return undefined;
  return new LocalTrace(id0, id1, id2, id3, flags & KNOWN_FLAGS, traceState);
}
