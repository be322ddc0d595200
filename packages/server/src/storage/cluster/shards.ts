import type { ClickHouseHttp } from './clickhouse-http.ts';
import { rowsOf } from '../rows-of.ts';
import type { Engine } from '../engine.ts';
import { sqlString } from '../sql.ts';

/** A shard as `system.clusters` has it. */
interface Shard {
  readonly number: number;
  readonly weight: number;
}

const TIMEOUT_MS = 10_000;

/** Which of the servers that we know has the rows of which shard of a cluster. */
export class Shards {
  readonly #cluster: string;
  #shards: readonly Shard[] = [];
  /**
   * By server: the number of its shard, or null where it is of none. It stays known while the server is away: what is
   * inserted must go the same way again.
   */
  readonly #shardOf = new Map<ClickHouseHttp, number | null>();
  /** Those that did not answer since they were asked. */
  readonly #away = new Set<ClickHouseHttp>();
  /** The shard, as an index, of each remainder of a hash by the sum of the weights. */
  #slots: readonly number[] = [];

  constructor(cluster: string) {
    this.#cluster = cluster;
  }

  get count(): number {
    return this.#shards.length;
  }

  /** Asks a server for the shards, and for its own. Rejects with `EngineError`. */
  async ask(server: ClickHouseHttp, engine: Pick<Engine, 'query'>): Promise<void> {
    if (this.isPresent(server)) return;
    const rows = await rowsOf(
      engine,
      `SELECT toUInt32(shard_num), toUInt32(any(shard_weight)), toUInt32(max(is_local)) FROM system.clusters
WHERE cluster = ${sqlString(this.#cluster)} GROUP BY shard_num ORDER BY shard_num`,
      TIMEOUT_MS,
    );
    const numbers = rows.map((row) => row.map(Number) as [number: number, weight: number, isLocal: number]);
    this.#shards = numbers.map(([number, weight]) => ({ number, weight }));
    this.#slots = this.#shards.flatMap(({ weight }, index) => Array.from({ length: weight }, () => index));
    this.#shardOf.set(server, numbers.find(([, , isLocal]) => isLocal === 1)?.[0] ?? null);
    this.#away.delete(server);
  }

  /** The numbers of the shards, in the order of their indexes. */
  get numbers(): readonly number[] {
    return this.#shards.map(({ number }) => number);
  }

  /** The number of a server's shard; null where it is of none, or has not said it yet. */
  numberOf(server: ClickHouseHttp): number | null {
    return this.#shardOf.get(server) ?? null;
  }

  /** The server did not answer: it is asked again before it is used, and behind others. */
  noteAway(server: ClickHouseHttp): void {
    this.#away.add(server);
  }

  /** Whether it has answered since it was last away. */
  isPresent(server: ClickHouseHttp): boolean {
    return this.#shardOf.has(server) && !this.#away.has(server);
  }

  /** Whether it has ever said which shard it is of. */
  isKnown(server: ClickHouseHttp): boolean {
    return this.#shardOf.has(server);
  }

  /** The number of the shard that a hash belongs to; undefined where no shard takes rows. */
  numberOfHash(hash: number): number | undefined {
    return this.#shards[this.indexOf(hash)]?.number;
  }

  /** The index of the shard that a hash belongs to, as `Distributed` finds it; -1 where no shard takes rows. */
  indexOf(hash: number): number {
    return this.#slots[hash % this.#slots.length] ?? -1;
  }

  /** Those of a shard, by its index; behind the others those that are away. */
  serversOf(index: number, servers: readonly ClickHouseHttp[]): readonly ClickHouseHttp[] {
    const number = this.#shards[index]?.number;
    const ofShard = servers.filter((server) => this.#shardOf.get(server) === number);
    return [true, false].flatMap((isPresent) => ofShard.filter((server) => this.isPresent(server) === isPresent));
  }
}
