import type { Engine } from '../engine.ts';
import { rowsOf } from '../rows-of.ts';
import { sqlString } from '../sql.ts';
import { IN_DATABASE, type TableName } from '../tables.ts';
import { LAST_TERM } from './lease-claims.ts';

type NotesEngine = Pick<Engine, 'query' | 'command' | 'tables'>;

/** A table of notes by name, of which the newest row of each name counts. */
interface Notes {
  readonly table: TableName;
  readonly name: string;
  /** On the rows of a name: nobody reads them any more. */
  readonly isOver: string;
}

/** Whoever has been away for longer than this is a stranger when it comes back, and begins anew. */
const SESSION_SECONDS = 86_400;
const sessionIsOver = `max(toUInt32(expires_at)) + ${SESSION_SECONDS} < toUInt32(now())`;

const NOTES: readonly Notes[] = [
  // Segments that were late, and days that were made anew: the name of each comes once.
  {
    table: 'rollup_progress',
    name: 'collector',
    isOver: "argMax(pending_until, version) = 0 AND collector != 'collector'",
  },
  { table: 'collectors', name: 'session', isOver: sessionIsOver },
  { table: 'collector_leases', name: 'session', isOver: `${sessionIsOver} AND session != ${sqlString(LAST_TERM)}` },
];

/** Each deletion is one that every server carries out, and Keeper remembers: not for a few rows, … */
const NAMES_MIN = 100;
/** … and with so many names at most, which are in its text. */
const NAMES_MAX = 2_000;
const TIMEOUT_MS = 60_000;

/**
 * Deletes what is noted in the store and over: one row for each segment that was late, and for each process that has
 * used the store. Where many rows of a table are over, up to 2,000 go. Rejects with `EngineError`.
 */
export async function forgetOldNotes(engine: NotesEngine): Promise<void> {
  for (const notes of NOTES) {
    const { local, name } = engine.tables[notes.table];
    const sql = `SELECT 1 FROM system.tables WHERE ${IN_DATABASE} AND name = ${sqlString(name)}`;
    if ((await rowsOf(engine, sql, TIMEOUT_MS)).length === 0) continue;
    if ((await overOf(engine, notes)).length < NAMES_MIN) continue;
    // Of the rows of a name the older ones must not be left for a moment without the newest: they are merged into it.
    // Not of all names: the part that the quorum has got last is never merged, and FINAL would merge none for it.
    await engine.command(`OPTIMIZE TABLE ${local}`);
    const names = await overOf(engine, notes, 'AND count() = 1');
    if (names.length === 0) continue;
    await engine.command(`ALTER TABLE ${local} DELETE WHERE ${notes.name} IN (${names.map(sqlString).join(', ')})`);
  }
}

async function overOf(engine: NotesEngine, { table, name, isOver }: Notes, and = ''): Promise<string[]> {
  const sql = `SELECT ${name} FROM ${engine.tables[table].read} GROUP BY ${name} HAVING ${isOver} ${and} ORDER BY ${name} LIMIT ${NAMES_MAX}`;
  return (await rowsOf(engine, sql, TIMEOUT_MS)).map(([each]) => String(each));
}
