import { setTimeout as delay } from 'node:timers/promises';
import type { ClickHouseHttp } from './clickhouse-http.ts';
import type { ClusterLimits } from './cluster-limits.ts';
import { EngineError } from '../engine.ts';
import { isLoginError } from './login-error.ts';
import type { NodeHealth } from './node-health.ts';
import { OtherStoreError } from './store-check.ts';
import { IN_DATABASE } from '../tables.ts';

export interface NodeChecksOptions {
  readonly health: ReadonlyMap<ClickHouseHttp, NodeHealth>;
  readonly limits: Pick<ClusterLimits, 'pingIntervalMs' | 'pingTimeoutMs' | 'clockOffsetMsMax'>;
  readonly signal: AbortSignal;
  /** Whether the tables are replicated. */
  readonly isReplicated: boolean;
  /** Asks a server that responds what it is. Rejects with `OtherStoreError` where it must not be used. */
  readonly admit: (server: ClickHouseHttp) => Promise<void>;
  /** A check has ended; `isSilent` where the server did not respond to it at all. */
  readonly onChecked: (server: ClickHouseHttp, isSilent: boolean) => void;
  /** Reads files that may have changed, before each check. */
  readonly lookAtFiles: () => Promise<void>;
  /** 0 to 1, for the jitter. */
  readonly random?: () => number;
}

/** Collectors of a fleet must not ask a server in step. */
const JITTER = 0.1;

/** A timer that is so much late says that it was we who stood still. */
const LATE_MS = 1_000;

const PING = 'SELECT toUInt32(now()), version() FORMAT TabSeparated';

const REPLICA = "SELECT any(substitution) FROM system.macros WHERE macro = 'replica' FORMAT TabSeparated";

/**
 * Of replicas alone, and of what a server knows without Keeper: it must answer while Keeper is away.
 * @see https://clickhouse.com/docs/operations/system-tables/replicas
 */
const READ_ONLY = `SELECT toUInt32(count()), toUInt32(max(is_session_expired)) FROM system.replicas WHERE ${IN_DATABASE} AND is_readonly = 1 FORMAT CSV`;

/** Asks each server from time to time how it is, for itself: one that hangs holds up no other check. */
export class NodeChecks {
  readonly #options: NodeChecksOptions;

  constructor(options: NodeChecksOptions) {
    this.#options = options;
  }

  /** Returns at once; the checks end with the signal. */
  start(): void {
    for (const [server, health] of this.#options.health) void this.#repeat(server, health);
  }

  /** Never rejects. */
  async #repeat(server: ClickHouseHttp, health: NodeHealth): Promise<void> {
    const { signal, limits, lookAtFiles, random = Math.random } = this.#options;
    while (!signal.aborted) {
      await lookAtFiles();
      await this.#check(server, health);
      const pauseMs = limits.pingIntervalMs * (1 + JITTER * (2 * random() - 1));
      await delay(pauseMs, undefined, { signal, ref: false }).catch(() => {});
    }
  }

  async #check(server: ClickHouseHttp, health: NodeHealth): Promise<void> {
    const { signal, admit, onChecked, isReplicated } = this.#options;
    const { pingTimeoutMs } = this.#options.limits;
    let isSilent = false;
    try {
      await this.#ping(server, health);
      await admit(server);
      health.noteUp();
      if (isReplicated) {
        health.replica ??= await ask(server, REPLICA, pingTimeoutMs).catch(() => null);
        await this.#askReplicas(server, health);
      }
    } catch (error) {
      if (signal.aborted || error instanceof StoodStillError) return;
      if (error instanceof OtherStoreError) {
        health.noteDown(error, 'store_node_other_store');
      } else {
        health.noteDown(error);
        isSilent = error instanceof EngineError && error.clickhouseCode === 0 && !isLoginError(error);
      }
    }
    onChecked(server, isSilent);
  }

  /** Rejects where the server does not respond in time. */
  async #ping(server: ClickHouseHttp, health: NodeHealth): Promise<void> {
    const { pingTimeoutMs, clockOffsetMsMax } = this.#options.limits;
    const begin = performance.now();
    const sentMs = Date.now();
    let answer: string;
    try {
      answer = await ask(server, PING, pingTimeoutMs);
    } catch (error) {
      if (performance.now() - begin > pingTimeoutMs + LATE_MS) throw new StoodStillError();
      throw error;
    }
    const tookMs = performance.now() - begin;
    // What the server says it was at some moment in between, and at some part of the second.
    const [now = '', version = ''] = answer.split('\t');
    if (!/^\d+$/.test(now)) return;
    if (version !== '') health.version = version;
    const aheadMs = Number(now) * 1_000 + 500 - (sentMs + tookMs / 2);
    health.noteOffset(aheadMs / 1_000);
    const isApart = Math.abs(aheadMs) - 500 - tookMs / 2 > clockOffsetMsMax;
    const seconds = Math.round(Math.abs(aheadMs) / 1_000);
    const way = aheadMs > 0 ? 'ahead of' : 'behind';
    const message = `the clock of ${server.node} is ${seconds} s ${way} the collector's; synchronize both machines with a time server`;
    health.note('store_node_clock', isApart ? message : null);
  }

  /** What a server does not say of its replicas is no reason not to use it. */
  async #askReplicas(server: ClickHouseHttp, health: NodeHealth): Promise<void> {
    const answer = await ask(server, READ_ONLY, this.#options.limits.pingTimeoutMs).catch(() => null);
    if (answer === null) return;
    const [tables = 0, expired = 0] = answer.split(',').map(Number);
    const why = expired === 1 ? 'its session with Keeper has expired' : 'it has no session with Keeper';
    const message = `${server.node} has ${tables} of our tables read-only, because ${why}; check Keeper, and the network between them`;
    health.note('store_node_read_only', tables > 0 ? message : null);
  }
}

async function ask(server: ClickHouseHttp, sql: string, timeoutMs: number): Promise<string> {
  const bytes = await server.run({ sql, settings: {}, isRepeatable: true, timeoutMs });
  return Buffer.from(bytes).toString('utf8').trim();
}

/** The collector was stopped, or busy: its timers say nothing about a server. */
class StoodStillError extends Error {}
