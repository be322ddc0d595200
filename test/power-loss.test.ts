import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Seeded } from '../packages/server/src/columns/testing/seeded.ts';
import { CHECKED_TABLES } from '../packages/server/src/storage/damage/part-check.ts';
import { isSpoolEmpty, newDirectory, startCollector } from './support/collector.ts';
import { canInjectFaults, FaultInjection, type FaultKind, type FaultRule } from './support/fault-injection.ts';
import { FaultyCollector } from './support/faulty-collector.ts';
import { descendantsOf, eventually, isAlive, usersOf } from './support/processes.ts';
import { JournalMachine, segmentText } from './support/journal-machine.ts';
import { RecordedDisk, type DiskModel } from './support/recorded-disk.ts';
import { SpoolMachine } from './support/spool-machine.ts';
import { NOTHING_WRONG, SpanLedger } from './support/span-ledger.ts';

const IS_LONG = process.env['THROUGHLINE_TEST_LONG'] === 'true';
const SEED = Number(process.env['THROUGHLINE_TEST_SEED'] ?? 20_261_128);
const SPOOLS = IS_LONG ? 100 : 12;
const JOURNALS = IS_LONG ? 200 : 6;
const CUTS_PER_SPOOL = 3;
const SEGMENTS_PER_LIFE = 5;
const CUTS_WHILE_COPYING = IS_LONG ? 12 : 1;
const BLOCKS_PER_LIFE = 14;
/** How often the power fails while a store is made. */
const STARTS = IS_LONG ? 40 : 1;
const STORES = IS_LONG ? 25 : 1;
const CUTS_PER_STORE = IS_LONG ? 8 : 3;

/** What the machine may be doing when the power fails, and about how many such calls two requests take. */
const LAST_CALLS: readonly (readonly [Pick<FaultRule, 'process' | 'kind' | 'action'>, number])[] = [
  [{ process: 'collector', kind: 'sync', action: 'kill-before self' }, 8],
  [{ process: 'collector', kind: 'unlink', action: 'kill-after self' }, 4],
  [{ process: 'collector', kind: 'write', action: 'kill-after self' }, 4],
  [{ process: 'engine', kind: 'sync', action: 'kill-before both' }, 150],
  [{ process: 'engine', kind: 'create', action: 'kill-before both' }, 150],
  [{ process: 'engine', kind: 'rename', action: 'kill-after both' }, 12],
  [{ process: 'engine', kind: 'write', action: 'kill-before both' }, 80],
];

/** The spool relies on what every file system promises, the store on the order in which changes of names are kept. */
const modelOf = (path: string): DiskModel => (path.startsWith('data/store') ? 'ordered' : 'posix');

const anyModel = (random: Seeded): (() => DiskModel) => {
  const model = random.pick(['posix', 'ordered'] as const);
  return () => model;
};

describe.skipIf(!canInjectFaults)('a spool whose machine loses its power', () => {
  it(
    `${SPOOLS * CUTS_PER_SPOOL} times: what was durable is handed over, whatever else the disk forgot, and nothing is called damaged`,
    { timeout: 600_000 + SPOOLS * 10_000 },
    async () => {
      const random = new Seeded(SEED);
      const counts = { durable: 0, again: 0 };
      for (let number = 0; number < SPOOLS; number++) {
        const machine = new SpoolMachine();
        const words: string[] = [];
        for (let cut = 0; cut < CUTS_PER_SPOOL; cut++) {
          const kind = random.pick<FaultKind>(['write', 'sync', 'sync', 'unlink', 'create']);
          const first = 1 + random.below(2 * BLOCKS_PER_LIFE);
          const action = random.pick(['kill-before self', 'kill-after self'] as const);
          machine.faults.plan([{ process: 'collector', kind, pattern: `${machine.root}/*`, first, action }]);
          words.push(`${await machine.live(BLOCKS_PER_LIFE)} at ${action} ${kind} ${first}`);
          machine.disk.cut(random, anyModel(random));
        }
        machine.faults.plan([]);
        expect(await machine.live(0)).toBe('closed');
        const explanation = JSON.stringify({ seed: SEED, spool: number, words });
        expect(machine.rejected, explanation).toEqual([]);
        const taken = new Set(machine.taken);
        expect(
          [...machine.durable].filter((block) => !taken.has(block)),
          explanation,
        ).toEqual([]);
        expect(
          machine.taken.filter((block) => block >= machine.appended),
          explanation,
        ).toEqual([]);
        counts.durable += machine.durable.size;
        counts.again += machine.taken.length - taken.size;
        machine.remove();
      }
      console.log(JSON.stringify({ seed: SEED, cuts: SPOOLS * CUTS_PER_SPOOL, ...counts }));
      expect(counts.durable).toBeGreaterThan(SPOOLS);
    },
  );

  it('after it was closed has nothing that comes back', async () => {
    const random = new Seeded(SEED);
    for (let cut = 0; cut < 5; cut++) {
      const machine = new SpoolMachine();
      expect(await machine.live(BLOCKS_PER_LIFE)).toBe('closed');
      expect(new Set(machine.taken)).toEqual(machine.durable);
      machine.disk.cut(random, () => 'posix');
      expect(existsSync(machine.spool)).toBe(true);
      expect(await machine.live(0)).toBe('closed');
      expect(machine.taken).toHaveLength(BLOCKS_PER_LIFE);
      machine.remove();
    }
  });
});

/** Of what a copy into the journal does, and how many such calls it makes. */
const COPYING: readonly (readonly [FaultKind, number])[] = [
  ['create', 1],
  ['write', 1],
  ['sync', 3],
  ['rename', 1],
];

describe.skipIf(!canInjectFaults)(
  'a journal of request metrics whose machine loses its power, or whose process is killed',
  () => {
    it(
      `${JOURNALS * CUTS_PER_SPOOL} times has each segment whole or not at all, copied or under a second name; what it does not have the spool has`,
      { timeout: 600_000 + JOURNALS * 10_000 },
      async () => {
        const random = new Seeded(SEED);
        const counts = { killed: 0, met: 0, kept: 0 };
        for (let number = 0; number < JOURNALS; number++) {
          const machine = new JournalMachine();
          const path = `${machine.journal}*`;
          const words: string[] = [];
          for (let cut = 0; cut < CUTS_PER_SPOOL; cut++) {
            const [kind, calls] = random.pick(COPYING);
            const action = random.pick([
              'kill-before self',
              'kill-after self',
              'kill-after self',
              'fail ENOSPC',
            ] as const);
            const first = 1 + random.below(calls * SEGMENTS_PER_LIFE);
            const isWithoutLinks = random.chance(0.8);
            const rules: FaultRule[] = [{ process: 'collector', kind, pattern: path, first, action }];
            // A copy of half the bytes is gone on with.
            if (kind === 'write' && random.chance(0.5)) {
              rules.push({ process: 'collector', kind, pattern: path, times: 1_000_000, action: 'short' });
            }
            if (isWithoutLinks)
              rules.push({ process: 'collector', kind: 'link', pattern: path, times: 1_000_000, action: 'fail EIO' });
            machine.faults.plan(rules);
            const end = await machine.live(SEGMENTS_PER_LIFE);
            const isCut = random.chance(0.7);
            words.push(
              `${end} at ${action} ${kind} ${first}, ${isWithoutLinks ? 'copied' : 'linked'}, ${isCut ? 'off' : 'on'}`,
            );
            if (isCut) machine.disk.cut(random, anyModel(random));
            const found = machine.found();
            const explanation = JSON.stringify({ seed: SEED, journal: number, words });
            const broken = [...found.journal].filter(([segment, text]) => text !== segmentText(segment));
            expect(broken, explanation).toEqual([]);
            expect(
              [...machine.kept].filter((segment) => !found.journal.has(segment)),
              explanation,
            ).toEqual([]);
            const isWhole = (segment: number): boolean => found.spool.get(segment) === segmentText(segment);
            const lost = [...machine.durable].filter((segment) => !found.journal.has(segment) && !isWhole(segment));
            expect(lost, explanation).toEqual([]);
            counts.killed += end === 'killed' ? 1 : 0;
            counts.met += machine.faults.applied() > 0 ? 1 : 0;
          }
          machine.faults.plan([]);
          expect(await machine.live(0)).toBe('closed');
          expect(
            readdirSync(machine.journal).filter((name) => !name.endsWith('.records')),
            words.join('\n'),
          ).toEqual([]);
          counts.kept += machine.kept.size;
          machine.remove();
        }
        console.log(JSON.stringify({ seed: SEED, journals: JOURNALS, ...counts }));
        expect(counts.met).toBeGreaterThan(JOURNALS);
      },
    );

    it('has what a process found that was killed before it was durable, once it is kept', async () => {
      for (let seed = 0; seed < 3; seed++) {
        const machine = new JournalMachine();
        const pattern = `${machine.journal}*`;
        machine.faults.plan([
          { process: 'collector', kind: 'link', pattern, action: 'fail EIO' },
          { process: 'collector', kind: 'rename', pattern, action: 'kill-after self' },
        ]);
        expect(await machine.live(1)).toBe('killed');
        machine.faults.plan([]);
        expect(await machine.live(0)).toBe('closed');
        machine.disk.cut(new Seeded(seed), () => 'posix');
        expect(machine.found().journal).toEqual(new Map([[0, segmentText(0)]]));
        machine.remove();
      }
    });
  },
);

describe.skipIf(!canInjectFaults)('a collector whose machine loses its power', () => {
  it(
    `${STARTS} times while a store is made: the next start makes it`,
    { timeout: 600_000 + STARTS * 60_000 },
    async () => {
      const random = new Seeded(SEED);
      for (let number = 0; number < STARTS; number++) {
        const root = newDirectory();
        const dataDirectory = join(root, 'data');
        const faults = new FaultInjection();
        const disk = new RecordedDisk(root, faults);
        const kind = random.pick<FaultKind>(['sync', 'create', 'rename', 'mkdir']);
        const first = 1 + random.below({ sync: 40, create: 120, rename: 40, mkdir: 70 }[kind as 'sync']);
        faults.plan([{ process: 'engine', kind, pattern: `${root}/*`, first, action: 'kill-before both' }]);
        const early = await startCollector({ dataDirectory, env: faults.env }).catch((error: unknown) => {
          if (!String(error).includes('before it was ready')) throw error;
        });
        // A start that takes fewer such calls is over when the power fails.
        if (early !== undefined) process.kill(early.pid, 'SIGKILL');
        await eventually('its engine has ended', () => usersOf(dataDirectory).length === 0);
        disk.cut(random, modelOf);
        faults.plan([]);
        const collector = await startCollector({ dataDirectory, env: faults.env });
        const ledger = new SpanLedger(40);
        expect(await ledger.send(collector.otlpUrl)).toBe(200);
        await eventually('everything is stored', () => isSpoolEmpty(collector));
        await collector.stop({ keepData: true });
        const audit = await ledger.audit(dataDirectory);
        console.log(JSON.stringify({ seed: SEED, start: number, last: faults.trace(), ...audit }));
        expect(audit, faults.trace().join('\n')).toMatchObject(NOTHING_WRONG);
        rmSync(root, { recursive: true });
      }
    },
  );

  // The engine removes nothing within half a minute; test/faults-of-merges.test.ts looks at the syncs alone.
  it.runIf(IS_LONG)('has what a merge has made, when what it replaced is removed', async () => {
    // With this one nothing survives that was not synced.
    const random = new Seeded(20_261_128);
    const faulty = new FaultyCollector();
    const disk = new RecordedDisk(faulty.dataDirectory, faulty.faults);
    const args = ['--counts-segment-age-ms', '50'];
    await faulty.start(args);
    await faulty.storeTwoParts();
    // The engine removes it: what another process does is not recorded.
    await faulty.inStore(
      async (store) => {
        for (const table of CHECKED_TABLES) await store.engine.command(`OPTIMIZE TABLE throughline.${table} FINAL`);
        const left = `SELECT toUInt32(count()) FROM system.parts WHERE database = 'throughline' AND table IN ('${CHECKED_TABLES.join("', '")}') AND NOT active`;
        await expect.poll(() => store.rows(left)).toEqual([[0]]);
      },
      { replacedPartsMs: 1_000 },
    );
    // Whatever is synced later keeps the removal, as names are kept in their order.
    await faulty.start(args);
    await faulty.send();
    await faulty.settle();
    await faulty.inStore(() => Promise.resolve());
    disk.cut(random, (path) => (path.startsWith('store') ? 'ordered' : 'posix'));
    await faulty.start(args);
    await faulty.tell('shop', 110);
    await expect.poll(() => faulty.counted('shop')).toBe(110);
    expect(await faulty.end()).toMatchObject(NOTHING_WRONG);
  });

  it(`${CUTS_WHILE_COPYING} times while counts are copied into their journal, counts each request once`, async () => {
    const random = new Seeded(SEED);
    const faulty = new FaultyCollector();
    const disk = new RecordedDisk(faulty.dataDirectory, faulty.faults);
    const args = ['--counts-segment-age-ms', '50'];
    const pattern = `${faulty.dataDirectory}/counts/journal*`;
    const isWithoutLinks: FaultRule = {
      process: 'collector',
      kind: 'link',
      pattern,
      times: 1_000_000,
      action: 'fail EIO',
    };
    for (let cut = 1; cut <= CUTS_WHILE_COPYING; cut++) {
      const [kind, calls] = random.pick(COPYING);
      const action = random.pick(['kill-before self', 'kill-after self'] as const);
      faulty.faults.plan([isWithoutLinks]);
      await faulty.start(args);
      // Once copied to its end.
      await faulty.tell('shop', 10 * cut - 5);
      await eventually('it is copied', () => faulty.faults.applied() > 0);
      await expect.poll(() => faulty.counted('shop')).toBe(10 * cut - 5);
      faulty.faults.plan([
        isWithoutLinks,
        { process: 'collector', kind, pattern, first: 1 + random.below(calls), action },
      ]);
      await faulty.tell('shop', 10 * cut);
      await faulty.hasEnded();
      disk.cut(random, (path) => (path.startsWith('store') ? 'ordered' : 'posix'));
    }
    faulty.faults.plan([isWithoutLinks]);
    await faulty.start(args);
    const told = 10 * CUTS_WHILE_COPYING + 3;
    await faulty.tell('shop', told);
    await expect.poll(() => faulty.counted('shop')).toBeGreaterThanOrEqual(told);
    expect(await faulty.counted('shop'), faulty.faults.trace().join('\n')).toBe(told);
    await faulty.end();
  });

  for (let number = 1; number <= STORES; number++) {
    it(
      `${CUTS_PER_STORE} times under load: what was acknowledged is stored once, store ${number} of ${STORES}`,
      { timeout: 600_000 + CUTS_PER_STORE * 30_000 },
      async () => {
        const random = new Seeded(SEED + number);
        const root = newDirectory();
        const dataDirectory = join(root, 'data');
        const faults = new FaultInjection();
        const disk = new RecordedDisk(root, faults);
        const ledger = new SpanLedger(40);
        const words: string[] = [];
        for (let cut = 0; cut < CUTS_PER_STORE; cut++) {
          faults.plan([]);
          const collector = await startCollector({ dataDirectory, env: faults.env });
          const below = descendantsOf(collector.pid);
          await ledger.send(collector.otlpUrl);
          const [rule, most] = random.pick(LAST_CALLS);
          faults.plan([{ ...rule, pattern: `${dataDirectory}/*`, first: 1 + random.below(most) }]);
          for (let sent = 0; sent < 8 && isAlive(collector.pid); sent++) {
            const alive = collector;
            await ledger.send(alive.otlpUrl);
            if (random.chance(0.5)) {
              await eventually('it is stored, or off', async () => !isAlive(alive.pid) || (await isSpoolEmpty(alive)));
            }
          }
          words.push(`${rule.process} ${rule.kind}: ${faults.trace().at(-1) ?? 'not met'}`);
          if (isAlive(collector.pid)) process.kill(collector.pid, 'SIGKILL');
          await collector.exited;
          await eventually('all is off', () => !below.some((pid) => isAlive(pid)));
          disk.cut(random, modelOf);
        }
        faults.plan([]);
        const last = await startCollector({ dataDirectory });
        await ledger.send(last.otlpUrl);
        await eventually('everything is stored', () => isSpoolEmpty(last));
        await last.stop({ keepData: true });
        const audit = await ledger.audit(dataDirectory);
        console.log(JSON.stringify({ seed: SEED + number, requests: ledger.counts, words, ...audit }));
        expect(audit, words.join('\n')).toMatchObject(NOTHING_WRONG);
        rmSync(root, { recursive: true });
      },
    );
  }
});
