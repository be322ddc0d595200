import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { EngineProcess } from '../process/engine-process.ts';
import { migrate } from '../migrations/migrate.ts';
import type { MigratedEngine } from '../damage/migrated-engine.ts';
import { sqlIdentifier, sqlString } from '../sql.ts';
import { ensureStoreId } from '../store-id.ts';
import { DefinitionFiles, statementOf, uuidOfDatabase } from './definition-files.ts';
import { DATABASE, singleServerTables } from '../tables.ts';
import { rowsOf } from '../rows-of.ts';

/** Starts the engine on the directory; it is empty. */
export type StartScratch = (directory: string) => EngineProcess;

/** What a start alters of the tables that the migrations have made. */
export type AdaptTables = (engine: MigratedEngine) => Promise<void>;

/**
 * What is relied upon of a table, by what it is of: its columns with their types, its indexes, its engine, its keys.
 */
type Shape = ReadonlyMap<string, string>;

const TIMEOUT_MS = 60_000;
/** Of a definition without its first line, which a store of its own has otherwise. */
const FIRST_LINE = /^ATTACH TABLE _ UUID '[0-9a-f-]{36}'\n/;

/**
 * A store beside the real one, with the tables that this program makes and nothing in them. There a definition is tried
 * whose table must not be touched: whether the engine takes it, and whether the table would be one that this program
 * can work with.
 */
export class ScratchStore {
  readonly #directory: string;
  readonly #process: EngineProcess;
  readonly #engine: MigratedEngine;
  /** Every shape that the migrations give a table on their way. */
  readonly #shapes: ReadonlyMap<string, readonly Shape[]>;
  readonly #texts: ReadonlyMap<string, string>;
  #tried = 0;

  private constructor(
    directory: string,
    process: EngineProcess,
    engine: MigratedEngine,
    shapes: ReadonlyMap<string, readonly Shape[]>,
    texts: ReadonlyMap<string, string>,
  ) {
    this.#directory = directory;
    this.#process = process;
    this.#engine = engine;
    this.#shapes = shapes;
    this.#texts = texts;
  }

  /** `parent`: where its directory goes. Rejects with `EngineError`, or with what the file system says. */
  static async open(parent: string, start: StartScratch, adapt: AdaptTables): Promise<ScratchStore> {
    const directory = await mkdtemp(join(parent, 'scratch-'));
    const process = start(directory);
    try {
      await process.open();
      const engine: MigratedEngine = {
        tables: singleServerTables(),
        query: (sql, { format, timeoutMs }) => process.run({ session: 'query', sql, format, timeoutMs }),
        command: async (sql) => {
          await process.run({ session: 'command', sql, format: 'Null', timeoutMs: TIMEOUT_MS });
        },
      };
      const shapes = new Map<string, Shape[]>();
      const watched: MigratedEngine = {
        tables: engine.tables,
        query: engine.query,
        command: async (sql) => {
          await engine.command(sql);
          if (!/^(?:CREATE TABLE|ALTER)\b/.test(sql)) return;
          for (const [table, shape] of await shapesIn(engine, DATABASE)) {
            shapes.set(table, [...(shapes.get(table) ?? []), shape]);
          }
        },
      };
      await migrate(watched);
      await adapt(watched);
      await ensureStoreId(watched);
      const files = new DefinitionFiles(directory);
      const database = uuidOfDatabase((await files.readDatabase())?.text ?? '') ?? '';
      const texts = new Map(Array.from(await files.readTables(database), ([path, { text }]) => [path, text]));
      await engine.command('CREATE DATABASE found');
      return new ScratchStore(directory, process, engine, shapes, texts);
    } catch (error) {
      process.kill();
      await process.ended;
      await rm(directory, { recursive: true, force: true });
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#process.kill();
    await this.#process.ended;
    await rm(this.#directory, { recursive: true, force: true });
  }

  /** As this program makes the table of this file, for data of this id; null where it makes none. */
  textFor(path: string, uuid: string): string | null {
    const text = this.#texts.get(path);
    return text === undefined ? null : text.replace(/'[0-9a-f-]{36}'/, `'${uuid}'`);
  }

  /** Whether a store that is up to date has the table of this file. */
  makes(path: string): boolean {
    return this.#texts.has(path);
  }

  /**
   * Why the text does not define the table as this program, or an earlier one, can work with it; null where it does.
   */
  async findFault(table: string, text: string): Promise<string | null> {
    const shapes = this.#shapes.get(table);
    const statement = statementOf(text);
    try {
      if (shapes === undefined) {
        // Not ours: what it needs may not be there.
        await rowsOf(this.#engine, `SELECT formatQuery(${sqlString(statement)})`);
        return null;
      }
      if (!FIRST_LINE.test(statement)) return 'it does not start the way the engine writes it';
      const name = `tried_${this.#tried++}`;
      await this.#engine.command(statement.replace(FIRST_LINE, `CREATE TABLE found.${sqlIdentifier(name)}\n`));
      const found = (await shapesIn(this.#engine, 'found')).get(name) ?? new Map<string, string>();
      return differenceOf(found, shapes);
    } catch (error) {
      return firstLine(error);
    }
  }
}

/** Each trait on its own: of a migration that was interrupted some are there, and some not. */
function differenceOf(found: Shape, shapes: readonly Shape[]): string | null {
  for (const trait of new Set(shapes.flatMap((shape) => [...shape.keys()]))) {
    const accepted = shapes.map((shape) => shape.get(trait));
    const value = found.get(trait);
    if (accepted.includes(value)) continue;
    const [expected = ''] = accepted.filter((one) => one !== undefined);
    return value === undefined ? `it has no ${trait}` : `its ${trait} is ${value || 'empty'} instead of ${expected}`;
  }
  return null;
}

async function shapesIn(engine: MigratedEngine, database: string): Promise<Map<string, Shape>> {
  const of = `WHERE database = ${sqlString(database)}`;
  const shapes = new Map<string, Map<string, string>>();
  const tables = await rowsOf(
    engine,
    `SELECT name, engine_full, partition_key, sorting_key, primary_key FROM system.tables ${of}`,
  );
  for (const [name, engineFull, partitionKey, sortingKey, primaryKey] of tables) {
    const [engineText = ''] = String(engineFull).split(/ (?:PARTITION BY|PRIMARY KEY|ORDER BY|TTL|SETTINGS) /, 1);
    const shape = new Map([
      ['engine', engineText],
      ['partition key', String(partitionKey)],
      ['sorting key', String(sortingKey)],
      ['primary key', String(primaryKey)],
    ]);
    // Acknowledgements rest on these, and on no other setting.
    for (const [, setting = '', value = ''] of String(engineFull).matchAll(/\b(fsync_\w+) = (\w+)/g)) {
      shape.set(`setting ${setting}`, value);
    }
    shapes.set(String(name), shape);
  }
  const columns = await rowsOf(
    engine,
    `SELECT table, name, type, default_kind, default_expression FROM system.columns ${of}`,
  );
  for (const [table, name, ...traits] of columns) {
    shapes.get(String(table))?.set(`column ${String(name)}`, traits.join(' ').trim());
  }
  const indexes = await rowsOf(
    engine,
    `SELECT table, name, expr, type_full, granularity FROM system.data_skipping_indices ${of}`,
  );
  for (const [table, name, ...traits] of indexes) {
    shapes.get(String(table))?.set(`index ${String(name)}`, traits.join(' '));
  }
  return shapes;
}

function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return (message.split('\n', 1)[0] ?? '').slice(0, 300);
}
