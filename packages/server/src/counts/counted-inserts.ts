import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Engine, PlainInserts } from '../storage/engine.ts';
import { sqlName } from '../storage/rollups/rollup-names.ts';
import { sqlUInt64 } from '../storage/sql.ts';
import type { CountedPart, CountedRow, CountedTable } from './counted-minutes.ts';
import { writeNativeRows } from './write-native-rows.ts';
import { NotedInserts, type NotedPart, type PartName } from './noted-inserts.ts';
import { rowsOf } from '../storage/rows-of.ts';

export type EngineOfCounts = Pick<Engine, 'query' | 'tables'> & PlainInserts;

export interface CountedInsertsOptions {
  readonly directory: string;
  /** Where the segments are. */
  readonly spool: string;
  readonly log: Pick<Logger, 'error'>;
}

/**
 * Puts the rows of each segment into the store once. They have no identity, but nobody else inserts into these tables,
 * and what is inserted of a day is one part, which is there or not. So one row of each day shows: how many requests it
 * has in the store is noted before the insert, with how many the insert adds. When an insert did not end well, or its
 * process has died, the store is queried again before anything else is inserted, and what is not there is inserted with
 * the next attempt.
 */
export class CountedInserts {
  readonly #directory: string;
  readonly #noted: NotedInserts;

  constructor({ directory, spool, log }: CountedInsertsOptions) {
    this.#directory = directory;
    this.#noted = new NotedInserts(join(directory, 'inserts.json'), spool, log);
  }

  /** Reads what an earlier process has noted. Call it before anything else. */
  async open(): Promise<void> {
    await this.#noted.open();
  }

  /**
   * One call at a time. Resolves when all parts are stored; where it rejects, call it again at any time, for any
   * segment.
   */
  async insert(engine: EngineOfCounts, segment: string, parts: readonly CountedPart[]): Promise<void> {
    await this.#settle(engine);
    const missing = this.#noted.missingOf(segment);
    const wanted = missing === null ? parts : parts.filter((part) => missing.some((each) => isSame(each, part)));
    if (wanted.length === 0) return;
    await this.#noted.begin(segment, await this.#look(engine, wanted));
    for (const table of new Set(wanted.map((part) => part.table))) {
      await this.#insertInto(engine, table, segment, wanted);
    }
    this.#noted.end([]);
  }

  /** Call it when nothing is inserted any more. */
  async close(): Promise<void> {
    await this.#noted.close();
  }

  /** What became of the last insert that did not end well. */
  async #settle(engine: EngineOfCounts): Promise<void> {
    const { begun } = this.#noted;
    if (begun === null) return;
    await engine.checkInsertEnded(nameOf(begun.segment));
    const now = await requestsOf(engine, begun.parts);
    this.#noted.end(begun.parts.filter((part, index) => !isStored(part, now[index] ?? 0n)));
  }

  async #look(engine: EngineOfCounts, parts: readonly CountedPart[]): Promise<NotedPart[]> {
    const looks = parts.flatMap(({ table, day, rows }) =>
      [...rows.values()].slice(0, 1).map((row) => ({ table, day, row, adds: row.requests })),
    );
    const before = await requestsOf(engine, looks);
    return looks.map((look, index) => ({ ...look, before: String(before[index] ?? 0n) }));
  }

  async #insertInto(
    engine: EngineOfCounts,
    table: CountedTable,
    segment: string,
    parts: readonly CountedPart[],
  ): Promise<void> {
    const file = join(this.#directory, 'insert.native');
    await writeNativeRows(file, rowsFor(parts, table));
    await engine.insertPlainFile(table, file, nameOf(segment));
    await rm(file, { force: true });
  }
}

function isStored({ before, adds }: NotedPart, now: bigint): boolean {
  const without = BigInt(before);
  // The store's sums are of 64 bits. More than expected was added by hand; less is there where the day was dropped.
  return now === BigInt.asUintN(64, without + BigInt(adds)) || now > without;
}

/** How many requests the store has of each row, in their order. */
async function requestsOf(
  engine: EngineOfCounts,
  looks: readonly { readonly table: CountedTable; readonly row: CountedRow }[],
): Promise<bigint[]> {
  const selects = looks.map(
    ({ table, row }, index) => `SELECT toUInt32(${index}) AS part, toString(sum(requests)) AS had
FROM ${engine.tables[table].read}
WHERE tenant = '' AND time = toDateTime(${sqlUInt64(row.time)}) AND service_name = ${sqlName(row.service)}
  AND operation = ${sqlName(row.operation)} AND kind = ${row.kind} AND status = ${row.status} AND bucket = ${row.bucket}`,
  );
  const requests = looks.map(() => 0n);
  for (const [part, sum] of await rowsOf(engine, selects.join('\nUNION ALL\n'))) {
    requests[Number(part)] = BigInt(String(sum));
  }
  return requests;
}

function* rowsFor(parts: readonly CountedPart[], table: CountedTable): Generator<CountedRow> {
  for (const part of parts) if (part.table === table) yield* part.rows.values();
}

function nameOf(segment: string): string {
  return `counts-${segment}`;
}

function isSame(a: PartName, b: PartName): boolean {
  return a.table === b.table && a.day === b.day;
}
