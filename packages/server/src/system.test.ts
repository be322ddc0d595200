import { Counter, Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { System, type SystemOptions } from './system.ts';

class Clock {
  nowMs = 1_000;
}

function aSystem(clock: Clock, overrides: Partial<SystemOptions> = {}): { system: System; registry: Registry } {
  const registry = overrides.registry ?? new Registry();
  const system = new System({
    version: '1.2.3',
    storeKind: 'embedded',
    retention: { maxAgeDays: 30, maxDiskShare: 0.8 },
    registry,
    engineState: () => ({ kind: 'ready' }),
    spool: () => ({
      backlogSegments: 1,
      backlogBytes: 500,
      backlogAgeMs: 1_500,
      blockedBy: null,
      rejectedSegments: [],
    }),
    readiness: () => ({ problems: [], warnings: [{ code: 'store_behind', message: 'the store is behind' }] }),
    storeFacts: () =>
      Promise.resolve({
        engineVersion: '26.7',
        spanCount: 7,
        diskBytes: 800,
        firstDay: '2026-11-22',
        lastDay: '2026-11-23',
      }),
    now: () => clock.nowMs,
    ...overrides,
  });
  system.close();
  return { system, registry };
}

const { signal } = new AbortController();

describe('what the system answers', () => {
  it('is put together from metrics and rooms', async () => {
    const registry = new Registry();
    const counter = (name: string, label: string): Counter =>
      new Counter({ name, help: name, labelNames: [label], registers: [registry] });
    counter('throughline_rejected_spans_total', 'reason').inc({ reason: 'too_old' }, 3);
    const limits = counter('throughline_limit_reached_total', 'limit');
    limits.inc({ limit: 'a.b' }, 0);
    limits.inc({ limit: 'c.d' }, 2);
    const { system } = aSystem(new Clock(), { registry });
    expect(await system.answer(signal)).toEqual({
      version: '1.2.3',
      uptimeSeconds: 0,
      store: {
        kind: 'embedded',
        state: 'ready',
        engineVersion: '26.7',
        spanCount: 7,
        diskBytes: 800,
        firstDay: '2026-11-22',
        lastDay: '2026-11-23',
      },
      ingest: {
        spansPerSecond: 0,
        acceptedSpans: 0,
        refusedSpans: [{ reason: 'too_old', spans: 3 }],
        spoolBytes: 500,
        spoolAgeSeconds: 1.5,
      },
      retention: { maxAgeDays: 30, maxDiskShare: 0.8 },
      limitsReached: [{ limit: 'c.d', times: 2 }],
      problems: ['the store is behind'],
    });
  });

  it('tells the spans a second of the last minute', async () => {
    const clock = new Clock();
    const registry = new Registry();
    const accepted = new Counter({ name: 'throughline_accepted_spans_total', help: 'spans', registers: [registry] });
    const { system } = aSystem(clock, { registry });
    const perSecond = async (): Promise<number> => (await system.answer(signal)).ingest.spansPerSecond;
    for (let second = 0; second < 300; second += 5) {
      clock.nowMs += 5_000;
      accepted.inc(50);
      await system.note();
    }
    expect(await perSecond()).toBeCloseTo(10, 6);
    for (let second = 0; second < 60; second += 5) {
      clock.nowMs += 5_000;
      await system.note();
    }
    expect(await perSecond()).toBe(0);
  });

  it('says nothing of a store that does not answer', async () => {
    const { system } = aSystem(new Clock(), {
      engineState: () => ({ kind: 'down', reason: 'killed' }),
      storeFacts: () => Promise.resolve(null),
    });
    expect((await system.answer(signal)).store).toEqual({
      kind: 'embedded',
      state: 'down',
      engineVersion: null,
      spanCount: null,
      diskBytes: null,
      firstDay: null,
      lastDay: null,
    });
  });
});
