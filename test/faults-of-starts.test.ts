import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Seeded } from '../packages/server/src/columns/testing/seeded.ts';
import { DAY_TABLES } from '../packages/server/src/storage/retention/day-tables.ts';
import { EngineProcess } from '../packages/server/src/storage/process/engine-process.ts';
import { sampleOf } from '../packages/server/src/storage/testing/sample-of.ts';
import { builtEngineProcess } from '../packages/server/src/storage/testing/start-engine.ts';
import { canInjectFaults } from './support/fault-injection.ts';
import type { FaultRule } from './support/fault-injection.ts';
import { DETACHED, FaultyCollector } from './support/faulty-collector.ts';
import { anAction, countsOf, seenBy } from './support/random-faults.ts';
import { NOTHING_WRONG } from './support/span-ledger.ts';

const IS_LONG = process.env['THROUGHLINE_TEST_LONG'] === 'true';
const SEED = Number(process.env['THROUGHLINE_TEST_SEED'] ?? 20_261_128);
/** How many stores have a fault while they are made. */
const STARTS = IS_LONG ? 60 : 3;

describe.skipIf(!canInjectFaults)('a definition that is not written when its table is made', () => {
  it.each(sampleOf([...DAY_TABLES], 2, SEED))('keeps no later start from making it: %s', async (table) => {
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
    it.each(sampleOf(['spans', 'counted_1h'], 1, SEED))(
      'costs nothing, and keeps no later start from it: %s',
      async (table) => {
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
      },
    );
  },
);

describe.skipIf(!canInjectFaults)(
  'a file that is not written when the spans of a store of before the first release are moved',
  () => {
    it.each(sampleOf(['columns.txt', 'count.txt'], 1, SEED))(
      'costs no span, and the next start moves them: %s',
      async (file) => {
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
      },
    );
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
