import { setTimeout as delay } from 'node:timers/promises';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { StoreLease } from './lease.ts';
import type { LeaseEngine } from './lease-claims.ts';
import { silentLog } from '../testing/start-engine.ts';
import { singleServerTables } from '../tables.ts';

interface Row {
  readonly session: string;
  readonly collector: string;
  readonly description: string;
  readonly renewal: number;
  readonly term: number;
  readonly isLive: boolean;
}

/**
 * The table as the real engine keeps it, each statement at one moment, but no clock: what was claimed lives until it is
 * withdrawn. Before and after that moment each statement travels for a while of its own.
 */
class SlowTable {
  readonly #rows: Row[] = [];
  readonly #travelMs: () => number;
  readonly #onMoment: () => void;

  constructor(travelMs: () => number, onMoment: () => void) {
    this.#travelMs = travelMs;
    this.#onMoment = onMoment;
  }

  readonly engine: LeaseEngine = {
    tables: singleServerTables(),
    command: (sql) =>
      this.#travel(() => {
        const values = /SELECT '(.*)', '(.*)', '(.*)', toUInt64\((\d+)\), toUInt64\((\d+)\), now\(\) \+ (\d+)$/.exec(
          sql,
        );
        if (values === null) return;
        const [, session = '', collector = '', description = '', renewal, term, seconds] = values;
        const isLive = Number(seconds) > 0;
        this.#rows.push({ session, collector, description, renewal: Number(renewal), term: Number(term), isLive });
      }),
    query: (sql) =>
      this.#travel(() => {
        const own = /session != '(.*?)'/.exec(sql)?.[1];
        const rows = own === undefined ? [[Math.max(0, ...this.#rows.map(({ term }) => term))]] : this.#others(own);
        return Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
      }),
  };

  #others(own: string): unknown[][] {
    const newest = new Map<string, Row>();
    for (const row of this.#rows) {
      if (row.session !== own && row.renewal > (newest.get(row.session)?.renewal ?? 0)) newest.set(row.session, row);
    }
    return [...newest.values()]
      .filter(({ isLive }) => isLive)
      .toSorted((a, b) => (a.session < b.session ? -1 : 1))
      .map(({ session, collector, description, term, renewal }) => [session, collector, description, term, renewal, 9]);
  }

  async #travel<T>(statement: () => T): Promise<T> {
    await delay(this.#travelMs());
    const answer = statement();
    this.#onMoment();
    await delay(this.#travelMs());
    return answer;
  }
}

it('however the statements of those that start at once are mixed, one is let in and never two', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 2, max: 4 }),
      fc.infiniteStream(fc.integer({ min: 0, max: 3 })),
      async (count, travels) => {
        const life = new AbortController();
        const leases: StoreLease[] = [];
        const holders = (): number => leases.filter(({ lostBecause }) => lostBecause === null).length;
        let most = 0;
        const table = new SlowTable(
          () => travels.next().value ?? 0,
          () => (most = Math.max(most, holders())),
        );
        for (let index = 0; index < count; index++) {
          leases.push(
            new StoreLease({
              collector: `collector ${index}`,
              description: `host ${index}`,
              log: silentLog,
              limits: { leaseMs: 60_000, leaseRenewMs: 5 },
              signal: life.signal,
            }),
          );
        }
        const ends = await Promise.allSettled(leases.map((lease) => lease.take(table.engine)));
        expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
        expect([most, holders()]).toEqual([1, 1]);
        life.abort();
      },
    ),
    { numRuns: 60 },
  );
});
