import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EngineError } from '../storage/engine.ts';
import { eventually, silentLog as log, startEngine, type StartedEngine } from '../storage/testing/start-engine.ts';
import type { EngineOfCounts } from './counted-inserts.ts';
import { readName, selectName } from '../storage/rollups/rollup-names.ts';
import { ExactCounts, type ExactCountsOptions } from './exact-counts.ts';
import type { CountsMessage } from '../exchange/exchange-message.ts';

/** In a minute of its own, and a whole one: nothing depends on when the test runs. */
const NOW_MS = 1_700_000_045_000;

let store: StartedEngine;
beforeAll(async () => void (store = await startEngine()));
afterAll(() => store[Symbol.asyncDispose]());

let directory: string;
let registry: Registry;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'throughline-counts-'));
  await store.engine.command('TRUNCATE TABLE throughline.counted_1m');
  await store.engine.command('TRUNCATE TABLE throughline.counted_1h');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

async function opened(options: Partial<ExactCountsOptions> = {}): Promise<ExactCounts> {
  registry = new Registry();
  const counts = new ExactCounts({
    directory: join(directory, 'counts'),
    log,
    registry,
    now: () => NOW_MS,
    ...options,
    limits: { segmentAgeMs: 10, ...options.limits },
  });
  await counts.open();
  return counts;
}

/** So many requests since the process started. */
function told(requests: number, given: Partial<CountsMessage> = {}): CountsMessage {
  return {
    service: 'shop',
    instance: 'i1',
    windowMs: 5_000,
    totals: [
      {
        startName: 'GET',
        name: 'GET /cart',
        kind: 1,
        status: 0,
        requests,
        durationSumNs: requests * 1e6,
        offset: 159,
        counts: [requests],
      },
    ],
    ...given,
  };
}

const engineOf = ({ engine }: StartedEngine): EngineOfCounts => ({
  tables: engine.tables,
  query: (...asked) => engine.query(...asked),
  insertPlainFile: (table, path) => engine.insertPlainFile(table, path),
  checkInsertEnded: () => engine.checkInsertEnded(),
});

const stored = async (): Promise<unknown[][]> => {
  const names = `${selectName('service_name')} AS service, ${selectName('operation')} AS name`;
  const rows = await store.rows(
    `SELECT ${names}, sum(requests) FROM throughline.counted_1m GROUP BY service, name ORDER BY service, name`,
  );
  return rows.map(([service, name, requests]) => [readName(String(service)), readName(String(name)), requests]);
};
const isStored = (requests: number) => async (): Promise<boolean> =>
  (await stored()).reduce((sum, [, , count]) => sum + Number(count), 0) === requests;

describe('request metrics', () => {
  it('become rows of minutes and of hours, with durations', async () => {
    const counts = await opened();
    counts.start(store.engine);
    expect(await counts.take(told(1_000), true)).toEqual({ kind: 'accepted' });
    expect(await counts.take(told(1_000), true)).toEqual({ kind: 'accepted' });
    expect(await counts.take(told(1_500), true)).toEqual({ kind: 'accepted' });
    expect(await counts.take(told(99, { instance: 'i2' }), false)).toEqual({ kind: 'accepted' });
    await eventually(isStored(1_500));
    // Hours are noted behind minutes.
    await eventually(async () => {
      const [[requests] = []] = await store.rows('SELECT sum(requests) FROM throughline.counted_1h');
      return Number(requests) === 1_500;
    });
    for (const [table, begin] of [
      ['counted_1m', 1_700_000_040],
      ['counted_1h', 1_699_999_200],
    ] as const) {
      const rows =
        await store.rows(`SELECT toUInt32(time), service_name, operation, kind, status, bucket, sum(requests), sum(duration_sum_ns)
FROM throughline.${table} GROUP BY 1, 2, 3, 4, 5, 6`);
      expect(rows).toEqual([[begin, 'shop', 'GET /cart', 1, 0, 159, 1_500, 1.5e9]]);
    }
    await counts.close();
    await counts.drain(5_000);
  });

  it('of a clock beyond the last second of the tables fall to that, and not to 1970', async () => {
    const counts = await opened({ now: () => Date.UTC(2107, 0, 1) });
    counts.start(store.engine);
    expect(await counts.take(told(10), true)).toEqual({ kind: 'accepted' });
    const hours = 'SELECT toUInt32(time), sum(requests) FROM throughline.counted_1h GROUP BY time';
    const last = 0xffff_ffff - (0xffff_ffff % 3_600);
    await eventually(async () => JSON.stringify(await store.rows(hours)) === JSON.stringify([[last, 10]]));
    await counts.close();
    await counts.drain(5_000);
  });

  it('are stored once, wherever the collector was killed', async () => {
    // Noted, and never handed over.
    const first = await opened();
    await first.take(told(1_000), true);
    // Handed over: killed before the totals were written and the segment was gone.
    const second = await opened();
    let inserted = false;
    second.start({
      ...engineOf(store),
      insertPlainFile: async (table, path) => {
        await store.engine.insertPlainFile(table, path);
        if (table === 'counted_1m') return;
        inserted = true;
        await new Promise(() => {});
      },
    });
    await eventually(() => inserted);
    await second.take(told(1_200), true);
    const third = await opened();
    third.start(store.engine);
    expect(await third.take(told(1_300), true)).toEqual({ kind: 'accepted' });
    await eventually(isStored(1_300));
    await third.close();
    await third.drain(5_000);
    expect(readdirSync(join(directory, 'counts/spool'))).toEqual(['rejected']);
    // Everything is stored: what is known comes out of the totals that were written down.
    const fourth = await opened();
    fourth.start(store.engine);
    await fourth.take(told(1_301), true);
    await fourth.close();
    await fourth.drain(5_000);
    expect(await stored()).toEqual([['shop', 'GET /cart', 1_301]]);
  });

  it('wait while the store is unavailable', async () => {
    const counts = await opened({ loaderLimits: { retryDelayMs: 1, retryDelayMsMax: 2 } });
    let failures = 5;
    counts.start({
      ...engineOf(store),
      insertPlainFile: (table, path) =>
        failures > 0
          ? (failures--, Promise.reject(new EngineError('unavailable', 'away')))
          : store.engine.insertPlainFile(table, path),
    });
    await counts.take(told(7), true);
    await eventually(isStored(7));
    expect(failures).toBe(0);
    await counts.close();
    await counts.drain(5_000);
  });

  it('stand still between two segments: none is begun, and the totals stay, while messages are noted', async () => {
    const counts = await opened({ limits: { journalSegmentsMax: 1 } });
    const events: string[] = [];
    let end: (() => void) | undefined;
    const ended = new Promise<void>((resolve) => (end = resolve));
    counts.start({
      ...engineOf(store),
      insertPlainFile: async (table, path) => {
        events.push(table);
        // Minutes are there, hours not yet.
        if (table === 'counted_1h') await ended;
        await store.engine.insertPlainFile(table, path);
      },
    });
    await counts.take(told(5), true);
    await eventually(() => events.includes('counted_1h'));
    const path = join(directory, 'counts');
    const seen = (): string[][] => [readdirSync(path), readdirSync(join(path, 'journal'))];
    const first = counts.whileStill(async () => {
      events.push('still');
      const before = seen();
      expect(await stored()).toEqual([['shop', 'GET /cart', 5]]);
      expect(await store.rows('SELECT sum(requests) FROM throughline.counted_1h')).toEqual([[5]]);
      // More than one segment, each older than it may become.
      for (const requests of [6, 7]) {
        expect(await counts.take(told(requests), true)).toEqual({ kind: 'accepted' });
        const { backlogSegments } = counts.status;
        await eventually(() => counts.status.backlogSegments > backlogSegments || counts.status.backlogAgeMs > 20);
      }
      expect(seen()).toEqual(before);
      events.push('done');
    });
    const second = counts.whileStill(() => Promise.resolve(events.push('still again')));
    end?.();
    await Promise.all([first, second]);
    expect(events.slice(0, 5)).toEqual(['counted_1m', 'counted_1h', 'still', 'done', 'still again']);
    await eventually(isStored(7));
    await eventually(() => existsSync(join(path, 'totals.json')));
    await expect(counts.whileStill(() => Promise.reject(new Error('no snapshot')))).rejects.toThrow('no snapshot');
    await counts.take(told(8), true);
    await eventually(isStored(8));
    await counts.close();
    await counts.drain(5_000);
  });

  it('are whole until a while ago, a longer one for a service that reports seldom, or is silent', async () => {
    let nowMs = NOW_MS;
    const counts = await opened({ now: () => nowMs, limits: { segmentAgeMs: 60_000, settleMs: 25_000 } });
    const behindMs = (service: string): number => nowMs - counts.countedUntil()(service);
    expect(behindMs('shop')).toBe(85_000);
    await counts.take(told(5, { windowMs: 90_000 }), true);
    expect([behindMs('shop'), behindMs('other-shop')]).toEqual([240_000, 85_000]);
    nowMs += 250_000;
    expect([behindMs('shop'), behindMs('other-shop')]).toEqual([250_000, 85_000]);
    await counts.close();
  });

  it('are deferred to the next message while the disk takes nothing', async () => {
    const counts = await opened({ limits: { segmentAgeMs: 10, waitingMessagesMax: 1 } });
    const spool = join(directory, 'counts/spool');
    rmSync(spool, { recursive: true });
    writeFileSync(spool, '');
    expect(await counts.take(told(5), true)).toEqual({ kind: 'deferred' });
    const busy = [counts.take(told(5), true), counts.take(told(6), true)];
    expect(await busy[1]).toEqual({ kind: 'deferred' });
    await busy[0];
    const metrics = await registry.metrics();
    expect(metrics).toContain('throughline_limit_reached_total{limit="counts.waitingMessagesMax"} 1');
    expect(metrics).toMatch(/throughline_counts_messages_total\{outcome="deferred"\} [23]/);
    expect(metrics).toContain('throughline_counts_totals 0');
  });

  it('reject a contradiction, and go on with the next message', async () => {
    const counts = await opened();
    counts.start(store.engine);
    await counts.take(told(10), true);
    expect(await counts.take(told(9), true)).toMatchObject({
      kind: 'rejected',
      message: expect.stringContaining('less than') as string,
    });
    await counts.take(told(11), true);
    await eventually(isStored(11));
    await counts.close();
    await counts.drain(5_000);
  });

  it('keep apart no more names than the rollups do', async () => {
    const counts = await opened({ rollupLimits: { servicesMax: 2, operationsPerServiceMax: 1 } });
    counts.start(store.engine);
    const [total] = told(1).totals;
    const other = { ...total, name: 'GET /other' } as CountsMessage['totals'][number];
    await counts.take(told(1, { totals: total === undefined ? [] : [total, other] }), true);
    await counts.take(told(3, { service: '(other)' }), true);
    await counts.take(told(5, { service: 'made-up' }), true);
    await counts.take(told(7, { service: 'x'.repeat(4_097) }), true);
    await eventually(isStored(17));
    expect(await stored()).toEqual([
      [null, null, 12],
      ['(other)', 'GET /cart', 3],
      ['shop', null, 1],
      ['shop', 'GET /cart', 1],
    ]);
    await counts.close();
    await counts.drain(5_000);
  });

  it('start anew, and say so, where what was known cannot be read', async () => {
    const first = await opened();
    first.start(store.engine);
    await first.take(told(3), true);
    await first.close();
    await first.drain(5_000);
    const path = join(directory, 'counts/totals.json');
    expect(existsSync(path)).toBe(true);
    writeFileSync(path, '{"version":99}');
    const second = await opened();
    expect(await second.take(told(3), true)).toEqual({ kind: 'accepted' });
    await second.close();
  });
});
