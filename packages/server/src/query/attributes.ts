import type { AttributeKeySummary, AttributeValueSummary } from '@throughline/trace/client';
import { COUNTS_PER_KEY, VALUES_KEY_SLOTS } from '../storage/rollups/attribute-values.ts';
import { sqlString } from '../storage/sql.ts';
import type { QueryContext, TimeRange } from './rows.ts';
import { IN_TENANT, queryRows, where, withView } from './rows.ts';
import type { Tables } from '../storage/tables.ts';

/**
 * What completes a search. Days are whole UTC days; counts are Σ sampling weight, estimated where not every span is
 * looked at. A query has spans counted soon that are not counted yet; it does not find them itself.
 */
export interface AttributeQuery {
  /** What keys or values begin with; '' for all. */
  readonly prefix: string;
  readonly range: TimeRange;
  readonly limit: number;
}

/** The keys of attributes of spans and resources, the most frequent first. */
export async function findAttributeKeys(context: QueryContext, query: AttributeQuery): Promise<AttributeKeySummary[]> {
  const rows = await withView(context, () => queryRows(context, attributeKeysSql(context.engine.tables, query)));
  return rows.map((row) => ({ key: row.text(0), estimatedSpanCount: row.number(1) }));
}

/** The values of one key, as text, the most frequent first; none for a key that is not known. */
export async function findAttributeValues(
  context: QueryContext,
  key: string,
  query: AttributeQuery,
): Promise<AttributeValueSummary[]> {
  const rows = await withView(context, () => queryRows(context, attributeValuesSql(context.engine.tables, key, query)));
  return rows.map((row) => ({ value: row.text(0), estimatedSpanCount: row.number(1) }));
}

export function attributeKeysSql(tables: Tables, { prefix, range, limit }: AttributeQuery): string {
  return `SELECT key, sum(weight) AS n
FROM ${tables.attribute_values.read}
${where([IN_TENANT, ...days(range), COUNTS_PER_KEY, ...beginsWith('key', prefix)])}
GROUP BY key
ORDER BY n DESC, key
LIMIT ${limit}`;
}

export function attributeValuesSql(tables: Tables, key: string, { prefix, range, limit }: AttributeQuery): string {
  const ofKey = [`key_slot = cityHash64(${sqlString(key)}) % ${VALUES_KEY_SLOTS}`, `key = ${sqlString(key)}`];
  return `SELECT value, sum(weight) AS n
FROM ${tables.attribute_values.read}
${where([IN_TENANT, ...days(range), ...ofKey, ...beginsWith('value', prefix)])}
GROUP BY value
ORDER BY n DESC, value
LIMIT ${limit}`;
}

function beginsWith(column: string, prefix: string): string[] {
  return prefix === '' ? [] : [`startsWith(${column}, ${sqlString(prefix)})`];
}

const DAY_NS = 86_400_000_000_000n;
/** The last day that a Date of every ClickHouse holds. */
const LAST_DAY = 49_709n;

function days({ fromUnixNano, toUnixNano }: TimeRange): string[] {
  return [
    ...(fromUnixNano === null ? [] : [`day >= ${dayOf(fromUnixNano)}`]),
    ...(toUnixNano === null ? [] : [`day <= ${dayOf(toUnixNano)}`]),
  ];
}

function dayOf(unixNano: bigint): string {
  const day = unixNano / DAY_NS;
  return `toDate(toUInt16(${day > LAST_DAY ? LAST_DAY : day}))`;
}
