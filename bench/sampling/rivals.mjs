/** The plain credit scheme: credits accumulate every second, up to a second's worth; a span costs one. No weights. */
export class PlainCredits {
  #limit;
  #credits;
  #atMs = 0;

  constructor(limit) {
    this.#limit = limit;
    this.#credits = limit;
  }

  keeps(nowMs, cost) {
    this.#credits = Math.min(this.#limit, this.#credits + ((nowMs - this.#atMs) / 1000) * this.#limit);
    this.#atMs = nowMs;
    if (this.#credits < 1) return false;
    this.#credits -= cost;
    return true;
  }
}

/**
 * Jaeger's adaptive sampling with its defaults, for one operation: what was sampled is counted by the minute and looked at two minutes
 * late; the probability moves by target / rate, at most twofold upwards, and waits until spans with the last one have come in. Clients
 * poll once a minute, and keep one trace a minute at least. (Read in jaegertracing/jaeger,
 * internal/sampling/samplingstrategy/adaptive.)
 */
export class JaegerAdaptive {
  static INTERVAL_MS = 60_000;
  #target;
  #probability = INITIAL_PROBABILITY;
  /** By minute: how many traces were sampled by probability, and by which ones. */
  #throughput = [];
  #wasInUse = false;

  constructor(targetPerSecond) {
    this.#target = targetPerSecond;
  }

  get probability() {
    return this.#probability;
  }

  /** A trace that was kept by the probability, or for the lower bound alone: those are not counted, but show that it is in use. */
  sampled(nowMs, probability, isLowerBound) {
    const minute = Math.floor(nowMs / JaegerAdaptive.INTERVAL_MS);
    const bucket = (this.#throughput[minute] ??= { count: 0, probabilities: new Set() });
    if (!isLowerBound) bucket.count++;
    bucket.probabilities.add(probability);
  }

  /** Once a minute. */
  calculate(nowMs) {
    const minute = Math.floor(nowMs / JaegerAdaptive.INTERVAL_MS) - 3;
    if (minute < 0) return;
    const bucket = this.#throughput[minute];
    const isInUse =
      this.#probability === INITIAL_PROBABILITY || (bucket?.probabilities.has(this.#probability) ?? this.#wasInUse);
    this.#wasInUse = isInUse;
    const perSecond = (bucket?.count ?? 0) / 60;
    if (!isInUse || Math.abs(perSecond - this.#target) / this.#target < 0.3) return;
    const factor = perSecond === 0 ? 2 : Math.min(2, this.#target / perSecond);
    this.#probability = Math.min(1, Math.max(1e-5, this.#probability * factor));
  }
}

const INITIAL_PROBABILITY = 0.001;
const LOWER_BOUND_MS = 60_000;

/** Keeps a share, and a trace when none has been kept for a minute: Jaeger's guaranteed throughput. */
export class JaegerClient {
  probability;
  #random;
  #lastLowerBoundMs = -Infinity;

  constructor(probability, random) {
    this.probability = probability;
    this.#random = random;
  }

  poll(probability) {
    this.probability = probability;
  }

  /** `'probability'`, `'lower bound'`, or undefined for a trace that is dropped. */
  keeps(nowMs) {
    if (this.#random.uniform() < this.probability) return 'probability';
    if (nowMs - this.#lastLowerBoundMs < LOWER_BOUND_MS) return undefined;
    this.#lastLowerBoundMs = nowMs;
    return 'lower bound';
  }
}
