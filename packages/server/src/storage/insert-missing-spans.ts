import { signOfDamage } from './damage-signs.ts';
import { EngineError } from './engine.ts';
import { insertTarget } from './insert.ts';
import { isDataError } from './insert-failure.ts';
import { SPAN_COLUMNS } from './schema.ts';
import type { Tables } from './tables.ts';
import { countOf } from '../count-of.ts';

/** What of a segment is missing in the store is found out, and mended, by these statements. */
export interface SegmentStatements {
  readonly tables: Tables;
  /** Returns a SELECT as JSONCompactEachRow. */
  select(sql: string): Promise<Uint8Array>;
  /** Runs an `INSERT … SELECT` as one block, without any deduplication. */
  insert(sql: string): Promise<void>;
}

/** Not sent: when a span came, and how rollups count it, which depends on what came before. */
const NOT_OF_THE_SPAN: ReadonlySet<string> = new Set(['arrival', 'rollup_other']);

/** A file of a version without arrivals has none, and gets what the table would give it. */
const INSERTED: Readonly<Record<string, string>> = { arrival: 'if(arrival = 0, toUInt64(now()) * 1000000, arrival)' };

/**
 * The table's sorting key behind the tenant, which files do not name: with both the store reads a few granules instead
 * of a day.
 */
const SORTED_BY = 'service, start_s';

const IDENTITY = identity();

/**
 * Inserts those spans of a segment that the store does not hold, and resolves with how many they were when it holds all
 * of them. No token shows it: ClickHouse notes a token before the part is in its place, and keeps it when the part
 * never gets there. Spans are compared by everything that was sent, so that what another segment holds as well is not
 * taken for this one, unless it is the same span, sent twice. Safe to repeat, as soon as the earlier insert has ended;
 * not while it runs.
 *
 * Rejects with an `EngineError` that is about the store where this cannot be read and the segment can.
 *
 * `source`: a table expression with the segment's rows.
 */
export async function insertMissingSpans(source: string, statements: SegmentStatements): Promise<number> {
  const [spans, missing] = await count(source, statements);
  if (spans === 0) throw new EngineError('unavailable', `the segment's copy ${source} is empty`);
  if (missing === 0) return 0;
  const values = SPAN_COLUMNS.map(([name]) => INSERTED[name] ?? name).join(', ');
  await statements.insert(
    `INSERT INTO ${insertTarget(statements.tables, 'spans')} SELECT ${values} FROM ${source} WHERE ${isMissing(source, statements.tables)}`,
  );
  // The segment is deleted on the word of this: what an insert says of itself is what has been wrong before.
  const [spansAfter, missingAfter] = await count(source, statements);
  if (spansAfter === spans && missingAfter === 0) return missing;
  const what =
    spansAfter === spans
      ? `the insert left out ${missingAfter} of ${countOf(spans, 'span')}`
      : `the segment's copy ${source} had ${countOf(spans, 'span')} and now has ${spansAfter}`;
  throw new EngineError('unavailable', what);
}

/**
 * Types as a table function or `CREATE TABLE` wants them. Times are in UTC, as those of `spans` are: a server in
 * another zone looks for a set of times of its own zone in the partitions of the days that these are there, and finds
 * nothing in the hours in which it is yesterday, or tomorrow.
 */
export const SPAN_STRUCTURE = SPAN_COLUMNS.map(
  ([name, type]) => `${name} ${type === 'DateTime' ? "DateTime('UTC')" : type}`,
).join(', ');

async function count(source: string, statements: SegmentStatements): Promise<[spans: number, missing: number]> {
  const sql = `SELECT toUInt32(count()), toUInt32(sum(${isMissing(source, statements.tables)})) FROM ${source}`;
  const line = await statements.select(sql).catch(async (error: unknown) => {
    const mayBeEither = isDataError(error) || signOfDamage(error) === 'unnamed';
    throw mayBeEither && (await isReadable(source, statements)) ? aboutStore(error) : error;
  });
  return JSON.parse(Buffer.from(line).toString('utf8')) as [number, number];
}

/** Whether everything that the comparison reads of the segment can be read: it reads the store as well. */
async function isReadable(source: string, statements: SegmentStatements): Promise<boolean> {
  return await statements.select(`SELECT toUInt32(count()) FROM ${source} WHERE NOT ignore(${IDENTITY})`).then(
    () => true,
    () => false,
  );
}

function aboutStore(error: unknown): unknown {
  if (!(error instanceof EngineError)) return error;
  const { code, message, clickhouseCode, isUnseen } = error;
  return new EngineError(code, message, { clickhouseCode, isUnseen, isAboutStore: true, cause: error });
}

function isMissing(source: string, tables: Tables): string {
  const { spans, inOfServer } = tables;
  return `${IDENTITY} NOT IN (
  SELECT ${IDENTITY} FROM ${spans.read}
  WHERE tenant = '' AND (${SORTED_BY}) ${inOfServer} (SELECT ${SORTED_BY} FROM ${source}) AND trace_id ${inOfServer} (SELECT trace_id FROM ${source})
)`;
}

function identity(): string {
  const ids = ['trace_id', 'span_id'];
  const others = SPAN_COLUMNS.map(([name]) => name).filter((name) => !ids.includes(name) && !NOT_OF_THE_SPAN.has(name));
  return `(${ids.join(', ')}, cityHash64(${others.join(', ')}))`;
}
