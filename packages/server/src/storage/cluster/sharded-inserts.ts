import { open } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import type { ClickHouseHttp, HttpStatement } from './clickhouse-http.ts';
import { shardHashOfTrace } from './cluster-tables.ts';
import { EngineError } from '../engine.ts';
import { isLoginError } from './login-error.ts';
import { DOWN_RANK } from './node-health.ts';
import { SegmentMemory, type TakeMemory } from './segment-memory.ts';
import type { Shards } from './shards.ts';
import { splitNative } from './split-native.ts';
import { SplitError } from './native-cursor.ts';
import { UnreachableError } from './unreachable-error.ts';

export interface ShardedInsertsOptions {
  readonly shards: Shards;
  readonly servers: readonly ClickHouseHttp[];
  /** Asks what the server is, if that is not known. Rejects where it cannot be used. */
  readonly admit: (server: ClickHouseHttp) => Promise<void>;
  /** Where a server stands among those of its shard: the lowest is asked first, and one that is down not at all. */
  readonly rank: (server: ClickHouseHttp) => number;
  /** The server did not answer, rejects the login, or is another store. */
  readonly noteFailed: (server: ClickHouseHttp, error: unknown) => void;
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
  readonly #asking = new Map<ClickHouseHttp, Promise<void>>();
  /** Of segments that wait for a shard, by token and number of shards: which of these, by index, have their parts. */
  readonly #taken = new Map<string, Set<number>>();
  readonly #memory = new SegmentMemory();

  constructor(options: ShardedInsertsOptions) {
    this.#options = options;
  }

  /**
   * The servers of each shard. Waits for servers that have never answered only where a shard may be theirs. Rejects as
   * `unavailable` while that is not known, and as `rejected` where the URLs name no server of a shard: through another
   * shard's server a repeat of an insert would not be known again.
   */
  async replicas(): Promise<readonly (readonly ClickHouseHttp[])[]> {
    const asked = this.#options.servers.map((server) => this.#ask(server));
    let replicas = this.#knownReplicas();
    if (replicas === undefined) await Promise.all(asked);
    replicas ??= this.#knownReplicas();
    if (replicas !== undefined) return replicas;
    const unknown = this.#options.servers.filter((server) => !this.#options.shards.isKnown(server));
    if (unknown.length === 0) {
      const message = 'a shard of the cluster has no server in --store: name at least one server of each shard';
      throw new EngineError('rejected', message);
    }
    const origins = unknown.map(({ origin }) => origin).join(', ');
    const message = `${origins} did not say yet which shard it has; spans wait for that`;
    throw new EngineError('unavailable', message, { isUnseen: true });
  }

  #knownReplicas(): readonly (readonly ClickHouseHttp[])[] | undefined {
    const { servers, shards } = this.#options;
    const replicas = Array.from({ length: shards.count }, (_, index) => shards.serversOf(index, servers));
    return replicas.length > 0 && replicas.every(({ length }) => length > 0) ? replicas : undefined;
  }

  /** Never rejects; one question at a time, however many segments wait. */
  async #ask(server: ClickHouseHttp): Promise<void> {
    if (this.#options.shards.isPresent(server)) return;
    const asking = this.#asking.get(server) ?? this.#options.admit(server).catch(() => {});
    this.#asking.set(server, asking);
    await asking;
    this.#asking.delete(server);
  }

  /**
   * False, and nothing is done, where the file cannot be split: the server that gets it whole says then what is wrong
   * with it.
   */
  async insert(path: string, token: string): Promise<boolean> {
    const replicas = await this.replicas();
    return await this.#memory.lend((take) => this.#insertParts(replicas, { path, token, take }));
  }

  async #insertParts(
    replicas: readonly (readonly ClickHouseHttp[])[],
    { path, token, take }: { readonly path: string; readonly token: string; readonly take: TakeMemory },
  ): Promise<boolean> {
    const count = replicas.length;
    const parts = await this.#partsOf(path, count, take).catch((error: unknown) => {
      if (error instanceof SplitError) return null;
      throw error;
    });
    if (parts === null) return false;
    // What is stored of one shard stays: a repeat is told from it by the token, and not sent there again.
    const name = `${token}-of${count}`;
    const taken = this.#taken.get(name) ?? new Set<number>();
    const ended = await Promise.allSettled(
      parts.map(async (data, index) => {
        if (data.length === 0 || taken.has(index)) return;
        await this.#insert(replicas[index] ?? [], data, `${token}-${index + 1}of${count}`);
        taken.add(index);
      }),
    );
    const failed = ended.flatMap((outcome, index) =>
      outcome.status === 'rejected' ? [{ index, reason: outcome.reason as unknown }] : [],
    );
    this.#taken.delete(name);
    const [first] = failed;
    if (first === undefined) return true;
    this.#taken.set(name, taken);
    const refused = failed.find(({ reason }) => !isAway(reason));
    if (refused !== undefined) throw refused.reason;
    // Where every shard fails, so will what comes behind this segment.
    if (failed.length === count) throw first.reason;
    const message = first.reason instanceof Error ? first.reason.message : String(first.reason);
    const numbers = failed.map(({ index }) => this.#options.shards.numbers[index]).join(', ');
    throw new EngineError('unavailable', message, { cause: first.reason, waitsFor: `shard ${numbers}` });
  }

  async #partsOf(path: string, count: number, take: TakeMemory): Promise<Buffer[][]> {
    const { shards, isPlain } = this.#options;
    const parts: Buffer[][] = Array.from({ length: count }, () => []);
    const shardOf = (bytes: Uint8Array, offset: number): number => shards.indexOf(shardHashOfTrace(bytes, offset));
    for (const block of splitNative(await readInto(take, path), {
      shards: count,
      by: 'trace_id',
      shardOf,
      isPlain: isPlain(),
      take,
    })) {
      block.forEach((part, index) => part !== null && parts[index]?.push(part));
      await setImmediate();
    }
    return parts;
  }

  async #insert(replicas: readonly ClickHouseHttp[], data: readonly Buffer[], token: string): Promise<void> {
    const { rank, admit, noteFailed, statement } = this.#options;
    if (replicas.every((server) => rank(server) >= DOWN_RANK)) {
      // The next check tells when one responds: until then one that hangs would hold up what others could take.
      const origins = replicas.map(({ origin }) => origin).join(', ');
      throw new EngineError('unavailable', `no server of the shard responds (${origins})`, { isUnseen: true });
    }
    let last: unknown;
    for (const server of replicas.toSorted((a, b) => rank(a) - rank(b))) {
      try {
        await admit(server);
        await server.run({ ...statement(token), isKnownByReplicas: true, data });
        return;
      } catch (error) {
        last = error;
        this.#memory.abandon();
        if (error instanceof UnreachableError || isLoginError(error)) noteFailed(server, error);
        // A full disk, or no session with Keeper, may be this server's alone.
        else if (!(error instanceof EngineError) || error.code !== 'unavailable') throw error;
      }
    }
    throw last;
  }
}

/** The shard, and not what it was sent. */
function isAway(reason: unknown): boolean {
  return reason instanceof EngineError && (reason.code === 'unavailable' || reason.code === 'timeout');
}

async function readInto(take: TakeMemory, path: string): Promise<Buffer> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const bytes = take(size);
    let length = 0;
    while (length < size) {
      const { bytesRead } = await file.read(bytes, length, size - length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return bytes.subarray(0, length);
  } finally {
    await file.close();
  }
}
