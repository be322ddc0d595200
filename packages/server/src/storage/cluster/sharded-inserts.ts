import { readFile } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import type { ClickHouseHttp, HttpStatement } from './clickhouse-http.ts';
import { shardHashOfTrace } from './cluster-tables.ts';
import type { Shards } from './shards.ts';
import { splitNative } from './split-native.ts';
import { SplitError } from './native-cursor.ts';
import { UnreachableError } from './unreachable-error.ts';

export interface ShardedInsertsOptions {
  readonly shards: Shards;
  readonly servers: readonly ClickHouseHttp[];
  /** Asks what the server is, if that is not known. Rejects where it cannot be used. */
  readonly admit: (server: ClickHouseHttp) => Promise<void>;
  /** Whether the table has no `LowCardinality` in arrays. */
  readonly isPlain: () => boolean;
  /** What runs on a server of the shard, given the token of its part. */
  readonly statement: (token: string) => HttpStatement;
}

/**
 * Inserts a file of spans, each span into its shard: for half of what it costs a server to part it, and each shard
 * knows by a token of its own whether it has its part. A part that was not answered goes to the next replica of the
 * shard, which knows the token as well.
 */
export class ShardedInserts {
  readonly #options: ShardedInsertsOptions;

  constructor(options: ShardedInsertsOptions) {
    this.#options = options;
  }

  /** The servers of each shard that we know; null where a shard has none. */
  async replicas(): Promise<readonly (readonly ClickHouseHttp[])[] | null> {
    const { servers, admit, shards } = this.#options;
    await Promise.allSettled(servers.map(admit));
    const replicas = Array.from({ length: shards.count }, (_, index) => shards.serversOf(index, servers));
    return replicas.length === 0 || replicas.some(({ length }) => length === 0) ? null : replicas;
  }

  /**
   * False, and nothing is done, where a shard has no server that we know, or the file cannot be split: the server that
   * gets it whole says then what is wrong with it.
   */
  async insert(path: string, token: string): Promise<boolean> {
    const replicas = await this.replicas();
    if (replicas === null) return false;
    const count = replicas.length;
    const parts = await this.#partsOf(path, count).catch((error: unknown) => {
      if (error instanceof SplitError) return null;
      throw error;
    });
    if (parts === null) return false;
    // What is stored of one shard stays: a repeat is told from it by the token.
    const ended = await Promise.allSettled(
      parts.map(async (data, index) => {
        if (data.length > 0) await this.#insert(replicas[index] ?? [], data, `${token}-${index + 1}of${count}`);
      }),
    );
    for (const outcome of ended) if (outcome.status === 'rejected') throw outcome.reason;
    return true;
  }

  async #partsOf(path: string, count: number): Promise<Buffer[][]> {
    const { shards, isPlain } = this.#options;
    const parts: Buffer[][] = Array.from({ length: count }, () => []);
    const shardOf = (bytes: Uint8Array, offset: number): number => shards.indexOf(shardHashOfTrace(bytes, offset));
    for (const block of splitNative(await readFile(path), {
      shards: count,
      by: 'trace_id',
      shardOf,
      isPlain: isPlain(),
    })) {
      block.forEach((part, index) => part !== null && parts[index]?.push(part));
      await setImmediate();
    }
    return parts;
  }

  async #insert(replicas: readonly ClickHouseHttp[], data: readonly Buffer[], token: string): Promise<void> {
    let last: unknown;
    for (const server of replicas) {
      try {
        await this.#options.admit(server);
        await server.run({ ...this.#options.statement(token), data });
        return;
      } catch (error) {
        last = error;
        if (!(error instanceof UnreachableError)) throw error;
      }
    }
    throw last;
  }
}
