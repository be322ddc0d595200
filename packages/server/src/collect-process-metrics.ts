import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks';
import { collectDefaultMetrics, type Registry } from 'prom-client';
import { registerGauge } from './register-gauge.ts';

/**
 * How often it is measured how late the event loop is. Each time wakes the process: the hundred times a second that are
 * usual are half of what wakes a collector that nobody uses.
 */
export const LAG_SAMPLE_MS = 100;
const NEVER_MS = 2 ** 31 - 1;
const NS = 1e9;

/**
 * By the middle of their usual names, such as `nodejs_eventloop_lag_p99_seconds`. Node measures from one sample to the
 * next.
 */
const LAGS: Readonly<Record<string, readonly [help: string, seconds: (histogram: IntervalHistogram) => number]>> = {
  min: ['The least', ({ min }) => min / NS - LAG_SAMPLE_MS / 1_000],
  max: ['The most', ({ max }) => max / NS - LAG_SAMPLE_MS / 1_000],
  mean: ['The mean', ({ mean }) => mean / NS - LAG_SAMPLE_MS / 1_000],
  stddev: ['The standard deviation', ({ stddev }) => stddev / NS],
  p50: ['The 50th percentile', (histogram) => histogram.percentile(50) / NS - LAG_SAMPLE_MS / 1_000],
  p90: ['The 90th percentile', (histogram) => histogram.percentile(90) / NS - LAG_SAMPLE_MS / 1_000],
  p99: ['The 99th percentile', (histogram) => histogram.percentile(99) / NS - LAG_SAMPLE_MS / 1_000],
};

/** The usual metrics of a Node process under their usual names, with an event loop that is measured less often. */
export function collectProcessMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: NEVER_MS });
  const histogram = monitorEventLoopDelay({ resolution: LAG_SAMPLE_MS });
  histogram.enable();
  const names = Object.keys(LAGS);
  for (const [name, [what, seconds]] of Object.entries(LAGS)) {
    const metric = `nodejs_eventloop_lag_${name}_seconds`;
    registry.removeSingleMetric(metric);
    const help = `${what} by which the event loop was late for a timer since these metrics were read last`;
    registerGauge(registry, metric, help, () => {
      const value = histogram.count === 0 ? 0 : Math.max(0, seconds(histogram));
      // They are read in the order in which they were registered.
      if (name === names.at(-1)) histogram.reset();
      return value;
    });
  }
}
