import { LogSketch, quantilesOf } from '@throughline/trace/insight';
import { IN_TENANT, queryRows, type JsonRow, type QueryContext } from '../query/rows.ts';
import { sqlString, sqlUInt64 } from '../storage/sql.ts';
import type { Tables } from '../storage/tables.ts';
import { cellOf, cellsWithin, inRuns, runsSql, validRunsOf, type Run } from './cells.ts';

/** Whose normal is looked for. */
export interface NormalQuery {
  readonly service: string;
  readonly operation: string;
  /** OTLP's SpanKind. */
  readonly kind: number;
  /** The ID of a `CallPath`; null for the operation wherever it is called. */
  readonly path: string | null;
  /** What is usual at this moment: in the hour before the ten minutes that it is in, or in the day before them. */
  readonly atUnixNano: bigint;
}

/** What is usual of spans. */
export interface Normal {
  /** Spans that were measured. */
  readonly count: number;
  /** Traces that they are of; one that has them at several paths counts at each of these. */
  readonly traces: number;
  /** How many they stand for. */
  readonly weight: number;
  /** From 0 to 1. */
  readonly errorShare: number;
  /** Spans of this kind in a trace that has any. */
  readonly callsPerTrace: number;
  readonly duration: Quantiles;
  /** Without the time of what was called; null for calls that were answered. */
  readonly own: Quantiles | null;
  /** Of calls: how much longer they took than their callees; null for others. */
  readonly gap: Quantiles | null;
  /** What it comes from: where a path has had too few spans, from those of its operation, and of the day. */
  readonly source: { readonly of: 'path' | 'operation'; readonly over: 'hour' | 'day' };
}

export interface Quantiles {
  readonly p50Ns: number;
  readonly p90Ns: number;
  readonly p99Ns: number;
}

/** So many spans, of as many traces, have a normal of their own; with fewer, others are added. */
export const NORMAL_COUNT_MIN = 30;

const HOUR_SECONDS = 3_600;
const DAY_SECONDS = 86_400;

/** In this order, as long as there are too few spans or traces. */
const SOURCES = [
  { of: 'path', over: 'hour' },
  { of: 'operation', over: 'hour' },
  { of: 'path', over: 'day' },
  { of: 'operation', over: 'day' },
] as const;

/**
 * Null where nothing is known. With fewer than `NORMAL_COUNT_MIN` spans or traces in all of the day it is what these
 * few say. Rejects as queries do.
 */
export async function findNormal(context: QueryContext, query: NormalQuery): Promise<Normal | null> {
  const { tables } = context.engine;
  const at = Number(query.atUnixNano / 1_000_000_000n);
  const rows = await queryRows(context, runsSql(tables, cellOf(at - DAY_SECONDS), lastBefore(at)));
  const runs = validRunsOf(rows);
  if (runs.length === 0) return null;
  const parts = (await queryRows(context, normalSql(tables, query, at, runs))).map(partOf);
  for (const [index, source] of SOURCES.entries()) {
    if (source.of === 'path' && query.path === null) continue;
    const chosen = parts.filter(
      ({ isPath, isHour }) => (source.of === 'operation' || isPath) && (source.over === 'day' || isHour),
    );
    const normal = normalOf(chosen, source);
    if (isEnough(normal) || (normal.count > 0 && index === SOURCES.length - 1)) return normal;
  }
  return null;
}

/** Whether it says what is usual: many calls of one trace are alike, whatever is usual. */
export function isEnough({ count, traces }: Pick<Normal, 'count' | 'traces'>): boolean {
  return count >= NORMAL_COUNT_MIN && traces >= NORMAL_COUNT_MIN;
}

/** Up to here cells begin that end before a second's own begins: what is in that one may be of the trace itself. */
function lastBefore(second: number): number {
  return cellOf(second) - 1;
}

export function normalSql(
  tables: Tables,
  { service, operation, kind, path }: NormalQuery,
  at: number,
  runs: readonly Run[],
): string {
  const isPath = path === null ? 'toUInt8(0)' : `path = ${sqlUInt64(BigInt(`0x${path}`))}`;
  const hour = Math.max(0, cellOf(at - HOUR_SECONDS));
  return `SELECT ${isPath} AS is_path, time >= toDateTime(toUInt32(${hour})) AS is_hour,
  sum(spans), sum(traces), sum(weight), sum(trace_weight), sum(error_weight),
  sumMap(durationMap.bucket, durationMap.weight), sumMap(ownMap.bucket, ownMap.weight), sumMap(gapMap.bucket, gapMap.weight)
FROM ${tables.path_normals.read}
WHERE ${IN_TENANT} AND service_name = ${sqlString(service)} AND operation = ${sqlString(operation)} AND kind = ${kind}
  AND ${cellsWithin(runs[0]!.time, lastBefore(at))} AND ${inRuns(runs)}
GROUP BY is_path, is_hour`;
}

interface Part {
  readonly isPath: boolean;
  readonly isHour: boolean;
  readonly spans: number;
  readonly traces: number;
  readonly sums: readonly number[];
  readonly sketches: readonly SketchArrays[];
}

interface SketchArrays {
  readonly buckets: readonly number[];
  readonly weights: readonly number[];
}

function partOf(row: JsonRow): Part {
  return {
    isPath: row.number(0) === 1,
    isHour: row.number(1) === 1,
    spans: row.number(2),
    traces: row.number(3),
    sums: [row.number(4), row.number(5), row.number(6)],
    sketches: [7, 8, 9].map((column) => sketchIn(row, column)),
  };
}

/** What `sumMap` returns: two arrays of the same length. */
export function sketchIn(row: JsonRow, column: number): SketchArrays {
  const tuple = row.array(column);
  const numbers = (at: number): number[] =>
    Array.from({ length: tuple.array(at).length }, (_, i) => tuple.array(at).number(i));
  return { buckets: numbers(0), weights: numbers(1) };
}

function normalOf(parts: readonly Part[], source: Normal['source']): Normal {
  const sum = (at: number): number => parts.reduce((total, { sums }) => total + sums[at]!, 0);
  const quantiles = (at: number): Quantiles | null => {
    const sketch = new LogSketch();
    for (const { sketches } of parts) sketch.merge(sketches[at]!.buckets, sketches[at]!.weights);
    if (sketch.total === 0) return null;
    const [p50Ns = 0, p90Ns = 0, p99Ns = 0] = quantilesOf(sketch.entries(), [0.5, 0.9, 0.99]);
    return { p50Ns, p90Ns, p99Ns };
  };
  const [weight, traceWeight, errorWeight] = [sum(0), sum(1), sum(2)];
  return {
    count: parts.reduce((total, { spans }) => total + spans, 0),
    traces: parts.reduce((total, { traces }) => total + traces, 0),
    weight,
    errorShare: errorWeight / weight,
    callsPerTrace: weight / traceWeight,
    duration: quantiles(0) ?? { p50Ns: 0, p90Ns: 0, p99Ns: 0 },
    own: quantiles(1),
    gap: quantiles(2),
    source,
  };
}
