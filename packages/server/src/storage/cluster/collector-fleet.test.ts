import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { EngineError } from '../engine.ts';
import { CollectorFleet } from './collector-fleet.ts';
import { StoreLease } from './lease.ts';
import { eventually, silentLog, startEngine, type StartedEngine } from '../testing/start-engine.ts';

/** Long enough for a slow machine to renew in time, and short enough to wait for its end. */
const LIMITS = { leaseMs: 4_000, leaseRenewMs: 100 };

let store: StartedEngine;
beforeAll(async () => void (store = await startEngine()));
afterAll(() => store[Symbol.asyncDispose]());

const dying: AbortController[] = [];
afterEach(() => {
  for (const life of dying.splice(0)) life.abort();
});

interface Member {
  readonly fleet: CollectorFleet;
  /** The store's, as an arrival. */
  present: number;
  /** What it says to have stored. */
  until: number;
  /** Who runs the jobs. */
  leader: string | null;
  /** So much later it is by both of its clocks. */
  pausedMs: number;
  /** As after SIGKILL. */
  readonly kill: () => void;
}

function aMember(name: string, until: number): Member {
  const life = new AbortController();
  dying.push(life);
  const member = { present: 0, leader: null as string | null, until, pausedMs: 0, kill: () => life.abort() };
  const fleet = new CollectorFleet({
    session: name,
    collector: name,
    description: `host ${name}`,
    log: silentLog,
    limits: LIMITS,
    signal: life.signal,
    storedUntil: () => member.until,
    startAfter: (arrival) => (member.present = arrival),
    leader: () => member.leader,
    elapsed: () => performance.now() + member.pausedMs,
  });
  return Object.assign(member, { fleet });
}

test('the one that is furthest behind says how far spans may be counted, as long as it is alive', async () => {
  const [ahead, behind] = [aMember('a', 200), aMember('b', 100)];
  await ahead.fleet.join(store.engine);
  expect(await ahead.fleet.storedUntil()).toBe(200);
  await behind.fleet.join(store.engine);
  expect(await ahead.fleet.storedUntil()).toBe(100);
  expect([ahead.fleet.lostBecause, behind.fleet.lostBecause]).toEqual([null, null]);
  behind.until = 150;
  await behind.fleet.renew();
  expect(await ahead.fleet.storedUntil()).toBe(150);
  expect(behind.fleet.publishedUntil).toBe(150);
  // A segment comes back that had been set aside: it is waited for, and known to be late.
  behind.until = 50;
  await behind.fleet.renew();
  expect([behind.fleet.publishedUntil, await ahead.fleet.storedUntil()]).toEqual([150, 50]);
  await eventually(() => ahead.fleet.size === 2);
  behind.kill();
  await eventually(async () => (await ahead.fleet.storedUntil()) === 200);
  await eventually(() => ahead.fleet.size === 1);
});

test('one whose clock is days ahead brings nobody further than minutes beyond the present of the store', async () => {
  const day = 86_400_000_000;
  const member = aMember('tomorrow', Date.now() * 1_000 + day);
  await member.fleet.join(store.engine);
  const until = await member.fleet.storedUntil();
  expect(until).toBeLessThan(Date.now() * 1_000 + day / 2);
  // One whose clock is behind gives arrivals of the store's present all the same, and holds up nobody.
  expect(Math.abs(member.present - Date.now() * 1_000)).toBeLessThan(day / 2);
  member.until = 100;
  expect(await member.fleet.storedUntil()).toBe(100);
});

test('nothing is stored beside a collector that runs the jobs and shares the store with nobody', async () => {
  const [member, other] = [aMember('member', 1e12), aMember('other', 1e12)];
  await other.fleet.join(store.engine);
  member.leader = 'other';
  await member.fleet.join(store.engine);
  member.pausedMs = 2 * LIMITS.leaseMs;
  await member.fleet.renew();
  expect(member.fleet.lostBecause).toBe(null);
  // It has just taken the lease, and may join yet.
  member.leader = 'a stranger';
  await member.fleet.renew();
  expect(member.fleet.lostBecause).toBe(null);
  member.pausedMs = 3 * LIMITS.leaseMs;
  await member.fleet.renew();
  expect([member.fleet.term, typeof member.fleet.lostBecause]).toEqual([null, 'string']);
  member.leader = 'other';
  await member.fleet.renew();
  expect(member.fleet.lostBecause).toBe(null);
});

test('nobody waits for a collector that has left', async () => {
  const [stays, leaves] = [aMember('stays', 200), aMember('leaves', 100)];
  await stays.fleet.join(store.engine);
  await leaves.fleet.join(store.engine);
  expect(await stays.fleet.storedUntil()).toBe(100);
  await leaves.fleet.release();
  expect(await stays.fleet.storedUntil()).toBe(200);
  expect(leaves.fleet.lostBecause).not.toBe(null);
});

test('a collector that was stopped for longer than its membership may store nothing before it has joined again, in another term', async () => {
  const member = aMember('stopped', 100);
  expect([member.fleet.term, typeof member.fleet.lostBecause]).toEqual([null, 'string']);
  await member.fleet.join(store.engine);
  const { term } = member.fleet;
  expect(term).not.toBe(null);
  member.pausedMs = LIMITS.leaseMs;
  expect([member.fleet.term, typeof member.fleet.lostBecause]).toEqual([null, 'string']);
  await eventually(() => member.fleet.lostBecause === null);
  expect(member.fleet.term).not.toBe(term);
});

test('a collector that cannot renew says why', async () => {
  const member = aMember('without a majority', 100);
  let problem: EngineError | null = null;
  const { tables } = store.engine;
  await member.fleet.join({
    tables,
    query: (sql, options) => store.engine.query(sql, options),
    command: async (sql) => {
      if (problem !== null) throw problem;
      await store.engine.command(sql);
    },
  });
  problem = new EngineError('unavailable', 'one replica is alive', { clickhouseCode: 285 });
  member.pausedMs = LIMITS.leaseMs;
  await eventually(() => member.fleet.lostBecause?.includes('one replica is alive') === true);
  expect(member.fleet.lostBecause).toContain('majority');
});

test('of collectors that follow one lease one has it, and the next one takes it over when that one has ended', async () => {
  const leases = ['first', 'second', 'third'].map((collector) => {
    const life = new AbortController();
    dying.push(life);
    const options = { collector, description: collector, log: silentLog, limits: LIMITS, isShared: true };
    return { life, lease: new StoreLease({ ...options, signal: life.signal }) };
  });
  for (const { lease } of leases) await lease.follow(store.engine);
  const holders = (): number => leases.filter(({ lease }) => lease.lostBecause === null).length;
  expect(leases.map(({ lease }) => lease.lostBecause === null)).toEqual([true, false, false]);
  const [first] = leases as [(typeof leases)[number]];
  first.life.abort();
  await eventually(() => leases.slice(1).some(({ lease }) => lease.lostBecause === null));
  expect(holders()).toBe(1);
  const next = leases.find(({ lease }) => lease.lostBecause === null);
  await next?.lease.release();
  await eventually(() => leases.some((each) => each !== next && each !== first && each.lease.lostBecause === null));
});

test('collectors know since when one of them is there', async () => {
  await using empty = await startEngine();
  const now = Date.now();
  const [first, next] = [aMember(`x since ${now - 60_000}`, 1), aMember(`y since ${now}`, 1)];
  await first.fleet.join(empty.engine);
  await next.fleet.join(empty.engine);
  expect([first.fleet.thereSinceMs, next.fleet.thereSinceMs]).toEqual([now - 60_000, now - 60_000]);
});
