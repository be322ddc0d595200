/** What the collector and its engine take together, seen from outside: nothing is asked of them meanwhile. */
import { setTimeout as delay } from 'node:timers/promises';
import { cpuByRole, memoryBytes } from './collector.mjs';
import { median, round } from './statistics.mjs';

const SAMPLE_MS = 250;
const MB = 1e6;

const sumOf = (numbers) => numbers.reduce((sum, number) => sum + number, 0);

/** Watches until `stop`, which answers CPU in % of a core and the resident memory of all in MB: median and most of the samples. */
export function watchUsage(collector) {
  const { collector: own, store } = collector.processes;
  const pids = [...own, ...store];
  const samples = [];
  const sample = () => samples.push(pids.map((pid) => memoryBytes(pid)));
  const cpuBefore = cpuByRole(collector);
  const begin = performance.now();
  sample();
  const timer = setInterval(sample, SAMPLE_MS);
  return {
    stop() {
      clearInterval(timer);
      const elapsedUs = (performance.now() - begin) * 1_000;
      sample();
      const togetherMb = samples.map((all) => sumOf(all.map(({ now }) => now / MB)));
      const mostMb = (from, to) =>
        round(Math.max(...samples.map((all) => sumOf(all.slice(from, to).map(({ now }) => now)))) / MB, 1);
      const anonymousMb = samples.map((all) => sumOf(all.map(({ anonymous }) => anonymous / MB)));
      const cpuPercentOf = Object.fromEntries(
        Object.entries(cpuByRole(collector)).map(([role, us]) => [role, ((us - cpuBefore[role]) / elapsedUs) * 100]),
      );
      return {
        seconds: elapsedUs / 1e6,
        cpuPercent: sumOf(Object.values(cpuPercentOf)),
        cpuPercentOf,
        mb: median(togetherMb),
        mbHighest: Math.max(...togetherMb),
        anonymousMb: median(anonymousMb),
        collectorMbHighest: mostMb(0, own.length),
        engineMbHighest: mostMb(own.length),
      };
    },
  };
}

/** Of a collector that nobody uses: waits `seconds`, of which the last ones count. */
export async function watchIdle(collector, seconds, countedSeconds = 20) {
  const counted = Math.min(seconds, countedSeconds);
  await delay((seconds - counted) * 1_000);
  const usage = watchUsage(collector);
  await delay(counted * 1_000);
  return usage.stop();
}
