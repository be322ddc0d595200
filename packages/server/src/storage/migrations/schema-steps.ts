import type { Capabilities } from '../capabilities.ts';
import { sqlString } from '../sql.ts';
import type { TableDefinition, TableName, Tables } from '../tables.ts';
import { checksumOf, MIGRATIONS, RECORD } from './migrate.ts';
import type { NewColumn } from './migration.ts';

/** What a store is made of: the same text for whoever prints it and for whoever compares a store with it. */
export interface SchemaOptions {
  readonly capabilities: Capabilities;
  readonly tables: Tables;
  /** What such a store has besides the tables of the migrations: leases, the id of the store. */
  readonly ownTables: readonly (readonly [name: TableName, definition: TableDefinition])[];
}

/** Statements that belong together. */
export interface SchemaStep {
  readonly title: string;
  readonly statements: readonly string[];
}

/**
 * What brings a store from one schema to another, in order: a new one is at 0, and `until` is the newest by default.
 * The rows that note the migrations come last, so that whoever is interrupted runs all of it again.
 */
export function schemaSteps(
  { capabilities, tables, ownTables }: SchemaOptions,
  { from = 0, until = MIGRATIONS.length }: { readonly from?: number; readonly until?: number } = {},
): readonly SchemaStep[] {
  const isNew = from === 0;
  const numbered = MIGRATIONS.slice(0, until)
    .map((migration, index) => ({
      number: index + 1,
      title: `Schema ${index + 1}: ${migration.name}`,
      checksum: checksumOf(migration),
      statements: migration
        .statements(capabilities, tables)
        .map((statement) =>
          typeof statement === 'string' ? statement : addColumn(statement, tables, capabilities.alterClauses),
        ),
    }))
    .slice(from);
  const made = new Set(numbered.flatMap(({ statements }) => statements));
  // A new store makes those over all shards once, when the others have all their columns.
  const overShards = tables.takeOverColumns.filter((statement) => !isNew || made.has(statement));
  // Nothing is moved where nothing is stored.
  const isKept = (statement: string): boolean =>
    !isNew || !(statement.startsWith('INSERT') || overShards.includes(statement));
  const created: readonly (readonly [TableName, TableDefinition])[] = [...ownTables, ['schema_migrations', RECORD]];
  const steps: readonly SchemaStep[] = [
    { title: 'The database', statements: isNew ? [tables.createDatabase] : [] },
    {
      title: 'What collectors note',
      statements: isNew ? created.flatMap(([name, definition]) => tables.create(name, definition)) : [],
    },
    ...numbered.map(({ title, statements }) => ({ title, statements: statements.filter(isKept) })),
    { title: 'The tables over all shards', statements: numbered.length > 0 ? overShards : [] },
    {
      title: 'The notes of what was done',
      statements: numbered.map(
        ({ number, checksum }) =>
          `INSERT INTO ${tables.schema_migrations.write} (number, applied_at, checksum)
SELECT toUInt32(${number}) AS number, now(), ${sqlString(checksum)}
WHERE number NOT IN (SELECT number FROM ${tables.schema_migrations.read})`,
      ),
    },
  ];
  return steps.filter(({ statements }) => statements.length > 0);
}

function addColumn({ table, column, definition }: NewColumn, tables: Tables, isConditional: boolean): string {
  const where = isConditional ? 'IF NOT EXISTS ' : '';
  return `ALTER TABLE ${tables[table].everywhere} ADD COLUMN ${where}${column} ${definition}`;
}
