import type { Logger } from 'pino';
import type { HttpStatement } from './clickhouse-http.ts';
import { EngineError } from '../engine.ts';
import { isLoginError } from './login-error.ts';
import type { NodeMetrics } from './node-metrics.ts';
import type { NodeStatus, NodeTrouble, NodeTroubleCode } from '../store-node.ts';
import { wordsOf } from './words-of.ts';

/** These keep a server from being used while there is another one. */
const DOWN: readonly NodeTroubleCode[] = ['store_node_away', 'store_node_login', 'store_node_other_store'];

/** Of a server that did not respond to its last check, or must not be used. */
export const DOWN_RANK = 2;

/** ClickHouse's own for a disk that has no space left. */
const NOT_ENOUGH_SPACE = 243;

export interface NodeHealthOptions {
  /** `host:port`. */
  readonly node: string;
  readonly metrics: NodeMetrics;
  /** A server whose disk was full is tried again with one insert after it. */
  readonly diskRetryMs: number;
  /** Null where it is the only one, whose state is the store's. */
  readonly log: Logger | null;
}

/** What is known of one server. */
export class NodeHealth {
  readonly node: string;
  readonly #options: NodeHealthOptions;
  readonly #troubles = new Map<NodeTroubleCode, NodeTrouble>();
  #state: NodeStatus['state'] = 'unknown';
  #since = new Date();
  /** As it has said last; null before. */
  version: string | null = null;
  replica: string | null = null;
  /** Of `performance.now()`; null while its disk is not known to be full. */
  #diskFullAt: number | null = null;

  constructor(options: NodeHealthOptions) {
    this.#options = options;
    this.node = options.node;
  }

  get state(): NodeStatus['state'] {
    return this.#state;
  }

  get since(): Date {
    return this.#since;
  }

  /** Those that keep it from being used first. */
  get troubles(): readonly NodeTrouble[] {
    return [...this.#troubles.values()].toSorted(
      (a, b) => Number(DOWN.includes(b.code)) - Number(DOWN.includes(a.code)),
    );
  }

  /** Where it stands among servers that hold the same: the lowest is asked first. */
  get rank(): number {
    if (this.#state === 'down') return DOWN_RANK;
    return this.#troubles.has('store_node_read_only') ? 1 : 0;
  }

  /** The same for inserts. One whose disk was full comes first once: only an insert shows that it has space again. */
  get insertRank(): number {
    if (this.#diskFullAt === null || this.rank > 0) return this.rank;
    return performance.now() - this.#diskFullAt > this.#options.diskRetryMs ? -1 : 1;
  }

  /** It has answered as it should. */
  noteUp(): void {
    for (const code of DOWN) this.#troubles.delete(code);
    this.#becomes('up');
  }

  /** It did not answer, or said that we may not use it. */
  noteDown(error: unknown, code: NodeTroubleCode = codeOf(error)): void {
    if (code === 'store_node_disk_full') this.#diskFullAt = performance.now();
    for (const other of DOWN) if (other !== code) this.#troubles.delete(other);
    this.note(code, wordsOf(error));
    this.#becomes('down');
  }

  /** `message` is null where it is not so any more. */
  note(code: NodeTroubleCode, message: string | null): void {
    const before = this.#troubles.get(code);
    if (message === null) {
      if (this.#troubles.delete(code))
        this.#options.log?.info({ node: this.node, code }, 'passed on a ClickHouse server');
      return;
    }
    this.#troubles.set(code, { code, message, since: before?.since ?? new Date() });
    // Another store is in the log already.
    if (before !== undefined || code === 'store_node_other_store') return;
    this.#options.log?.warn({ node: this.node, code }, message);
  }

  noteOffset(seconds: number): void {
    this.#options.metrics.noteOffset(this.node, seconds);
  }

  /** A statement has ended. `error` is null for one that was carried out. */
  noteEnded({ file, data }: HttpStatement, error: unknown): void {
    if (error !== null) this.#options.metrics.noteFailure(this.node, error);
    if (file === undefined && data === undefined) return;
    if (error === null) {
      this.#diskFullAt = null;
      this.note('store_node_disk_full', null);
    } else if (isDiskFull(error)) {
      this.#diskFullAt = performance.now();
      this.note('store_node_disk_full', wordsOf(error));
    }
  }

  #becomes(state: NodeStatus['state']): void {
    if (this.#state === state) return;
    if (state === 'up' && this.#state === 'down') {
      this.#options.log?.info({ node: this.node }, 'a ClickHouse server is used again');
    }
    this.#state = state;
    this.#since = new Date();
  }
}

function codeOf(error: unknown): NodeTroubleCode {
  if (isLoginError(error)) return 'store_node_login';
  return isDiskFull(error) ? 'store_node_disk_full' : 'store_node_away';
}

/** A server answers a query through a file as well. */
export function isDiskFull(error: unknown): boolean {
  if (!(error instanceof EngineError)) return false;
  return error.clickhouseCode === NOT_ENOUGH_SPACE || error.message.includes('No space left on device');
}
