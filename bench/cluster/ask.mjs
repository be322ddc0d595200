/** The queries of `bench/query`, to one store after the other. */
import { cpuByRole } from '../ingest/collector.mjs';
import { median, quantile } from '../ingest/statistics.mjs';
import { ask, queries } from '../query/queries.mjs';

const WARM_UP = 3;

/**
 * Asks each query `repeats` times, each time of all setups in turn. `loaded`: what each holds, by its name. Returns, by query and setup,
 * times in ms, and the CPU of a query by process.
 */
export async function askInTurn(setups, loaded, { repeats, msMax }) {
  const deadline = performance.now() + msMax;
  const asked = Object.fromEntries(setups.map(({ name }) => [name, queries(loaded[name])]));
  const answers = {};
  for (const query of Object.keys(Object.values(asked)[0])) {
    const samples = Object.fromEntries(setups.map(({ name }) => [name, { ms: [], cpuMs: {} }]));
    for (let n = -WARM_UP; n < repeats && performance.now() < deadline; n++) {
      for (const { name, collector } of setups) {
        const before = cpuByRole(collector);
        const { ms } = await ask(collector, asked[name][query](n + WARM_UP));
        if (n < 0) continue;
        samples[name].ms.push(ms);
        for (const [role, us] of Object.entries(cpuByRole(collector))) {
          samples[name].cpuMs[role] = (samples[name].cpuMs[role] ?? 0) + (us - before[role]) / 1_000;
        }
      }
    }
    answers[query] = Object.fromEntries(Object.entries(samples).map(([name, sample]) => [name, summaryOf(sample)]));
  }
  return answers;
}

function summaryOf({ ms, cpuMs }) {
  if (ms.length === 0) throw new Error('the time for queries was over before each was asked');
  return {
    asked: ms.length,
    medianMs: median(ms),
    p95Ms: quantile(ms, 0.95),
    lowestMs: Math.min(...ms),
    cpuMs: Object.fromEntries(Object.entries(cpuMs).map(([role, sum]) => [role, sum / ms.length])),
  };
}
