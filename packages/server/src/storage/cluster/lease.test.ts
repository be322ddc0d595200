import { EventEmitter, once } from 'node:events';
import pino from 'pino';
import { afterEach, expect, test } from 'vitest';
import { StoreLease, underLease, type StoreLeaseOptions } from './lease.ts';
import { LeaseClaims, type LeaseEngine } from './lease-claims.ts';
import { eventually, startEngine, type StartedEngine } from '../testing/start-engine.ts';

const LIMITS = { leaseMs: 3_000, leaseRenewMs: 200 };

const dying: AbortController[] = [];
afterEach(() => {
  for (const life of dying.splice(0)) life.abort();
});

interface Collector {
  readonly lease: StoreLease;
  readonly lines: string[];
  readonly take: () => Promise<string>;
  /** Renews no more, and withdraws nothing, as after SIGKILL. */
  readonly kill: () => void;
  /** Nothing that it asks of the store arrives, until the answer is called. */
  readonly pause: () => () => void;
}

/** A collector of the data directory `name`. */
function aCollector(store: StartedEngine, name: string, options: Partial<StoreLeaseOptions> = {}): Collector {
  const lines: string[] = [];
  const life = new AbortController();
  dying.push(life);
  let isPaused: Promise<unknown> = Promise.resolve();
  const lease = new StoreLease({
    collector: name,
    description: `host ${name}-host, process 1`,
    log: pino({ level: 'warn' }, { write: (line: string) => lines.push((JSON.parse(line) as { msg: string }).msg) }),
    limits: LIMITS,
    signal: life.signal,
    ...options,
  });
  const engine: LeaseEngine = {
    tables: store.engine.tables,
    query: (sql, given) => isPaused.then(() => store.engine.query(sql, given)),
    command: (sql) => isPaused.then(() => store.engine.command(sql)),
  };
  return {
    lease,
    lines,
    take: () =>
      lease.take(engine).then(
        () => 'held',
        (error: Error) => error.message,
      ),
    kill: () => life.abort(),
    pause: () => {
      const gate = new EventEmitter();
      isPaused = once(gate, 'open');
      return () => void gate.emit('open');
    },
  };
}

test('a second collector is rejected in one line that names the first, and is let in when that one has stopped', async () => {
  await using store = await startEngine();
  const first = aCollector(store, 'first');
  const second = aCollector(store, 'second');
  expect(await first.take()).toBe('held');
  expect(await second.take()).toMatch(
    /in use by .*first \(host first-host, process 1\): .*--store \(THROUGHLINE_STORE\)/,
  );
  expect([first.lease.lostBecause, second.lease.lostBecause]).toEqual([null, expect.stringContaining('first-host')]);
  await first.lease.release();
  expect(await second.take()).toBe('held');
});

test('of those that start at the same moment one is let in', async () => {
  await using store = await startEngine();
  for (let round = 0; round < 5; round++) {
    const collectors = Array.from({ length: 4 }, (_, index) => aCollector(store, `c${round}-${index}`));
    const ends = await Promise.all(collectors.map(({ take }) => take()));
    expect(ends.filter((end) => end === 'held')).toHaveLength(1);
    expect(ends.filter((end) => end.includes('in use by'))).toHaveLength(3);
    expect(collectors.filter(({ lease }) => lease.lostBecause === null)).toHaveLength(1);
    await Promise.all(collectors.map(({ lease }) => lease.release()));
  }
});

test('the lease of a collector that was killed is waited for, and that is said once', async () => {
  await using store = await startEngine();
  const first = aCollector(store, 'first');
  expect(await first.take()).toBe('held');
  first.kill();
  const second = aCollector(store, 'second');
  expect(await second.take()).toBe('held');
  expect(second.lines).toEqual([
    expect.stringMatching(/leased to .*first \(host first-host.*\); waiting up to \d+ s /),
  ]);
});

test('the next collector of the same data directory need not wait', async () => {
  await using store = await startEngine();
  const first = aCollector(store, 'same');
  expect(await first.take()).toBe('held');
  first.kill();
  const next = aCollector(store, 'same');
  expect(await next.take()).toBe('held');
  expect(next.lines).toEqual([]);
});

test('a collector that was stopped for longer than its lease writes no more, says so, and goes on when the other one has ended', async () => {
  await using store = await startEngine();
  const first = aCollector(store, 'first');
  const asked: string[] = [];
  const guarded = underLease(
    {
      tables: store.engine.tables,
      query: () => Promise.reject(new Error()),
      command: async (sql) => void asked.push(sql),
    },
    first.lease,
  );
  expect(await first.take()).toBe('held');
  await guarded.command('before');
  const goOn = first.pause();
  const second = aCollector(store, 'second');
  expect(await second.take()).toBe('held');
  // It has noticed by its own clock, before it has asked anybody.
  await expect(guarded.command('while stopped')).rejects.toThrow('not renewed');
  goOn();
  await eventually(() => first.lease.lostBecause?.includes('second-host') === true);
  await expect(guarded.command('after')).rejects.toThrow(/in use by .*second \(host second-host, process 1\)/);
  expect(second.lease.lostBecause).toBe(null);
  await eventually(() => first.lines.length === 1);
  await second.lease.release();
  await eventually(() => first.lease.lostBecause === null);
  await guarded.command('again');
  expect(asked).toEqual(['before', 'again']);
});

test('a machine that was paused, so that only its clock has gone on, writes no more until it has asked', async () => {
  await using store = await startEngine();
  let pausedMs = 0;
  const only = aCollector(store, 'only', { now: () => Date.now() + pausedMs });
  expect(await only.take()).toBe('held');
  const goOn = only.pause();
  pausedMs = LIMITS.leaseMs;
  expect(only.lease.lostBecause).toContain('not renewed');
  goOn();
  await eventually(() => only.lease.lostBecause === null);
});

test('a lease that is to be renewed as seldom as it ends is renewed in time', async () => {
  await using store = await startEngine();
  const first = aCollector(store, 'first', { limits: { leaseMs: 3_000, leaseRenewMs: 3_000 } });
  expect(await first.take()).toBe('held');
  expect(await aCollector(store, 'second').take()).toContain('first-host');
  expect(first.lease.lostBecause).toBe(null);
});

test('a lease goes on where the store was unreachable for longer than it lasts, and nobody has come', async () => {
  await using store = await startEngine();
  const only = aCollector(store, 'only');
  expect(await only.take()).toBe('held');
  const goOn = only.pause();
  await eventually(() => only.lease.lostBecause !== null);
  goOn();
  await eventually(() => only.lease.lostBecause === null);
});

test('whoever is told to stop while it waits does not wait', async () => {
  await using store = await startEngine();
  const first = aCollector(store, 'first');
  expect(await first.take()).toBe('held');
  first.kill();
  const second = aCollector(store, 'second');
  const taken = second.take();
  await eventually(() => second.lines.length > 0);
  second.kill();
  expect(await taken).toMatch(/abort/i);
});

test('no term comes twice, whatever the server merges of those that have withdrawn', async () => {
  await using store = await startEngine();
  const merge = (): Promise<void> => store.engine.command('OPTIMIZE TABLE throughline.collector_leases FINAL');
  const [first, second] = ['first', 'second'].map(
    (name) => new LeaseClaims(store.engine, { session: name, collector: name, description: '', limits: LIMITS }),
  ) as [LeaseClaims, LeaseClaims];
  await first.createTable();
  const terms: number[] = [];
  for (const claims of [first, second, first]) {
    expect(await claims.others()).toEqual([]);
    await claims.claim();
    await claims.hold();
    terms.push(claims.term);
    await claims.withdraw();
    await merge();
  }
  expect(terms).toEqual([1, 2, 3]);
});
