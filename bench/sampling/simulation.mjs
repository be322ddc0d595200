import { RandomBatch } from '../../packages/sdk/dist/span/random-batch.js';
import { newTrace } from '../../packages/sdk/dist/span/local-trace.js';
import { asPolicy } from '../../packages/sdk/dist/sampling/policies/as-policy.js';
import { OperationCounts } from '../../packages/sdk/dist/request-metrics/operation-counts.js';
import { otValue } from '../../packages/sdk/dist/sampling/consistent/ot-trace-state.js';
import { SampledTraces, PolicySampler } from '../../packages/sdk/dist/sampling/policy-sampler.js';
import { parseThreshold } from '../../packages/sdk/dist/sampling/consistent/threshold.js';
import { SeededRandom } from './random.mjs';

/** Time that events move on, in their order. Nothing here ever waits. */
export class VirtualClock {
  nowMs = 0;
  #due = [];

  monotonicMs = () => this.nowMs;

  /** Calls once, a delay later. Returns what cancels it. */
  schedule = (fn, delayMs) => {
    const timer = { atMs: this.nowMs + delayMs, fn };
    let i = this.#due.length;
    while (i > 0 && this.#due[i - 1].atMs > timer.atMs) i--;
    this.#due.splice(i, 0, timer);
    return () => {
      timer.fn = () => undefined;
    };
  };

  /** Moves to a moment, through what falls due before it. */
  async moveTo(ms) {
    while (this.#due.length > 0 && this.#due[0].atMs <= ms) {
      const { atMs, fn } = this.#due.shift();
      this.nowMs = Math.max(this.nowMs, atMs);
      fn();
      // Exchanges answer at once, but through promises.
      await Promise.resolve();
      await Promise.resolve();
      await Promise.resolve();
    }
    this.nowMs = ms;
  }
}

/** One process with the SDK's own policy at work in it. */
export class SimulatedProcess {
  counts = new OperationCounts();
  failures = 0;
  sampledSpans = 0;
  /** What was intended for the last request. */
  probability = 0;
  #clock;
  #ids;
  #sampler;

  constructor({ sampling, clock, seed, service = 'shop', post }) {
    this.#clock = clock;
    this.#ids = new RandomBatch(new SeededRandom(seed));
    const random = new SeededRandom(seed + 7919);
    const sampled = new SampledTraces();
    const process = this;
    this.#sampler = new PolicySampler(
      watched(asPolicy('sampling', sampling), (threshold) => {
        this.probability = threshold?.probability ?? 0;
      }),
      {
        service,
        clock,
        random: () => random.uniform(),
        schedule: clock.schedule,
        recorded: {
          get sampledTraces() {
            return sampled.count;
          },
          get sampledSpans() {
            return process.sampledSpans;
          },
        },
        counts: () => this.counts,
        post: post ?? (() => Promise.resolve({ kind: 'failed', message: 'nobody' })),
        atEnd: () => undefined,
        exceeded: () => undefined,
        failed: () => void this.failures++,
      },
      sampled,
    );
  }

  /** A request arrives: the weight of its trace where it is sampled (0 where that is unknown), `undefined` where it is not. */
  request(operation, { spans = 1, isError = false } = {}) {
    const trace = newTrace(this.#ids);
    this.#sampler.decide(trace, false, operation, 1, undefined);
    const counted = this.counts.operationOf(operation, 1);
    counted.started++;
    this.counts.end(counted, operation, isError ? 2 : 0, 1e6);
    if (!trace.sampled) return undefined;
    this.sampledSpans++;
    // The trace's other spans start within the next 50 ms.
    for (let i = 1; i < spans; i++) this.#clock.schedule(() => void this.sampledSpans++, (50 * i) / spans);
    const th = otValue(trace.traceState, 'th');
    return th === undefined ? 0 : 1 / parseThreshold(th).probability;
  }
}

/** The same policy, with whatever it answers shown. */
function watched(policy, show) {
  return {
    decidesUnderParent: policy.decidesUnderParent,
    start(context) {
      const running = policy.start(context);
      return (span) => {
        const threshold = running(span);
        show(threshold);
        return threshold;
      };
    },
  };
}

/** The most of these moments, ordered, within any second. `countOf` says how much each counts. */
export function worstSecond(moments, windowMs = 1000) {
  let worst = 0;
  let sum = 0;
  let start = 0;
  for (const { atMs, count } of moments) {
    sum += count;
    while (moments[start].atMs <= atMs - windowMs) sum -= moments[start++].count;
    worst = Math.max(worst, sum);
  }
  return worst;
}
