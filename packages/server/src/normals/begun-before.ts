import { ofTraces, rangeConditions, SLICE_LEAD_NS } from '../insight/window-sql.ts';
import type { TimeWindow } from '../insight/window-slices.ts';
import { IN_TENANT, where } from '../query/rows.ts';
import { NO_PARENT } from '../query/span-reader.ts';
import { sqlHex } from '../storage/sql.ts';
import type { Tables } from '../storage/tables.ts';

/** A trace that has been silent for longer begins anew. */
const TIMES_READ_S = 86_400;
const SECOND_NS = 1_000_000_000n;

/**
 * Traces of which `sliceSqls` reads no root, though they began before what it reads, as hex. Spans of the time before
 * say so for `lookBackNs`, and for a day the times that rollups keep of each trace, which may be a moment behind.
 */
export function begunBeforeSql(
  tables: Tables,
  slice: TimeWindow,
  { share, lookBackNs }: { readonly share: number; readonly lookBackNs: bigint },
): string {
  const readFrom = slice.fromUnixNano - SLICE_LEAD_NS;
  const spansIn = (window: TimeWindow): string => where([IN_TENANT, ...rangeConditions(window), ...ofTraces(share)]);
  const unrooted = `trace_id IN (SELECT trace_id
FROM ${tables.spans.read}
${spansIn({ fromUnixNano: readFrom, toUnixNano: slice.toUnixNano })}
GROUP BY trace_id
HAVING countIf(parent_span_id = ${sqlHex(NO_PARENT)}) = 0 AND min(start_ns) >= ${slice.fromUnixNano})`;
  const begin = Number(slice.fromUnixNano / SECOND_NS);
  return `SELECT DISTINCT lower(hex(trace_id)) FROM (
SELECT trace_id FROM ${tables.spans.read}
${spansIn({ fromUnixNano: slice.fromUnixNano - lookBackNs, toUnixNano: readFrom })} AND ${unrooted}
UNION ALL
SELECT trace_id FROM ${tables.trace_times.read}
WHERE ${IN_TENANT} AND first_s >= toDateTime(${Math.max(0, begin - TIMES_READ_S)}) AND first_s < toDateTime(${begin}) AND ${unrooted}
)`;
}
