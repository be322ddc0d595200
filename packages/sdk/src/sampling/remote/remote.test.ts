import { describe, expect, it } from 'vitest';
import { answered, runPolicy, type PolicyRun } from '../../test-support/policy.ts';
import { remote } from './remote.ts';

/** Of many decisions on an operation, the share that is kept. */
function share(run: PolicyRun, name = 'GET'): number {
  let kept = 0;
  for (let i = 0; i < 2000; i++) if (run.decide(name).sampled) kept++;
  return kept / 2000;
}

const unlimited = { spansPerSecond: 1e9 };

describe('the remote policy', () => {
  it('keeps the local share until the collector has answered, and then what it said', async () => {
    const run = runPolicy(remote({ ...unlimited, sampling: 0.5 }));
    expect(share(run)).toBeCloseTo(0.5, 1);
    run.answer = answered({ probability: 0, operations: [{ name: 'GET', kind: 1, probability: 1 }] });
    await run.time.advance(5000);
    expect([share(run), share(run, 'POST')]).toEqual([1, 0]);
    expect(run.failures).toEqual([]);
    await run.close();
  });

  it('reports request metrics: what came since the last message, and all since the start', async () => {
    const run = runPolicy(remote(unlimited));
    const operation = run.counts.operationOf('GET', 1);
    run.decide('GET');
    operation.started += 2;
    run.counts.end(operation, 'GET /a', 0, 1e6);
    run.counts.end(operation, 'GET /a', 2, 3e6);
    run.answer = answered({ probability: 1 });
    // The first two exchanges follow each other quickly.
    await run.time.advance(1000);
    run.counts.end(operation, 'GET /a', 0, 1e6);
    await run.time.advance(1000);
    await run.time.advance(5000);
    const [first, second, third] = run.sent as { windowMs: number; uptimeMs: number; operations: unknown[] }[];
    expect(first).toMatchObject({
      version: 1,
      service: 'shop',
      windowMs: 1000,
      uptimeMs: 1000,
      operations: [
        {
          name: 'GET',
          kind: 1,
          recent: { started: 2, decided: 1, requests: 2, errors: 1 },
          totals: [
            { name: 'GET /a', status: 0, requests: 1, durationSumNs: 1e6, durations: { counts: [1] } },
            { name: 'GET /a', status: 2, requests: 1, durationSumNs: 3e6, durations: { counts: [1] } },
          ],
        },
      ],
    });
    expect(second?.operations).toMatchObject([
      { recent: { started: 0, requests: 1, errors: 0 }, totals: [{ requests: 2 }, { requests: 1 }] },
    ]);
    expect(third).toMatchObject({ uptimeMs: 7000, operations: [] });
    await run.close();
  });

  it('holds the last answer for a minute without the collector, then goes back to its own share', async () => {
    const run = runPolicy(remote({ ...unlimited, sampling: 0.1 }));
    run.decide();
    run.answer = answered({ probability: 1 });
    await run.time.advance(5000);
    run.answer = { kind: 'failed', message: 'refused' };
    await run.time.advance(60_000);
    expect(share(run)).toBe(1);
    await run.time.advance(30_000);
    expect(share(run)).toBeCloseTo(0.55, 1);
    await run.time.advance(300_000);
    expect(share(run)).toBeCloseTo(0.1, 1);
    expect(run.failures.length).toBeGreaterThan(50);
    await run.close();
  });

  it.each<[string, unknown, number]>([
    ['no JSON', '<html>', 200],
    ['no object', 'null', 200],
    ['a probability above 1', { probability: 1.5 }, 200],
    ['a probability that is text', { probability: '0.5' }, 200],
    ['a malformed operation', { probability: 0.5, operations: [{ name: 'GET', kind: 9, probability: 0 }] }, 200],
    ['operations that are no list', { probability: 0.5, operations: {} }, 200],
    ['a rule without conditions', { probability: 0.5, rules: [{ probability: 0 }] }, 200],
    ['too many operations', { probability: 0.5, operations: Array.from({ length: 2001 }, () => ({})) }, 200],
    ['a negative hint', { probability: 0.5, errorTracesPerSecond: -1 }, 200],
    ['an error', { probability: 0 }, 500],
    ['nothing', '', 200],
  ])('rejects an answer with %s, counts it, and stays with the last good one', async (_, body, status) => {
    const run = runPolicy(remote(unlimited));
    run.answer = answered({ probability: 1 });
    await run.time.advance(5000);
    run.answer = answered(body, status);
    await run.time.advance(5000);
    expect(run.failures).toHaveLength(1);
    expect(share(run)).toBe(1);
    await run.close();
  });

  it('takes what it can use of an answer that names what does not exist here, and counts the rest', async () => {
    const run = runPolicy(remote({ ...unlimited, sampling: 1 }));
    run.decide('GET');
    run.answer = answered({
      probability: 1,
      operations: [
        { name: 'GET', kind: 1, probability: 0 },
        { name: 'nobody', kind: 1, probability: 0 },
      ],
      rules: [
        { kind: 'no kind', probability: 0 },
        { path: '/metrics', probability: 0 },
      ],
    });
    await run.time.advance(1000);
    expect([share(run, 'GET'), share(run, 'nobody'), share(run, 'POST')]).toEqual([0, 1, 1]);
    expect(run.decide('POST', { attributes: { 'url.path': '/metrics' } }).sampled).toBe(false);
    expect(run.failures).toHaveLength(1);
    await run.close();
  });

  it('lowers its share by itself while an operation surges, and reports to the collector at once', async () => {
    const run = runPolicy(remote(unlimited));
    const answer = { probability: 1, operations: [{ name: 'GET', kind: 1, probability: 0.5, tracesPerSecond: 10 }] };
    run.answer = answered(answer);
    const load = async (perSecond: number, seconds: number): Promise<number> => {
      let kept = 0;
      for (let i = 0; i < perSecond * seconds; i++) {
        await run.time.advance(1000 / perSecond);
        if (run.decide().sampled) kept++;
      }
      return kept / seconds;
    };
    expect(await load(20, 12)).toBeCloseTo(10, -1);
    const before = run.sent.length;
    await load(2000, 0.5);
    expect(await load(2000, 0.25)).toBeLessThan(20);
    await load(2000, 0.5);
    expect(run.sent.length).toBeGreaterThan(before);
    await run.close();
  });

  it('keeps to its local limit whatever the collector says', async () => {
    const run = runPolicy(remote({ spansPerSecond: 50 }));
    run.answer = answered({ probability: 1 });
    await run.time.advance(5000);
    let kept = 0;
    for (let i = 0; i < 10_000; i++) {
      await run.time.advance(1);
      if (run.decide().sampled) kept++;
    }
    expect(kept / 10).toBeLessThan(60);
    await run.close();
  });

  it('reports its last counts at its end, and asks no more', async () => {
    const run = runPolicy(remote());
    run.counts.end(run.counts.operationOf('GET', 1), 'GET', 0, 1e6);
    await run.close();
    await run.time.advance(60_000);
    expect(run.sent).toMatchObject([{ operations: [{ name: 'GET', recent: { requests: 1 } }] }]);
  });
});
