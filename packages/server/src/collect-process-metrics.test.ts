import { setTimeout as delay } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { collectProcessMetrics, LAG_SAMPLE_MS } from './collect-process-metrics.ts';

const LAG = /^nodejs_eventloop_lag_(\w+)_seconds (\S+)$/gm;

test('the metrics of the process tell how late the event loop was since they were read last, without the wait for the sample', async () => {
  const registry = new Registry();
  collectProcessMetrics(registry);
  expect(await lags(registry)).toEqual({ min: 0, max: 0, mean: 0, stddev: 0, p50: 0, p90: 0, p99: 0 });
  await delay(3 * LAG_SAMPLE_MS);
  const blockedUntil = performance.now() + 5 * LAG_SAMPLE_MS;
  while (performance.now() < blockedUntil);
  await delay(3 * LAG_SAMPLE_MS);
  const late = await lags(registry);
  expect(Object.values(late).every((seconds) => seconds >= 0)).toBe(true);
  expect(late['max']).toBeGreaterThanOrEqual((3 * LAG_SAMPLE_MS) / 1_000);
  expect(late['p99']).toBe(late['max']);
  expect(late['min']).toBeLessThan(late['max'] ?? 0);
  // What was told once is not told again.
  expect((await lags(registry))['max']).toBe(0);
  expect(await registry.metrics()).toContain('process_cpu_seconds_total');
});

async function lags(registry: Registry): Promise<Readonly<Record<string, number>>> {
  const text = await registry.metrics();
  return Object.fromEntries([...text.matchAll(LAG)].map(([, name, value]) => [name, Number(value)]));
}
