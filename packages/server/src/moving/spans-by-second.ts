import type { Engine } from '../storage/engine.ts';
import { rowsIn, rowsOf } from '../storage/rows-of.ts';
import { DAY_SECONDS, startOfDayMs } from '../storage/utc-day.ts';
import { whereOf, type SecondOfSpans, type Slice } from './slices.ts';

type Asked = Pick<Engine, 'query' | 'tables'>;

/** A statement over a day reads a column or three of it. */
const DAY_TIMEOUT_MS = 3_600_000;
/** What a digest is made of: `ids` is the same on every ClickHouse, whoever stored the spans. */
export const DIGEST_OF = {
  ids: 'trace_id, span_id',
  arrivals: 'trace_id, span_id, arrival',
} as const;

/** The seconds of a day (`YYYY-MM-DD`) in which spans start, in order. Rejects with `EngineError`. */
export async function secondsOf(
  engine: Asked,
  day: string,
  digestOf: keyof typeof DIGEST_OF,
  signal: AbortSignal,
): Promise<SecondOfSpans[]> {
  const begin = startOfDayMs(day) / 1_000;
  const where = `start_s >= toDateTime(${begin}) AND start_s <= toDateTime(${begin + DAY_SECONDS - 1})`;
  const sql = `SELECT toUInt32(start_s) AS s, toString(count()), toString(sum(cityHash64(${DIGEST_OF[digestOf]})))
FROM ${engine.tables.spans.read} WHERE ${where} GROUP BY s ORDER BY s`;
  const rows = rowsIn(await engine.query(sql, { format: 'JSONCompactEachRow', timeoutMs: DAY_TIMEOUT_MS, signal }));
  return rows.map(([second, spans, digest]) => ({
    second: Number(second),
    spans: Number(spans),
    digest: BigInt(String(digest)),
  }));
}

/** How many spans of a slice have which ids (48 hex digits). Rejects with `EngineError`. */
export async function countIds(
  engine: Asked,
  slice: Slice,
  counts: Map<string, number> = new Map(),
): Promise<Map<string, number>> {
  const sql = `SELECT concat(hex(trace_id), hex(span_id)) AS id, toUInt32(count())
FROM ${engine.tables.spans.read} WHERE ${whereOf(slice)} GROUP BY id`;
  for (const [id, spans] of await rowsOf(engine, sql)) {
    counts.set(String(id), (counts.get(String(id)) ?? 0) + Number(spans));
  }
  return counts;
}
