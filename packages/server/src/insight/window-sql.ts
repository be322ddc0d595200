import { startConditions, where } from '../query/rows.ts';
import { SPAN_DURATION, spanSources } from '../query/span-sources.ts';
import type { SpanView } from '../storage/span-visibility.ts';
import { sqlHex, sqlInt64, sqlString, sqlUInt64 } from '../storage/sql.ts';
import type { Tables } from '../storage/tables.ts';
import type { TimeWindow, WindowSample } from './window-slices.ts';

/** Attributes of spans that are read: those that say what was called, and how it ended. */
export const SPAN_KEYS: readonly string[] = [
  'error.type',
  'http.response.status_code',
  'http.status_code',
  'rpc.grpc.status_code',
  'rpc.response.status_code',
  'service.peer.name',
  'peer.service',
  'db.system.name',
  'db.system',
  'db.namespace',
  'db.name',
  'messaging.destination.name',
  'messaging.destination',
  'messaging.system',
  'server.address',
  'net.peer.name',
  'network.peer.address',
  'net.peer.ip',
  'server.port',
  'net.peer.port',
  'network.peer.port',
  'rpc.service',
];

/** What tells the instances of a service apart; the first that a resource has. */
export const INSTANCE_KEYS = ['service.instance.id', 'k8s.pod.name', 'container.id', 'host.name'] as const;

const VERSION_KEY = 'service.version';
const HOST_KEYS = ['host.name', 'k8s.node.name'] as const;

/** How many spans begin in a window, and until the margin after it; when the first and the last of the window do. */
export function windowCountSql(tables: Tables, view: SpanView, window: TimeWindow, marginNs: bigint): string {
  const range = rangeConditions({ ...window, toUnixNano: window.toUnixNano + marginNs });
  const isIn = `start_ns < ${sqlInt64(window.toUnixNano)}`;
  const counts = spanSources(tables, view).map(
    ({ table, conditions }) => `SELECT countIf(${isIn}) AS n, count() AS n_read, minIf(start_ns, ${isIn}) AS first,
  maxIf(start_ns, ${isIn}) AS last
FROM ${table}
${where([...conditions, ...range])}`,
  );
  return `SELECT sum(n), sum(n_read), toString(minIf(first, n > 0)), toString(maxIf(last, n > 0))
FROM (${counts.join('\nUNION ALL\n')})`;
}

/** So long before a slice is read, too: it shows which of its spans belong to traces that began before. */
export const SLICE_LEAD_NS = 5_000_000_000n;

/**
 * The spans of one slice, and of `marginNs` after it: a trace goes on after it has begun. `more`: columns beside those
 * that `tableOf` needs.
 */
export function sliceSqls(
  tables: Tables,
  view: SpanView,
  slice: TimeWindow,
  { share }: Pick<WindowSample, 'share'>,
  marginNs: bigint,
  more: readonly string[] = [],
): string[] {
  const range = rangeConditions({
    fromUnixNano: slice.fromUnixNano - SLICE_LEAD_NS,
    toUnixNano: slice.toUnixNano + marginNs,
  });
  return spanSources(tables, view).map(
    ({ table, conditions }) => `SELECT trace_id, span_id, parent_span_id, CAST(service, 'String') AS service_name,
  CAST(name, 'String') AS span_name, kind, status_code, substring(status_message, 1, 320) AS message, start_ns, ${SPAN_DURATION} AS duration,
  ${keptAttributes('attrs_k')} AS keys, ${keptAttributes('attrs_v')} AS values,
  toString(ev_v[indexOf(ev_k, 'exception.type')]) AS exception_type,
  ${INSTANCE_KEYS.map((key, at) => `${resourceValue(key)} AS instance_${at}`).join(', ')},
  ${resourceValue(VERSION_KEY)} AS version, ${HOST_KEYS.map((key, at) => `${resourceValue(key)} AS host_${at}`).join(', ')}${more.map((column) => `,\n  ${column}`).join('')}
FROM ${table}
${where([...conditions, ...range, ...ofTraces(share)])}`,
  );
}

/** Attributes of the roots of some traces, and of their spans of one service, by trace. */
export function attributesSqls(
  tables: Tables,
  view: SpanView,
  window: TimeWindow,
  { service, traceIds }: { readonly service: string; readonly traceIds: readonly string[] },
): string[] {
  const ids = traceIds.map(sqlHex).join(', ');
  const ofRequest = `(parent_span_id = ${sqlHex('0'.repeat(16))} OR service = ${sqlString(service)})`;
  return spanSources(tables, view).map(
    ({ table, conditions }) => `SELECT lower(hex(trace_id)),
  arrayFilter((k, v) -> length(v) <= ${VALUE_LENGTH_MAX}, CAST(attrs_k, 'Array(String)'), attrs_v),
  arrayFilter(v -> length(v) <= ${VALUE_LENGTH_MAX}, attrs_v)
FROM ${table}
${where([...conditions, ...rangeConditions(window), `trace_id IN (${ids})`, ofRequest])}
LIMIT ${ATTRIBUTE_ROWS_MAX}`,
  );
}

const ATTRIBUTE_ROWS_MAX = 20_000;
/** In bytes; a longer value is not one that people would look for. */
const VALUE_LENGTH_MAX = 200;

/** Both windows take the same traces by ID, whatever their spans are. */
export function ofTraces(share: number): string[] {
  if (share >= 1) return [];
  return [`cityHash64(trace_id) < ${sqlUInt64(BigInt(Math.floor(share * 2 ** 32)) << 32n)}`];
}

/** The spans that start in a window; what is behind the last moment that a span can have is no moment. */
export function rangeConditions({ fromUnixNano, toUnixNano }: TimeWindow): string[] {
  return startConditions({ fromUnixNano, toUnixNano: toUnixNano > LAST_UNIX_NANO ? LAST_UNIX_NANO : toUnixNano - 1n });
}

const LAST_UNIX_NANO = 2n ** 63n - 1n;

/** Of spans that call or answer somebody, or failed; others need none. */
function keptAttributes(column: 'attrs_k' | 'attrs_v'): string {
  const isKept = `has([${SPAN_KEYS.map(sqlString).join(', ')}], k)`;
  const kept =
    column === 'attrs_k'
      ? `arrayFilter(k -> ${isKept}, attrs_k)`
      : `arrayFilter((v, k) -> ${isKept}, attrs_v, attrs_k)`;
  return `if(kind IN (2, 3, 4) OR status_code = 2, CAST(${kept}, 'Array(String)'), emptyArrayString())`;
}

function resourceValue(key: string): string {
  return `CAST(res_v[indexOf(res_k, ${sqlString(key)})], 'String')`;
}
