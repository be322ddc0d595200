import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Engine } from './engine.ts';
import { RollupJob } from './rollup-job.ts';
import type { RollupJobLimits } from './rollup-limits.ts';
import { SpanVisibility } from './span-visibility.ts';
import { ROLLUP_AUDITS } from './testing/rollup-audit.ts';
import { silentLog as log, startEngine, type StartedEngine } from './testing/start-engine.ts';

let store: StartedEngine;
beforeEach(async () => void (store = await startEngine()));
afterEach(() => store[Symbol.asyncDispose]());

/** Spans of two days and several hours, sampled and not, of services that are told apart and of others. */
async function storeSpans(arrival: number, count: number): Promise<void> {
  const number = `(number + ${arrival * 100_000})`;
  await store.engine.command(`INSERT INTO throughline.spans
  (arrival, trace_id, span_id, parent_span_id, service, name, kind, status_code, flags, start_s, start_ns, duration_ns, trace_state,
  attrs_k, attrs_v, attrs_t, res_k, res_v, res_t, rollup_other)
SELECT ${arrival}, toFixedString(unhex(leftPad(hex(intDiv(${number}, 5) + 1), 32, '0')), 16),
  toFixedString(unhex(leftPad(hex(${number} + 1), 16, '0')), 8), toFixedString(unhex(leftPad(hex(number % 3), 16, '0')), 8),
  concat('service-', toString(number % 4)), concat('operation-', toString(number % 7)), number % 6, number % 3, if(number % 11 = 0, 768, 1),
  toDateTime(1795000000 + number % 5 * 20000, 'UTC') AS s, toInt64(toUnixTimestamp(s)) * 1000000000 + number, number * number,
  if(number % 5 = 0, 'ot=th:c', ''), ['k', 'list'], [toString(number % 9), '{"values":[]}'], [1, 6], ['r'], ['v'], [1], if(number % 13 = 0, 2, number % 17 = 0)
FROM numbers(${count})`);
}

function jobOf(
  engine: Pick<Engine, 'query' | 'command'>,
  arrivals: { stored: number; first: number | null },
  registry = new Registry(),
  limits: Partial<RollupJobLimits> = {},
): RollupJob {
  return new RollupJob({
    engine,
    visibility: new SpanVisibility(),
    log,
    registry,
    limits,
    firstUnstored: () => arrivals.first,
    lastArrival: () => arrivals.stored,
  });
}

/** The tables that do not hold what the spans say. */
async function wrongTables(): Promise<string[]> {
  const wrong: string[] = [];
  for (const { name, table, spans } of ROLLUP_AUDITS) {
    const [held, said] = [await store.rows(table), await store.rows(spans)];
    if (JSON.stringify(held) !== JSON.stringify(said)) wrong.push(name);
  }
  return wrong;
}

describe('RollupJob', () => {
  it('adds every span once to every derived table, batch by batch', async () => {
    const arrivals = { stored: 0, first: null };
    const job = jobOf(store.engine, arrivals);
    for (const batch of [1, 2, 3]) {
      await storeSpans(batch, 300);
      arrivals.stored = batch;
      await job.run(true);
      expect(await wrongTables()).toEqual([]);
      await job.run(true);
      expect(await wrongTables()).toEqual([]);
    }
  });

  it('counts nothing that arrived behind a block that is not stored yet', async () => {
    await storeSpans(1, 100);
    await storeSpans(3, 100);
    const arrivals = { stored: 3, first: 2 as number | null };
    const job = jobOf(store.engine, arrivals);
    await job.run(true);
    expect(await store.rows('SELECT sum(spans) FROM throughline.operation_15m')).toEqual([[100]]);
    await storeSpans(2, 100);
    arrivals.first = null;
    await job.run(true);
    expect(await wrongTables()).toEqual([]);
  });

  it('counts each span once whichever statement fails, is lost after it was carried out, or is the last of the process', async () => {
    const counting = { commands: 0 };
    await storeSpans(1, 200);
    await jobOf(
      {
        query: (...asked) => store.engine.query(...asked),
        command: (sql) => (counting.commands++, store.engine.command(sql)),
      },
      { stored: 1, first: null },
    ).run(true);
    expect(await wrongTables()).toEqual([]);
    let batch = 1;
    const isLong = process.env['THROUGHLINE_TEST_LONG'] !== undefined;
    for (let last = 0; last < counting.commands; last += isLong ? 1 : 3) {
      for (const isCarriedOut of [false, true]) {
        batch += 1;
        await storeSpans(batch, 150);
        let left = last;
        const failing: Pick<Engine, 'query' | 'command'> = {
          query: (...asked) => store.engine.query(...asked),
          command: async (sql) => {
            if (left-- > 0) return store.engine.command(sql);
            if (isCarriedOut) await store.engine.command(sql);
            throw new Error('lost');
          },
        };
        const interrupted = jobOf(failing, { stored: batch, first: null });
        await expect(interrupted.start()).rejects.toThrow('lost');
        // A process of its own goes on, or this one does.
        const next = jobOf(store.engine, { stored: batch, first: null });
        await next.start();
        await next.stop(1_000);
        expect(await wrongTables()).toEqual([]);
      }
    }
  }, 240_000);

  it('counts spans that were stored after later ones had been counted', async () => {
    await storeSpans(2, 100);
    const arrivals = { stored: 2, first: null };
    const job = jobOf(store.engine, arrivals);
    await job.run(true);
    await storeSpans(1, 100);
    await job.recount({ first: 1, last: 1 });
    expect(await wrongTables()).toEqual([]);
    await storeSpans(3, 100);
    arrivals.stored = 3;
    await job.run(true);
    expect(await wrongTables()).toEqual([]);
  });

  it('counts more than a batch may hold in several', async () => {
    for (const arrival of [1, 2, 3, 4, 5]) await storeSpans(arrival, 50);
    const registry = new Registry();
    const job = jobOf(store.engine, { stored: 5, first: null }, registry, { batchRowsMax: 120 });
    await job.run(true);
    expect(await wrongTables()).toEqual([]);
    expect(await registry.metrics()).toMatch(/throughline_rollup_batches_total\{outcome="added"\} [2-5]\n/);
  });

  it('goes on by itself after a failure, and makes anew what it was about to add', async () => {
    await storeSpans(1, 200);
    let failures = 4;
    const job = jobOf(
      {
        query: (...asked) => store.engine.query(...asked),
        command: (sql) => (failures-- === 0 ? Promise.reject(new Error('away')) : store.engine.command(sql)),
      },
      { stored: 1, first: null },
    );
    await expect(job.run(true)).rejects.toThrow('away');
    await job.run(true);
    expect(await wrongTables()).toEqual([]);
  });
});
