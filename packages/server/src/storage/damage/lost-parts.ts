import { readFileSync } from 'node:fs';
import { replaceFileSync } from '../../durable-file.ts';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Engine } from '../engine.ts';
import { IN_DATABASE } from '../tables.ts';
import { rowsOf } from '../rows-of.ts';

/** A part of a table that is in its directory `detached/` and is read by no query. */
export interface LostPart {
  readonly table: string;
  /** Its name in `detached/`. */
  readonly name: string;
  /** The UTC day of its rows, such as `2026-11-23`; null for tables without days. */
  readonly day: string | null;
  /** Null where even their number cannot be read. */
  readonly rows: number | null;
  readonly bytes: number;
  /** The engine's word for why; empty for a part that the collector, or a person, has detached. */
  readonly reason: string;
}

type Asked = Pick<Engine, 'query'>;

/** What fresh spans lose is in the spool. */
export const NOT_FRESH = "NOT startsWith(table, 'spans_fresh')";
/** Copies and leftovers whose rows are in parts that are in use. */
const NOT_LOST = ['ignored', 'clone', 'cloned', 'attaching', 'deleting', 'tmp-fetch', 'tmp'];

/** A part of `detached/` that was merged from others, which are in use again. */
export interface ReplacedPart {
  readonly table: string;
  /** Its name in `detached/`. */
  readonly name: string;
  readonly path: string;
}

/** Every part in `detached/` whose rows are not in parts that are in use. */
export async function findLostParts(engine: Asked): Promise<LostPart[]> {
  return (await findDetached((sql) => rowsOf(engine, sql))).lost;
}

/**
 * What is in `detached/`: parts whose rows are in no part that is in use, and those whose rows certainly are, because
 * all of what they were merged from is. Of a part whose number of rows cannot be read neither is known. Numbers of
 * blocks alone prove nothing: the engine gives those of a part that it has detached to what is inserted next.
 */
export async function findDetached(
  select: (sql: string) => Promise<unknown[][]>,
): Promise<{ readonly lost: LostPart[]; readonly replaced: ReplacedPart[] }> {
  const found = await select(
    `SELECT table, name, ifNull(partition_id, ''), bytes_on_disk, path, ifNull(reason, ''), ifNull(min_block_number, -1), ifNull(max_block_number, -1)
FROM system.detached_parts WHERE ${IN_DATABASE} AND ${NOT_FRESH} ORDER BY table, name`,
  );
  const lost: LostPart[] = [];
  const replaced: ReplacedPart[] = [];
  if (found.length === 0) return { lost, replaced };
  const kept = await select(
    `SELECT table, partition_id, min_block_number, max_block_number, rows, active, path FROM system.parts WHERE ${IN_DATABASE}
ORDER BY min_block_number, max_block_number DESC, level DESC, data_version DESC`,
  );
  for (const [table, name, partitionId, bytes, path, reason, first, last] of found) {
    if (NOT_LOST.includes(String(reason))) continue;
    const part = { table: String(table), name: String(name) };
    const rows = await readCount(String(path));
    // What it was merged from may still have been there, and is in use again then.
    const inRange = kept
      .filter(([ofTable, ofPartition]) => ofTable === table && ofPartition === partitionId)
      // Since the start that may have been merged again, into a part that holds more than it did.
      .filter(([, , , , , isActive]) => Number(isActive) === 1 || reason === 'broken-on-start')
      .map(([, , begin, end, count, , itsPath]) => ({
        first: Number(begin),
        last: Number(end),
        rows: Number(count),
        path: String(itsPath),
      }))
      .filter((blocks) => blocks.first >= Number(first) && blocks.last <= Number(last));
    const within = lastGeneration(await olderThan(inRange, String(path)));
    const inItsPlace = within.reduce((sum, blocks) => sum + blocks.rows, 0);
    // A merge that sums up makes fewer rows, so that their number alone does not show that all of them are there.
    const hasBothEnds = within[0]?.first === Number(first) && within.at(-1)?.last === Number(last);
    // Their number cannot be read, and what it was merged from may be there: neither is certain.
    if (rows === null && hasBothEnds) continue;
    if (rows !== null && inItsPlace >= rows && (table === 'spans' || hasBothEnds)) {
      replaced.push({ ...part, path: String(path) });
      continue;
    }
    lost.push({
      ...part,
      day: dayOfPartition(String(partitionId)),
      rows,
      bytes: Number(bytes),
      reason: String(reason),
    });
  }
  return { lost, replaced };
}

/** Those whose files were written when the part's were: what it was merged from, and nothing that came later. */
async function olderThan<T extends { readonly path: string }>(parts: readonly T[], path: string): Promise<T[]> {
  if (parts.length === 0) return [];
  const written = await lastWriteNs(path);
  const times = await Promise.all(parts.map(async (part) => await lastWriteNs(part.path)));
  return parts.filter((_, at) => {
    const time = times[at] ?? null;
    return written !== null && time !== null && time <= written;
  });
}

/**
 * When one of a part's files was written last; null where that is unknown. The engine gives the directory the time
 * of its last move.
 */
async function lastWriteNs(directory: string): Promise<bigint | null> {
  try {
    const names = await readdir(directory);
    const files = await Promise.all(names.map(async (name) => await stat(join(directory, name), { bigint: true })));
    return files.reduce((last: bigint | null, { mtimeNs }) => (last === null || mtimeNs > last ? mtimeNs : last), null);
  } catch {
    return null;
  }
}

/** Of parts in the order of their first block, the longest first, those that hold all the others. */
export function lastGeneration<T extends { readonly first: number; readonly last: number }>(parts: readonly T[]): T[] {
  const last: T[] = [];
  for (const part of parts) if (part.first > (last.at(-1)?.last ?? -1)) last.push(part);
  return last;
}

/** `20261123` is a day; `all` is not. */
export function dayOfPartition(partitionId: string): string | null {
  const [, year, month, day] = /^(\d{4})(\d{2})(\d{2})$/.exec(partitionId) ?? [];
  return year === undefined ? null : `${year}-${month}-${day}`;
}

/** Its own file says how many rows a part has. */
async function readCount(path: string): Promise<number | null> {
  const text = await readFile(join(path, 'count.txt'), 'utf8').catch(() => '');
  return /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/**
 * The UTC day of a part of a table by days, by its name in `detached/`, such as `broken-on-start_20261123_1_14_2`; null
 * for others.
 */
export function dayOfPart(name: string): string | null {
  const [, partitionId = ''] = /(?:^|_)(\d{8})_\d+_\d+_\d+/.exec(name) ?? [];
  return dayOfPartition(partitionId);
}

/** A table and the name of one of its parts in `detached/`. */
export type PartName = Pick<LostPart, 'table' | 'name'>;

/** Names of parts as a small file, which may be lost: what is not in it is done once more, which changes nothing. */
export class NotedParts {
  readonly #path: string;
  #names: ReadonlySet<string>;

  constructor(path: string) {
    this.#path = path;
    this.#names = read(path);
  }

  get all(): readonly PartName[] {
    return [...this.#names].map((noted) => {
      const [table = '', name = ''] = noted.split('/');
      return { table, name };
    });
  }

  has(part: PartName): boolean {
    return this.#names.has(keyOf(part));
  }

  /** Remembers these and no others. Throws where the file cannot be written. */
  note(parts: readonly PartName[]): void {
    const names = new Set(parts.map(keyOf));
    if (names.size === this.#names.size && [...names].every((name) => this.#names.has(name))) return;
    replaceFileSync(this.#path, [...names].map((name) => `${name}\n`).join(''));
    this.#names = names;
  }
}

/** One for each part, however it is known. */
export function keyOf({ table, name }: PartName): string {
  return `${table}/${name}`;
}

function read(path: string): ReadonlySet<string> {
  try {
    return new Set(
      readFileSync(path, 'utf8')
        .split('\n')
        .filter((line) => line !== ''),
    );
  } catch {
    return new Set();
  }
}
