import type { PolicyContext } from '../policy.ts';

const BUCKETS = 50;
/** A limit below one span a second is looked at over the time in which two are due, up to a minute. */
const WINDOW_MS_MIN = 1000;
const WINDOW_MS_MAX = 60_000;
/** A surge shows in the newest buckets before the window has filled, once they hold more than chance explains. */
const SURGE_BUCKETS = 3;
const SURGE_SIGMAS = 3;
/**
 * Arrivals a second above which the clock is read about once a millisecond instead of every time: a reading costs 50
 * ns.
 */
const ARRIVALS_PER_READING = 1024;
const UNREAD_ARRIVALS_MAX = 64;
/**
 * The debt, in seconds of the limit, above which more of it is forgiven: what callers decide can exceed the limit for
 * ever.
 */
const DEBT_SECONDS_MAX = 2;
/** The least share of the steady rate that goes on while there is debt: silence would hide what goes on. */
const DEBT_SHARE_MIN = 0.1;
const DEBT_STEEPNESS = 4;
/** How much of what is known about spans a trace the next sampled trace replaces. */
const TRACE_SIZE_DECAY = 0.98;

/**
 * A budget of spans a second, spread smoothly over the traces that arrive: the ratio of traces to sample is what the
 * limit leaves for the arrivals of the last second, lowered while more spans were recorded than the limit allows. It
 * depends on what was before alone, so that the inverse of the ratio is a true weight.
 */
export class SpanBudget {
  readonly #spansPerSecond: number;
  readonly #context: Pick<PolicyContext, 'clock' | 'recorded'>;
  readonly #bucketMs: number;
  readonly #windowSeconds: number;
  readonly #buckets = new Float64Array(BUCKETS);
  /** In the window, the newest bucket included. */
  #arrivals = 0;
  #newest = 0;
  #newestStartMs: number;
  #unread = 0;
  #readingDue = 1;
  /** Spans that may still be recorded; negative is debt. */
  #credit: number;
  readonly #creditMax: number;
  #readAtMs: number;
  #seenSpans: number;
  #seenTraces: number;
  #sizeSpans = 1;
  #sizeTraces = 1;
  #ratio = 1;

  constructor(spansPerSecond: number, context: Pick<PolicyContext, 'clock' | 'recorded'>) {
    this.#spansPerSecond = spansPerSecond;
    this.#context = context;
    const windowMs = Math.min(WINDOW_MS_MAX, Math.max(WINDOW_MS_MIN, 2000 / spansPerSecond));
    this.#windowSeconds = windowMs / 1000;
    this.#bucketMs = windowMs / BUCKETS;
    this.#creditMax = Math.max(1, spansPerSecond);
    this.#credit = this.#creditMax;
    this.#readAtMs = context.clock.monotonicMs();
    this.#newestStartMs = this.#readAtMs;
    this.#seenSpans = context.recorded.sampledSpans;
    this.#seenTraces = context.recorded.sampledTraces;
  }

  /** Spans a trace, as far as is known. */
  get spansPerTrace(): number {
    return Math.max(1, this.#sizeSpans / this.#sizeTraces);
  }

  /**
   * By what the wanted probability of this arrival is to be multiplied to stay within the limit, above 0 and up to 1.
   * `weight` is that wanted probability.
   */
  ratioOf(weight: number): number {
    this.#unread += weight;
    if (--this.#readingDue <= 0) this.#read(this.#context.clock.monotonicMs());
    return this.#ratio;
  }

  #read(nowMs: number): void {
    this.#advance(nowMs);
    this.#buckets[this.#newest] = (this.#buckets[this.#newest] ?? 0) + this.#unread;
    this.#arrivals += this.#unread;
    this.#unread = 0;
    this.#settle(nowMs);
    const arrivalsPerSecond = Math.max(this.#arrivals / this.#windowSeconds, this.#surgePerSecond(nowMs));
    this.#readingDue = Math.min(UNREAD_ARRIVALS_MAX, Math.max(1, Math.floor(arrivalsPerSecond / ARRIVALS_PER_READING)));
    const spansPerSecond = arrivalsPerSecond * this.spansPerTrace;
    this.#ratio = Math.min(1, this.#spansPerSecond / spansPerSecond) * debtRatio(this.#credit / this.#creditMax);
  }

  /** The rate that the newest buckets show at least. */
  #surgePerSecond(nowMs: number): number {
    let arrivals = 0;
    for (let i = 0; i < SURGE_BUCKETS; i++) arrivals += this.#buckets[(this.#newest - i + BUCKETS) % BUCKETS] ?? 0;
    const seconds = ((SURGE_BUCKETS - 1) * this.#bucketMs + nowMs - this.#newestStartMs) / 1000;
    return (arrivals - SURGE_SIGMAS * Math.sqrt(arrivals)) / seconds;
  }

  /** Leaves behind the buckets that are older than the window. */
  #advance(nowMs: number): void {
    const passed = Math.floor((nowMs - this.#newestStartMs) / this.#bucketMs);
    if (passed <= 0) return;
    this.#newestStartMs += passed * this.#bucketMs;
    for (let i = 0; i < Math.min(passed, BUCKETS); i++) {
      this.#newest = (this.#newest + 1) % BUCKETS;
      this.#arrivals -= this.#buckets[this.#newest] ?? 0;
      this.#buckets[this.#newest] = 0;
    }
    // Sums of fractions drift.
    if (passed >= BUCKETS) this.#arrivals = 0;
  }

  /** Adds the credit of the time since the last reading, and takes off what was recorded meanwhile. */
  #settle(nowMs: number): void {
    const { sampledSpans, sampledTraces } = this.#context.recorded;
    const spans = sampledSpans - this.#seenSpans;
    const traces = sampledTraces - this.#seenTraces;
    this.#seenSpans = sampledSpans;
    this.#seenTraces = sampledTraces;
    if (spans > 0 || traces > 0) {
      const kept = TRACE_SIZE_DECAY ** traces;
      this.#sizeSpans = this.#sizeSpans * kept + spans;
      this.#sizeTraces = this.#sizeTraces * kept + traces;
    }
    const earned = ((nowMs - this.#readAtMs) / 1000) * this.#spansPerSecond;
    this.#readAtMs = nowMs;
    const credit = Math.min(this.#creditMax, this.#credit + earned) - spans;
    this.#credit = Math.max(-DEBT_SECONDS_MAX * this.#creditMax, credit);
  }
}

/** Of the steady share, what is left by the part of the full credit that is left. */
function debtRatio(creditPart: number): number {
  return creditPart >= 0.5 ? 1 : Math.max(DEBT_SHARE_MIN, Math.exp(DEBT_STEEPNESS * (creditPart - 0.5)));
}
