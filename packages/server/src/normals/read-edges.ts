import type { CalleeKind, CountedEdge } from '@throughline/trace/insight';
import { IN_TENANT, queryRows, type QueryContext } from '../query/rows.ts';
import type { Tables } from '../storage/tables.ts';
import type { TimeWindow } from '../insight/window-slices.ts';
import { CELL_SECONDS, cellOf, cellsWithin, inRuns, runsSql, STEP_SECONDS, validRuns, type Run } from './cells.ts';
import { sketchIn } from './find-normal.ts';

/** Who called whom in the cells that a window touches. */
export interface ReadEdges {
  /** Of the first cell, and behind the last: seconds since the epoch. */
  readonly from: number;
  readonly to: number;
  /** How much of that time has been measured. */
  readonly seconds: number;
  /** Up to when it has been measured; null where nothing has been. */
  readonly measuredUntil: number | null;
  readonly storedSpans: number;
  readonly takenSpans: number;
  /** Those of the greatest weight first. */
  readonly edges: readonly CountedEdge[];
  /** Whether there are more. */
  readonly isTruncated: boolean;
}

/** Of a map. */
export const EDGES_MAX = 5_000;

/** Rejects as queries do. */
export async function readEdges(context: QueryContext, { fromUnixNano, toUnixNano }: TimeWindow): Promise<ReadEdges> {
  const { tables } = context.engine;
  const from = cellOf(Number(fromUnixNano / 1_000_000_000n));
  const last = cellOf(Number((toUnixNano - 1n) / 1_000_000_000n));
  const noted = await queryRows(context, runsSql(tables, from, last));
  const runs = validRuns(noted.map((row) => [0, 1, 2, 3, 4].map((column) => row.text(column))));
  const rows = runs.length === 0 ? [] : await queryRows(context, edgesSql(tables, from, last, runs));
  const newest = runs.at(-1);
  const sum = (of: (run: Run) => number): number => runs.reduce((total, run) => total + of(run), 0);
  return {
    from,
    to: last + CELL_SECONDS,
    seconds: sum(({ steps }) => steps) * STEP_SECONDS,
    measuredUntil: newest === undefined ? null : newest.time + newest.steps * STEP_SECONDS,
    storedSpans: sum(({ storedSpans }) => storedSpans),
    takenSpans: sum(({ takenSpans }) => takenSpans),
    edges: rows.slice(0, EDGES_MAX).map((row) => {
      const { buckets, weights } = sketchIn(row, 8);
      return {
        caller: row.text(0),
        calleeKind: row.text(1) as CalleeKind,
        callee: row.text(2),
        calls: row.number(3),
        weight: row.number(4),
        errorWeight: row.number(5),
        variance: row.number(6),
        unknown: row.number(7),
        latencies: buckets.map((bucket, at) => [bucket, weights[at] ?? 0] as const),
      };
    }),
    isTruncated: rows.length > EDGES_MAX,
  };
}

export function edgesSql(tables: Tables, from: number, last: number, runs: readonly Run[]): string {
  return `SELECT service_name, callee_kind, callee, sum(calls), sum(weight) AS weight_, sum(error_weight), sum(variance), sum(unknown),
  sumMap(latencyMap.bucket, latencyMap.weight)
FROM ${tables.call_edges.read}
WHERE ${IN_TENANT} AND ${cellsWithin(from, last)} AND ${inRuns(runs)}
GROUP BY service_name, callee_kind, callee
ORDER BY weight_ DESC, service_name, callee_kind, callee
LIMIT ${EDGES_MAX + 1}`;
}
