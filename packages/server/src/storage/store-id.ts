import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { replaceFileSync } from '../durable-file.ts';
import { EngineError, type Engine } from './engine.ts';
import { sqlString } from './sql.ts';
import type { TableDefinition } from './tables.ts';
import { rowsOf } from './rows-of.ts';

type Asked = Pick<Engine, 'query' | 'command' | 'tables'>;

/** One row, of the store. */
export const STORE_ID_TABLE: TableDefinition = {
  columns: '  id String, created_at DateTime',
  engine: 'MergeTree',
  orderBy: 'id',
};
const TIMEOUT_MS = 10_000;
/** ClickHouse's own for a table, and a database, that is not there. */
const UNKNOWN = new Set([60, 81]);

/** The id that a store was given when it was first used; null where it has none. */
export async function findStoreId(engine: Pick<Engine, 'query' | 'tables'>): Promise<string | null> {
  try {
    const sql = `SELECT id FROM ${engine.tables.store_id.read} ORDER BY created_at, id LIMIT 1`;
    const [row] = await rowsOf(engine, sql, TIMEOUT_MS);
    return row === undefined ? null : String(row[0]);
  } catch (error) {
    if (error instanceof EngineError && UNKNOWN.has(error.clickhouseCode)) return null;
    throw error;
  }
}

/** Gives an id to a store that has none, and returns the one that it has. Nobody else may do it at the same time. */
export async function ensureStoreId(engine: Asked, id: string = randomUUID()): Promise<string> {
  const found = await findStoreId(engine);
  if (found !== null) return found;
  await engine.command(engine.tables.createDatabase);
  for (const statement of engine.tables.create('store_id', STORE_ID_TABLE)) await engine.command(statement);
  await engine.command(`INSERT INTO ${engine.tables.store_id.write} (id, created_at) SELECT ${sqlString(id)}, now()`);
  return id;
}

/** An id as a small file of a data directory. */
export class NotedId {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** Null where none is noted. */
  get id(): string | null {
    try {
      const text = readFileSync(this.path, 'utf8').trim();
      return /^[0-9a-f-]{36}$/.test(text) ? text : null;
    } catch {
      return null;
    }
  }

  /** Throws where it cannot be written. */
  note(id: string): void {
    if (this.id === id) return;
    replaceFileSync(this.path, `${id}\n`);
  }

  /** The noted one, or a new one that is noted now. */
  ensure(): string {
    const id = this.id ?? randomUUID();
    this.note(id);
    return id;
  }
}
