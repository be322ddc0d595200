import { setTimeout as delay } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Jobs } from '../../jobs/jobs.ts';
import { EngineError, type Engine } from '../engine.ts';
import { RollupJob } from './rollup-job.ts';
import { SpanVisibility } from '../span-visibility.ts';
import { ROLLUP_AUDITS } from '../testing/rollup-audit.ts';
import { emptyStore } from '../testing/new-store.ts';
import { lastCommands, sampleOf } from '../testing/sample-of.ts';
import { eventually, silentLog as log, startEngine, type StartedEngine } from '../testing/start-engine.ts';

let store: StartedEngine;
beforeAll(async () => void (store = await startEngine()));
afterEach(() => emptyStore(store.engine));
afterAll(() => store[Symbol.asyncDispose]());

/** Spans of so many of the hours around a midnight, sampled and not, of services that are told apart and of others. */
async function storeSpans(arrival: number, count: number, hours = 5, { engine } = store): Promise<void> {
  const number = `(number + ${arrival * 100_000})`;
  await engine.command(`INSERT INTO throughline.spans
  (arrival, trace_id, span_id, parent_span_id, service, name, kind, status_code, flags, start_s, start_ns, duration_ns, trace_state,
  attrs_k, attrs_v, attrs_t, res_k, res_v, res_t, rollup_other)
SELECT ${arrival}, toFixedString(unhex(leftPad(hex(intDiv(${number}, 5) + 1), 32, '0')), 16),
  toFixedString(unhex(leftPad(hex(${number} + 1), 16, '0')), 8), toFixedString(unhex(leftPad(hex(number % 3), 16, '0')), 8),
  concat('service-', toString(number % 4)), concat('operation-', toString(number % 7)), number % 6, number % 3, if(number % 11 = 0, 768, 1),
  toDateTime(1795039200 + number % ${hours} * ${14_400 / (hours - 1)}, 'UTC') AS s, toInt64(toUnixTimestamp(s)) * 1000000000 + number, number * number,
  if(number % 5 = 0, 'ot=th:c', ''), ['k', 'list'], [toString(number % 9), '{"values":[]}'], [1, 6], ['r'], ['v'], [1], if(number % 13 = 0, 2, number % 17 = 0)
FROM numbers(${count})`);
}

function jobOf(
  engine: Pick<Engine, 'query' | 'command' | 'tables'>,
  arrivals: { stored: number; first: number | null },
): RollupJob {
  return new RollupJob({
    engine,
    visibility: new SpanVisibility(),
    log,
    registry: new Registry(),
    jobs: new Jobs({ log, registry: new Registry() }),
    firstUnstored: () => arrivals.first,
    lastArrival: () => arrivals.stored,
  });
}

const gone = (): Promise<never> => Promise.reject(new EngineError('unavailable', 'away'));

/** The tables that do not hold what the spans say. */
async function wrongTables(of = store): Promise<string[]> {
  const wrong: string[] = [];
  for (const { name, table, spans } of ROLLUP_AUDITS) {
    const [held, said] = [await of.rows(table), await of.rows(spans)];
    if (JSON.stringify(held) !== JSON.stringify(said)) wrong.push(name);
  }
  return wrong;
}

describe('RollupJob', () => {
  it('lets small batches wait while nobody asks, and counts them soon after a query', async () => {
    const visibility = new SpanVisibility();
    const arrivals = { stored: 0, first: null };
    const job = new RollupJob({
      engine: store.engine,
      visibility,
      log,
      registry: new Registry(),
      jobs: new Jobs({ log, registry: new Registry() }),
      firstUnstored: () => arrivals.first,
      lastArrival: () => arrivals.stored,
      limits: { intervalMs: 5, idleIntervalMs: 1_000_000 },
    });
    await job.start();
    await storeSpans(1, 100);
    arrivals.stored = 1;
    visibility.stored({ arrivals: { first: 1, last: 1 }, seconds: { first: 1795000000, last: 1795080000 }, rows: 100 });
    await delay(100);
    expect(visibility.countedUntil).toBe(0);
    await visibility.published();
    await eventually(() => visibility.countedUntil === 1);
    expect(await wrongTables()).toEqual([]);
    await job.stop(1_000);
  });

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

  it('counts spans that are stored late: a segment that failed, was quarantined, or came from another data directory', async () => {
    await storeSpans(3, 100, 2);
    const arrivals = { stored: 3, first: null as number | null };
    const job = jobOf(store.engine, arrivals);
    await job.run(true);
    await job.noteLate({ first: 2, last: 2 });
    arrivals.first = 2;
    await job.run(true);
    await storeSpans(2, 100, 2);
    // A process of its own goes on.
    arrivals.first = null;
    const next = jobOf(store.engine, arrivals);
    await next.start();
    await next.stop(1_000);
    expect(await wrongTables()).toEqual([]);
  });

  it('counts a segment that is handed back while a batch is under way', async () => {
    await storeSpans(3, 100, 2);
    const arrivals = { stored: 3, first: null as number | null };
    const handBack = { isDone: false };
    const job: RollupJob = jobOf(
      {
        tables: store.engine.tables,
        query: (...asked) => store.engine.query(...asked),
        command: async (sql) => {
          if (!handBack.isDone && sql.includes('INTO throughline.operation_15m')) {
            handBack.isDone = true;
            await job.noteLate({ first: 2, last: 2 });
            await storeSpans(2, 100, 2);
          }
          await store.engine.command(sql);
        },
      },
      arrivals,
    );
    await job.run(true);
    expect(handBack.isDone).toBe(true);
    await job.run(true);
    expect(await wrongTables()).toEqual([]);
  });

  it('counts at the start what an earlier process stored, also where nothing remembers the last arrival', async () => {
    await storeSpans(3, 100);
    const job = jobOf(store.engine, { stored: 0, first: null });
    await job.start();
    await job.stop(1_000);
    expect(await wrongTables()).toEqual([]);
  });

  it('counts each span once whichever statement fails, is lost after it was carried out, or is the last of the process', async () => {
    const counting = { commands: 0 };
    await storeSpans(1, 200, 2);
    await jobOf(
      {
        tables: store.engine.tables,
        query: (...asked) => store.engine.query(...asked),
        command: (sql) => (counting.commands++, store.engine.command(sql)),
      },
      { stored: 1, first: null },
    ).run(true);
    expect(await wrongTables()).toEqual([]);
    let batch = 1;
    for (const { last, isCarriedOut } of sampleOf(lastCommands(counting.commands), 3, 1)) {
      batch += 1;
      await storeSpans(batch, 150, 2);
      let left = last;
      const failing: Pick<Engine, 'query' | 'command' | 'tables'> = {
        tables: store.engine.tables,
        query: (...asked) => store.engine.query(...asked),
        command: async (sql) => {
          if (left-- > 0) return store.engine.command(sql);
          if (isCarriedOut) await store.engine.command(sql);
          throw new Error('lost');
        },
      };
      const interrupted = jobOf(failing, { stored: batch, first: null });
      await interrupted.start();
      await interrupted.stop(1_000);
      // A process of its own goes on, or this one does.
      const next = jobOf(store.engine, { stored: batch, first: null });
      await next.start();
      await next.stop(1_000);
      expect(await wrongTables(), `${last} ${isCarriedOut}`).toEqual([]);
    }
  });

  it.each<[string, readonly string[] | 'all', string]>([
    ['of which one table lacks everything', [], 'ALTER TABLE throughline.operation_15m DROP PARTITION'],
    ['that was named as damaged', ['2026-11-19'], 'ALTER TABLE throughline.request_1h DROP PARTITION'],
    ['of a store of which nothing is known', 'all', 'ALTER TABLE throughline.weight_15m DROP PARTITION'],
  ])('makes a day %s anew, whichever statement of that is the last of the process', async (_, damaged, harm) => {
    await storeSpans(1, 300);
    const arrivals = { stored: 1, first: null };
    await jobOf(store.engine, arrivals).run(true);
    const harmADay = (): Promise<void> => store.engine.command(`${harm} '2026-11-19'`);
    await harmADay();
    let commands = 0;
    const counting = jobOf(
      {
        tables: store.engine.tables,
        query: (...asked) => store.engine.query(...asked),
        command: (sql) => (commands++, store.engine.command(sql)),
      },
      arrivals,
    );
    await counting.start(damaged);
    await counting.stop(1_000);
    expect(await wrongTables()).toEqual([]);
    expect(commands).toBeGreaterThan(10);
    for (const { last, isCarriedOut } of sampleOf(lastCommands(commands), 1, damaged.length)) {
      await harmADay();
      let left = last;
      const killed = jobOf(
        {
          tables: store.engine.tables,
          query: (...asked) => store.engine.query(...asked),
          command: async (sql) => {
            if (left-- > 0) return store.engine.command(sql);
            if (isCarriedOut && left === -1) await store.engine.command(sql);
            throw new Error('killed');
          },
        },
        arrivals,
      );
      await killed.start(damaged);
      await killed.stop(1_000);
      // What was named as damaged is named until it is known to be mended; what disagrees is found once.
      const next = jobOf(store.engine, arrivals);
      await next.start(damaged);
      await next.stop(1_000);
      expect(await wrongTables(), `${last} ${isCarriedOut}`).toEqual([]);
    }
  });

  it('goes on with days that were being made anew in a process that names none, and then forgets them', async () => {
    await storeSpans(1, 300);
    const arrivals = { stored: 1, first: null };
    await jobOf(store.engine, arrivals).run(true);
    const killed = jobOf(
      {
        tables: store.engine.tables,
        query: (...asked) => store.engine.query(...asked),
        command: (sql) =>
          sql.includes('INTO throughline.attribute_values')
            ? Promise.reject(new Error('killed'))
            : store.engine.command(sql),
      },
      arrivals,
    );
    await killed.start();
    void killed.rebuildDays(['2026-11-19']);
    await expect.poll(wrongTables).toContain('attribute_values, values');
    await killed.stop(1_000);
    for (const commandsAtMost of [Infinity, 0]) {
      let commands = 0;
      const next = jobOf(
        {
          tables: store.engine.tables,
          query: (...asked) => store.engine.query(...asked),
          command: (sql) => (commands++, store.engine.command(sql)),
        },
        arrivals,
      );
      await next.start();
      await next.stop(1_000);
      expect(await wrongTables()).toEqual([]);
      expect(commands).toBeLessThanOrEqual(commandsAtMost);
    }
  });

  it('makes every day anew again where it ended while it did so because nothing was known, and did not note that', async () => {
    await storeSpans(1, 300);
    const arrivals = { stored: 1, first: null };
    await jobOf(store.engine, arrivals).run(true);
    await store.engine.command('TRUNCATE TABLE throughline.rollup_progress');
    const killed = jobOf(
      {
        tables: store.engine.tables,
        query: (...asked) => store.engine.query(...asked),
        command: (sql) =>
          sql.includes('INTO throughline.request_1h') ? Promise.reject(new Error('killed')) : store.engine.command(sql),
      },
      arrivals,
    );
    await killed.start([]);
    await killed.stop(1_000);
    const next = jobOf(store.engine, arrivals);
    await next.start([]);
    await next.stop(1_000);
    expect(await wrongTables()).toEqual([]);
  });

  it('counts no span again that another collector has counted, which had the lease in between', async () => {
    const lease = { term: 1 as number | null };
    let isAway = false;
    const jobs = new Jobs({
      log,
      registry: new Registry(),
      lease: {
        get isHeld() {
          return lease.term !== null;
        },
      },
    });
    const arrivals = { stored: 1, first: null as number | null };
    const visibility = new SpanVisibility();
    await storeSpans(1, 100, 2);
    const job = new RollupJob({
      engine: {
        tables: store.engine.tables,
        query: (...asked) => (isAway ? Promise.reject(new Error('away')) : store.engine.query(...asked)),
        command: (sql) => store.engine.command(sql),
      },
      visibility,
      log,
      registry: new Registry(),
      jobs,
      firstUnstored: () => arrivals.first,
      lastArrival: () => arrivals.stored,
      term: () => lease.term,
      limits: { intervalMs: 5, idleIntervalMs: 1_000_000, retryMs: 5 },
    });
    await job.start();
    await storeSpans(2, 100, 2);
    arrivals.stored = 2;
    visibility.stored({ arrivals: { first: 2, last: 2 }, seconds: { first: 1795000000, last: 1795080000 }, rows: 100 });
    lease.term = null;
    await storeSpans(5, 100, 2);
    const other = jobOf(store.engine, { stored: 5, first: null });
    await other.start();
    await other.stop(1_000);
    await eventually(() => visibility.countedUntil === 5);
    expect(visibility.uncountedRows).toBe(0);
    // What the other one counts last it does not see before it has the lease again.
    isAway = true;
    await storeSpans(9, 100, 2);
    const last = jobOf(store.engine, { stored: 9, first: null });
    await last.start();
    await last.stop(1_000);
    isAway = false;
    lease.term = 4;
    arrivals.first = 7;
    await job.noteLate({ first: 7, last: 7 });
    await storeSpans(7, 100, 2);
    arrivals.first = null;
    await job.run(true);
    await job.stop(1_000);
    // Nor does one that starts behind it.
    const next = jobOf(store.engine, { stored: 9, first: null });
    await next.start();
    await next.stop(1_000);
    expect(await wrongTables()).toEqual([]);
  });

  it('reads and writes nothing of what is noted while a statement of the collector before it may still run', async () => {
    await storeSpans(1, 100);
    const statements: string[] = [];
    let term = 1;
    let mayStillRun = true;
    const job = new RollupJob({
      engine: {
        tables: store.engine.tables,
        query: (sql, options) => store.engine.query(sql, options),
        command: async (sql) => {
          statements.push(sql);
          await store.engine.command(sql);
        },
      },
      visibility: new SpanVisibility(),
      log,
      registry: new Registry(),
      jobs: new Jobs({ log, registry: new Registry() }),
      firstUnstored: () => null,
      lastArrival: () => term,
      term: () => term,
      endOthers: () => (mayStillRun ? gone() : Promise.resolve()),
    });
    const isCountedOnce = async (): Promise<void> => {
      await expect(job.run(true)).rejects.toMatchObject({ code: 'unavailable' });
      expect(statements).toEqual([]);
      // What the other one still did is noted by now.
      const other = jobOf(store.engine, { stored: term, first: null });
      await other.start();
      await other.stop(1_000);
      mayStillRun = false;
      await job.run(true);
      expect(await wrongTables()).toEqual([]);
    };
    await job.start();
    await isCountedOnce();
    await storeSpans(2, 100);
    statements.length = 0;
    [mayStillRun, term] = [true, 2];
    await isCountedOnce();
    await job.stop(1_000);
  });

  it('asks the shards of several collectors for nothing while there is nothing new', async () => {
    let until = 10;
    let asked = 0;
    const job = new RollupJob({
      engine: store.engine,
      shards: () => {
        asked += 1;
        return Promise.resolve([store.engine]);
      },
      visibility: new SpanVisibility(),
      log,
      registry: new Registry(),
      jobs: new Jobs({ log, registry: new Registry() }),
      firstUnstored: () => null,
      lastArrival: () => 0,
      term: () => 1,
      fleet: {
        term: 1,
        publishedUntil: 0,
        storedUntil: () => Promise.resolve(until),
        startAfter: () => {},
        renew: () => Promise.resolve(),
        engine: store.engine,
      },
    });
    await job.run(true);
    until = 20;
    await job.run(true);
    expect(asked).toBe(0);
    await storeSpans(15, 100);
    await job.run(true);
    expect(asked).toBeGreaterThan(0);
    expect(await wrongTables()).toEqual([]);
  });

  it('adds spans of more days at once than a statement may insert', async () => {
    // To empty so many days takes longer than to start an engine.
    await using own = await startEngine();
    await own.engine.command(`INSERT INTO throughline.spans (arrival, trace_id, span_id, start_s, start_ns)
SELECT 1, toFixedString(unhex(leftPad(hex(number + 1), 32, '0')), 16), toFixedString(unhex(leftPad(hex(number + 1), 16, '0')), 8),
  toDateTime(1700000000 + number * 86400) AS s, toInt64(toUnixTimestamp(s)) * 1000000000
FROM numbers(101) SETTINGS max_partitions_per_insert_block = 0`);
    await jobOf(own.engine, { stored: 1, first: null }).run(true);
    expect(await own.rows('SELECT sum(spans) FROM throughline.operation_15m')).toEqual([[101]]);
    expect(await own.rows('SELECT uniqExact(trace_id) FROM throughline.trace_times')).toEqual([[101]]);
  });

  it('takes back from the other shards what one of them did not take, so that queries count it once meanwhile', async () => {
    await using second = await startEngine();
    const away = { after: Number.POSITIVE_INFINITY };
    const visibility = new SpanVisibility();
    const arrivals = { stored: 1 };
    const job = new RollupJob({
      engine: store.engine,
      visibility,
      log,
      registry: new Registry(),
      jobs: new Jobs({ log, registry: new Registry() }),
      firstUnstored: () => null,
      lastArrival: () => arrivals.stored,
      shards: () =>
        Promise.resolve([
          store.engine,
          {
            tables: second.engine.tables,
            query: (...asked) => (away.after > 0 ? second.engine.query(...asked) : gone()),
            command: (sql) => (away.after-- > 0 ? second.engine.command(sql) : gone()),
          },
        ]),
    });
    const storeInBoth = (arrival: number): Promise<unknown> =>
      Promise.all([storeSpans(arrival, 100, 2), storeSpans(arrival, 100, 2, second)]);
    /** What finds spans may find more than there are. */
    const held = (): Promise<unknown[]> =>
      Promise.all(ROLLUP_AUDITS.filter(({ name }) => !name.includes('trace')).map(({ table }) => store.rows(table)));
    await storeInBoth(1);
    await job.run(true);
    for (const [index, commands] of sampleOf([0, 1, 2, 3, 4, 5, 6], 2, 7).entries()) {
      const before = await held();
      arrivals.stored = 2 + index;
      await storeInBoth(arrivals.stored);
      const seconds = { first: 1795000000, last: 1795080000 };
      visibility.stored({ arrivals: { first: arrivals.stored, last: arrivals.stored }, seconds, rows: 200 });
      away.after = commands;
      await expect(job.run(true)).rejects.toThrow('away');
      const view = visibility.view('operation_15m');
      view.release();
      expect({ commands, held: await held(), until: view.uncounted?.countedUntil }).toEqual({
        commands,
        held: before,
        until: arrivals.stored - 1,
      });
      away.after = Number.POSITIVE_INFINITY;
      await job.run(true);
      expect({ commands, wrong: [await wrongTables(), await wrongTables(second)] }).toEqual({
        commands,
        wrong: [[], []],
      });
    }
  });

  it('goes on by itself after a failure, and makes anew what it was about to add', async () => {
    await storeSpans(1, 200);
    let failures = 4;
    const job = jobOf(
      {
        tables: store.engine.tables,
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
