import type { Attributes as OtelAttributes, Context, Link, SpanKind, TraceState } from '@opentelemetry/api';
import { attributeSet, type AttributeSet } from '../span/attributes.ts';
import { toOtel, type ActiveContext } from '../context/active-context.ts';
import { catchRejection } from '../runtime/catch-rejection.ts';
import type { SpanLimits } from '../span/span-limits.ts';
import { LocalTrace, RANDOM_FLAG, SAMPLED_FLAG } from '../span/local-trace.ts';
import { normalTraceState } from '../span/trace-state.ts';

/**
 * The standard SDK's interface: a sampler written for it works here. It decides every span; where it throws or returns
 * nonsense, the span is dropped.
 * @see https://opentelemetry.io/docs/specs/otel/trace/sdk/#sampler
 */
export interface OtelSampler {
  /** Called before a span starts, with what is known of it then. */
  shouldSample(
    context: Context,
    traceId: string,
    spanName: string,
    spanKind: SpanKind,
    attributes: OtelAttributes,
    links: Link[],
  ): OtelSamplingResult;
  /** In words, for logs. */
  toString(): string;
}

/** What such a sampler returns. */
export interface OtelSamplingResult {
  /** 0 drop, 1 record without export, 2 record and export. */
  readonly decision: number;
  /** Of the span; they overwrite the caller's. */
  readonly attributes?: Readonly<OtelAttributes>;
  /** In place of the parent's. */
  readonly traceState?: TraceState;
}

/** What a sampler decided. */
export interface ForeignDecision {
  /** The span's trace: the given one, or one of its own where this span is decided differently from its parent. */
  readonly trace: LocalTrace;
  readonly isRecorded: boolean;
  /** The sampler's own attributes, which overwrite the caller's. */
  readonly attributes: AttributeSet;
}

export const DROP = 0;
export const RECORD = 1;
const RECORD_AND_SAMPLED = 2;

/** What is known of a span before it starts. */
export interface SpanToDecide {
  readonly name: string;
  readonly kind: SpanKind;
  readonly attributes: unknown;
  readonly links: unknown;
  readonly active: ActiveContext | undefined;
}

/**
 * Lets a sampler decide a span of `trace`; `isRoot` says that no other span of this process has it. A sampler that
 * throws or returns nonsense drops the span.
 */
export function decideByForeignSampler(
  sampler: OtelSampler,
  trace: LocalTrace,
  isRoot: boolean,
  span: SpanToDecide,
  limits: SpanLimits,
): ForeignDecision {
  const { decision, traceState, attributes } = ask(sampler, trace, span);
  const flags = (trace.flags & RANDOM_FLAG) | (decision === RECORD_AND_SAMPLED ? SAMPLED_FLAG : 0);
  const state = traceState === undefined ? trace.traceState : serialized(traceState);
  const decided = isRoot ? trace : ownTrace(trace, flags, state);
  decided.flags = flags;
  decided.traceState = state;
  return {
    trace: decided,
    isRecorded: decision === RECORD || decision === RECORD_AND_SAMPLED,
    attributes: attributeSet(attributes, Infinity, limits),
  };
}

function ask(sampler: OtelSampler, trace: LocalTrace, span: SpanToDecide): OtelSamplingResult {
  try {
    const attributes = { ...(span.attributes as OtelAttributes | undefined) };
    const links = Array.isArray(span.links) ? (span.links as Link[]) : [];
    const context = toOtel(span.active);
    const result = sampler.shouldSample(context, trace.idHex, span.name, span.kind, attributes, links);
    // Read here, where it may throw.
    const { decision, attributes: added, traceState } = result;
    if (decision === undefined) catchRejection(result);
    return { decision, ...(added && { attributes: added }), ...(traceState && { traceState }) };
  } catch {
    return { decision: DROP };
  }
}

/** Spans of one trace share its flags and state; one that is decided differently needs its own. */
function ownTrace(trace: LocalTrace, flags: number, traceState: string): LocalTrace {
  if (trace.flags === flags && trace.traceState === traceState) return trace;
  const own = new LocalTrace(trace.id0, trace.id1, trace.id2, trace.id3, flags, traceState);
  own.anchor = trace.anchor;
  own.rpcMetadata = trace.rpcMetadata;
  own.samplingHint = trace.samplingHint;
  return own;
}

function serialized(traceState: TraceState): string {
  try {
    return normalTraceState(traceState.serialize());
  } catch {
    return '';
  }
}
