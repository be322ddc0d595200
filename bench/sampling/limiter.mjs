import { rateLimit } from '../../packages/sdk/dist/sampling/policies/rate-limit.js';
import { SeededRandom } from './random.mjs';
import { PlainCredits } from './rivals.mjs';
import { SimulatedProcess, VirtualClock, worstSecond } from './simulation.mjs';

const LIMIT = 100;
const CALM_SECONDS = 20;
const SURGE_SECONDS = 30;
const SCENARIOS = [
  { calm: 10, spans: 1, seeds: 300 },
  { calm: 100, spans: 1, seeds: 300 },
  { calm: 10, spans: 8, seeds: 300 },
  { calm: 100, spans: 8, seeds: 300 },
];
const LIMITERS = ['smooth', 'strict', 'plain credits'];

/** What a limiter of 100 spans a second kept, while requests came at the same moments: its worst second, the error of its counts, its use. */
export async function simulateLimiters() {
  const cases = [];
  for (const { calm, spans, seeds } of SCENARIOS) {
    for (const limiter of LIMITERS) {
      const runs = [];
      for (let seed = 1; seed <= seeds; seed++) runs.push(await surge(limiter, calm, spans, seed));
      const total = (name) => runs.reduce((sum, run) => sum + run[name], 0);
      const worst = runs.map((run) => run.worstSecond).toSorted((a, b) => a - b);
      const errors = runs.map((run) => run.estimated / run.requests - 1);
      const countBias = total('estimated') / total('requests') - 1;
      const variance = errors.reduce((sum, error) => sum + (error - countBias) ** 2, 0) / (seeds - 1);
      cases.push({
        limiter,
        requestsPerSecond: [calm, calm * 100],
        spansPerTrace: spans,
        seeds,
        worstSecond: worst.at(-1) / LIMIT,
        medianWorstSecond: worst[Math.floor(seeds / 2)] / LIMIT,
        countBias,
        countBiasStandardError: Math.sqrt(variance / seeds),
        utilisation: total('keptInSurge') / (seeds * (SURGE_SECONDS - 5) * LIMIT),
      });
    }
  }
  return cases;
}

async function surge(limiter, calm, spans, seed) {
  const clock = new VirtualClock();
  const arrivals = new SeededRandom(seed + 1e6);
  const plain = limiter === 'plain credits' ? new PlainCredits(LIMIT) : undefined;
  const process = new SimulatedProcess({
    sampling: rateLimit({ spansPerSecond: LIMIT, mode: plain ? 'smooth' : limiter }),
    clock,
    seed,
  });
  const kept = [];
  let requests = 0;
  let estimated = 0;
  let atMs = 0;
  const endMs = (CALM_SECONDS + SURGE_SECONDS) * 1000;
  for (;;) {
    atMs += arrivals.gapMs(atMs < CALM_SECONDS * 1000 ? calm : calm * 100);
    if (atMs >= endMs) break;
    await clock.moveTo(atMs);
    requests++;
    const weight = plain ? (plain.keeps(atMs, spans) ? 1 : undefined) : process.request('GET', { spans });
    if (weight === undefined) continue;
    for (let i = 0; i < spans; i++) kept.push({ atMs: atMs + (50 * i) / spans, count: 1 });
    // Where a limiter states no weight, who counts what is stored counts one for each.
    estimated += weight === 0 ? 1 : weight;
  }
  kept.sort((a, b) => a.atMs - b.atMs);
  const steadyMs = (CALM_SECONDS + 5) * 1000;
  const keptInSurge = kept.filter((one) => one.atMs >= steadyMs && one.atMs < endMs).length;
  return { requests, estimated, keptInSurge, worstSecond: worstSecond(kept) };
}
