import { describe, expect, it } from 'vitest';
import { runPolicy, type PolicyRun } from '../../test-support/policy.ts';
import { rateLimit } from './rate-limit.ts';

/** Requests at even distances; answers when traces were kept, and the sum of their weights. */
async function load(run: PolicyRun, perSecond: number, seconds: number): Promise<{ keptMs: number[]; weight: number }> {
  const keptMs: number[] = [];
  let weight = 0;
  for (let i = 0; i < perSecond * seconds; i++) {
    await run.time.advance(1000 / perSecond);
    const trace = run.decide();
    if (!trace.sampled) continue;
    keptMs.push(run.time.nowMs);
    const th = /th:([0-9a-f]+)/.exec(trace.traceState)?.[1];
    if (th !== undefined) weight += 1 / (1 - parseInt(th.padEnd(14, '0'), 16) / 2 ** 56);
  }
  return { keptMs, weight };
}

function worstSecond(momentsMs: readonly number[]): number {
  let worst = 0;
  let start = 0;
  momentsMs.forEach((momentMs, i) => {
    while ((momentsMs[start] ?? 0) <= momentMs - 1000) start++;
    worst = Math.max(worst, i - start + 1);
  });
  return worst;
}

describe('the smooth rate limit', () => {
  it('keeps everything below the limit, with the weight 1', async () => {
    const run = runPolicy(rateLimit({ spansPerSecond: 50 }));
    const { keptMs, weight } = await load(run, 20, 5);
    expect([keptMs.length, weight]).toEqual([100, 100]);
  });

  it('keeps about the limit above it, and its weights add up to all that came', async () => {
    const run = runPolicy(rateLimit({ spansPerSecond: 50 }));
    await load(run, 500, 3);
    const { keptMs, weight } = await load(run, 500, 10);
    expect(keptMs.length / 10).toBeGreaterThan(43);
    expect(keptMs.length / 10).toBeLessThan(55);
    expect(Math.abs(weight / 5000 - 1)).toBeLessThan(0.15);
  });

  it('reaches its limit after nothing came for long', async () => {
    const run = runPolicy(rateLimit({ spansPerSecond: 50 }));
    await load(run, 500, 2);
    await run.time.advance(3_600_000);
    const { keptMs } = await load(run, 500, 5);
    expect(keptMs.length).toBeGreaterThan(200);
    expect(worstSecond(keptMs)).toBeLessThan(110);
  });

  it('holds a limit below one span a second over a longer time', async () => {
    const run = runPolicy(rateLimit({ spansPerSecond: 0.1 }));
    const { keptMs } = await load(run, 5, 2000);
    expect(keptMs.length).toBeGreaterThan(120);
    expect(keptMs.length).toBeLessThan(280);
  });

  it('limits what its inner policy keeps', async () => {
    const run = runPolicy(rateLimit({ spansPerSecond: 50, sampling: 0.5 }));
    const { keptMs } = await load(run, 80, 10);
    expect(keptMs.length / 10).toBeGreaterThan(30);
    expect(keptMs.length / 10).toBeLessThan(46);
  });
});

describe('the strict rate limit', () => {
  it('never keeps more than the limit within any second, and states no weights', async () => {
    const run = runPolicy(rateLimit({ spansPerSecond: 50, mode: 'strict' }));
    const before = await load(run, 20, 3);
    const surge = await load(run, 2000, 4);
    const keptMs = [...before.keptMs, ...surge.keptMs];
    expect(worstSecond(keptMs)).toBeLessThanOrEqual(50);
    expect(surge.keptMs.length).toBeGreaterThan(4 * 40);
    expect([before.weight, surge.weight]).toEqual([0, 0]);
  });

  it('counts what a trace records above the limit, and lets the next ones pay for it', async () => {
    const run = runPolicy(rateLimit({ spansPerSecond: 50, mode: 'strict' }));
    expect(run.decide().sampled).toBe(true);
    run.recordedSpans += 119;
    await run.time.advance(1);
    expect(run.decide().sampled).toBe(false);
    expect(run.excessSpans).toBe(70);
    await run.time.advance(900);
    expect(run.decide().sampled).toBe(false);
  });

  it('drops whole traces for the spans that sampled ones record', async () => {
    const run = runPolicy(rateLimit({ spansPerSecond: 80, mode: 'strict' }));
    let spans = 0;
    for (let i = 0; i < 20_000; i++) {
      await run.time.advance(1);
      if (!run.decide().sampled) continue;
      run.recordedSpans += 7;
      if (run.time.nowMs > 5000) spans += 8;
    }
    expect(spans / 15).toBeLessThanOrEqual(80);
    expect(spans / 15).toBeGreaterThan(52);
  });
});
