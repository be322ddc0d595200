import type { Tables } from './tables.ts';

/**
 * What the modules above need of ClickHouse, embedded or a cluster. Statements are built with `sql.ts`' literals only.
 */
export interface Engine {
  /** What statements call its tables. */
  readonly tables: Tables;
  /** Opens the store and applies the migrations. Throws with a clear message when it cannot be opened. */
  start(): Promise<void>;
  /**
   * Runs one SELECT without a FORMAT clause and returns its rows in the given ClickHouse output format. Rejects with
   * `EngineError`, or with the signal's reason as soon as it is aborted. Numbers of 64 bits are JSON numbers: of more
   * than 2^53 ask for text.
   */
  query(sql: string, options: QueryOptions): Promise<Uint8Array>;
  /** Runs one statement that answers nothing (DDL, DROP PARTITION). */
  command(sql: string): Promise<void>;
  /**
   * Inserts a file in the Native format into a table. `deduplicationToken` names its contents: a repeat with the same
   * token stores nothing a second time; of servers before 22.2 replicated tables compare the rows instead, and others
   * nothing (`insertMissingSpans`).
   */
  insertNativeFile(table: string, path: string, deduplicationToken: string): Promise<void>;
  /** Where spans can be found before they are stored; null where that is not offered. */
  readonly fresh: FreshTables | null;
  /** Whether `spans` has an index of all attributes. */
  readonly hasAttributeFilter: boolean;
  readonly state: EngineState;
  /** Ends running queries, lets a running insert finish within the deadline, and closes the store. */
  close(): Promise<void>;
}

/** For inserts that did not end well. */
export interface SpanRecovery {
  /**
   * For a file of spans of which an earlier insert may have been carried out, in whole, in part or not at all: inserts
   * what the store does not hold of it, and returns how many spans that were. `deduplicationToken` is the one of the
   * earlier insert; while that may still run it rejects as `unavailable`.
   */
  insertMissingSpans(path: string, deduplicationToken: string): Promise<number>;
}

/**
 * For rows that have no identity: whoever inserts them finds out from the table itself whether an insert was carried
 * out.
 */
export interface PlainInserts {
  /**
   * Inserts a file in the Native format, as one block, as often as it is called. Inserts of one `name` can be asked for
   * by it.
   */
  insertPlainFile(table: string, path: string, name: string): Promise<void>;
  /** Resolves when no insert of this name runs any more; rejects as `unavailable` while one may. */
  checkInsertEnded(name: string): Promise<void>;
}

/**
 * Tables without indexes, order, merges or syncs, which are filled for half of what an insert into `spans` costs,
 * however small. What they hold is gone with the engine's process. `spans_fresh` reads all of them.
 */
export interface FreshTables {
  readonly count: number;
  /** Inserts a file in the Native format into one of them. */
  insert(table: number, path: string): Promise<void>;
  clear(table: number): Promise<void>;
}

export interface QueryOptions {
  readonly format: 'JSONCompactEachRow' | 'Native';
  /** The query is cancelled after it. */
  readonly timeoutMs: number;
  /** The client has left: the statement is cancelled in the engine, or not even started. */
  readonly signal?: AbortSignal;
  /**
   * Allows an answer without the rows of shards that do not answer, and is called with them before such an answer.
   * Without it the statement fails: whoever derives or deletes something needs all rows.
   */
  readonly onPartial?: (missing: MissingShards) => void;
}

/** Shards of a cluster that have not answered. */
export interface MissingShards {
  /** From 1. */
  readonly missingShards: number;
  /** All that the cluster has. */
  readonly shards: number;
  /**
   * Whether the spans of a trace (32 hex digits) are on a shard that does not answer now: it asks the servers again.
   * Never rejects.
   */
  readonly lacksTrace: (traceId: string) => Promise<boolean>;
}

export type EngineState =
  | { readonly kind: 'starting' | 'ready' | 'closed' }
  | { readonly kind: 'down'; readonly reason: string };

/**
 * A statement that did not succeed. `unavailable`: the engine is down or short of something, retry later;
 * `timeout`: the limit was hit; `too_large`: the answer, or the memory that it takes, is beyond the limit; `rejected`:
 * the engine answered with an error, a repeat will fare no better;
 * `not_installed`: the embedded engine is missing from this installation.
 */
export class EngineError extends Error {
  override readonly name = 'EngineError';
  readonly code: 'unavailable' | 'timeout' | 'too_large' | 'rejected' | 'not_installed';
  /** ClickHouse's own number for the error; 0 where it is none of its. */
  readonly clickhouseCode: number;
  /** True when it is certain that the store has not seen the statement. */
  readonly isUnseen: boolean;
  /** True when it is known that the store's own files were at fault, and not what a statement brought. */
  readonly isAboutStore: boolean;
  /**
   * The part of the store that has not taken its share of an insert, while others have theirs: what else is inserted
   * may be taken by these. Null where the insert has failed for all.
   */
  readonly waitsFor: string | null;

  constructor(
    code: EngineError['code'],
    message: string,
    {
      clickhouseCode = 0,
      isUnseen = false,
      isAboutStore = false,
      waitsFor = null,
      ...options
    }: ErrorOptions & {
      readonly clickhouseCode?: number;
      readonly isUnseen?: boolean;
      readonly isAboutStore?: boolean;
      readonly waitsFor?: string | null;
    } = {},
  ) {
    super(message, options);
    this.code = code;
    this.clickhouseCode = clickhouseCode;
    this.isUnseen = isUnseen;
    this.isAboutStore = isAboutStore;
    this.waitsFor = waitsFor;
  }
}
