import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { QUERY_LIMITS } from '../query/limits.ts';
import type { StoredSpan } from '../query/testing/test-store.ts';
import type { Engine, PlainInserts } from '../storage/engine.ts';
import { rowsOf } from '../storage/rows-of.ts';
import { CELL_SECONDS, readRuns } from './cells.ts';
import { findNormal } from './find-normal.ts';
import { NORMALS_LIMITS, type NormalsLimits } from './normals-limits.ts';
import { NormalsJob, type NormalsJobOptions } from './normals-job.ts';
import { readEdges } from './read-edges.ts';
import { messageOf, purchases, spansOf, type Purchase } from './testing/simple-traces.ts';

type NormalsEngine = Pick<Engine, 'query' | 'tables'> & Pick<PlainInserts, 'insertPlainFile'>;

export interface NormalsStore {
  readonly engine: Engine & PlainInserts;
  /** As the job has it. */
  readonly shards?: NormalsJobOptions['shards'];
  put(spans: readonly StoredSpan[]): Promise<void>;
  empty(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A whole cell, on a day of its own. */
const CELL = Math.floor(1_790_000_000 / CELL_SECONDS) * CELL_SECONDS;
const LIMITS: NormalsLimits = { ...NORMALS_LIMITS, traceLengthMs: 10_000, catchUpMs: 600_000 };
/** So long after a minute it is measured. */
const SETTLED_S = 30;
const workerPath = new URL('../../dist/normals/normals-worker.js', import.meta.url);

/** What the job measures, held against what follows from the spans by themselves. */
export function normalsContract(name: string, open: () => Promise<NormalsStore>): void {
  describe(`${name}, with its normals`, () => {
    let store: NormalsStore | undefined;
    const directory = mkdtempSync(join(tmpdir(), 'throughline-normals-'));
    beforeEach(async () => {
      if (store === undefined) store = await open();
      else await store.empty();
    });
    afterAll(async () => {
      await store?.[Symbol.asyncDispose]();
      rmSync(directory, { recursive: true, force: true });
    });

    let runs = 0;
    const random = (): number => (runs++ % 1_000) / 1_000;
    /** A collector that runs the job until nothing is due at this second. */
    const measure = async (
      untilS: number,
      { limits = {}, engine }: { limits?: Partial<NormalsLimits>; engine?: NormalsEngine } = {},
    ): Promise<string> => {
      const registry = new Registry();
      const job = new NormalsJob({
        engine: engine ?? store!.engine,
        ...shardsOf(store!),
        directory: join(directory, 'files'),
        registry,
        limits: { ...LIMITS, ...limits },
        storedUntilMs: () => Promise.resolve(untilS * 1_000),
        now: () => untilS * 1_000,
        random,
        workerPath,
      });
      try {
        while (await job.measureNext(new AbortController().signal));
        return await registry.metrics();
      } finally {
        await job.close();
      }
    };
    const edges = async (fromS: number, toS: number) =>
      (
        await readEdges(contextOf(store!), {
          fromUnixNano: BigInt(fromS) * 1_000_000_000n,
          toUnixNano: BigInt(toS) * 1_000_000_000n,
        })
      ).edges;

    /** Of each edge in a cell. */
    const callsFrom = async (fromS: number): Promise<number[]> =>
      (await edges(fromS, fromS + CELL_SECONDS)).map(({ calls }) => calls);

    test('measures each path as its spans are, once', async () => {
      const all = purchases(CELL, 10, 20);
      await store!.put(all.flatMap(spansOf));
      const metrics = await measure(CELL + CELL_SECONDS + SETTLED_S);
      expect(metrics).toContain('throughline_normals_taken_total{what="spans"} 800');
      expect(metrics).toContain('throughline_normals_taken_total{what="traces"} 200');
      const expected = {
        count: 200,
        weight: weightOf(all),
        errorShare: weightOf(all.filter(({ hasFailed }) => hasFailed)) / weightOf(all),
        callsPerTrace: 1,
      };
      const at = BigInt(CELL + CELL_SECONDS) * 1_000_000_000n;
      const normal = await findNormal(contextOf(store!), {
        service: 'payment',
        operation: 'POST /pay',
        kind: 2,
        path: null,
        atUnixNano: at,
      });
      expect(normal).toMatchObject({ ...expected, source: { of: 'operation', over: 'hour' } });
      for (const [share, found] of [
        [0.5, normal!.duration.p50Ns],
        [0.9, normal!.duration.p90Ns],
        [0.99, normal!.duration.p99Ns],
      ] as const) {
        const exact = quantileOf(all, share) * 1e6;
        expect(Math.abs(found - exact) / exact).toBeLessThanOrEqual(0.021);
      }
      // A call takes 10 ms longer than its callee, and web 10 ms beside its call.
      const call = await findNormal(contextOf(store!), {
        service: 'web',
        operation: 'POST',
        kind: 3,
        path: null,
        atUnixNano: at,
      });
      expect(call!.gap!.p50Ns / 1e6).toBeCloseTo(10, 0);
      expect(call!.own).toBeNull();
      const [[text, versions] = []] = await rowsOf(
        store!.engine,
        `SELECT any(path_text), uniqExact(path) FROM ${store!.engine.tables.path_normals.read} WHERE service_name = 'payment' AND kind = 2`,
      );
      expect([text, Number(versions)]).toEqual(['web POST /buy › web POST › payment POST /pay', 1]);
      const { path_resources: resources } = store!.engine.tables;
      const named = await rowsOf(
        store!.engine,
        `SELECT resource, value, sum(weight) FROM ${resources.read} GROUP BY resource, value ORDER BY resource, value`,
      );
      const ofInstance = (rest: number): number => 2 * weightOf(all.filter(({ number }) => number % 2 === rest));
      // At two paths each: the request, and its statement.
      expect(named.map(([resource, value, weight]) => [resource, value, Number(weight)])).toEqual([
        ['instance', 'pay-0', ofInstance(0)],
        ['instance', 'pay-1', ofInstance(1)],
        ['version', '1.4.2', 2 * weightOf(all)],
      ]);
    });

    test('finds who calls whom, with rates, errors and how long it takes', async () => {
      const all = purchases(CELL, 10, 20);
      await store!.put(all.flatMap(spansOf));
      await measure(CELL + CELL_SECONDS + SETTLED_S);
      const failed = weightOf(all.filter(({ hasFailed }) => hasFailed));
      const sums = { calls: 200, weight: weightOf(all), errorWeight: failed };
      const found = (await edges(CELL, CELL + CELL_SECONDS)).toSorted((a, b) => (a.callee < b.callee ? -1 : 1));
      expect(found).toMatchObject([
        { caller: 'payment', calleeKind: 'database', callee: 'orders database', ...sums },
        { caller: 'web', calleeKind: 'service', callee: 'payment', ...sums },
        { caller: '', calleeKind: 'service', callee: 'web', ...sums },
      ]);
      // Each trace has one call of a kind: w(w − 1) each.
      const variance = all.reduce((sum, { weight }) => sum + weight * (weight - 1), 0);
      expect(found.map((edge) => edge.variance)).toEqual([variance, variance, variance]);
    });

    test('measures a sample of the traces where there are too many, which stands for all', async () => {
      const all = purchases(CELL, 10, 240);
      await store!.put(all.flatMap(spansOf));
      const metrics = await measure(CELL + CELL_SECONDS + SETTLED_S, { limits: { spansPerSecondMax: 8 } });
      const [run] = await readRuns(store!.engine, CELL, CELL);
      expect(run).toMatchObject({ steps: 10, storedSpans: 9_600 });
      // Half of the traces, or an eighth while it is behind.
      expect(metrics).toMatch(/^throughline_normals_share 0\.5$/m);
      expect(run?.takenSpans).toBeGreaterThan(500);
      expect(run?.takenSpans).toBeLessThan(5_200);
      expect(run?.share).toBe(0.125);
      const web = (await edges(CELL, CELL + CELL_SECONDS)).find(({ callee }) => callee === 'payment')!;
      const error = Math.abs(web.weight - weightOf(all));
      expect(error).toBeLessThan(4 * Math.sqrt(web.variance));
      expect(web.variance).toBeGreaterThan(0);
    });

    test('counts nothing twice when an insert may have been carried out, wherever it was interrupted', async () => {
      const all = purchases(CELL, 10, 12);
      await store!.put(all.flatMap(spansOf));
      const untilS = CELL + CELL_SECONDS + SETTLED_S;
      for (const fatal of [1, 3, 4, 6, 9, 16, 38]) {
        let inserts = 0;
        const { engine } = store!;
        const interrupted: NormalsEngine = {
          tables: engine.tables,
          query: (...given) => engine.query(...given),
          // It is carried out, and nobody hears of it: as by a kill between the write and the note.
          insertPlainFile: async (...given) => {
            inserts++;
            if (inserts > fatal) throw new Error('killed');
            await engine.insertPlainFile(...given);
            if (inserts === fatal) throw new Error('killed');
          },
        };
        await expect(measure(untilS, { engine: interrupted })).rejects.toThrow('killed');
      }
      await measure(untilS);
      await measure(untilS);
      const found = await edges(CELL, CELL + CELL_SECONDS);
      const sums = [120, weightOf(all)];
      expect(found.map(({ calls, weight }) => [calls, weight])).toEqual([sums, sums, sums]);
      const known = await readRuns(store!.engine, CELL - 86_400, CELL + 86_400);
      expect(known.filter(({ time }) => time === CELL)).toMatchObject([
        { steps: 10, storedSpans: 480, takenSpans: 480 },
      ]);
    });

    test('goes on where it was, and catches up with what was stored while it did not run', async () => {
      const all = purchases(CELL, 30, 6);
      await store!.put(all.flatMap(spansOf));
      await measure(CELL + 300 + SETTLED_S);
      const begun = await edges(CELL, CELL + CELL_SECONDS);
      expect(begun.map(({ calls }) => calls)).toEqual([30, 30, 30]);
      await measure(CELL + 1_800 + SETTLED_S, { limits: { catchUpMs: 3_600_000 } });
      const found = await edges(CELL, CELL + 1_800);
      const sums = [180, weightOf(all)];
      expect(found.map(({ calls, weight }) => [calls, weight])).toEqual([sums, sums, sums]);
    });

    test('leaves out what is further back than it catches up with, and says so', async () => {
      const all = purchases(CELL, 40, 3);
      await store!.put(all.flatMap(spansOf));
      await measure(CELL + 600 + SETTLED_S);
      // Ten minutes back from when the last one is settled, in whole cells.
      const metrics = await measure(CELL + 2_400 + SETTLED_S);
      expect(metrics).toContain('throughline_normals_steps_total{outcome="skipped"} 20');
      const found = await edges(CELL, CELL + 2_400);
      expect(found.map(({ calls }) => calls)).toEqual([60, 60, 60]);
    });

    test('counts spans that come after their minutes were measured', async () => {
      const all = purchases(CELL, 10, 6);
      await store!.put(all.flatMap(spansOf));
      const registry = new Registry();
      let untilS = CELL + CELL_SECONDS + SETTLED_S;
      const job = new NormalsJob({
        engine: store!.engine,
        ...shardsOf(store!),
        directory: join(directory, 'files'),
        registry,
        limits: LIMITS,
        storedUntilMs: () => Promise.resolve(untilS * 1_000),
        now: () => untilS * 1_000,
        random,
        workerPath,
      });
      while (await job.measureNext(new AbortController().signal));
      await store!.put(purchases(CELL, 10, 1, 900).flatMap(spansOf));
      untilS += CELL_SECONDS;
      while (await job.measureNext(new AbortController().signal));
      await job.close();
      expect(await registry.metrics()).toContain('throughline_normals_missed_total{reason="late_spans"} 40');
    });

    test('goes on after the clock was a day ahead, and measures that day when it comes', async () => {
      const day = CELL + 86_400;
      let untilS = CELL + CELL_SECONDS + SETTLED_S;
      const registry = new Registry();
      const job = new NormalsJob({
        engine: store!.engine,
        ...shardsOf(store!),
        directory: join(directory, 'files'),
        registry,
        limits: LIMITS,
        storedUntilMs: () => Promise.resolve(untilS * 1_000),
        now: () => untilS * 1_000,
        random,
        workerPath,
      });
      const measureUntil = async (second: number): Promise<void> => {
        untilS = second;
        while (await job.measureNext(new AbortController().signal));
      };
      await store!.put(purchases(CELL, 10, 6).flatMap(spansOf));
      await measureUntil(CELL + CELL_SECONDS + SETTLED_S);
      await measureUntil(day + CELL_SECONDS + SETTLED_S + 90);
      await store!.put(purchases(CELL + CELL_SECONDS, 10, 6, 500).flatMap(spansOf));
      await measureUntil(CELL + 2 * CELL_SECONDS + SETTLED_S);
      expect(await callsFrom(CELL)).toEqual([60, 60, 60]);
      expect(await callsFrom(CELL + CELL_SECONDS)).toEqual([60, 60, 60]);
      await store!.put(purchases(day, 10, 6, 1_000).flatMap(spansOf));
      // Earlier than the clock was: the runs of then have later numbers.
      await measureUntil(day + CELL_SECONDS + SETTLED_S);
      expect(await callsFrom(day)).toEqual([60, 60, 60]);
      await job.close();
      expect(await registry.metrics()).toMatch(/^throughline_normals_lag_seconds 0$/m);
    });

    test('leaves out traces that are longer than is read, and says so', async () => {
      const all = purchases(CELL, 1, 4);
      const long = { ...all.at(0)!, number: 77, paymentMs: 15_000 };
      await store!.put([...all, long].flatMap(spansOf));
      const metrics = await measure(CELL + CELL_SECONDS + SETTLED_S);
      expect(metrics).toContain('throughline_normals_missed_total{reason="long_traces"} 1');
      expect(metrics).toContain('throughline_normals_taken_total{what="traces"} 4');
    });

    test('counts a trace where it begins, and nowhere else, though its spans go on in the next minute', async () => {
      const messages = Array.from({ length: 60 }, (_, at) => messageOf(at, CELL + at, 30));
      await store!.put(messages.flat());
      const limits = { traceLengthMs: 60_000 };
      const metrics = await measure(CELL + CELL_SECONDS + SETTLED_S + 60, { limits });
      expect(metrics).toContain('throughline_normals_taken_total{what="traces"} 60');
      expect(metrics).toContain('throughline_normals_taken_total{what="spans"} 180');
      const paths = await rowsOf(
        store!.engine,
        `SELECT path_text, sum(spans) FROM ${store!.engine.tables.path_normals.read} WHERE service_name = 'worker' GROUP BY path_text`,
      );
      expect(paths.map(([, spans]) => Number(spans))).toEqual([60]);
      const found = await edges(CELL, CELL + CELL_SECONDS);
      expect(found.filter(({ callee }) => callee === 'worker').map(({ caller }) => caller === '')).toEqual([false]);
    });

    test('counts traces whose roots never come where their first spans are', async () => {
      const messages = Array.from({ length: 60 }, (_, at) => messageOf(at, CELL + at, 30).slice(1));
      await store!.put(messages.flat());
      const limits = { traceLengthMs: 60_000 };
      const metrics = await measure(CELL + CELL_SECONDS + SETTLED_S + 60, { limits });
      expect(metrics).toContain('throughline_normals_taken_total{what="traces"} 60');
      expect(metrics).toContain('throughline_normals_taken_total{what="spans"} 120');
    });

    test('keeps the most frequent paths, and counts the others', async () => {
      const all = purchases(CELL, 1, 4);
      const others = purchases(CELL, 1, 12, 100)
        .flatMap((purchase) => spansOf(purchase).slice(0, 1))
        .map((span, at) => ({ ...span, name: `GET /${at}` }));
      await store!.put([...all.flatMap(spansOf), ...others]);
      const metrics = await measure(CELL + CELL_SECONDS + SETTLED_S, { limits: { pathsMax: 10 } });
      expect(metrics).toContain('throughline_normals_missed_total{reason="paths"} 6');
      expect(metrics).toContain('throughline_normals_missed_total{reason="spans_of_paths"} 6');
    });
  });
}

function shardsOf({ shards }: NormalsStore): Pick<NormalsJobOptions, 'shards'> {
  return shards === undefined ? {} : { shards };
}

function contextOf({ engine }: NormalsStore) {
  return { engine, limits: QUERY_LIMITS, signal: new AbortController().signal };
}

function weightOf(all: readonly Purchase[]): number {
  return all.reduce((sum, { weight }) => sum + weight, 0);
}

/** The payment's duration that the share of the weight is not above. */
function quantileOf(all: readonly Purchase[], share: number): number {
  const sorted = all.toSorted((a, b) => a.paymentMs - b.paymentMs);
  const total = sorted.reduce((sum, { weight }) => sum + weight, 0);
  let reached = 0;
  return sorted.find(({ weight }) => (reached += weight) >= share * total)!.paymentMs;
}
