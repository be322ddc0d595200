import { adaptive } from '../../packages/sdk/dist/sampling/policies/adaptive.js';
import { remote } from '../../packages/sdk/dist/sampling/remote/remote.js';
import { simulatedCollector } from './adaptation.mjs';
import { SeededRandom } from './random.mjs';
import { JaegerAdaptive, JaegerClient } from './rivals.mjs';
import { SimulatedProcess, VirtualClock } from './simulation.mjs';

const PROCESSES = 4;
const PER_SECOND = 1000;
const CALM_SECONDS = 700;
const FAILING_SECONDS = 60;
const USUAL_ERRORS = 0.001;
const RAISED_ERRORS = 0.05;
const TARGET = 5;
const SEEDS = 5;

/** How soon errors that rise from 0.1 to 5 % are kept more, and how many of them. */
export async function simulateErrors() {
  const cases = [];
  for (const [sampling, create, wantedPerSecond] of [
    ['remote', (clock, seed) => remoteFleet(clock, seed), TARGET],
    ['adaptive', (clock, seed) => adaptiveFleet(clock, seed), TARGET],
    ["Jaeger's adaptive", (_clock, seed) => jaegerFleet(seed), TARGET],
  ]) {
    const runs = [];
    for (let seed = 1; seed <= SEEDS; seed++) runs.push(await run(create, seed));
    const perSecond = runs.map((each) => each.errorTracesPerSecond);
    cases.push({
      sampling,
      firstBoostedAfterSeconds: Math.max(...runs.map((each) => each.firstBoostedAfterSeconds)),
      errorTracesPerSecondAfter15s: perSecond.reduce((sum, one) => sum + one, 0) / SEEDS,
      wantedPerSecond,
      falseBoosts: runs.reduce((sum, each) => sum + each.falseBoosts, 0),
    });
  }
  return cases;
}

function remoteFleet(clock, seed) {
  const { post } = simulatedCollector(clock, { tracesPerSecond: 1, errorTracesPerSecond: TARGET });
  return simulatedFleet(clock, seed, () => remote(), post);
}

function adaptiveFleet(clock, seed) {
  // Each process by itself wants its part.
  return simulatedFleet(clock, seed, () => adaptive({ sampling: 0.001, errorTracesPerSecond: TARGET / PROCESSES }));
}

function simulatedFleet(clock, seed, sampling, post) {
  const processes = Array.from(
    { length: PROCESSES },
    (_, i) => new SimulatedProcess({ sampling: sampling(), clock, seed: seed * 100 + i, post }),
  );
  return {
    request(_atMs, i, isError) {
      const isKept = processes[i].request('GET', { isError }) !== undefined;
      return { isKept, probability: processes[i].probability };
    },
  };
}

function jaegerFleet(seed) {
  const jaeger = new JaegerAdaptive(1);
  const random = new SeededRandom(seed + 5e6);
  const clients = Array.from({ length: PROCESSES }, () => new JaegerClient(jaeger.probability, random));
  let dueMs = JaegerAdaptive.INTERVAL_MS;
  return {
    request(atMs, i) {
      for (; dueMs <= atMs; dueMs += JaegerAdaptive.INTERVAL_MS) {
        jaeger.calculate(dueMs);
        for (const client of clients) client.poll(jaeger.probability);
      }
      const { probability } = clients[i];
      const kept = clients[i].keeps(atMs);
      if (kept !== undefined) jaeger.sampled(atMs, probability, kept === 'lower bound');
      return { isKept: kept !== undefined, probability };
    },
  };
}

async function run(create, seed) {
  const clock = new VirtualClock();
  const random = new SeededRandom(seed + 1e6);
  const fleet = create(clock, seed);
  const changeMs = CALM_SECONDS * 1000;
  let atMs = 0;
  let usual = 1;
  let firstBoostedMs = Infinity;
  let falseBoosts = 0;
  let keptErrors = 0;
  for (;;) {
    atMs += random.gapMs(PER_SECOND);
    if (atMs >= changeMs + FAILING_SECONDS * 1000) break;
    await clock.moveTo(atMs);
    const isError = random.uniform() < (atMs < changeMs ? USUAL_ERRORS : RAISED_ERRORS);
    const { isKept, probability } = fleet.request(atMs, (random.int32() >>> 0) % PROCESSES, isError);
    if (atMs < changeMs) {
      // What it was in the last minute before the change.
      if (atMs > changeMs - 60_000) usual = Math.min(usual, probability);
      if (atMs > 60_000 && probability > 0.02) falseBoosts++;
      continue;
    }
    if (isKept && probability > 3 * usual) firstBoostedMs = Math.min(firstBoostedMs, atMs);
    if (isKept && isError && atMs >= changeMs + 15_000) keptErrors++;
  }
  return {
    firstBoostedAfterSeconds: (firstBoostedMs - changeMs) / 1000,
    errorTracesPerSecond: keptErrors / (FAILING_SECONDS - 15),
    falseBoosts,
  };
}
