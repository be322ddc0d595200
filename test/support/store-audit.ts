import {
  MISSING_LONG_TRACES,
  UNFOUNDED_LONG_TRACES,
} from '../../packages/server/src/storage/testing/long-traces-audit.ts';
import { RARE_OF_SPANS } from '../../packages/server/src/storage/testing/rollup-audit.ts';
import { countStored, type StartedEngine } from '../../packages/server/src/storage/testing/start-engine.ts';

/**
 * Compares every table that is derived from spans with what an independent computation over `spans` gives, in a store that nothing
 * changes any more. A sentence for each table that differs; none where all agree.
 */
export async function auditStore(store: StartedEngine): Promise<string[]> {
  // What a collector does at its start, before it answers.
  await countStored(store.engine);
  const findings: string[] = [];
  const compare = async (table: string, missingSql: string, unfoundedSql: string): Promise<void> => {
    const [missing, unfounded] = [await rowsIn(store, missingSql), await rowsIn(store, unfoundedSql)];
    if (missing === '' && unfounded === '') return;
    findings.push(`${table}: missing ${missing || 'nothing'}; without spans ${unfounded || 'nothing'}`);
  };
  for (const { table, expected, derived } of COMPARISONS) {
    await compare(table, difference(expected, derived), difference(derived, expected));
  }
  await compare('long_traces', MISSING_LONG_TRACES, UNFOUNDED_LONG_TRACES);
  return findings;
}

/** Two statements with the same columns and, where the store keeps its promises, the same rows. */
interface Comparison {
  readonly table: string;
  /** What stands in the table, summed over the parts that are not merged yet. */
  readonly derived: string;
  /** What should, from the spans (or, of hours, from the minutes) alone, in words of its own. */
  readonly expected: string;
}

const OPERATION = String.raw`toString(multiIf(rollup_other > 1 OR length(service) > 4096, '\xff', service)) AS s, toString(multiIf(rollup_other > 0 OR length(service) > 4096 OR length(name) > 4096, '\xff', name)) AS o`;
/** Of a batch with more spans only about so many are looked at for attributes: of more a weight is not known exactly. */
const SAMPLED_WHOLE = 8_192;
const IS_ERROR = 'status_code = 2';
const IS_REQUEST = `(kind = 2 OR kind = 5 OR hex(parent_span_id) = '0000000000000000' OR (bitTest(flags, 8) AND bitTest(flags, 9)))`;
const IS_UNKNOWN = `(sampling_th = '' AND res_v[indexOf(res_k, 'telemetry.sdk.name')] = 'throughline')`;
/** Sums of doubles depend on their order. */
const rounded = (sum: string): string => `round(toFloat64(${sum}), 3)`;
const secondsOf = (seconds: number, time = 'start_s'): string =>
  `toUInt32(${time}) - toUInt32(${time}) % ${seconds} AS t`;

function requests(table: string, seconds: number): Comparison {
  return {
    table,
    derived: `SELECT toUInt32(time) AS t, toString(service_name) AS s, toString(operation) AS o, toUInt8(is_error) AS e, toUInt16(bucket) AS b,
  sum(spans) AS n, ${rounded('sum(weight)')} AS w FROM throughline.${table} GROUP BY t, s, o, e, b`,
    expected: `SELECT ${secondsOf(seconds)}, ${OPERATION}, toUInt8(${IS_ERROR}) AS e,
  toUInt16(floor(8 * log2(if(duration_ns < 1, 1, duration_ns)))) AS b, count() AS n, ${rounded('sum(sampling_weight)')} AS w
  FROM throughline.spans WHERE ${IS_REQUEST} GROUP BY t, s, o, e, b`,
  };
}

const COMPARISONS: readonly Comparison[] = [
  {
    table: 'operation_15m',
    derived: `SELECT toUInt32(time) AS t, toString(service_name) AS s, toString(operation) AS o, sum(spans) AS n, sum(errors) AS e,
  ${rounded('sum(weight)')} AS w, ${rounded('sum(error_weight)')} AS ew, minMerge(first_ns) AS first, maxMerge(last_ns) AS last
  FROM throughline.operation_15m GROUP BY t, s, o`,
    expected: `SELECT ${secondsOf(900)}, ${OPERATION}, count() AS n, countIf(${IS_ERROR}) AS e,
  ${rounded('sum(sampling_weight)')} AS w, ${rounded(`sumIf(sampling_weight, ${IS_ERROR})`)} AS ew, min(start_ns) AS first, max(start_ns) AS last
  FROM throughline.spans GROUP BY t, s, o`,
  },
  requests('request_1m', 60),
  requests('request_1h', 3600),
  {
    table: 'weight_15m',
    derived: `SELECT toUInt32(time) AS t, toString(service_name) AS s, of_service AS f, toString(operation) AS o,
  ${rounded('sum(excess)')} AS e, ${rounded('sum(variance)')} AS v, ${rounded('sum(request_excess)')} AS re, ${rounded('sum(request_variance)')} AS rv,
  sum(unknown) AS u, sum(unknown_requests) AS ru FROM throughline.weight_15m GROUP BY t, s, f, o`,
    // Of each trace: (Σw)² − n·Σw, with the n spans that it has there.
    expected: `SELECT t, s, f, o, ${rounded('sum(w) - sum(n)')} AS e, ${rounded('sum(w * w - n * w)')} AS v,
  ${rounded('sum(rw) - sum(rn)')} AS re, ${rounded('sum(rw * rw - rn * rw)')} AS rv, sum(u_) AS u, sum(ru_) AS ru
  FROM (
    SELECT t, s, f, if(f = 1, '', o_) AS o, trace_id, sum(sampling_weight) AS w, count() AS n,
      sumIf(sampling_weight, is_request) AS rw, countIf(is_request) AS rn,
      countIf(is_unknown) AS u_, countIf(is_unknown AND is_request) AS ru_
    FROM (
      SELECT ${secondsOf(900)}, ${OPERATION.replace(/o$/, 'o_')}, trace_id, sampling_weight, ${IS_REQUEST} AS is_request, ${IS_UNKNOWN} AS is_unknown
      FROM throughline.spans WHERE sampling_weight != 1 OR is_unknown
    ) ARRAY JOIN [toUInt8(0), toUInt8(1)] AS f
    GROUP BY t, s, f, o, trace_id
  ) GROUP BY t, s, f, o`,
  },
  {
    table: 'trace_times',
    derived: `SELECT hex(trace_id) AS id, toDate(first_s) AS day, toUInt32(min(first_s)) AS first, max(toUInt32(first_s) + length_s) AS last, max(has_root) AS root, toUInt64(groupBitOr(rare)) AS rare
  FROM throughline.trace_times GROUP BY id, day`,
    expected: `SELECT hex(trace_id) AS id, toDate(start_s) AS day, toUInt32(min(start_s)) AS first, max(toUInt32(start_s)) AS last,
  max(hex(parent_span_id) = '0000000000000000') AS root, toUInt64(${RARE_OF_SPANS}) AS rare FROM throughline.spans GROUP BY id, day`,
  },
  {
    // Of a key that few spans of a day with many have, only that some do.
    table: 'attribute_values',
    derived: `SELECT day, key, if(e.is_estimated AND abs(d.w - e.w) < 6 * sqrt(32 * e.w), e.w, d.w) AS weight
  FROM (SELECT day, key, ${rounded('sum(weight)')} AS w FROM throughline.attribute_values WHERE key_slot >= 4096 GROUP BY day, key) AS d
  LEFT JOIN (${attributeKeys()}) AS e USING (day, key) WHERE NOT (e.is_estimated AND e.w < ${SAMPLED_WHOLE})`,
    expected: `SELECT day, key, w AS weight FROM (${attributeKeys()}) WHERE NOT (is_estimated AND w < ${SAMPLED_WHOLE})`,
  },
  {
    table: 'counted_1h',
    derived: `SELECT toUInt32(time) AS t, service_name, operation, kind, status, bucket, sum(requests) AS n, ${rounded('sum(duration_sum_ns) / 1e9')} AS d
  FROM throughline.counted_1h GROUP BY t, service_name, operation, kind, status, bucket`,
    expected: `SELECT ${secondsOf(3600, 'time')}, service_name, operation, kind, status, bucket, sum(requests) AS n, ${rounded('sum(duration_sum_ns) / 1e9')} AS d
  FROM throughline.counted_1m GROUP BY t, service_name, operation, kind, status, bucket`,
  },
];

/** Of spans and their resources, whatever their values are. Around midnight a batch holds few spans of one day beside many of the next, and is sampled as a whole. */
function attributeKeys(): string {
  return `SELECT day, key, w, day IN (
    SELECT arrayJoin([toDate(start_s), toDate(start_s) - 1]) AS d FROM throughline.spans GROUP BY d HAVING count() > ${SAMPLED_WHOLE}
  ) AS is_estimated
  FROM (
    SELECT toDate(start_s) AS day, toString(k) AS key, ${rounded('sum(sampling_weight)')} AS w FROM throughline.spans
    ARRAY JOIN arrayConcat(attrs_k, res_k) AS k WHERE length(k) BETWEEN 1 AND 256 GROUP BY day, key
  )`;
}

/** The rows that only the first has. */
function difference(first: string, second: string): string {
  return `SELECT * FROM (${first}) EXCEPT SELECT * FROM (${second})`;
}

/** How many rows a statement answers, and some of them; '' where there are none. */
async function rowsIn(store: StartedEngine, sql: string): Promise<string> {
  const rows = await store.rows(`SELECT count() OVER () AS rows, * FROM (${sql}) LIMIT 3`, 60_000);
  if (rows.length === 0) return '';
  return `${String(rows[0]?.[0])} rows, such as ${rows.map((row) => JSON.stringify(row.slice(1))).join(' ')}`;
}
