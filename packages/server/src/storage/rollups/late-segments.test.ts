import { afterAll, beforeAll, expect, it } from 'vitest';
import { FleetMember, World, wrongTables } from '../testing/fleet-member.ts';
import { emptyStore } from '../testing/new-store.ts';
import { startEngine, type StartedEngine } from '../testing/start-engine.ts';
import { rowsOf } from '../rows-of.ts';
import { FleetVisibility } from './fleet-visibility.ts';

let store: StartedEngine;
beforeAll(async () => void (store = await startEngine()));
afterAll(() => store[Symbol.asyncDispose]());

const still = (): Promise<void> => Promise.resolve();

async function twoMembers(): Promise<{ world: World; a: FleetMember; b: FleetMember; all: FleetMember[] }> {
  await emptyStore(store.engine);
  const world = new World();
  const [a, b] = [new FleetMember(store, 0, world), new FleetMember(store, 1, world)];
  return { world, all: [a, b], a, b };
}

/** Lets one count until all have said how far they are, and looks. */
async function settle(all: readonly FleetMember[], leader = 0): Promise<string[]> {
  for (let i = 0; i < 3; i++) {
    for (const each of all) each.say();
    await all[leader]?.job.run();
  }
  return await wrongTables(store);
}

it('what the collectors have stored waits in the metrics of the one that counts until it has counted it', async () => {
  await emptyStore(store.engine);
  const world = new World();
  const waiting: number[] = [];
  const a = new FleetMember(store, 0, world, async (sql) => {
    if (sql.startsWith('INSERT INTO throughline.operation_15m')) waiting.push(await a.waitingSpans());
  });
  const b = new FleetMember(store, 1, world);
  for (const each of [a, b]) each.say();
  for (const each of [a, b]) {
    each.accept();
    await each.store();
  }
  for (const each of [a, b]) each.say();
  await a.job.run();
  const rows = await rowsOf(store.engine, 'SELECT count() FROM throughline.spans', 60_000);
  expect(waiting).toEqual([Number(rows[0]?.[0])]);
  expect(await a.waitingSpans()).toBe(0);
});

it('a segment that was handed back is not counted before it is stored', async () => {
  const { a, b, all } = await twoMembers();
  for (const each of all) each.say();
  b.accept();
  await b.store();
  expect(await settle(all)).toEqual([]);
  b.handBack();
  b.beforeSpans = async () => {
    // The other one says nothing more of itself than what its note needs.
    a.say();
    await a.job.run();
  };
  await b.store();
  b.beforeSpans = still;
  expect(await settle(all)).toEqual([]);
});

it('a batch of which the second look failed is not counted past a collector that joined with a backlog before it was noted', async () => {
  const { world, a, b, all } = await twoMembers();
  a.say();
  a.accept();
  await a.store();
  b.acceptAt(world.arrival + 1); // Accepted while it was no member.
  world.arrival += 1;
  a.accept();
  await a.store();
  // The first look is over; b joins and reads what has been begun; the leader notes; its second look fails.
  let noted: Promise<void> = still();
  a.onLook = (number) => {
    if (number === 2) throw new Error('the look failed');
    if (number !== 1) return;
    queueMicrotask(() => {
      b.say();
      noted = b.job.noteLate({ first: world.arrival + 1_000, last: world.arrival + 1_000 });
    });
  };
  await a.job.run().catch(() => {});
  await noted;
  a.say();
  await a.job.run();
  await b.store();
  expect(await settle(all)).toEqual([]);
});

it('the one that counts notes a segment of its own that it has counted, and takes back, between two signs of life', async () => {
  const { a, b, all } = await twoMembers();
  for (const each of all) each.say();
  a.accept();
  await a.store();
  b.say();
  await a.job.run();
  a.handBack();
  await a.store();
  expect(await settle(all)).toEqual([]);
});

it('a batch that was noted, and never begun, is not counted past a collector that joined with a backlog before', async () => {
  const { world, a, b } = await twoMembers();
  const c = new FleetMember(store, 2, world);
  a.say();
  c.say();
  a.accept();
  await a.store();
  b.acceptAt(++world.arrival);
  a.accept();
  await a.store();
  c.say();
  let noted: Promise<void> = still();
  a.onLook = (number) => {
    if (number === 2) throw new Error('the look failed');
    if (number !== 1) return;
    queueMicrotask(() => {
      b.say();
      noted = b.job.noteLate({ first: world.arrival + 1_000, last: world.arrival + 1_000 });
    });
  };
  await a.job.run().catch(() => {});
  await noted;
  a.expire();
  world.leader = 2;
  world.leaseTerm += 1;
  c.say();
  await c.job.run();
  await b.store();
  expect(await settle([b, c], 1)).toEqual([]);
});

it('what is noted again while an earlier note of it is being counted is counted again', async () => {
  await emptyStore(store.engine);
  const world = new World();
  let isOn = false;
  let once = false;
  const all: FleetMember[] = [];
  const between = async (sql: string): Promise<void> => {
    // After the hours of the late one were looked for.
    if (!isOn || once || !/INSERT INTO \S*rollup_progress/.test(sql)) return;
    once = true;
    all[1]?.say();
    await all[1]?.store();
  };
  all.push(...[0, 1].map((id) => new FleetMember(store, id, world, between)));
  const [a, b] = all as [FleetMember, FleetMember];
  a.say();
  b.acceptAt(++world.arrival); // b was away.
  a.accept();
  await a.store();
  a.say();
  await a.job.run();
  b.say();
  b.beforeSpans = () => Promise.reject(new Error('stopped'));
  await b.store().catch(() => {});
  b.beforeSpans = still;
  b.expire();
  isOn = true;
  a.say();
  await a.job.run();
  expect(once).toBe(true);
  isOn = false;
  expect(await settle(all)).toEqual([]);
});

it('queries look for late spans in the seconds in which they start', async () => {
  const { b, all } = await twoMembers();
  for (const each of all) each.say();
  b.accept();
  await b.store();
  await settle(all);
  b.handBack();
  await b.store();
  const visibility = new FleetVisibility(store.engine);
  await visibility.published();
  const { uncounted } = visibility.view();
  const [[seconds] = [0]] = await store.rows('SELECT toUInt32(max(start_s)) FROM throughline.spans');
  expect(uncounted).toMatchObject({ hasLate: true });
  expect(uncounted?.seconds.last).toBe(Number(seconds));
});
