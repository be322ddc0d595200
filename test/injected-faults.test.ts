import { mkdirSync, readdirSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Seeded } from '../packages/server/src/columns/testing/seeded.ts';
import { takeSnapshot } from '../packages/server/src/maintenance/snapshot.ts';
import { EngineProcess } from '../packages/server/src/storage/engine-process.ts';
import { damageFiles, StoreDamage } from '../packages/server/src/storage/store-damage.ts';
import { shortMerges } from '../packages/server/src/storage/testing/merged-parts.ts';
import {
  builtEngineProcess,
  silentLog,
  startEngine,
  type StartedEngine,
} from '../packages/server/src/storage/testing/start-engine.ts';
import { DAY_TABLES } from '../packages/server/src/storage/day-tables.ts';
import { canInjectFaults } from './support/fault-injection.ts';
import type { Casualty, FaultAction, FaultKind, FaultRule } from './support/fault-injection.ts';
import { FaultyCollector } from './support/faulty-collector.ts';
import { NOTHING_WRONG } from './support/span-ledger.ts';

const IS_LONG = process.env['THROUGHLINE_TEST_LONG'] === 'true';
const SEED = Number(process.env['THROUGHLINE_TEST_SEED'] ?? 20_261_128);
/** Each store has so many faults, one after the other, before it is audited. */
const FAULTS_A_STORE = IS_LONG ? 10 : 4;
const STORES = IS_LONG ? 40 : 3;
/** How many stores have a fault while they are made. */
const STARTS = IS_LONG ? 60 : 3;

const PROCESSES = ['collector', 'engine'] as const;
const KINDS: readonly FaultKind[] = ['rename', 'write', 'sync', 'unlink', 'create', 'truncate', 'mkdir'];

describe.skipIf(!canInjectFaults)('a part of the store that is not renamed to its place', () => {
  it.each<[string, FaultAction]>([
    ['the disk is full for a moment', 'fail ENOSPC'],
    ['the disk fails for a moment', 'fail EIO'],
    ['the engine is killed before it', 'kill-before self'],
    ['the engine is killed behind it', 'kill-after self'],
    ['the collector and the engine are killed before it', 'kill-before both'],
    ['the collector and the engine are killed behind it', 'kill-after both'],
  ])('is stored once in the end, because %s', async (_, action) => {
    const faulty = new FaultyCollector();
    await faulty.start();
    await faulty.send();
    await faulty.settle();
    for (const table of ['spans', 'trace_times']) {
      const pattern = faulty.newPartsOf(table);
      expect(await faulty.meet({ process: 'engine', kind: 'rename', pattern, action })).toBe(true);
    }
    await faulty.send();
    await faulty.settle();
    const trace = faulty.faults.trace().join('\n');
    expect(await faulty.end(), trace).toMatchObject(NOTHING_WRONG);
  });
});

describe.skipIf(!canInjectFaults)('a file of an index that is not written with its part', () => {
  it.each<[FaultAction, number]>([
    ['fail ENOSPC', 1],
    ['fail EIO', 1],
    ['short', 1],
    // The repeat meets it as well, and the repeat of that.
    ['fail ENOSPC', 20],
  ])('costs no span when the engine is started again: %s × %i', async (action, times) => {
    const faulty = new FaultyCollector();
    await faulty.start();
    const pattern = `${faulty.newPartsOf('spans')}/skp_idx_*`;
    faulty.faults.plan([{ process: 'engine', kind: 'write', pattern, times, action }]);
    await faulty.send();
    await expect.poll(() => faulty.faults.applied()).toBe(times);
    await faulty.settle();
    expect(await faulty.end()).toMatchObject(NOTHING_WRONG);
  });
});

describe.skipIf(!canInjectFaults)('a file that describes a part, and is not written with it', () => {
  it.each(
    ['checksums', 'columns', 'columns_substreams', 'count', 'default_compression_codec', 'metadata_version'].flatMap(
      (file) => [[`${file}.txt`, 1] as const, [`${file}.txt`, 4] as const],
    ),
  )('costs no span when the engine is started again: %s × %i', async (file, times) => {
    const faulty = new FaultyCollector();
    await faulty.start();
    const pattern = `${faulty.newPartsOf('spans')}/${file}`;
    faulty.faults.plan([{ process: 'engine', kind: 'write', pattern, times, action: 'fail EIO' }]);
    await faulty.send();
    await expect.poll(() => faulty.faults.applied()).toBeGreaterThan(0);
    await faulty.settle();
    expect(await faulty.end()).toMatchObject(NOTHING_WRONG);
  });
});

describe.skipIf(!canInjectFaults)(
  'a part of which a file that describes it was not written, and the engine was killed before anybody looked',
  () => {
    it.each(['columns.txt', 'columns_substreams.txt', 'count.txt', 'metadata_version.txt'])(
      'is in use again, and not told of as lost: %s',
      async (file) => {
        const faulty = new FaultyCollector();
        await faulty.start();
        // One that is written in the same way.
        for (let requests = 0; requests < 4; requests++) await faulty.send();
        await faulty.settle();
        const parts = faulty.newPartsOf('spans');
        faulty.faults.plan([
          { process: 'engine', kind: 'write', pattern: `${parts}/${file}`, action: 'fail EIO' },
          { process: 'engine', kind: 'rename', pattern: parts, action: 'kill-after self' },
        ]);
        for (let requests = 0; requests < 4; requests++) await faulty.send();
        await expect.poll(() => faulty.faults.applied(1)).toBe(1);
        faulty.faults.plan([]);
        await faulty.settle();
        expect(readdirSync(join(faulty.dataDirectory, 'store/data/throughline/spans/detached'))).toEqual([]);
        expect(await faulty.end()).toMatchObject(NOTHING_WRONG);
      },
    );
  },
);

describe.skipIf(!canInjectFaults)('a file that is not written when a damaged part is repaired', () => {
  it.each(['columns.txt', 'count.txt', 'skp_idx_*'])(
    'costs no span when the engine is started again: %s',
    async (file) => {
      const faulty = new FaultyCollector();
      await faulty.start();
      await faulty.send();
      await faulty.settle();
      await faulty.inStore(async (store) => {
        const [[path, name] = []] = await store.rows(PART_OF_SPANS);
        // Its spans are written anew then.
        truncateSync(join(String(path), 'minmax_start_s.idx'), 0);
        await store.engine.command(`ALTER TABLE throughline.spans DETACH PART '${String(name)}'`);
        const pattern = `${faulty.newPartsOf('spans')}/${file}`;
        faulty.faults.plan([{ process: 'engine', kind: 'write', pattern, action: 'fail ENOSPC' }]);
        expect(await store.engine.repairIndexes([String(name)])).toEqual([]);
        expect(faulty.faults.applied()).toBe(1);
        expect(await store.rows(PART_OF_SPANS)).toEqual([]);
      });
      await faulty.inStore(async (store) => {
        const [[name] = []] = await store.rows(DETACHED.replace('table, ', ''));
        expect(await store.engine.repairIndexes([String(name)])).toEqual([name]);
      });
      await faulty.start();
      expect(await faulty.end()).toMatchObject(NOTHING_WRONG);
    },
  );
});

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
  it.each<[string, string, FaultAction]>([
    ['spans', 'data.bin', 'fail ENOSPC'],
    ['spans', 'columns.txt', 'fail EIO'],
    ['spans', 'skp_idx_*', 'fail ENOSPC'],
    ['counted_1h', 'data.bin', 'fail ENOSPC'],
    ['counted_1h', 'columns.txt', 'fail EIO'],
  ])('costs nothing when what was merged is gone: %s, %s, %s', async (table, file, action) => {
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
  });

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

  it.each(['spans', 'counted_1m', 'counted_1h'])('is synced before what was merged is removed: %s', async (table) => {
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
  });

  it.each(['data.bin', 'columns.txt'])(
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
          .forQuestions(store.engine)
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

describe.skipIf(!canInjectFaults)('a part of exact counts that is not renamed to its place', () => {
  it.each<[string, FaultAction]>([
    ['the disk is full for a moment', 'fail ENOSPC'],
    ['the engine is killed before it', 'kill-before self'],
    ['the engine is killed behind it', 'kill-after self'],
  ])('is stored once in the end, because %s', async (_, action) => {
    const faulty = new FaultyCollector();
    await faulty.start(['--counts-segment-age-ms', '50']);
    await faulty.tell('shop', 100);
    await expect.poll(() => faulty.counted('shop')).toBe(100);
    let told = 100;
    for (const table of ['counted_1m', 'counted_1h']) {
      const pattern = faulty.newPartsOf(table);
      faulty.faults.plan([{ process: 'engine', kind: 'rename', pattern, action }]);
      await faulty.tell('shop', (told += 7));
      await expect.poll(() => faulty.faults.applied()).toBe(1);
      faulty.faults.plan([]);
      await faulty.settle();
      await faulty.tell('shop', (told += 1));
      await expect.poll(() => faulty.counted('shop')).toBe(told);
    }
    expect(await faulty.end()).toMatchObject(NOTHING_WRONG);
  });
});

describe.skipIf(!canInjectFaults)('a file that describes a part of exact counts, and is not written with it', () => {
  it.each([
    ['counted_1m', 1],
    ['counted_1h', 1],
    // The repeat meets it as well, and the repeat of that.
    ['counted_1m', 3],
    ['counted_1h', 3],
  ])('costs no request when the engine is started again: %s × %i', async (table, times) => {
    const faulty = new FaultyCollector();
    const args = ['--counts-segment-age-ms', '50'];
    await faulty.start(args);
    await faulty.tell('shop', 100);
    await expect.poll(() => faulty.counted('shop')).toBe(100);
    const pattern = `${faulty.newPartsOf(table)}/columns.txt`;
    faulty.faults.plan([{ process: 'engine', kind: 'write', pattern, times, action: 'fail EIO' }]);
    await faulty.tell('shop', 107);
    await expect.poll(() => faulty.faults.applied()).toBe(times);
    await faulty.settle();
    await expect.poll(() => faulty.counted('shop')).toBe(107);
    // The start would refuse what is not whole.
    await faulty.inStore(() => Promise.resolve());
    await faulty.start(args);
    await faulty.tell('shop', 110);
    await expect.poll(() => faulty.counted('shop')).toBe(110);
    expect(await faulty.end()).toMatchObject(NOTHING_WRONG);
  });
});

describe.skipIf(!canInjectFaults)(
  `faults at ${STORES * FAULTS_A_STORE} calls of the file system by collector and engine`,
  () => {
    for (let number = 1; number <= STORES; number++) {
      it(`lose nothing and store nothing twice, store ${number} of ${STORES}`, { timeout: 600_000 }, async () => {
        const random = new Seeded(SEED + number);
        const faulty = new FaultyCollector();
        await faulty.start();
        // So many calls of each kind belong to one request.
        faulty.faults.plan(countsOf(`${faulty.dataDirectory}/*`));
        await faulty.send();
        await faulty.settle();
        const possible = seenBy(faulty);
        const met: string[] = [];
        for (let fault = 0; fault < FAULTS_A_STORE; fault++) {
          const { rule, calls } = random.pick(possible);
          const action = anAction(random, rule);
          const times = action.startsWith('fail') && random.chance(0.5) ? 1 + random.below(5) : 1;
          const chosen: FaultRule = { ...rule, first: 1 + random.below(calls), times, action };
          const isMet = await faulty.meet(chosen);
          met.push(
            `${isMet ? 'met' : 'not met'}: ${chosen.process} ${chosen.kind} ${chosen.first} × ${times} ${action}`,
          );
        }
        await faulty.send();
        await faulty.settle();
        const words = [...met, ...faulty.faults.trace()].join('\n');
        const audit = await faulty.end();
        console.log(JSON.stringify({ seed: SEED, store: number, requests: faulty.ledger.counts, met, ...audit }));
        expect(audit, words).toMatchObject(NOTHING_WRONG);
      });
    }
  },
);

describe.skipIf(!canInjectFaults)('a definition that is not written when its table is made', () => {
  it.each([...DAY_TABLES])('keeps no later start from making it: %s', async (table) => {
    const faulty = new FaultyCollector();
    const pattern = `*/${table}.sql.tmp`;
    await failWriteAtStart(faulty, pattern);
    await faulty.send();
    await faulty.settle();
    expect(await faulty.end()).toMatchObject(NOTHING_WRONG);
  });
});

describe.skipIf(!canInjectFaults)(
  'a definition that is not written when how long replaced parts stay is altered',
  () => {
    it.each(['spans', 'counted_1h'])('costs nothing, and keeps no later start from it: %s', async (table) => {
      const faulty = new FaultyCollector();
      await faulty.start();
      await faulty.send();
      await faulty.settle();
      await faulty.inStore(() => Promise.resolve());
      const pattern = `*/${table}.sql.tmp`;
      await failWriteAtStart(faulty, pattern, ['--engine-replaced-parts-ms', '30s']);
      await faulty.send();
      await faulty.settle();
      expect(await faulty.end()).toMatchObject(NOTHING_WRONG);
    });
  },
);

describe.skipIf(!canInjectFaults)(
  'a file that is not written when the spans of a store of before the first release are moved',
  () => {
    it.each(['columns.txt', 'count.txt'])('costs no span, and the next start moves them: %s', async (file) => {
      const faulty = new FaultyCollector();
      await makeFirstStore(join(faulty.dataDirectory, 'store'));
      const pattern = `*/tmp_insert_20261118_*/${file}`;
      await failWriteAtStart(faulty, pattern);
      const spans = 'SELECT toUInt32(count()), toUInt32(uniqExact(span_id)) FROM throughline.spans';
      for (let start = 0; start < 2; start++) {
        await faulty.inStore(async (store) => {
          expect(await store.rows(spans)).toEqual([[600, 600]]);
          expect(await store.rows(DETACHED)).toEqual([]);
        });
        await faulty.start();
      }
      expect(await faulty.end()).toMatchObject({ rollups: [] });
    });
  },
);

describe.skipIf(!canInjectFaults)('a lock that cannot be written while the collector starts', () => {
  it('is written as soon as that can be done, so that commands find the collector', async () => {
    const faulty = new FaultyCollector();
    const pattern = '*/server.lock.*';
    // The first write takes the directory; the ports and the engine are noted by the next ones.
    faulty.faults.plan([{ process: 'collector', kind: 'write', pattern, first: 2, times: 3, action: 'fail ENOSPC' }]);
    await faulty.start();
    expect(faulty.faults.applied()).toBe(3);
    await faulty.send();
    await faulty.settle();
    expect(await faulty.end()).toMatchObject(NOTHING_WRONG);
  });
});

describe.skipIf(!canInjectFaults)(`faults while a store is made, ${STARTS} times`, () => {
  const possible = once(async () => {
    const faulty = new FaultyCollector();
    faulty.faults.plan(countsOf(`${faulty.dataDirectory}/*`));
    await faulty.start();
    const seen = seenBy(faulty);
    await faulty.end();
    return seen;
  });
  for (let number = 1; number <= STARTS; number++) {
    it(`keep no later start from making it, start ${number} of ${STARTS}`, async () => {
      // Of its own, so that one case can be repeated without the others.
      const random = new Seeded(SEED + number);
      const { rule, calls } = random.pick(await possible());
      const faulty = new FaultyCollector();
      const action = anAction(random, rule);
      const chosen: FaultRule = {
        ...rule,
        pattern: `${faulty.dataDirectory}/*`,
        first: 1 + random.below(calls),
        times: 1 + random.below(3),
        action,
      };
      faulty.faults.plan([chosen]);
      await faulty.tryToStart();
      faulty.faults.plan([]);
      await faulty.ensureStarted();
      await faulty.send();
      await faulty.settle();
      const words = [JSON.stringify(chosen), ...faulty.faults.trace()].join('\n');
      const audit = await faulty.end();
      console.log(JSON.stringify({ seed: SEED, start: number, words, ...audit }));
      expect(audit, words).toMatchObject(NOTHING_WRONG);
      expect(audit.acknowledgedSpans, words).toBeGreaterThan(0);
    });
  }
});

/** Calls it the first time alone. */
function once<T>(work: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | null = null;
  return () => (result ??= work());
}

/** The engine cannot write such a file once while it starts. It is started again where that was more than it could bear. */
async function failWriteAtStart(faulty: FaultyCollector, pattern: string, args: readonly string[] = []): Promise<void> {
  faulty.faults.plan([{ process: 'engine', kind: 'write', pattern, action: 'fail ENOSPC' }]);
  await faulty.tryToStart(args);
  expect(faulty.faults.applied()).toBe(1);
  faulty.faults.plan([]);
  await faulty.ensureStarted();
}

/** See `storeTwoParts`. */
async function startWithTwoParts(): Promise<{ readonly faulty: FaultyCollector; readonly args: readonly string[] }> {
  const faulty = new FaultyCollector();
  const args = ['--counts-segment-age-ms', '50'];
  await faulty.start(args);
  await faulty.storeTwoParts();
  return { faulty, args };
}

/** As the first landing left it, with 600 spans of 2026-11-18. */
async function makeFirstStore(directory: string): Promise<void> {
  mkdirSync(directory);
  const engine = new EngineProcess(builtEngineProcess, {
    directory,
    connectionArgs: [],
    querySessions: 1,
    unmapIntervalMs: 0,
  });
  await engine.open();
  const schema = new URL('../packages/server/src/storage/testing/first-landing.sql', import.meta.url);
  const statements = readFileSync(schema, 'utf8').split(';\n');
  const insert = `INSERT INTO throughline.spans (trace_id, span_id, service, name, start_s, start_ns, duration_ns)
SELECT reinterpretAsFixedString(toUInt128(1 + intDiv(number, 8))), reinterpretAsFixedString(toUInt64(1 + number)), 'shop', 'GET /',
  toDateTime(1795000000), 1795000000000000000 + number, 1000 FROM numbers(600)`;
  for (const sql of [...statements, insert].filter((statement) => statement.trim() !== '')) {
    await engine.run({ session: 'command', sql, format: 'Null', timeoutMs: 0 });
  }
  engine.close();
  await engine.ended;
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

const DETACHED = "SELECT table, name FROM system.detached_parts WHERE database = 'throughline'";
const PARTS_IN_USE = `SELECT table, toUInt32(count()) FROM system.parts
WHERE database = 'throughline' AND table IN ('spans', 'counted_1h') AND active GROUP BY table ORDER BY table`;

const PART_OF_SPANS =
  "SELECT path, name FROM system.parts WHERE database = 'throughline' AND table = 'spans' AND active";
const OUTDATED = "SELECT path FROM system.parts WHERE database = 'throughline' AND table = 'spans' AND NOT active";

/** Rules that count the calls of every kind. */
function countsOf(pattern: string): FaultRule[] {
  return PROCESSES.flatMap((process) => KINDS.map((kind): FaultRule => ({ process, kind, pattern, action: 'count' })));
}

/** How many calls of a kind were made under `countsOf`, where there were any. */
function seenBy({ faults, dataDirectory }: FaultyCollector): { readonly rule: FaultRule; readonly calls: number }[] {
  return countsOf(`${dataDirectory}/*`)
    .map((rule, index) => ({ rule, calls: faults.seen(index) }))
    .filter(({ calls }) => calls > 0);
}

function anAction(random: Seeded, { process, kind }: FaultRule): FaultAction {
  const whom: Casualty = process === 'engine' && random.chance(0.5) ? 'both' : 'self';
  const actions: FaultAction[] = [
    'fail ENOSPC',
    'fail EIO',
    `delay ${100 + random.below(900)}`,
    `kill-before ${whom}`,
    `kill-after ${whom}`,
  ];
  if (kind === 'write') actions.push('short');
  return random.pick(actions);
}
