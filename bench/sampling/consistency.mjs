import { RandomBatch } from '../../packages/sdk/dist/span/random-batch.js';
import { continuedTrace, newTrace } from '../../packages/sdk/dist/span/local-trace.js';
import { Sampler } from '../../packages/sdk/dist/sampling/sampler.js';
import { SeededRandom } from './random.mjs';

/**
 * Whether services that know nothing of each other agree: the decision for a random id, threshold and, in half of the cases, an `rv` and
 * a `th` from upstream, against the specification's own arithmetic on 56-bit integers. Returns the number of disagreements.
 */
export function checkConsistency(count) {
  const random = new SeededRandom(20_261_123);
  const ids = new RandomBatch(new SeededRandom(20_261_124));
  let disagreements = 0;
  for (let i = 0; i < count; i++) {
    const trace = newTrace(ids);
    const ratio = share(random);
    const sampler = new Sampler({ ratio, parentBased: true });
    // Upstream, half of all times: a parent with randomness of its own and a threshold that it reaches.
    const isUpstream = (random.int32() & 1) === 1;
    let randomness = bits(trace.randomHigh28, trace.randomLow28);
    if (isUpstream) {
      randomness = bits(random.int32() >>> 4, random.int32() >>> 4);
      trace.traceState = `ot=rv:${hex(randomness)}`;
    }
    const first = continuedTrace(trace);
    sampler.decide(first, false);
    const stated = /(?:^ot=|;)th:([0-9a-f]+)/.exec(first.traceState)?.[1];
    const threshold = stated === undefined ? undefined : BigInt(`0x${stated.padEnd(14, '0')}`);
    if (first.sampled !== (threshold !== undefined)) disagreements++;
    // What is stated is what was compared, and within a thousandth of what was asked for.
    if (threshold !== undefined && randomness < threshold) disagreements++;
    if (threshold !== undefined && Math.abs(Number(RANGE - threshold) / Number(RANGE) / ratio - 1) > 0.01)
      disagreements++;
    if (isUpstream && !first.traceState.includes(`rv:${hex(randomness)}`)) disagreements++;
    // Who keeps less keeps nothing that is dropped here.
    const less = continuedTrace(trace);
    new Sampler({ ratio: ratio * share(random), parentBased: false }).decide(less, true);
    if (less.sampled && !first.sampled) disagreements++;
    // Downstream does as it is told.
    const downstream = continuedTrace(first);
    new Sampler({ ratio: share(random), parentBased: true }).decide(downstream, true);
    if (downstream.flags !== first.flags || downstream.traceState !== first.traceState) disagreements++;
  }
  return disagreements;
}

const RANGE = 2n ** 56n;

/** Shares from 1 down to about 10⁻⁷, as many of each order. */
function share(random) {
  return 10 ** (-7 * random.uniform());
}

function bits(high28, low28) {
  return (BigInt(high28) << 28n) | BigInt(low28);
}

function hex(randomness) {
  return randomness.toString(16).padStart(14, '0');
}
