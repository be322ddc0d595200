import type { Engine } from '../engine.ts';
import { rowsOf } from '../rows-of.ts';
import { sqlString } from '../sql.ts';
import { DATABASE, IN_DATABASE, type Tables } from '../tables.ts';
import { MIGRATIONS, unknownMigration } from './migrate.ts';
import { schemaSteps, type SchemaOptions } from './schema-steps.ts';
import {
  engineShape,
  indexesIn,
  shapesOf,
  type ColumnShape,
  type EngineShape,
  type TableShape,
} from './table-shape.ts';

/** Where a store is not as its schema has it. */
export interface SchemaDifference {
  /** One line for people, the next step last. */
  readonly message: string;
  /** A collector cannot work with it; the others cost time, or safety when something fails. */
  readonly isInTheWay: boolean;
}

type AskedEngine = Pick<Engine, 'query' | 'tables'>;

const TIMEOUT_MS = 10_000;
const PRINT = '"throughline schema print"';
const ANEW = `it cannot be altered: create the table anew with its statement of ${PRINT}`;
const POLICY = 'storage_policy';
/** Of a table. The others decide how fast it is, and follow from the version that has created it. */
const SETTINGS = new Set([
  'index_granularity',
  'fsync_after_insert',
  'fsync_part_directory',
  'non_replicated_deduplication_window',
  'replicated_deduplication_window',
  'replicated_deduplication_window_seconds',
]);

/**
 * Compares what the server has with what the migrations that the store notes make of a new one: its tables, their
 * columns, keys, engines, skip indexes and those settings that keep spans safe. What somebody has added is left alone;
 * expressions of columns and codecs are not compared, since each version writes them in its own way.
 *
 * `noted`: the checksums of what the store notes, by number.
 */
export async function findSchemaDifferences(
  engine: AskedEngine,
  options: SchemaOptions,
  noted: () => Promise<ReadonlyMap<number, string>>,
): Promise<readonly SchemaDifference[]> {
  const found = await foundTables(engine);
  const ofStore = await storeDifferences(found, noted);
  if (ofStore.until === 0) return ofStore.differences;
  const steps = schemaSteps(options, { until: ofStore.until });
  const expected = shapesOf(steps.flatMap(({ statements }) => statements));
  const context = { tables: options.tables, canAlterSettings: options.capabilities.alterClauses };
  return [
    ...ofStore.differences,
    ...[...expected].flatMap(([name, shape]) => {
      const table = found.get(name);
      return table === undefined ? [missingTable(name)] : tableDifferences(name, shape, table, context);
    }),
  ];
}

/** As its server shows it. */
interface ShownTable {
  readonly engineFull: string;
  readonly createQuery: string;
  readonly partitionKey: string;
  readonly sortingKey: string;
  readonly columns: ReadonlyMap<string, Pick<ColumnShape, 'type'> & { readonly defaultKind: string }>;
}

interface FoundTable extends ShownTable {
  readonly engine: EngineShape;
}

async function foundTables(engine: AskedEngine): Promise<ReadonlyMap<string, ShownTable>> {
  const tables = await rowsOf(
    engine,
    `SELECT name, engine_full, partition_key, sorting_key, create_table_query FROM system.tables WHERE ${IN_DATABASE}`,
    TIMEOUT_MS,
  );
  const columns = await rowsOf(
    engine,
    `SELECT table, name, type, default_kind FROM system.columns WHERE ${IN_DATABASE}`,
    TIMEOUT_MS,
  );
  return new Map(
    tables
      .map((row) => row.map(String))
      .map(([name = '', engineFull = '', partitionKey = '', sortingKey = '', createQuery = '']) => [
        name,
        {
          engineFull,
          createQuery,
          partitionKey,
          sortingKey,
          columns: new Map(
            columns
              .map((row) => row.map(String))
              .filter(([table]) => table === name)
              .map(([, column = '', type = '', defaultKind = '']) => [column, { type, defaultKind }]),
          ),
        },
      ]),
  );
}

/** Of the store as a whole. */
interface StoreDifferences {
  readonly differences: readonly SchemaDifference[];
  /** The migrations that the rest can be compared with; 0 where there is nothing to compare. */
  readonly until: number;
}

function inTheWay(message: string, until: number): StoreDifferences {
  return { differences: [{ message, isInTheWay: true }], until };
}

async function storeDifferences(
  found: ReadonlyMap<string, ShownTable>,
  noted: () => Promise<ReadonlyMap<number, string>>,
): Promise<StoreDifferences> {
  if (found.size === 0) {
    const message = `there are no tables of Throughline; create them with "throughline schema apply", or with the statements of ${PRINT}`;
    return inTheWay(message, 0);
  }
  if (found.get('schema_migrations')?.columns.has('checksum') !== true) {
    const message = `the table ${DATABASE}.schema_migrations, which notes the schema of the store, is missing; run "throughline schema apply", or the statements of ${PRINT}`;
    return inTheWay(message, 0);
  }
  const applied = await noted();
  const unknown = unknownMigration(applied, MIGRATIONS);
  if (unknown !== null) return inTheWay(unknown, 0);
  const missing = MIGRATIONS.findIndex((_, index) => !applied.has(index + 1));
  if (missing < 0) return { differences: [], until: MIGRATIONS.length };
  const from = missing === 0 ? PRINT : `"throughline schema print --from ${missing}"`;
  const message = `the store has schema ${missing}, and this Throughline needs schema ${MIGRATIONS.length}; run "throughline schema apply", or the statements of ${from}`;
  return inTheWay(message, missing);
}

interface Context {
  readonly tables: Tables;
  readonly canAlterSettings: boolean;
}

function missingTable(name: string): SchemaDifference {
  const message = `the table ${DATABASE}.${name} is missing; create it with its statement of ${PRINT}`;
  return { message, isInTheWay: true };
}

function tableDifferences(name: string, shape: TableShape, shown: ShownTable, context: Context): SchemaDifference[] {
  const table = `${DATABASE}.${name}`;
  const found: FoundTable = { ...shown, engine: engineShape(shown.engineFull) };
  const engine = describeEngine(shape.engine);
  const foundEngine = describeEngine(found.engine);
  // One server may have a replicated table all the same.
  const isReplicated = found.engine.isReplicated || !shape.engine.isReplicated;
  if (found.engine.family !== shape.engine.family || !isReplicated || !isAlike(engine.args, foundEngine.args)) {
    const message = `${table} has the engine ${foundEngine.text}, expected ${engine.text}; ${ANEW}`;
    // Tables with other engines have other keys as well.
    return [{ message, isInTheWay: !isReplicated || found.engine.family !== shape.engine.family }];
  }
  return [
    ...columnDifferences(table, name, shape, found, context),
    ...keyDifferences(table, shape, found),
    ...indexDifferences(table, name, shape, found, context),
    ...settingDifferences(table, name, shape, found, context),
    ...policyDifferences(table, name, shape, found, context),
  ];
}

function describeEngine({ family, isReplicated, args }: EngineShape): { readonly text: string; readonly args: string } {
  const list = args.join(', ');
  return { text: `${isReplicated ? 'Replicated' : ''}${family}${list === '' ? '' : `(${list})`}`, args: list };
}

function columnDifferences(
  table: string,
  name: string,
  { columns, engine }: TableShape,
  found: FoundTable,
  { tables }: Context,
): SchemaDifference[] {
  // What reads other servers takes the columns of what they have.
  const mend = (action: string): string =>
    engine.family === 'Distributed'
      ? `drop the table, and create it anew with its statement of ${PRINT}`
      : `run: ALTER TABLE ${tables.named(name).everywhere} ${action}`;
  return [...columns].flatMap(([key, { type, defaultKind, definition }]) => {
    const actual = found.columns.get(key);
    const column = key.includes('.') ? `\`${key}\`` : key;
    const lacks = `${table} has no column ${column}; ${mend(`ADD COLUMN ${column} ${definition}`)}`;
    if (actual === undefined) return [{ message: lacks, isInTheWay: true }];
    const change = mend(`MODIFY COLUMN ${column} ${definition}`);
    if (!isAlike(withoutDictionaries(actual.type), withoutDictionaries(type))) {
      const message = `${table} has the column ${column} as ${actual.type}, expected ${type}; ${change}`;
      return [{ message, isInTheWay: true }];
    }
    if (actual.defaultKind === defaultKind) return [];
    const message = `the column ${column} of ${table} is ${kindOf(actual.defaultKind)}, expected ${kindOf(defaultKind)}; ${change}`;
    return [{ message, isInTheWay: true }];
  });
}

function kindOf(defaultKind: string): string {
  return defaultKind === '' ? 'one without a default' : defaultKind;
}

/** Servers of before could not read these from each other, so that tables that they have created are without. */
function withoutDictionaries(type: string): string {
  return type.replace('Array(LowCardinality(String))', 'Array(String)');
}

function keyDifferences(table: string, shape: TableShape, found: FoundTable): SchemaDifference[] {
  const keys = [
    ['partition key', found.partitionKey, shape.partitionKey],
    ['sorting key', found.sortingKey, shape.sortingKey],
  ] as const;
  return keys.flatMap(([key, actual, expected]) => {
    if (isAlike(actual, expected)) return [];
    const message = `${table} has the ${key} ${actual === '' ? 'none' : actual}, expected ${expected}; ${ANEW}`;
    // Days are dropped by the partitions.
    return [{ message, isInTheWay: key === 'partition key' }];
  });
}

function indexDifferences(
  table: string,
  name: string,
  { indexes }: TableShape,
  found: FoundTable,
  { tables }: Context,
): SchemaDifference[] {
  if (indexes.size === 0) return [];
  const everywhere = tables.named(name).everywhere;
  const actual = indexesIn(found.createQuery);
  return [...indexes].flatMap(([index, rest]) => {
    if (actual.has(index)) return [];
    const message = `${table} has no skip index ${index}; run: ALTER TABLE ${everywhere} ADD INDEX ${index} ${rest}`;
    return [{ message, isInTheWay: false }];
  });
}

function settingDifferences(
  table: string,
  name: string,
  { engine }: TableShape,
  found: FoundTable,
  { tables, canAlterSettings }: Context,
): SchemaDifference[] {
  return [...engine.settings].flatMap(([setting, value]) => {
    // A replicated table has windows of its own.
    const isForOthers = setting.startsWith('non_replicated_') && found.engine.isReplicated;
    const actual = found.engine.settings.get(setting);
    if (!SETTINGS.has(setting) || isForOthers || actual === value) return [];
    const isAlterable = canAlterSettings && setting !== 'index_granularity';
    const alter = `run: ALTER TABLE ${tables.named(name).everywhere} MODIFY SETTING ${setting} = ${value}`;
    const message = `${table} has ${setting} = ${actual ?? 'the default'}, expected ${value}; ${isAlterable ? alter : ANEW}`;
    return [{ message, isInTheWay: false }];
  });
}

/** Where the rows are kept, of tables that are to be kept by a policy: any other one is left to whoever made it. */
function policyDifferences(
  table: string,
  name: string,
  { engine }: TableShape,
  found: FoundTable,
  { tables }: Context,
): SchemaDifference[] {
  const policy = engine.settings.get(POLICY);
  if (policy === undefined) return [];
  const alter = `run: ALTER TABLE ${tables.named(name).everywhere}`;
  const { ttl, settings } = found.engine;
  const actual = settings.get(POLICY);
  const differences: string[] = [];
  if (actual !== policy) {
    differences.push(
      `${table} has the storage policy ${actual ?? "'default'"}, expected ${policy}; ${alter} MODIFY SETTING ${POLICY} = ${policy}`,
    );
  }
  if (!isAlike(ttl, engine.ttl)) {
    const [is, expected] = [ttl, engine.ttl].map((text) => (text === '' ? 'none' : text));
    const change = engine.ttl === '' ? 'REMOVE TTL' : `MODIFY TTL ${engine.ttl}`;
    differences.push(`${table} has the TTL ${is}, expected ${expected}; ${alter} ${change}`);
  }
  return differences.map((message) => ({ message, isInTheWay: false }));
}

function isAlike(one: string, other: string): boolean {
  return bare(one) === bare(other);
}

/** Versions of ClickHouse differ in spaces, in quotes, and in brackets around a single name or around all. */
function bare(text: string): string {
  return text
    .replaceAll(/[\s'"`]/g, '')
    .replaceAll(/\((\w+)\)/g, '$1')
    .replace(/^\((.*)\)$/, '$1');
}

/** Those of the names that no table of the store has. */
export async function missingTables(engine: AskedEngine, names: readonly string[]): Promise<readonly string[]> {
  const list = names.map(sqlString).join(', ');
  const sql = `SELECT name FROM system.tables WHERE ${IN_DATABASE} AND name IN (${list})`;
  const found = (await rowsOf(engine, sql, TIMEOUT_MS)).map(([name]) => name);
  return names.filter((name) => !found.includes(name));
}
