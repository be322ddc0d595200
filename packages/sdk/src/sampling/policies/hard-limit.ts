import type { PolicyContext } from '../policy.ts';

const BUCKET_MS = 10;
/** One more than a second holds: a second that begins within a bucket touches it at both ends. */
const BUCKETS = 101;

/**
 * Refuses traces that would take a sliding second above a number of spans. A sampled trace counts with the spans that
 * are expected of it; what it records beyond that counts when it does, and can exceed the limit, which then is left to
 * pay off.
 */
export class HardLimit {
  readonly #limit: number;
  readonly #context: Pick<PolicyContext, 'clock' | 'recorded' | 'exceeded'>;
  readonly #buckets = new Float64Array(BUCKETS);
  #inWindow = 0;
  #newest: number;
  #seenTraces: number;
  #seenSpans: number;
  /** Spans that sampled traces are expected to record still. */
  #expected = 0;

  constructor(spansPerSecond: number, context: Pick<PolicyContext, 'clock' | 'recorded' | 'exceeded'>) {
    this.#limit = spansPerSecond;
    this.#context = context;
    this.#newest = bucketAt(context.clock.monotonicMs());
    this.#seenTraces = context.recorded.sampledTraces;
    this.#seenSpans = context.recorded.sampledSpans;
  }

  /** Whether one more trace of that many spans fits. */
  hasRoom(spansPerTrace: number): boolean {
    this.#advance(bucketAt(this.#context.clock.monotonicMs()));
    this.#settle(spansPerTrace);
    return this.#inWindow + spansPerTrace <= this.#limit;
  }

  #settle(spansPerTrace: number): void {
    const { sampledTraces, sampledSpans } = this.#context.recorded;
    const expected = (sampledTraces - this.#seenTraces) * spansPerTrace;
    const spans = sampledSpans - this.#seenSpans;
    this.#seenTraces = sampledTraces;
    this.#seenSpans = sampledSpans;
    // What was expected has been counted; only what comes on top of it counts now.
    this.#expected += expected - spans;
    const unexpected = Math.max(0, -this.#expected);
    this.#expected = Math.min(Math.max(0, this.#expected), this.#limit);
    const added = expected + unexpected;
    this.#buckets[this.#newest % BUCKETS] = (this.#buckets[this.#newest % BUCKETS] ?? 0) + added;
    this.#inWindow += added;
    const excess = Math.min(spans, this.#inWindow - this.#limit);
    if (excess > 0) this.#context.exceeded(excess);
  }

  #advance(bucket: number): void {
    const passed = bucket - this.#newest;
    if (passed <= 0) return;
    this.#newest = bucket;
    if (passed >= BUCKETS) {
      this.#buckets.fill(0);
      this.#inWindow = 0;
      return;
    }
    for (let i = bucket - passed + 1; i <= bucket; i++) {
      this.#inWindow -= this.#buckets[i % BUCKETS] ?? 0;
      this.#buckets[i % BUCKETS] = 0;
    }
  }
}

function bucketAt(nowMs: number): number {
  return Math.floor(nowMs / BUCKET_MS);
}
