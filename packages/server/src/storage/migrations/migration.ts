import type { Capabilities } from '../capabilities.ts';
import type { MigratedEngine } from '../damage/migrated-engine.ts';
import { sqlString } from '../sql.ts';
import { IN_DATABASE, type TableName, type Tables } from '../tables.ts';
import { rowsOf } from '../rows-of.ts';

/**
 * One step of the schema. It may run again after a crash at any point of it, and nothing is inserted into `spans`
 * meanwhile. It holds its own text, and what has shipped is never edited: its statements for a current ClickHouse are
 * what its checksum is made of.
 */
export interface Migration {
  readonly name: string;
  readonly statements: (capabilities: Capabilities, tables: Tables) => readonly (string | NewColumn)[];
}

/** A column that is added where it is missing, which not every ClickHouse has a clause for. */
export interface NewColumn {
  readonly table: TableName;
  readonly column: string;
  /** Its type and what follows it. */
  readonly definition: string;
}

export async function runStatement(engine: MigratedEngine, statement: string | NewColumn): Promise<void> {
  if (typeof statement === 'string') {
    await engine.command(statement);
    return;
  }
  const { table, column, definition } = statement;
  const found = await rowsOf(
    engine,
    `SELECT name FROM system.columns
WHERE ${IN_DATABASE} AND table = ${sqlString(table)} AND name = ${sqlString(column)}`,
  );
  if (found.length > 0) return;
  await engine.command(`ALTER TABLE ${engine.tables[table].everywhere} ADD COLUMN ${column} ${definition}`);
}
