import { EngineError, type Engine, type MissingShards } from '../storage/engine.ts';
import type { Rollup } from '../storage/rollups/rollups.ts';
import { ALL_COUNTED, type SpanView, type Visibility } from '../storage/span-visibility.ts';
import { sqlInt64 } from '../storage/sql.ts';
import type { QueryLimits } from './limits.ts';

/** What a query rejects with when a statement of it did not succeed. */
export { EngineError };

/** What every query needs besides its parameters. */
export interface QueryContext {
  readonly engine: Engine;
  readonly limits: QueryLimits;
  /** Where spans are that are not stored or counted yet; by default all are. */
  readonly visibility?: Visibility;
  /**
   * Once it is aborted the statement that runs is cancelled and none is started; the query rejects with its reason.
   */
  readonly signal: AbortSignal;
  /**
   * Called for each statement that is answered without shards of a cluster that are away; without it such a query
   * rejects.
   */
  readonly onPartial?: (missing: MissingShards) => void;
}

/** The spans of a trace are on a shard that does not answer: nobody knows whether there are any. */
export class ShardAwayError extends EngineError {
  constructor(traceId: string, { missingShards, shards }: MissingShards) {
    const away = `${missingShards} of ${shards}`;
    super(
      'unavailable',
      `trace ${traceId} may be on a shard of the store that does not answer (${away}); try again later`,
    );
  }
}

/** Every table has it first in its key; no query sees the rows of another tenant. */
export const IN_TENANT = "tenant = ''";

/** Asks with one view of where spans are, whatever is stored meanwhile. */
export async function withView<T>(
  context: QueryContext,
  ask: (view: SpanView) => Promise<T>,
  table?: string,
): Promise<T> {
  const { visibility = ALL_COUNTED } = context;
  await unlessAborted(visibility.published(), context.signal);
  const view = visibility.view(table);
  try {
    return await ask(view);
  } finally {
    view.release();
  }
}

/** How often a query is repeated when its derived table has changed under it: it does so every few seconds. */
const CHANGES_MAX = 3;

/**
 * The same for a query to a derived table, or to one of those that are filled together: none of it comes from before
 * a batch was added, and none from after it.
 */
export async function withRollup<T>(
  context: QueryContext,
  { table }: Pick<Rollup, 'table'>,
  ask: (view: SpanView) => Promise<T>,
): Promise<T> {
  const { visibility = ALL_COUNTED } = context;
  for (let changes = 0; ; changes++) {
    await unlessAborted(visibility.settled(table), context.signal);
    const asked = await withView(
      context,
      async (view) => {
        const answer = await ask(view);
        return { answer, isWhole: await view.isCurrent() };
      },
      table,
    );
    if (asked.isWhole || changes === CHANGES_MAX) return asked.answer;
  }
}

/** Rebuilding hours may take longer than a query has, or its client waits. Rejects with the signal's reason. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const settled = new AbortController();
  const left = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true, signal: settled.signal });
  });
  try {
    return await Promise.race([promise, left]);
  } finally {
    settled.abort();
  }
}

/**
 * Runs one SELECT; a row is an array of JSON values. 64-bit numbers that may exceed a double come as text from the SQL.
 */
export async function queryRows(context: QueryContext, sql: string): Promise<JsonRow[]> {
  const bytes = await queryBytes(context, sql, 'JSONCompactEachRow');
  const lines = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => new JsonRow(JSON.parse(line) as unknown[]));
}

export async function queryBytes(
  { engine, limits, signal, onPartial }: QueryContext,
  sql: string,
  format: 'JSONCompactEachRow' | 'Native',
): Promise<Uint8Array> {
  signal.throwIfAborted();
  const bytes = await engine.query(sql, {
    format,
    timeoutMs: limits.queryTimeoutMs,
    signal,
    ...(onPartial !== undefined && { onPartial }),
  });
  signal.throwIfAborted();
  return bytes;
}

/** One row of an answer, read by position. */
export class JsonRow {
  readonly #values: readonly unknown[];

  constructor(values: readonly unknown[]) {
    this.#values = values;
  }

  text(column: number): string {
    return String(this.#values[column]);
  }

  /** A 64-bit number may come as text; older engines quote it. */
  number(column: number): number {
    return Number(this.#values[column]);
  }

  bigint(column: number): bigint {
    return BigInt(this.text(column));
  }

  array(column: number): JsonRow {
    const value = this.#values[column];
    return new JsonRow(Array.isArray(value) ? value : []);
  }

  get length(): number {
    return this.#values.length;
  }
}

/** A range of time in nanoseconds since the epoch, both ends included; null is open. */
export interface TimeRange {
  readonly fromUnixNano: bigint | null;
  readonly toUnixNano: bigint | null;
}

/** The spans that start within the range, as conditions; those on seconds serve the primary key and the partitions. */
export function startConditions({ fromUnixNano, toUnixNano }: TimeRange): string[] {
  const conditions: string[] = [];
  if (fromUnixNano !== null) {
    conditions.push(startSecond('>=', fromUnixNano), `start_ns >= ${sqlInt64(fromUnixNano)}`);
  }
  if (toUnixNano !== null) {
    conditions.push(startSecond('<=', toUnixNano), `start_ns <= ${sqlInt64(toUnixNano)}`);
  }
  return conditions;
}

export function startSecond(comparison: '>=' | '<=', unixNano: bigint): string {
  return `start_s ${comparison} toDateTime(${sqlInt64(clampSecond(unixNano / 1_000_000_000n))})`;
}

/** A moment outside what a DateTime holds compares as the nearest that it does. */
function clampSecond(second: bigint): bigint {
  const last = 0xffff_ffffn;
  if (second < 0n) return 0n;
  return second > last ? last : second;
}

/** `WHERE …` with one condition a line; '' where there is none. */
export function where(conditions: readonly string[]): string {
  return conditions.length === 0 ? '' : `WHERE ${conditions.join('\n  AND ')}`;
}
