import type { Clock } from '../span/clock.ts';
import type { LocalTrace } from '../span/local-trace.ts';
import type { OperationCounts } from '../request-metrics/operation-counts.ts';
import type { ExchangePost, StartingSpan } from './ports.ts';
import type { Threshold } from './consistent/threshold.ts';

/**
 * A policy of one's own: returns the sampling probability of traces like this one, 0 to 1. It must not depend on the
 * trace's id or on how the trace ends, or counts will be wrong. Where it throws or returns anything else the trace is
 * not sampled, and `stats().samplingFailures` counts it.
 * @example
 * new Tracer({ sampling: ({ attributes }) => (attributes['url.path'] === '/checkout' ? 1 : 0.05) });
 */
export type SamplingFunction = (span: StartingSpan) => number;

/**
 * What the option `sampling` accepts, and what policies are composed of. A number is the sampling probability, 0 to 1.
 */
export type Sampling = number | SamplingFunction | SamplingPolicy;

/** A policy that is not running yet, such as `ratio(0.1)` or `rules([…])`; the same one may serve several tracers. */
export interface SamplingPolicy {
  /** In words, for people: for logs and tests, not to be parsed. */
  readonly description: string;
}

/**
 * What every `SamplingPolicy` is. What holds of one of the policies that it is made of holds of it, unless it says
 * otherwise.
 */
export abstract class Policy implements SamplingPolicy {
  readonly description: string;
  readonly #inner: readonly Policy[];

  constructor(description: string, ...inner: readonly Policy[]) {
    this.description = description;
    this.#inner = inner;
  }

  /** Whether it decides spans with a remote parent too; otherwise those follow the caller's decision. */
  get decidesUnderParent(): boolean {
    return this.#inner.some((policy) => policy.decidesUnderParent);
  }

  /** Whether it looks at the attributes that a span starts with, which instrumentation then has to state. */
  get readsAttributes(): boolean {
    return this.#inner.some((policy) => policy.readsAttributes);
  }

  /** Whether it sends the request metrics to the collector. */
  get exchangesCounts(): boolean {
    return this.#inner.some((policy) => policy.exchangesCounts);
  }

  abstract start(context: PolicyContext): RunningPolicy;
}

/** What composite and dynamic policies know of the span; public functions see it as `StartingSpan`. */
export interface SpanToSample extends StartingSpan {
  readonly trace: LocalTrace;
  readonly hasParent: boolean;
}

/**
 * A policy at work in one tracer. It states a threshold, `undefined` to drop, and never looks at the trace's
 * randomness.
 */
export type RunningPolicy = (span: SpanToSample) => Threshold | undefined;

/** What this process has recorded; both only grow. */
export interface RecordedSoFar {
  /** Traces that were sampled at a local root here, by a policy or because the caller sampled them. */
  readonly sampledTraces: number;
  readonly sampledSpans: number;
}

/** What a running policy may use. */
export interface PolicyContext {
  readonly service: string;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** 0 up to 1. */
  readonly random: () => number;
  /** Calls once after a delay, without keeping the process alive. Returns what cancels it. */
  readonly schedule: (fn: () => void, delayMs: number) => () => void;
  readonly recorded: RecordedSoFar;
  /** Request metrics so far. A call at the start turns them on. */
  readonly counts: () => OperationCounts;
  /** Sends one message to the collector's sampling endpoint. */
  readonly post: ExchangePost;
  /** Calls when the tracer shuts down, and waits a while for it. */
  readonly atEnd: (fn: () => Promise<void> | void) => void;
  /** Counts spans above a strict limit. */
  readonly exceeded: (spans: number) => void;
  /** Notes that a policy failed, and counts it. */
  readonly failed: (topic: string, message: string) => void;
}
