import { remote } from '../../packages/sdk/dist/sampling/remote/remote.js';
import { MessageReader } from '../../packages/server/dist/exchange/message-reader.js';
import { SamplingController } from '../../packages/server/dist/sampling/sampling-controller.js';
import { SAMPLING_LIMITS } from '../../packages/server/dist/sampling/limits.js';
import { readSamplingSettings } from '../../packages/server/dist/sampling/sampling-settings.js';
import { SeededRandom } from './random.mjs';
import { JaegerAdaptive, JaegerClient } from './rivals.mjs';
import { SimulatedProcess, VirtualClock } from './simulation.mjs';

const PROCESSES = 10;
const TARGET = 10;
const TOLERANCE = 0.35;
const SEEDS = 5;
const SCENARIOS = [
  { name: 'up 100-fold', before: 100, after: 10_000 },
  { name: 'down 100-fold', before: 10_000, after: 100 },
  { name: 'cold', before: 0, after: 1000 },
];
const OURS = { beforeSeconds: 60, afterSeconds: 120 };
/** It needs long before a change to be at its target. */
const JAEGER = { beforeSeconds: 3600, afterSeconds: 2400 };

/** The collector of a simulation: messages reach it as they would by HTTP. */
export function simulatedCollector(clock, settings) {
  const controller = new SamplingController({
    settings: readSamplingSettings(settings),
    now: clock.monotonicMs,
  });
  const messages = new MessageReader(SAMPLING_LIMITS);
  const post = (body) => {
    const message = messages.read(Buffer.from(body));
    if (typeof message === 'string') throw new Error(message);
    const answer = Buffer.from(JSON.stringify(controller.exchange(message)));
    return Promise.resolve({ kind: 'answered', status: 200, retryAfterMs: undefined, body: answer });
  };
  return { controller, post };
}

/** How long until as many traces are kept as are wanted, after the traffic changed; for `remote` with our collector, and Jaeger. */
export async function simulateAdaptation() {
  const cases = [];
  for (const scenario of SCENARIOS) {
    for (const [sampling, run] of [
      ['remote', ours],
      ["Jaeger's adaptive", jaeger],
    ]) {
      const runs = [];
      for (let seed = 1; seed <= SEEDS; seed++) runs.push(await run(scenario, seed));
      cases.push({
        sampling,
        scenario: scenario.name,
        requestsPerSecond: [scenario.before, scenario.after],
        settledAfterSeconds: Math.max(...runs.map((each) => each.settledAfterSeconds)),
        worstTenSeconds: Math.max(...runs.map((each) => each.worstTenSeconds)),
      });
    }
  }
  return cases;
}

async function ours({ before, after }, seed) {
  const clock = new VirtualClock();
  const { post } = simulatedCollector(clock, { tracesPerSecond: TARGET });
  const processes = Array.from(
    { length: PROCESSES },
    (_, i) => new SimulatedProcess({ sampling: remote(), clock, seed: seed * 100 + i, post }),
  );
  const moments = arrivals({ before, after, ...OURS }, seed);
  return await watch(OURS, moments, async (atMs, i) => {
    await clock.moveTo(atMs);
    const process = processes[i];
    const isKept = process.request('GET') !== undefined;
    return { isKept, probability: process.probability };
  });
}

async function jaeger({ before, after }, seed) {
  const adaptive = new JaegerAdaptive(TARGET);
  const random = new SeededRandom(seed + 5e6);
  const clients = Array.from({ length: PROCESSES }, () => new JaegerClient(adaptive.probability, random));
  const polls = clients.map(() => random.uniform() * JaegerAdaptive.INTERVAL_MS);
  let calculateMs = JaegerAdaptive.INTERVAL_MS;
  const moments = arrivals({ before, after, ...JAEGER }, seed);
  return await watch(JAEGER, moments, (atMs, i) => {
    for (; calculateMs <= atMs; calculateMs += JaegerAdaptive.INTERVAL_MS) adaptive.calculate(calculateMs);
    for (; polls[i] <= atMs; polls[i] += JaegerAdaptive.INTERVAL_MS) clients[i].poll(adaptive.probability);
    const { probability } = clients[i];
    const kept = clients[i].keeps(atMs);
    if (kept !== undefined) adaptive.sampled(atMs, probability, kept === 'lower bound');
    return { isKept: kept !== undefined, probability };
  });
}

/** Requests at random moments, each at one of the processes. */
function* arrivals({ before, after, beforeSeconds, afterSeconds }, seed) {
  const random = new SeededRandom(seed + 1e6);
  let atMs = before === 0 ? beforeSeconds * 1000 : 0;
  for (;;) {
    atMs += random.gapMs(atMs < beforeSeconds * 1000 ? before : after);
    if (atMs >= (beforeSeconds + afterSeconds) * 1000) return;
    yield [atMs, (random.int32() >>> 0) % PROCESSES];
  }
}

async function watch({ beforeSeconds, afterSeconds }, moments, decide) {
  const expected = new Float64Array(afterSeconds);
  const kept = new Float64Array(afterSeconds);
  for (const [atMs, i] of moments) {
    const decision = decide(atMs, i);
    const { isKept, probability } = decision instanceof Promise ? await decision : decision;
    const second = Math.floor(atMs / 1000) - beforeSeconds;
    if (second < 0) continue;
    expected[second] += probability;
    if (isKept) kept[second]++;
  }
  let worst = 0;
  for (let i = 0; i + 10 <= afterSeconds; i++) {
    worst = Math.max(worst, kept.subarray(i, i + 10).reduce((sum, one) => sum + one, 0) / 10 / TARGET);
  }
  // Over five seconds: of what comes by chance within one second nobody can say whether it is right.
  const isOff = (i) => {
    const from = Math.max(0, i - 4);
    const perSecond = expected.subarray(from, i + 1).reduce((sum, one) => sum + one, 0) / (i + 1 - from);
    return Math.abs(perSecond / TARGET - 1) > TOLERANCE;
  };
  let settled = afterSeconds;
  while (settled > 0 && !isOff(settled - 1)) settled--;
  return { settledAfterSeconds: settled, worstTenSeconds: worst };
}
