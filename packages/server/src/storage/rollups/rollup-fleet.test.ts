import { Registry } from 'prom-client';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Jobs } from '../../jobs/jobs.ts';
import { FleetVisibility } from './fleet-visibility.ts';
import { SpanVisibility } from '../span-visibility.ts';
import { ROLLUP_AUDITS } from '../testing/rollup-audit.ts';
import { emptyStore } from '../testing/new-store.ts';
import { silentLog as log, startEngine, type StartedEngine } from '../testing/start-engine.ts';
import { RollupJob } from './rollup-job.ts';

const isLong = process.env['THROUGHLINE_TEST_LONG'] !== undefined;

let store: StartedEngine;
beforeAll(async () => void (store = await startEngine()));
afterAll(() => store[Symbol.asyncDispose]());

const COLLECTORS = 3;
const SPANS = 5;

/** What the collectors of a store share besides its tables: who is alive, and up to where each says to have stored. */
class World {
  arrival = 1_000;
  readonly published = new Map<number, number>();
  leader = 0;
  leaseTerm = 1;
}

/** A collector without its spool and its network: what it does is done at once, and in any order with the others. */
class Collector {
  readonly id: number;
  readonly #world: World;
  readonly job: RollupJob;
  /** Arrivals of the segments that are acknowledged and not stored. */
  readonly #unstored: number[] = [];
  readonly #stored: number[] = [];
  term: number | null = null;
  publishedUntil = 0;
  #joins = 0;
  isBusy = false;

  constructor(id: number, world: World, between: () => Promise<void>) {
    this.id = id;
    this.#world = world;
    this.job = new RollupJob({
      engine: {
        tables: store.engine.tables,
        query: async (...asked) => {
          await between();
          return await store.engine.query(...asked);
        },
        command: async (...given) => {
          await between();
          await store.engine.command(...given);
        },
      },
      visibility: new SpanVisibility(),
      log,
      registry: new Registry(),
      jobs: new Jobs({ log, registry: new Registry() }),
      firstUnstored: () => null,
      lastArrival: () => 0,
      term: () => (world.leader === id && this.term !== null ? world.leaseTerm : null),
      fleet: this,
    });
  }

  readonly engine = store.engine;

  storedUntil(): Promise<number> {
    const others = [...this.#world.published].filter(([id]) => id !== this.id).map(([, until]) => until);
    return Promise.resolve(Math.min(this.#own(), ...others));
  }

  /** As `ArrivalClock.pass`. */
  #own(): number {
    return this.#unstored.length > 0 ? Math.min(...this.#unstored) - 1 : ++this.#world.arrival;
  }

  startAfter(arrival: number): void {
    this.#world.arrival = Math.max(this.#world.arrival, arrival);
  }

  renew(): void {
    if (this.term === null) this.term = ++this.#joins;
    this.publishedUntil = Math.max(this.publishedUntil, this.#own());
    this.#world.published.set(this.id, this.publishedUntil);
  }

  expire(): void {
    this.term = null;
    this.#world.published.delete(this.id);
  }

  accept(): void {
    this.#unstored.push(++this.#world.arrival);
  }

  /** A segment that had been set aside, or was never let go: it is stored again, with a new set of spans. */
  handBack(): void {
    const arrival = this.#stored.shift();
    if (arrival !== undefined) this.#unstored.unshift(arrival);
  }

  /** As the loader does it. */
  async store(): Promise<void> {
    const [arrival] = this.#unstored;
    if (arrival === undefined || this.isBusy) return;
    this.isBusy = true;
    try {
      for (;;) {
        if (this.term === null) this.renew();
        await this.job.noteLate({ first: arrival, last: arrival });
        const { term } = this;
        if (term === null) continue;
        await storeSpans(arrival);
        if (this.term === term) break;
        // In doubt, though it is all there.
        this.renew();
        await this.job.noteLate({ first: arrival, last: arrival });
        break;
      }
      this.#unstored.splice(this.#unstored.indexOf(arrival), 1);
      this.#stored.push(arrival);
    } finally {
      this.isBusy = false;
    }
  }
}

let spans = 0;
async function storeSpans(arrival: number): Promise<void> {
  spans += SPANS;
  await store.engine.command(`INSERT INTO throughline.spans
  (arrival, trace_id, span_id, parent_span_id, service, name, kind, status_code, flags, start_s, start_ns, duration_ns, attrs_k, attrs_v, attrs_t)
SELECT ${arrival}, toFixedString(unhex(leftPad(hex(intDiv(number + ${spans}, 5)), 32, '0')), 16), toFixedString(unhex(leftPad(hex(number + ${spans}), 16, '0')), 8),
  toFixedString(unhex(leftPad(hex(number % 2), 16, '0')), 8), concat('service-', toString(number % 2)), 'operation', 2, number % 3, 1,
  toDateTime(1795039200 + ${arrival % 3} * 3600, 'UTC') AS s, toInt64(toUnixTimestamp(s)) * 1000000000 + number, 1000 * number, ['k'], [toString(number)], [1]
FROM numbers(${SPANS})`);
}

async function wrongTables(): Promise<string[]> {
  const wrong: string[] = [];
  for (const { name, table, spans: said } of ROLLUP_AUDITS) {
    if (JSON.stringify(await store.rows(table)) !== JSON.stringify(await store.rows(said))) wrong.push(name);
  }
  return wrong;
}

/** What may happen at any moment, to any of them. */
const action = fc.record({
  who: fc.nat(COLLECTORS - 1),
  what: fc.constantFrom('accept', 'accept', 'store', 'store', 'renew', 'expire', 'handBack', 'lead', 'count'),
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
        const collectors = Array.from({ length: COLLECTORS }, (_, id) => new Collector(id, world, between));
        const act = async ({ who, what }: Action): Promise<void> => {
          const [one, leader] = [collectors[who], collectors[world.leader]];
          if (one === undefined || leader === undefined) throw new Error('no such collector');
          if (what === 'count') {
            // Its lease and its membership go by the same clocks.
            if (leader.term !== null) await leader.job.run();
          } else if (what === 'lead') {
            world.leader = who;
            world.leaseTerm += 1;
          } else if (what === 'expire') {
            // What is on its way while a process stands still is what neither lease can hold back.
            if (one !== leader) one.expire();
          } else await one[what]();
        };
        for (const each of collectors) each.renew();
        for (const each of actions) await act(each);
        isOver = true;
        for (const each of collectors) {
          each.renew();
          for (let left = 0; left < 40; left++) await each.store();
          each.renew();
        }
        const [last] = collectors as [Collector];
        world.leader = 0;
        world.leaseTerm += 1;
        for (let runs = 0; runs < 3; runs++) {
          for (const each of collectors) each.renew();
          await last.job.run();
        }
        expect(await wrongTables()).toEqual([]);
        const visibility = new FleetVisibility(store.engine);
        await visibility.published();
        expect([visibility.uncountedRows, visibility.view().uncounted]).toEqual([0, null]);
      },
    ),
    { numRuns: isLong ? 60 : 12, seed: isLong ? Number(process.env['THROUGHLINE_TEST_SEED']) : 20261130 },
  );
}, 1_200_000);
