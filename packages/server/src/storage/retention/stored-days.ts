import type { Engine } from '../engine.ts';
import { sqlString } from '../sql.ts';
import { DAY_TABLES, type DayTable } from './day-tables.ts';
import { IN_DATABASE } from '../tables.ts';
import { rowsOf } from '../rows-of.ts';

/** A UTC day over all tables, or what of it a table has. */
export interface StoredDay {
  /** Such as `2026-11-23`. */
  readonly day: string;
  /** Those of `DAY_TABLES` that have something of it, in their order. */
  readonly tables: readonly DayTable[];
  readonly spans: number;
  /** On disks that have an end. */
  readonly bytes: number;
}

/** What our tables take, in bytes; but for the first, on disks that have an end alone, as for a day. */
export interface StoreRoom {
  /** Of parts that are in use, wherever they stand. */
  readonly storedBytes: number;
  /** Of parts that are in use. */
  readonly usedBytes: number;
  /** With those that are replaced or dropped and not deleted yet. */
  readonly takenBytes: number;
  /** Free on these disks; null where the server does not report them. */
  readonly freeBytes: number | null;
}

type Asked = Pick<Engine, 'query' | 'tables'>;

const OURS = `${IN_DATABASE} AND table IN (${DAY_TABLES.map(sqlString).join(', ')})`;

/** Object stores say 2^64 or so: nothing is gained where there is no end. */
const ENDLESS_BYTES = 1e18;
/** The disks that our tables may be on, by their storage policies. */
const DISKS_SQL = `SELECT name, toFloat64(free_space) FROM system.disks
WHERE name IN (SELECT arrayJoin(disks) FROM system.storage_policies WHERE policy_name IN (
  SELECT storage_policy FROM system.tables WHERE ${IN_DATABASE} AND name IN (${DAY_TABLES.map(sqlString).join(', ')})))
ORDER BY name`;

/** Which disks of ours have an end, and what is free on them; null for servers that know no disks. */
export interface Disks {
  readonly names: readonly string[];
  readonly freeBytes: number;
}

export async function findDisks(engine: Asked): Promise<Disks | null> {
  const [[known] = [0]] = await rowsOf(engine, 'EXISTS TABLE system.storage_policies');
  if (Number(known) === 0) return null;
  const found = (await rowsOf(engine, DISKS_SQL)).map(([name, free]) => [String(name), Number(free)] as const);
  const ending = found.filter(([, free]) => free < ENDLESS_BYTES);
  return { names: ending.map(([name]) => name), freeBytes: sum(ending.map(([, free]) => free)) };
}

/** The oldest first. Partitions of tables that are not ours, and those that are no days, are not seen. */
export async function findStoredDays(engine: Asked, disks: Disks | null): Promise<StoredDay[]> {
  const found = await rowsOf(
    engine,
    `SELECT partition, table, sum(rows), ${bytesOn(disks)} FROM ${engine.tables.system('parts')}
WHERE ${OURS} AND active AND match(partition, '^\\\\d{4}-\\\\d{2}-\\\\d{2}$')
GROUP BY partition, table`,
  );
  const days = new Map<string, { tables: Set<string>; spans: number; bytes: number }>();
  for (const [partition, table, rows, bytes] of found) {
    const day = days.get(String(partition)) ?? { tables: new Set(), spans: 0, bytes: 0 };
    day.tables.add(String(table));
    if (table === 'spans') day.spans += Number(rows);
    day.bytes += Number(bytes);
    days.set(String(partition), day);
  }
  return [...days]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([day, { tables, spans, bytes }]) => ({
      day,
      tables: DAY_TABLES.filter((table) => tables.has(table)),
      spans,
      bytes,
    }));
}

export async function findRoom(engine: Asked, disks: Disks | null): Promise<StoreRoom> {
  const [[stored, used, taken] = [0, 0, 0]] = await rowsOf(
    engine,
    `SELECT ${bytesOn(null, 'active')}, ${bytesOn(disks, 'active')}, ${bytesOn(disks)} FROM ${engine.tables.system('parts')} WHERE ${OURS}`,
  );
  return {
    storedBytes: Number(stored),
    usedBytes: Number(used),
    takenBytes: Number(taken),
    freeBytes: disks?.freeBytes ?? null,
  };
}

function bytesOn(disks: Disks | null, condition = 'rows >= 0'): string {
  const names = disks?.names.map(sqlString).join(', ') ?? '';
  const where = disks === null ? condition : `${condition} AND ${names === '' ? '0' : `disk_name IN (${names})`}`;
  return `sumIf(toFloat64(bytes_on_disk), ${where})`;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
