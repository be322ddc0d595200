import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { shardHashOfTrace } from './cluster-tables.ts';
import { EngineError, type MissingShards } from '../engine.ts';
import type { Shards } from './shards.ts';
import { sqlString } from '../sql.ts';

type Settings = Readonly<Record<string, string | number>>;

export interface AwayShardsOptions {
  readonly cluster: string;
  readonly shards: Pick<Shards, 'numbers' | 'numberOfHash'>;
  /** Runs one SELECT with these settings on the server that queries are sent to. */
  readonly rows: (sql: string, settings: Settings) => Promise<unknown[][]>;
  /** While a shard is away, it is asked so often whether it answers again. */
  readonly recheckMs: number;
  readonly log: Logger;
  /** Nothing is asked any more. */
  readonly closing: AbortSignal;
}

/** A shard of which no replica can be reached is left out, without a word in the answer. */
const SKIPPING: Settings = { skip_unavailable_shards: 1 };

/**
 * What a server says that has lost another one: a timeout or an error of the connection (209, 210), a name that leads
 * nowhere (198), no replica that takes one (279), and a connection that ended in the middle of an answer (32). Then it
 * is asked whether a shard is away.
 */
const LOST_CODES: ReadonlySet<number> = new Set([32, 198, 209, 210, 279]);

/**
 * Which shards of a cluster do not answer, and queries that go on without them. The server that answers such a query
 * does not say whom it left out, so that each answer that might lack rows counts as partial.
 */
export class AwayShards {
  readonly #options: AwayShardsOptions;
  /** The numbers of those that did not answer when they were asked last. */
  #away: readonly number[] = [];
  /** Whether that question was answered. */
  #isKnown = true;
  #looking: Promise<void> = Promise.resolve();
  /** A look that has not begun yet. */
  #next: Promise<void> | null = null;
  #isWatching = false;

  constructor(options: AwayShardsOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#away.length;
  }

  /**
   * Asks with settings that the statement needs. Where a shard does not answer, `onPartial` is called before the answer
   * of the others is returned; without it the query is rejected as ever.
   */
  async answer<T>(
    ask: (settings: Settings) => Promise<T>,
    onPartial: ((missing: MissingShards) => void) | undefined,
  ): Promise<T> {
    if (onPartial === undefined) return await ask({});
    if (this.#away.length === 0) {
      try {
        return await ask({});
      } catch (error) {
        if (!isLost(error)) throw error;
      }
      // A server that hangs takes its time to be given up: not one after the other.
      const [without] = await Promise.all([this.#askWithout(ask), this.#look()]);
      // A connection was lost, and all shards answer.
      if (this.#isKnown && this.#away.length === 0) return await ask({});
      onPartial(this.#missing());
      return without;
    }
    const missing = this.#missing();
    const answer = await this.#askWithout(ask);
    onPartial(missing);
    return answer;
  }

  /** A server is left out that cannot be reached, but not one that is lost in the middle of its answer. */
  async #askWithout<T>(ask: (settings: Settings) => Promise<T>): Promise<T> {
    try {
      return await ask(SKIPPING);
    } catch (error) {
      if (!isLost(error)) throw error;
      return await ask(SKIPPING);
    }
  }

  #missing(): MissingShards {
    return {
      missingShards: Math.max(1, this.#away.length),
      shards: this.#options.shards.numbers.length,
      lacksTrace: async (traceId) => {
        // Another one may have gone since, and have been left out as well.
        await this.#look();
        const number = this.#options.shards.numberOfHash(shardHashOfTrace(Buffer.from(traceId, 'hex'), 0));
        return !this.#isKnown || (number !== undefined && this.#away.includes(number));
      },
    };
  }

  /** Resolves when each shard has been asked since the call. Never rejects. */
  #look(): Promise<void> {
    this.#next ??= this.#looking.then(() => {
      this.#next = null;
      this.#looking = this.#askEach();
      return this.#looking;
    });
    return this.#next;
  }

  async #askEach(): Promise<void> {
    const { cluster, shards, rows, log } = this.#options;
    // Each shard by the replica that a query would read, which says whose it is.
    const sql = `SELECT DISTINCT toUInt32(shard_num) FROM cluster(\`${cluster}\`, system, clusters)
WHERE cluster = ${sqlString(cluster)} AND is_local = 1`;
    try {
      const present = new Set((await rows(sql, SKIPPING)).map(([number]) => Number(number)));
      const away = shards.numbers.filter((number) => !present.has(number));
      if (away.length > 0 && this.#away.length === 0) log.warn({ shards: away }, 'shards away; answering without them');
      if (away.length === 0 && this.#away.length > 0) log.info('all shards answer again');
      this.#away = away;
      this.#isKnown = true;
    } catch (error) {
      this.#isKnown = false;
      log.debug({ err: error }, 'could not find out which shards answer');
    }
    if (this.#away.length > 0 && !this.#isWatching) void this.#watch();
  }

  /** No query pays for finding out that a shard is still away, and none goes without one for long that is back. */
  async #watch(): Promise<void> {
    const { recheckMs, closing: signal } = this.#options;
    this.#isWatching = true;
    while (this.#away.length > 0 && !signal.aborted) {
      await delay(recheckMs, undefined, { signal, ref: false }).catch(() => {});
      if (!signal.aborted) await this.#look();
    }
    this.#isWatching = false;
  }
}

function isLost(error: unknown): boolean {
  return error instanceof EngineError && LOST_CODES.has(error.clickhouseCode);
}
