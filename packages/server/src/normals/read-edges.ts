import type { CalleeKind, CountedEdge } from '@throughline/trace/insight';
import { IN_TENANT, queryRows, type JsonRow, type QueryContext } from '../query/rows.ts';
import { sqlString } from '../storage/sql.ts';
import type { Tables } from '../storage/tables.ts';
import type { TimeWindow } from '../insight/window-slices.ts';
import { CELL_SECONDS, cellOf, cellsWithin, inRuns, runsSql, STEP_SECONDS, validRunsOf, type Run } from './cells.ts';
import { sketchIn } from './find-normal.ts';

/** An edge without how long its calls took. */
export type SummedEdge = Omit<CountedEdge, 'latencies'>;

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
  /** The least share of the traces that a minute of it was measured from; 1 where nothing was. */
  readonly share: number;
  /** Those of the greatest weight first. */
  readonly edges: readonly SummedEdge[];
  /** Whether there are more. */
  readonly isTruncated: boolean;
  /** Adds to some of the edges how long their calls took. Rejects as queries do. */
  readonly withLatencies: (edges: readonly SummedEdge[]) => Promise<CountedEdge[]>;
}

/** A map is chosen from so many, those of the greatest weight. */
const EDGES_MAX = 20_000;
/** Latencies of so many are read at once: longer answers would hold up everybody else. */
const LATENCIES_AT_ONCE = 250;
/** Their names take a quarter of what a statement may have; the runs of a month take half. */
const NAMES_BYTES_MAX = 65_536;

/** Rejects as queries do. */
export async function readEdges(context: QueryContext, { fromUnixNano, toUnixNano }: TimeWindow): Promise<ReadEdges> {
  const { tables } = context.engine;
  const from = cellOf(Number(fromUnixNano / 1_000_000_000n));
  const last = cellOf(Number((toUnixNano - 1n) / 1_000_000_000n));
  const noted = await queryRows(context, runsSql(tables, from, last));
  const runs = validRunsOf(noted);
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
    share: runs.reduce((least, { share }) => Math.min(least, share), 1),
    edges: rows.slice(0, EDGES_MAX).map((row) => ({
      ...endsIn(row),
      calls: row.number(3),
      weight: row.number(4),
      errorWeight: row.number(5),
      variance: row.number(6),
      unknown: row.number(7),
    })),
    isTruncated: rows.length > EDGES_MAX,
    withLatencies: async (edges) => {
      const found = new Map<string, CountedEdge['latencies']>();
      // One after the other, so that others have their turn in between.
      for (const chunk of chunksOf(edges)) {
        for (const row of await queryRows(context, latenciesSql(tables, from, last, runs, chunk))) {
          const { buckets, weights } = sketchIn(row, 3);
          const latencies = buckets.map((bucket, at) => [bucket, weights[at] ?? 0] as const);
          found.set(keyOf(endsIn(row)), latencies);
        }
      }
      return edges.map((edge) => ({ ...edge, latencies: found.get(keyOf(edge)) ?? [] }));
    },
  };
}

type Ends = Pick<CountedEdge, 'caller' | 'calleeKind' | 'callee'>;

function endsIn(row: JsonRow): Ends {
  return { caller: row.text(0), calleeKind: row.text(1) as CalleeKind, callee: row.text(2) };
}

function keyOf({ caller, calleeKind, callee }: Ends): string {
  return `${caller}\0${calleeKind}\0${callee}`;
}

function chunksOf(edges: readonly SummedEdge[]): string[][] {
  const chunks: string[][] = [];
  let bytes = Infinity;
  for (const { caller, calleeKind, callee } of edges) {
    const text = `(${[caller, calleeKind, callee].map(sqlString).join(', ')})`;
    const length = Buffer.byteLength(text) + 2;
    if (bytes + length > NAMES_BYTES_MAX || chunks.at(-1)!.length >= LATENCIES_AT_ONCE) {
      chunks.push([]);
      bytes = 0;
    }
    chunks.at(-1)!.push(text);
    bytes += length;
  }
  return chunks;
}

export function edgesSql(tables: Tables, from: number, last: number, runs: readonly Run[]): string {
  return `SELECT service_name, callee_kind, callee, sum(calls), sum(weight) AS weight_, sum(error_weight), sum(variance), sum(unknown)
FROM ${tables.call_edges.read}
WHERE ${IN_TENANT} AND ${cellsWithin(from, last)} AND ${inRuns(runs)}
GROUP BY service_name, callee_kind, callee
ORDER BY weight_ DESC, service_name, callee_kind, callee
LIMIT ${EDGES_MAX + 1}`;
}

function latenciesSql(
  tables: Tables,
  from: number,
  last: number,
  runs: readonly Run[],
  names: readonly string[],
): string {
  return `SELECT service_name, callee_kind, callee, sumMap(latencyMap.bucket, latencyMap.weight)
FROM ${tables.call_edges.read}
WHERE ${IN_TENANT} AND ${cellsWithin(from, last)} AND ${inRuns(runs)}
  AND (service_name, callee_kind, callee) IN (${names.join(', ')})
GROUP BY service_name, callee_kind, callee`;
}
