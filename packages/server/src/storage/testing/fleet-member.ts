import { Registry } from 'prom-client';
import { Jobs } from '../../jobs/jobs.ts';
import { RollupJob } from '../rollups/rollup-job.ts';
import { SpanVisibility } from '../span-visibility.ts';
import { ROLLUP_AUDITS } from './rollup-audit.ts';
import { silentLog as log, type StartedEngine } from './start-engine.ts';

const still = (): Promise<void> => Promise.resolve();

const SPANS = 5;

/** What the collectors of a store share besides its tables: who is alive, and up to where each says to have stored. */
export class World {
  arrival = 1_000;
  readonly published = new Map<number, number>();
  leader = 0;
  leaseTerm = 1;
}

/** A collector without its spool and its network: what it does is done at once, and in any order with the others. */
export class FleetMember {
  readonly id: number;
  readonly #world: World;
  readonly #store: StartedEngine;
  readonly engine: StartedEngine['engine'];
  readonly job: RollupJob;
  readonly registry = new Registry();
  /** Arrivals of the segments that are acknowledged and not stored. */
  readonly #unstored: number[] = [];
  readonly #stored: number[] = [];
  term: number | null = null;
  publishedUntil = 0;
  #joins = 0;
  isBusy = false;

  /** `between`: what happens before each statement of the job. */
  constructor(store: StartedEngine, id: number, world: World, between: (sql: string) => Promise<void> = still) {
    this.id = id;
    this.#world = world;
    this.#store = store;
    this.engine = store.engine;
    this.job = new RollupJob({
      engine: {
        tables: store.engine.tables,
        query: async (...asked) => {
          await between(asked[0]);
          return await store.engine.query(...asked);
        },
        command: async (...given) => {
          await between(given[0]);
          await store.engine.command(...given);
        },
      },
      visibility: new SpanVisibility(),
      log,
      registry: this.registry,
      jobs: new Jobs({ log, registry: new Registry() }),
      firstUnstored: () => null,
      lastArrival: () => 0,
      term: () => (world.leader === id && this.term !== null ? world.leaseTerm : null),
      fleet: this,
    });
  }

  #looks = 0;
  /** Called with the number of each look at the others; where it throws, the look fails. */
  onLook: (number: number) => void = () => {};

  async storedUntil(): Promise<number> {
    this.onLook(++this.#looks);
    const others = [...this.#world.published].filter(([id]) => id !== this.id).map(([, until]) => until);
    const own = this.#own();
    this.publishedUntil = Math.max(this.publishedUntil, own);
    return await Promise.resolve(Math.min(own, ...others));
  }

  /** What its metrics say of spans that are not counted. */
  async waitingSpans(): Promise<number> {
    const metrics = await this.registry.metrics();
    return Number(/^throughline_rollup_waiting_spans (\d+)$/m.exec(metrics)?.[1]);
  }

  /** As `ArrivalClock.pass`. */
  #own(): number {
    return this.#unstored.length > 0 ? Math.min(...this.#unstored) - 1 : ++this.#world.arrival;
  }

  renew(): Promise<void> {
    this.say();
    return Promise.resolve();
  }

  /** A sign of life. */
  say(): void {
    if (this.term === null) this.term = ++this.#joins;
    const own = this.#own();
    this.publishedUntil = Math.max(this.publishedUntil, own);
    this.#world.published.set(this.id, own);
  }

  expire(): void {
    this.term = null;
    this.#world.published.delete(this.id);
  }

  /** A segment with a given arrival. */
  acceptAt(arrival: number): void {
    this.#unstored.push(arrival);
  }

  startAfter(arrival: number): void {
    this.#world.arrival = Math.max(this.#world.arrival, arrival);
  }

  accept(): void {
    this.#unstored.push(++this.#world.arrival);
  }

  /** A segment that had been set aside, or was never let go: it is stored again, with a new set of spans. */
  handBack(): void {
    const arrival = this.#stored.shift();
    if (arrival !== undefined) this.#unstored.unshift(arrival);
  }

  /** Called when a segment has been noted, before it is stored. */
  beforeSpans: () => Promise<void> = still;

  /** As the loader does it. */
  async store(): Promise<void> {
    const [arrival] = this.#unstored;
    if (arrival === undefined || this.isBusy) return;
    this.isBusy = true;
    try {
      for (;;) {
        if (this.term === null) this.say();
        await this.job.noteLate({ first: arrival, last: arrival });
        const { term } = this;
        if (term === null) continue;
        await this.beforeSpans();
        await storeSpans(this.#store, arrival);
        if (this.term === term) break;
        // In doubt, though it is all there.
        this.say();
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
async function storeSpans(store: StartedEngine, arrival: number): Promise<void> {
  spans += SPANS;
  await store.engine.command(`INSERT INTO throughline.spans
  (arrival, trace_id, span_id, parent_span_id, service, name, kind, status_code, flags, start_s, start_ns, duration_ns, attrs_k, attrs_v, attrs_t)
SELECT ${arrival}, toFixedString(unhex(leftPad(hex(intDiv(number + ${spans}, 5)), 32, '0')), 16), toFixedString(unhex(leftPad(hex(number + ${spans}), 16, '0')), 8),
  toFixedString(unhex(leftPad(hex(number % 2), 16, '0')), 8), concat('service-', toString(number % 2)), 'operation', 2, number % 3, 1,
  toDateTime(1795039200 + ${arrival % 3} * 3600, 'UTC') AS s, toInt64(toUnixTimestamp(s)) * 1000000000 + number, 1000 * number, ['k'], [toString(number)], [1]
FROM numbers(${SPANS})`);
}

/** The derived tables that do not hold what the spans say. */
export async function wrongTables(store: StartedEngine): Promise<string[]> {
  const wrong: string[] = [];
  for (const { name, table, spans: said } of ROLLUP_AUDITS) {
    if (JSON.stringify(await store.rows(table)) !== JSON.stringify(await store.rows(said))) wrong.push(name);
  }
  return wrong;
}
