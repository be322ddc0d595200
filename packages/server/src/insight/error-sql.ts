import { where } from '../query/rows.ts';
import type { SpanSource } from '../query/span-sources.ts';
import { sqlInt64, sqlString } from '../storage/sql.ts';
import { ofTraces, rangeConditions } from './window-sql.ts';
import type { TimeWindow } from './window-slices.ts';

const IS_FAILED = 'status_code = 2';
/** In bytes; nobody reads more of one. */
const TEXT_BYTES_MAX = 1_000;
/** Groups of texts that take more memory than this go through a file. */
const GROUPS_BYTES_MAX = 200_000_000;

/** How many spans of a window failed, and of that before it. */
export function errorCountSql({ table, conditions }: SpanSource, before: TimeWindow, window: TimeWindow): string {
  const isNow = `start_ns >= ${sqlInt64(window.fromUnixNano)}`;
  const range = { fromUnixNano: before.fromUnixNano, toUnixNano: window.toUnixNano };
  return `SELECT countIf(${isNow}), countIf(NOT (${isNow}))
FROM ${table}
${where([...conditions, ...rangeConditions(range), IS_FAILED])}`;
}

/** The failed spans of a share of the traces. */
export function errorSpansSql({ table, conditions }: SpanSource, range: TimeWindow, share: number): string {
  return `SELECT trace_id, span_id, parent_span_id, start_ns, toUInt64(round(least(sampling_weight, 1e12) * ${WEIGHT_SCALE})) AS weight,
  CAST(res_v[indexOf(res_k, 'service.version')], 'String') AS version,
  ${FAILURE.join(',\n  ')}
FROM ${table}
${where([...conditions, ...rangeConditions(range), IS_FAILED, ...ofTraces(share)])}`;
}

/** Weights are fractions. */
export const WEIGHT_SCALE = 1_000;

/** Where failures are looked for: in a service, in all its operations or in one. */
export interface FailurePlace {
  readonly service: string;
  /** Null for all. */
  readonly operation: string | null;
}

/** What is looked for in the time before. */
export interface EarlierErrors {
  readonly range: TimeWindow;
  readonly places: readonly FailurePlace[];
  readonly rowsMax: number;
  /** Where spans are: a failed child may be elsewhere than its parent. */
  readonly all: readonly SpanSource[];
  /** So long after the range children of its spans may begin. */
  readonly childrenNs: bigint;
}

/**
 * What failed in some time at some places: of failures that differ in digits or quoted text alone one, and when the
 * first and the last was. Those seen last come first. Without spans that a failed child explains: those of the window
 * are left out in the same way. All spans of a trace are on one shard. Of spans and parents hashes are compared: of
 * many millions they take a third of the memory.
 */
export function earlierErrorsSql(
  { table, conditions }: SpanSource,
  { range, places, rowsMax, all, childrenNs }: EarlierErrors,
): string {
  const children = rangeConditions({ ...range, toUnixNano: range.toUnixNano + childrenNs });
  const explained = all.map(
    (each) => `SELECT cityHash64(trace_id, parent_span_id) FROM ${each.table}
  ${where([...each.conditions, ...children, IS_FAILED, 'parent_span_id != span_id'])}`,
  );
  const each = places.map(({ service, operation }) => {
    return `service = ${sqlString(service)}${operation === null ? '' : ` AND name = ${sqlString(operation)}`}`;
  });
  return `SELECT ${EXACT.join(',\n  ')},
  ${WORDED.map(([name, text]) => `any(${text}) AS ${name}`).join(',\n  ')},
  min(start_ns) AS first_ns, max(start_ns) AS last_ns
FROM ${table}
${where([...conditions, ...rangeConditions(range), IS_FAILED, `(${each.join(' OR ')})`])}
  AND cityHash64(trace_id, span_id) NOT IN (
  ${explained.join('\n  UNION ALL\n  ')}
)
GROUP BY ${[...EXACT_NAMES, ...WORDED.map(([, text]) => alike(text))].join(',\n  ')}
ORDER BY last_ns DESC, message
LIMIT ${rowsMax}
SETTINGS max_bytes_before_external_group_by = ${GROUPS_BYTES_MAX}`;
}

function attribute(key: string): string {
  return cut(`attrs_v[indexOf(attrs_k, ${sqlString(key)})]`);
}

/** Of the last exception: beyond the end of an array there is nothing. */
function ofException(key: string): string {
  return cut(`ev_v[length(ev_k) + 1 - indexOf(arrayReverse(ev_k), ${sqlString(key)})]`);
}

function cut(text: string): string {
  return `substring(toString(${text}), 1, ${TEXT_BYTES_MAX})`;
}

/**
 * Texts for which `normalMessage` returns the same need not be alike here, but those that are alike must have one
 * normal text: each digit becomes a 0, as do the letters of UUIDs and of long hexadecimal numbers, and quoted text that
 * is no key or value of JSON, where other words remain.
 */
function alike(text: string): string {
  const quoted = replaced(text, String.raw`"[^"]*"`, '"0"');
  const unquoted = replaced(text, String.raw`"[^"]*"|'[^']*'|[A-Za-z][A-Za-z0-9+.-]*://\S*`, '0');
  const hasWords = `match(${unquoted}, ${sqlString('[A-Za-z]')})`;
  const isJson = `match(${text}, ${sqlString(String.raw`^\s*[\[{]`)})`;
  const kept = `if(NOT ${isJson} AND ${hasWords}, ${quoted}, ${text})`;
  return replaced(replaced(kept, HEXADECIMAL, '0000000000000000'), '[0-9]', '0');
}

/** A UUID, an ID of a trace or a span. */
const HEXADECIMAL = String.raw`\b[0-9a-f]{16,32}\b|\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`;

function replaced(text: string, pattern: string, by: string): string {
  return `replaceRegexpAll(${text}, ${sqlString(pattern)}, ${sqlString(by)})`;
}

/** What says where and why a span failed: with what differs from one to the next, and without it. */
const WORDED = [
  ['span_name', "CAST(name, 'String')"],
  ['message', cut('status_message')],
  ['exception_message', ofException('exception.message')],
] as const;
const EXACT = [
  "CAST(service, 'String') AS service_name",
  'kind',
  `${attribute('error.type')} AS error_type`,
  `${attribute('http.response.status_code')} AS http_status`,
  `${attribute('http.status_code')} AS old_http_status`,
  `${attribute('rpc.response.status_code')} AS rpc_status`,
  `${attribute('rpc.grpc.status_code')} AS grpc_status`,
  `${ofException('exception.type')} AS exception_type`,
];
const FAILURE = [...EXACT, ...WORDED.map(([name, text]) => `${text} AS ${name}`)];

const EXACT_NAMES = EXACT.map((column) => column.slice(column.lastIndexOf(' ') + 1));
