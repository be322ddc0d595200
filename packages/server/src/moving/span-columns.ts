import { SPAN_COLUMNS } from '../storage/schema.ts';

/** Not sent: when a span came, and how rollups count it. */
const NOT_OF_THE_SPAN: ReadonlySet<string> = new Set(['arrival', 'rollup_other']);

/** What a sender has sent of a span, without `LowCardinality`: what every ClickHouse has, and writes alike. */
const PLAIN = SPAN_COLUMNS.filter(([name]) => !NOT_OF_THE_SPAN.has(name)).map(([name, type]) => {
  const plain = type.replace('LowCardinality(String)', 'String');
  if (plain === 'String') return { name, plain, select: `toString(${name})` };
  if (plain === 'Array(String)') return { name, plain, select: `arrayMap(x -> toString(x), ${name})` };
  return { name, plain: plain === 'DateTime' ? "DateTime('UTC')" : plain, select: name };
});

/** For a SELECT, with other names than the columns have: old servers take an alias for the column in WHERE. */
export const PLAIN_SELECT = PLAIN.map(({ name, select }) => `${select} AS p_${name}`).join(', ');

/** Of a file with those. */
export const PLAIN_STRUCTURE = PLAIN.map(({ name, plain }) => `p_${name} ${plain}`).join(', ');

/**
 * Tells spans apart, as the collector does for a segment in doubt: the ids, and a hash of everything that was sent. To
 * be computed by one and the same ClickHouse: two versions may hash in two ways.
 */
export const IDENTITY = `trace_id, span_id, cityHash64(${PLAIN.map(({ select }) => select).join(', ')})`;
/** The same of such a file. */
export const PLAIN_IDENTITY = `p_trace_id, p_span_id, cityHash64(${PLAIN.map(({ name }) => `p_${name}`).join(', ')})`;
