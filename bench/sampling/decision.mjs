import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../packages/sdk/dist/span/clock.js';
import { RandomBatch } from '../../packages/sdk/dist/span/random-batch.js';
import { adaptive, anyOf, rateLimit, remote, rules, Tracer } from '../../packages/sdk/dist/index.js';
import { continuedTrace, newTrace, traceOfHex } from '../../packages/sdk/dist/span/local-trace.js';
import { asPolicy } from '../../packages/sdk/dist/sampling/policies/as-policy.js';
import { OperationCounts } from '../../packages/sdk/dist/request-metrics/operation-counts.js';
import { SampledTraces, PolicySampler } from '../../packages/sdk/dist/sampling/policy-sampler.js';
import { Sampler } from '../../packages/sdk/dist/sampling/sampler.js';

const DECISIONS = 2_000_000;
const ROUNDS = 7;

const POLICIES = {
  'a share, 0.01': 0.01,
  'a function': () => 0.01,
  'rules, three that do not match': rules(
    [
      { name: 'a', sampling: 1 },
      { kind: 'consumer', sampling: 1 },
      { name: /^POST /, sampling: 1 },
    ],
    { otherwise: 0.01, healthChecks: 1 },
  ),
  'anyOf of two': anyOf(0.01, 0.001),
  'rateLimit, smooth': rateLimit({ spansPerSecond: 100 }),
  adaptive: adaptive({ sampling: 0.01 }),
  remote: remote({ sampling: 0.01, spansPerSecond: 1e9 }),
};

/** What a decision costs in CPU time, beside the making of the trace that it is about: medians, in nanoseconds. */
export async function measureDecisions() {
  const results = [];
  for (const [policy, sampling] of Object.entries(POLICIES)) {
    results.push({ policy, nanoseconds: await medianCost(samplerOf(sampling), (ids) => newTrace(ids), false) });
  }
  const parent = traceOfHex('a'.repeat(16) + '00ffffffffffffff', 0, 3, 'ot=th:fd70a');
  const follow = new Sampler({ ratio: 1, parentBased: true });
  const cost = await medianCost(follow, () => continuedTrace(parent), true);
  results.push({ policy: "a caller's decision, with th", nanoseconds: cost });
  return results;
}

function samplerOf(sampling) {
  // As the tracer does: a share has a way of its own.
  if (typeof sampling === 'number') return new Sampler({ ratio: sampling, parentBased: true });
  const sampled = new SampledTraces();
  const counts = new OperationCounts();
  const context = {
    service: 'bench',
    clock: systemClock,
    random: Math.random,
    schedule: () => () => undefined,
    recorded: {
      get sampledTraces() {
        return sampled.count;
      },
      get sampledSpans() {
        return sampled.count;
      },
    },
    counts: () => counts,
    post: () => Promise.resolve({ kind: 'failed', message: 'nobody' }),
    atEnd: () => undefined,
    exceeded: () => undefined,
    failed: (topic, message) => {
      throw new Error(`${topic}: ${message}`);
    },
  };
  return new PolicySampler(asPolicy('sampling', sampling), context, sampled);
}

async function medianCost(sampler, create, hasParent) {
  const ids = new RandomBatch();
  const costs = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const without = cpuNs(() => {
      let flags = 0;
      for (let i = 0; i < DECISIONS; i++) flags += create(ids).flags;
      return flags;
    });
    const withDecision = cpuNs(() => {
      let flags = 0;
      for (let i = 0; i < DECISIONS; i++) {
        const trace = create(ids);
        sampler.decide(trace, hasParent, 'GET /cart', 1, undefined);
        flags += trace.flags;
      }
      return flags;
    });
    // The first round warms up.
    if (round > 0) costs.push(withDecision - without);
    await delay(1);
  }
  return costs.toSorted((a, b) => a - b)[Math.floor(costs.length / 2)];
}

/** What the request metrics add to a first span that is not sampled, and that they add nothing where they are off. */
export async function measureRequestMetrics() {
  const costs = {};
  for (const [name, requestMetrics] of [
    ['off', false],
    ['on', 'collector'],
  ]) {
    const options = { sampling: 0, exporter: 'none', register: false, flushOnExit: false, log: () => undefined };
    const tracer = new Tracer({ ...options, requestMetrics, endpoint: 'http://127.0.0.1:9' });
    const rounds = [];
    for (let round = 0; round <= ROUNDS; round++) {
      const ns = cpuNs(() => {
        for (let i = 0; i < DECISIONS / 4; i++) tracer.startSpan('GET /cart').end();
      }, DECISIONS / 4);
      if (round > 0) rounds.push(ns);
      await delay(1);
    }
    costs[name] = rounds.toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)];
    await tracer.shutdown(100);
  }
  const clock = [];
  for (let round = 0; round < ROUNDS; round++) {
    clock.push(
      cpuNs(() => {
        let sum = 0;
        for (let i = 0; i < DECISIONS; i++) sum += systemClock.monotonicMs();
        return sum;
      }),
    );
  }
  const clockReadingNs = clock.toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)];
  return { offNs: costs.off, onNs: costs.on, clockReadingNs };
}

/** CPU time of the process for one of `count` repetitions. */
function cpuNs(fn, count = DECISIONS) {
  const before = process.cpuUsage();
  fn();
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1000) / count;
}
