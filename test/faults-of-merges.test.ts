import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { takeSnapshot } from '../packages/server/src/maintenance/take-snapshot.ts';
import { damageFiles, StoreDamage } from '../packages/server/src/storage/damage/store-damage.ts';
import { shortMerges } from '../packages/server/src/storage/testing/merged-parts.ts';
import { sampleOf } from '../packages/server/src/storage/testing/sample-of.ts';
import { silentLog, startEngine, type StartedEngine } from '../packages/server/src/storage/testing/start-engine.ts';
import { canInjectFaults } from './support/fault-injection.ts';
import type { FaultAction } from './support/fault-injection.ts';
import { DETACHED, FaultyCollector } from './support/faulty-collector.ts';
import { NOTHING_WRONG } from './support/span-ledger.ts';

/** Draws the cases of the short form; the long form has all of them. */
const SEED = 20_261_128;

describe.skipIf(!canInjectFaults)('a file of an index that is not written with a merge', () => {
  it('costs no span when the engine is started again, and what was merged is gone', async () => {
    const faulty = new FaultyCollector();
    await faulty.start();
    for (let requests = 0; requests < 2; requests++) {
      await faulty.send();
      await faulty.settle();
    }
    const { faults } = faulty;
    const rule = { process: 'engine', kind: 'write', action: 'fail ENOSPC' } as const;
    const merged = await faulty.inStore(async (store) => {
      faults.plan([{ ...rule, pattern: `${faulty.partsOf('spans')}/tmp_merge_*/skp_idx_*` }]);
      await store.engine.command('OPTIMIZE TABLE throughline.spans FINAL');
      expect(faults.applied()).toBe(1);
      faults.plan([]);
      return (await store.rows(OUTDATED)).flat();
    });
    expect(merged.length).toBeGreaterThan(0);
    // As some minutes later.
    for (const path of merged) rmSync(String(path), { recursive: true });
    await faulty.start();
    expect(await faulty.end()).toMatchObject(NOTHING_WRONG);
  });
});

describe.skipIf(!canInjectFaults)('a file of a part that is not written with a merge', () => {
  const cases: readonly [string, string, FaultAction][] = [
    ['spans', 'data.bin', 'fail ENOSPC'],
    ['spans', 'columns.txt', 'fail EIO'],
    ['spans', 'skp_idx_*', 'fail ENOSPC'],
    ['counted_1h', 'data.bin', 'fail ENOSPC'],
    ['counted_1h', 'columns.txt', 'fail EIO'],
  ];
  it.each(sampleOf(cases, 2, SEED))(
    'costs nothing when what was merged is gone: %s, %s, %s',
    async (table, file, action) => {
      const { faulty, args } = await startWithTwoParts();
      await faulty.inStore(async (store) => {
        faulty.faults.plan([
          { process: 'engine', kind: 'write', pattern: `${faulty.partsOf(table)}/tmp_merge_*/${file}`, action },
        ]);
        await optimize(store, table);
        expect(faulty.faults.applied()).toBe(1);
        await expect.poll(() => shortMerges(store)).toEqual({ taken_back: 1, lost: 0 });
        await expect.poll(() => store.engine.state.kind).toBe('ready');
        expect(await store.rows(DETACHED)).toEqual([]);
        await removeOutdated(store);
      }, LOOKS_SOON);
      await faulty.start(args);
      await faulty.tell('shop', 110);
      await expect.poll(() => faulty.counted('shop')).toBe(110);
      expect(await faulty.end()).toMatchObject(NOTHING_WRONG);
    },
  );

  it('costs nothing, however often it happens, and what is merged behind it stays', async () => {
    const { faulty, args } = await startWithTwoParts();
    const times = 3;
    const tables = ['spans', 'counted_1h'];
    await faulty.inStore(
      async (store) => {
        faulty.faults.plan(
          tables.map((table) => ({
            process: 'engine',
            kind: 'write',
            pattern: `${faulty.partsOf(table)}/tmp_merge_*/data.bin`,
            times,
            action: 'fail ENOSPC',
          })),
        );
        // While merges pause it is refused.
        const mergeAll = async (): Promise<void> => {
          for (const table of tables) await optimize(store, table);
        };
        const failed = async (): Promise<number> => {
          await mergeAll();
          return faulty.faults.applied(0) + faulty.faults.applied(1);
        };
        await expect.poll(failed).toBe(2 * times);
        const merged = async (): Promise<unknown> => {
          await mergeAll();
          return await store.rows(PARTS_IN_USE).catch(() => null);
        };
        // One that was not written whole is one part as well: the engine's own look at its bytes tells them apart.
        await expect
          .poll(async () => [await merged(), await brokenParts(store, tables)])
          .toEqual([
            [
              ['counted_1h', 1],
              ['spans', 1],
            ],
            [],
          ]);
        // The engine may have been started again for the other table while this one merged.
        const { taken_back: takenBack = 0, lost } = await shortMerges(store);
        expect(lost).toBe(0);
        expect(takenBack).toBeGreaterThan(0);
        expect(takenBack).toBeLessThanOrEqual(2 * times);
        expect(await store.rows(DETACHED)).toEqual([]);
        await removeOutdated(store);
      },
      { ...LOOKS_SOON, mergePauseMs: 10, mergePauseMsMax: 50 },
    );
    await faulty.start(args);
    await faulty.tell('shop', 110);
    await expect.poll(() => faulty.counted('shop')).toBe(110);
    expect(await faulty.end()).toMatchObject(NOTHING_WRONG);
  });

  it.each(sampleOf(['spans', 'counted_1m', 'counted_1h'], 1, SEED))(
    'is synced before what was merged is removed: %s',
    async (table) => {
      const { faulty, args } = await startWithTwoParts();
      await faulty.inStore(async (store) => {
        const files = ['data.bin', 'columns.txt'];
        faulty.faults.plan(
          files.map((file) => ({
            process: 'engine',
            kind: 'sync',
            pattern: `${faulty.partsOf(table)}/*/${file}`,
            action: 'count',
          })),
        );
        await optimize(store, table);
        expect(files.map((_, index) => faulty.faults.seen(index))).toEqual([1, 1]);
      });
      await faulty.start(args);
      expect(await faulty.end()).toMatchObject(NOTHING_WRONG);
    },
  );

  it.each(sampleOf(['data.bin', 'columns.txt'], 1, SEED))(
    'costs a snapshot nothing that is taken before it is looked at: %s',
    async (file) => {
      const { faulty, args } = await startWithTwoParts();
      const path = `${faulty.dataDirectory}-snapshot`;
      await faulty.inStore(
        async (store) => {
          const pattern = `${faulty.partsOf('spans')}/tmp_merge_*/${file}`;
          faulty.faults.plan([{ process: 'engine', kind: 'write', pattern, action: 'fail ENOSPC' }]);
          await optimize(store, 'spans');
          expect(faulty.faults.applied()).toBe(1);
          const { engine } = store;
          const { dataDirectory } = faulty;
          await takeSnapshot({ engine, dataDirectory, path, whileStill: (work) => work() });
          expect(await shortMerges(store)).toEqual({ taken_back: 1, lost: 0 });
        },
        { mergeLookIntervalMs: 600_000 },
      );
      {
        await using kept = await startEngine({}, join(path, 'store'));
        expect(await kept.rows('SELECT toUInt32(count()) FROM throughline.spans')).toEqual([[80]]);
        expect(await kept.rows(DETACHED)).toEqual([]);
      }
      rmSync(path, { recursive: true });
      await faulty.start(args);
      expect(await faulty.end()).toMatchObject(NOTHING_WRONG);
    },
  );

  it('costs nothing where a question meets it before it is looked at', async () => {
    const { faulty, args } = await startWithTwoParts();
    await faulty.inStore(
      async (store) => {
        const pattern = `${faulty.partsOf('spans')}/tmp_merge_*/data.bin`;
        faulty.faults.plan([{ process: 'engine', kind: 'write', pattern, action: 'fail ENOSPC' }]);
        await optimize(store, 'spans');
        expect(faulty.faults.applied()).toBe(1);
        const damage = new StoreDamage({
          ...damageFiles(faulty.dataDirectory),
          log: silentLog,
          registry: store.registry,
        });
        const answer = await damage
          .forQueries(store.engine)
          .query('SELECT count(), sum(ignore(*)) FROM throughline.spans', {
            format: 'JSONCompactEachRow',
            timeoutMs: 60_000,
          });
        expect(new TextDecoder().decode(answer).trim()).toBe('[80, 0]');
        expect(damage.lost).toEqual([]);
        expect(await shortMerges(store)).toEqual({ taken_back: 1, lost: 0 });
        await removeOutdated(store);
      },
      { mergeLookIntervalMs: 600_000 },
    );
    await faulty.start(args);
    expect(await faulty.end()).toMatchObject(NOTHING_WRONG);
  });
});

/** See `storeTwoParts`. */
async function startWithTwoParts(): Promise<{ readonly faulty: FaultyCollector; readonly args: readonly string[] }> {
  const faulty = new FaultyCollector();
  const args = ['--counts-segment-age-ms', '50'];
  await faulty.start(args);
  await faulty.storeTwoParts();
  return { faulty, args };
}

const LOOKS_SOON = { mergeLookIntervalMs: 50 };

/** Merges may pause, and the engine may be started again before it has answered. */
async function optimize(store: StartedEngine, table: string): Promise<void> {
  await store.engine.command(`OPTIMIZE TABLE throughline.${table} FINAL`).catch(() => {});
}

/** Names of parts that the engine finds damaged when it reads all of them; null where it is away. */
async function brokenParts(store: StartedEngine, tables: readonly string[]): Promise<unknown[] | null> {
  try {
    const checked = await Promise.all(
      tables.map((table) =>
        store.rows(`CHECK TABLE throughline.${table} SETTINGS check_query_single_value_result = 0`),
      ),
    );
    return checked.flat().filter(([, isWhole]) => Number(isWhole) !== 1);
  } catch {
    return null;
  }
}

/** As some minutes later. */
async function removeOutdated(store: StartedEngine): Promise<void> {
  const outdated = await store.rows(`SELECT path FROM system.parts WHERE database = 'throughline' AND NOT active`);
  for (const [path] of outdated) rmSync(String(path), { recursive: true, force: true });
}

const PARTS_IN_USE = `SELECT table, toUInt32(count()) FROM system.parts
WHERE database = 'throughline' AND table IN ('spans', 'counted_1h') AND active GROUP BY table ORDER BY table`;

const OUTDATED = "SELECT path FROM system.parts WHERE database = 'throughline' AND table = 'spans' AND NOT active";
