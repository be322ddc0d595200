import type { Logger } from 'pino';
import type { ClickHouseHttp } from './clickhouse-http.ts';
import { UnreachableError } from './unreachable-error.ts';
import { EngineError, type Engine } from '../engine.ts';
import { ensureStoreId, findStoreId, type NotedId } from '../store-id.ts';

export interface StoreCheckOptions {
  /** The store that the data directory is used with. */
  readonly noted: NotedId;
  /** Whether acknowledged spans wait in the data directory: they belong into the store that it was used with. */
  readonly hasBacklog: boolean;
  readonly log: Logger;
}

/** A server that answers, but is another store than the one that is meant. */
export class OtherStoreError extends UnreachableError {
  constructor(message: string) {
    super(message, true);
  }
}

/** Sees to it that spans go into the store that they belong into, whichever server answers. */
export class StoreCheck {
  readonly #options: StoreCheckOptions;
  #expected: string | null;
  readonly #admitted = new Set<ClickHouseHttp>();
  readonly #others = new Map<ClickHouseHttp, string>();

  constructor(options: StoreCheckOptions) {
    this.#options = options;
    this.#expected = options.noted.id;
  }

  /** Rejects with `OtherStoreError` where the server is another store. It is checked once, and again after `forget`. */
  async admit(server: ClickHouseHttp, engine: Pick<Engine, 'query' | 'tables'>): Promise<void> {
    if (!this.#admitted.has(server)) await this.recheck(server, engine);
  }

  /**
   * The same for a server that may have been replaced since it was admitted. It stays so where it cannot say its store
   * now, which takes more than to respond.
   */
  async recheck(server: ClickHouseHttp, engine: Pick<Engine, 'query' | 'tables'>): Promise<void> {
    if (this.#expected === null) return;
    const found = await findStoreId(engine);
    if (found === this.#expected) {
      this.#admitted.add(server);
      this.#others.delete(server);
      return;
    }
    const shown = found === null ? 'has no store id' : `is the store ${found}`;
    const message = `${server.origin} ${shown}, but this collector stores into ${this.#expected}; not using it`;
    if (this.#others.get(server) !== message) {
      const added = found === null ? '; one that was added to the cluster gets them by "throughline schema apply"' : '';
      this.#options.log.error(`${message}; all URLs in --store must serve the same tables${added}`);
    }
    this.#others.set(server, message);
    this.#admitted.delete(server);
    throw new OtherStoreError(message);
  }

  /** The server did not answer: what answers next may be another one. */
  forget(server: ClickHouseHttp): void {
    this.#admitted.delete(server);
    this.#others.delete(server);
  }

  /**
   * Call it at the start, when no server was admitted: throws `EngineError` (`rejected`) where all of them answer and
   * none is the store that waiting spans belong into. Without such spans, the next one that answers becomes the store.
   */
  acceptOtherStore(servers: readonly ClickHouseHttp[]): void {
    if (!servers.every((server) => this.#others.has(server))) return;
    const { noted, hasBacklog, log } = this.#options;
    if (hasBacklog) throw otherStore(noted, [...this.#others.values()].join('; '));
    log.warn(
      { before: this.#expected },
      'the data directory was used with another store before; its spool holds nothing for that store',
    );
    this.#expected = null;
    this.#others.clear();
  }

  /** Gives the store an id where it has none, and notes it. Call it under the store's lease. */
  async settle(engine: Pick<Engine, 'query' | 'command' | 'tables'>): Promise<void> {
    this.#expected = await ensureStoreId(engine);
    this.#options.noted.note(this.#expected);
  }
}

/** The same for a store that has one server, the embedded one, once it is open. */
export async function settleStore(
  engine: Pick<Engine, 'query' | 'command' | 'tables'>,
  { noted, hasBacklog, log }: StoreCheckOptions,
): Promise<void> {
  const before = noted.id;
  const found = await findStoreId(engine);
  // One that has none is in this very directory: a power failure has taken its id, or somebody has moved the store
  // away.
  if (before !== null && found !== null && found !== before) {
    if (hasBacklog)
      throw otherStore(noted, `the embedded store is the store ${found}, and this collector stores into ${before}`);
    log.warn(
      { before },
      'the data directory was used with another store before; its spool holds nothing for that store',
    );
  }
  noted.note(found ?? (await ensureStoreId(engine, before ?? undefined)));
}

function otherStore(noted: NotedId, what: string): EngineError {
  return new EngineError(
    'rejected',
    `spans in the spool belong to another store: ${what}; set --store to that store, or remove ${noted.path} to load them into this one`,
  );
}
