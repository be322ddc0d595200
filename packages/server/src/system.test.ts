import { describe, expect, it } from 'vitest';
import { System, type SystemOptions } from './system.ts';

class Clock {
  nowMs = 1_000;
}

function aSystem(clock: Clock, overrides: Partial<SystemOptions> = {}): System {
  const system = new System({
    version: '1.2.3',
    storeKind: 'embedded',
    retention: { maxAgeDays: 30, maxDiskShare: 0.8 },
    ingest: () => ({ acceptedSpans: 0, rejectedSpans: new Map() }),
    limitsReached: () => [],
    nodes: () => [],
    collectors: () => [],
    engineState: () => ({ kind: 'ready' }),
    spool: () => ({
      backlogSegments: 1,
      backlogBytes: 500,
      backlogAgeMs: 1_500,
      blockedBy: null,
      quarantinedSegments: [],
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
  return system;
}

const { signal } = new AbortController();

describe('what the system answers', () => {
  it('is put together from what its rooms say', async () => {
    const system = aSystem(new Clock(), {
      ingest: () => ({
        acceptedSpans: 70,
        rejectedSpans: new Map([
          ['too_old', 3],
          ['in_future', 4],
        ] as const),
      }),
      limitsReached: () => [{ limit: 'c.d', times: 2 }],
    });
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
        nodes: [],
        collectors: [],
      },
      ingest: {
        spansPerSecond: 70,
        acceptedSpans: 70,
        rejectedSpans: [
          { reason: 'in_future', spans: 4 },
          { reason: 'too_old', spans: 3 },
        ],
        spoolBytes: 500,
        spoolAgeSeconds: 1.5,
      },
      retention: { maxAgeDays: 30, maxDiskShare: 0.8 },
      limitsReached: [{ limit: 'c.d', times: 2 }],
      problems: ['the store is behind'],
    });
  });

  it('reports the spans a second of the last minute', async () => {
    const clock = new Clock();
    let acceptedSpans = 0;
    const system = aSystem(clock, { ingest: () => ({ acceptedSpans, rejectedSpans: new Map() }) });
    const perSecond = async (): Promise<number> => (await system.answer(signal)).ingest.spansPerSecond;
    for (let second = 0; second < 300; second += 5) {
      clock.nowMs += 5_000;
      acceptedSpans += 50;
      system.note();
    }
    expect(await perSecond()).toBeCloseTo(10, 6);
    for (let second = 0; second < 60; second += 5) {
      clock.nowMs += 5_000;
      system.note();
    }
    expect(await perSecond()).toBe(0);
  });

  it('says nothing of a store that does not answer', async () => {
    const system = aSystem(new Clock(), {
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
      nodes: [],
      collectors: [],
    });
  });

  it('names each server of the store, since when it is how it is, and no password', async () => {
    const since = new Date('2026-11-30T16:04:05.678Z');
    const message = 'http://ann:s3cret@a:8123 cannot be reached';
    const system = aSystem(new Clock(), {
      storeKind: 'clickhouse',
      nodes: () => [
        {
          node: 'a:8123',
          shard: 1,
          replica: 'r1',
          version: '26.7.1.1',
          state: 'down',
          since,
          troubles: [{ code: 'store_node_away', message, since }],
        },
        { node: 'b:8123', shard: null, replica: null, version: null, state: 'unknown', since, troubles: [] },
      ],
    });
    const shown = { code: 'store_node_away', message: 'http://ann:***@a:8123 cannot be reached' };
    expect((await system.answer(signal)).store.nodes).toEqual([
      {
        node: 'a:8123',
        shard: 1,
        replica: 'r1',
        version: '26.7.1.1',
        state: 'down',
        since: '2026-11-30T16:04:05.678Z',
        troubles: [{ ...shown, since: '2026-11-30T16:04:05.678Z' }],
      },
      {
        node: 'b:8123',
        shard: null,
        replica: null,
        version: null,
        state: 'unknown',
        since: '2026-11-30T16:04:05.678Z',
        troubles: [],
      },
    ]);
  });

  it('names the collectors beside which it stores, and when each was seen last', async () => {
    const seen = new Date('2026-11-30T16:04:05.000Z');
    const own = { collector: 'a', description: 'host a', isUp: true, seen, isLeader: false, isSelf: true };
    const system = aSystem(new Clock(), { storeKind: 'clickhouse', collectors: () => [own] });
    expect((await system.answer(signal)).store.collectors).toEqual([{ ...own, seen: '2026-11-30T16:04:05.000Z' }]);
  });
});
