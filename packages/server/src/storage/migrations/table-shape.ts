import { endOfBrackets, splitAtCommas } from './sql-parts.ts';

/** A table as its definition has it. */
export interface TableShape {
  readonly engine: EngineShape;
  readonly columns: ReadonlyMap<string, ColumnShape>;
  /** What stands behind the name of each skip index. */
  readonly indexes: ReadonlyMap<string, string>;
  readonly partitionKey: string;
  readonly sortingKey: string;
}

export interface ColumnShape {
  readonly type: string;
  readonly defaultKind: '' | 'DEFAULT' | 'MATERIALIZED';
  /** All that stands behind the name. */
  readonly definition: string;
}

/** Everything from the engine's name on. */
export interface EngineShape {
  /** Such as `SummingMergeTree`, whether it is replicated or not. */
  readonly family: string;
  readonly isReplicated: boolean;
  /** Without those that name the path and the replica in Keeper. */
  readonly args: readonly string[];
  /** Where its rows go by their age; '' where they stay. */
  readonly ttl: string;
  readonly settings: ReadonlyMap<string, string>;
}

const CREATE = /^CREATE TABLE IF NOT EXISTS \w+\.(\w+)(?: ON CLUSTER `[^`]+`)?(?: AS \w+\.(\w+))?\s/;
const ALTER = /^ALTER TABLE \w+\.(\w+)(?: ON CLUSTER `[^`]+`)? /;
const ADD_COLUMN = /^ADD COLUMN (?:IF NOT EXISTS )?(\w+) (.*)$/s;
const MODIFY_COLUMN = /^MODIFY COLUMN (\w+) (.*)$/s;
const ADD_INDEX = /^ADD INDEX IF NOT EXISTS (\w+) (.*)$/s;
const DROP_INDEX = /^DROP INDEX IF EXISTS (\w+)$/;
const KEYS = /(?:PARTITION BY (.*)\n)?ORDER BY (.*)/;

/**
 * What becomes of the tables by our own statements: their shapes by name. Throws a `RangeError` for a statement that it
 * does not know, which is for whoever writes a migration.
 */
export function shapesOf(statements: readonly string[]): ReadonlyMap<string, TableShape> {
  const shapes = new Map<string, TableShape>();
  for (const statement of statements) {
    const [, created, source] = CREATE.exec(statement) ?? [];
    const [head = '', altered] = ALTER.exec(statement) ?? [];
    const shape = shapes.get(source ?? altered ?? '');
    if (created !== undefined && source === undefined) shapes.set(created, createdShape(statement));
    else if (created !== undefined && shape !== undefined) {
      const engine = engineShape(statement.slice(statement.indexOf('ENGINE = ') + 'ENGINE = '.length));
      shapes.set(created, { engine, columns: shape.columns, indexes: new Map(), partitionKey: '', sortingKey: '' });
    } else if (altered !== undefined && shape !== undefined) {
      shapes.set(altered, alteredShape(shape, statement.slice(head.length)));
    } else if (!/^(?:CREATE DATABASE|INSERT|DROP TABLE) /.test(statement)) {
      throw new RangeError(`no table is known by ${statement.slice(0, 120)}`);
    }
  }
  return shapes;
}

function createdShape(statement: string): TableShape {
  const begin = statement.indexOf('(');
  const end = endOfBrackets(statement, begin);
  const columns = new Map<string, ColumnShape>();
  const indexes = new Map<string, string>();
  for (const part of splitAtCommas(statement.slice(begin + 1, end - 1))) {
    const [, index = '', rest = ''] = /^INDEX (\w+) (.*)$/s.exec(part) ?? [];
    const [, name = '', definition = ''] = /^`?([\w.]+)`? (.*)$/s.exec(part) ?? [];
    if (index === '') columns.set(name, columnShape(definition));
    else indexes.set(index, rest);
  }
  const engine = engineShape(statement.slice(end).replace(/^ ENGINE = /, ''));
  const [, partitionKey = '', sortingKey = ''] = KEYS.exec(statement.slice(end)) ?? [];
  return { engine, columns, indexes, partitionKey, sortingKey };
}

function alteredShape(shape: TableShape, action: string): TableShape {
  const columns = new Map(shape.columns);
  const indexes = new Map(shape.indexes);
  const [, name = '', definition = ''] = ADD_COLUMN.exec(action) ?? MODIFY_COLUMN.exec(action) ?? [];
  const [, index = '', rest = ''] = ADD_INDEX.exec(action) ?? [];
  const [, dropped = ''] = DROP_INDEX.exec(action) ?? [];
  if (name !== '') columns.set(name, columnShape(definition));
  else if (index !== '') indexes.set(index, rest);
  else if (dropped !== '') indexes.delete(dropped);
  else throw new RangeError(`nothing is known of ALTER TABLE … ${action.slice(0, 120)}`);
  return { ...shape, columns, indexes };
}

function columnShape(definition: string): ColumnShape {
  const [word = ''] = /^\w+/.exec(definition) ?? [];
  const end = definition[word.length] === '(' ? endOfBrackets(definition, word.length) : word.length;
  const [, kind = ''] = /^ (DEFAULT|MATERIALIZED) /.exec(definition.slice(end)) ?? [];
  return { type: definition.slice(0, end), defaultKind: kind as ColumnShape['defaultKind'], definition };
}

/** Of what follows `ENGINE = `, in our own text or in the server's. */
export function engineShape(text: string): EngineShape {
  const [, kind = '', family = ''] = /^(Replicated|Shared|)(\w+)/.exec(text) ?? [];
  const begin = kind.length + family.length;
  const end = text[begin] === '(' ? endOfBrackets(text, begin) : begin;
  const args = splitAtCommas(text.slice(begin + 1, Math.max(begin + 1, end - 1)));
  const [, settings = ''] = /\sSETTINGS (.*)$/s.exec(text.slice(end)) ?? [];
  const [, ttl = ''] = /\sTTL (.*?)(?:\sSETTINGS .*)?$/s.exec(text.slice(end)) ?? [];
  return {
    family,
    ttl,
    isReplicated: kind !== '',
    args: kind === '' ? args : args.filter((arg) => !arg.startsWith("'")),
    settings: new Map(
      splitAtCommas(settings).map((part) => {
        const [name = '', ...value] = part.split(' = ');
        return [name, value.join(' = ')] as const;
      }),
    ),
  };
}

/** The names of a table's skip indexes, of the definition that its server shows. */
export function indexesIn(createQuery: string): ReadonlySet<string> {
  const begin = createQuery.indexOf('(');
  if (begin < 0) return new Set();
  const parts = splitAtCommas(createQuery.slice(begin + 1, endOfBrackets(createQuery, begin) - 1));
  const names = parts.map((part) => /^INDEX `?(\w+)`? /.exec(part)?.[1]);
  return new Set(names.filter((name) => name !== undefined));
}
