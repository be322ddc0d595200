import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { FleetMember, World, wrongTables } from '../testing/fleet-member.ts';
import { emptyStore } from '../testing/new-store.ts';
import { startEngine, type StartedEngine } from '../testing/start-engine.ts';
import { FleetVisibility } from './fleet-visibility.ts';

const isLong = process.env['THROUGHLINE_TEST_LONG'] !== undefined;
const COLLECTORS = 3;

let store: StartedEngine;
beforeAll(async () => void (store = await startEngine()));
afterAll(() => store[Symbol.asyncDispose]());

/** What may happen at any moment, to any of them. */
const action = fc.record({
  who: fc.nat(COLLECTORS - 1),
  what: fc.constantFrom(
    ...([
      'accept',
      'accept',
      'store',
      'store',
      'say',
      'expire',
      'handBack',
      'handBack',
      'lead',
      'count',
      'count',
    ] as const),
    ...(['sayAll', 'sayAll'] as const),
  ),
});
type Action = typeof action extends fc.Arbitrary<infer T> ? T : never;

it('whatever several collectors do between the statements of the one that counts, every span is counted once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(action, { minLength: 10, maxLength: 40 }),
      fc.infiniteStream(fc.option(action, { freq: 2 })),
      async (actions, others) => {
        await emptyStore(store.engine);
        const world = new World();
        let isBetween = false;
        let isOver = false;
        const between = async (): Promise<void> => {
          if (isBetween || isOver) return;
          const next = others.next().value as Action | null;
          if (next === null || next.what === 'count' || next.what === 'lead') return;
          isBetween = true;
          await act(next);
          isBetween = false;
        };
        const collectors = Array.from({ length: COLLECTORS }, (_, id) => new FleetMember(store, id, world, between));
        const act = async ({ who, what }: Action): Promise<void> => {
          const [one, leader] = [collectors[who], collectors[world.leader]];
          if (one === undefined || leader === undefined) throw new Error('no such collector');
          if (what === 'count') {
            // Its lease and its membership go by the same clocks.
            if (leader.term !== null) await leader.job.run();
          } else if (what === 'lead') {
            world.leader = who;
            world.leaseTerm += 1;
          } else if (what === 'sayAll') {
            for (const each of collectors) if (each.term !== null) each.say();
          } else if (what === 'expire') {
            // What is on its way while a process stands still is what neither lease can hold back.
            if (one !== leader) one.expire();
          } else await one[what]();
        };
        for (const each of collectors) each.say();
        for (const each of actions) await act(each);
        isOver = true;
        for (const each of collectors) {
          each.say();
          for (let left = 0; left < 40; left++) await each.store();
          each.say();
        }
        const [last] = collectors as [FleetMember];
        if (world.leader !== 0) {
          world.leader = 0;
          world.leaseTerm += 1;
        }
        for (let runs = 0; runs < 3; runs++) {
          for (const each of collectors) each.say();
          await last.job.run();
        }
        expect(await wrongTables(store)).toEqual([]);
        const visibility = new FleetVisibility(store.engine);
        await visibility.published();
        expect([visibility.uncountedRows, visibility.view().uncounted]).toEqual([0, null]);
      },
    ),
    // To make it smaller would run the store for as many minutes.
    {
      endOnFailure: true,
      numRuns: isLong ? 60 : 12,
      seed: isLong ? Number(process.env['THROUGHLINE_TEST_SEED']) : 20261130,
    },
  );
}, 1_200_000);
