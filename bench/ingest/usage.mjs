/** What the collector and its engine take together, seen from outside: nothing is asked of them meanwhile. */
import { setTimeout as delay } from 'node:timers/promises';
import { cpuOf, memoryBytes } from './collector.mjs';
import { median, round } from './statistics.mjs';

const SAMPLE_MS = 250;
const MB = 1e6;

/** Watches until `stop`, which answers CPU in % of a core and the resident memory of both in MB: median and most of the samples. */
export function watchUsage(collector) {
  const pids = [collector.pid, collector.enginePid];
  const samples = [];
  const sample = () => samples.push(pids.map((pid) => memoryBytes(pid)));
  const cpuBefore = cpuOf(collector);
  const begin = performance.now();
  sample();
  const timer = setInterval(sample, SAMPLE_MS);
  return {
    stop() {
      clearInterval(timer);
      const elapsedUs = (performance.now() - begin) * 1_000;
      sample();
      const togetherMb = samples.map(([one, other]) => (one.now + other.now) / MB);
      const mostMb = (index) => round(Math.max(...samples.map((both) => both[index].now)) / MB, 1);
      const anonymousMb = samples.map(([one, other]) => (one.anonymous + other.anonymous) / MB);
      return {
        seconds: elapsedUs / 1e6,
        cpuPercent: ((cpuOf(collector) - cpuBefore) / elapsedUs) * 100,
        mb: median(togetherMb),
        mbHighest: Math.max(...togetherMb),
        anonymousMb: median(anonymousMb),
        collectorMbHighest: mostMb(0),
        engineMbHighest: mostMb(1),
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
