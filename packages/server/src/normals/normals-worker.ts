/** The thread that measures traces: from the engine's bytes to what is inserted. */
import { dependencyEdges, measureNormals, ownTimes, Vocabulary } from '@throughline/trace/insight';
import type { EdgeSums, LogSketch, PathSums } from '@throughline/trace/insight';
import { answerJobs } from '../answer-jobs.ts';
import { tableOf, type WindowRows } from '../insight/window-rows.ts';
import type { NativeBlock } from '../query/native-columns.ts';
import { nativeBlock, type NativeColumnValues } from './native-table.ts';

export interface MeasureJob {
  readonly rows: WindowRows;
  /** Of the cell: seconds since the epoch. */
  readonly time: number;
  readonly run: bigint;
  readonly pathsMax: number;
  readonly edgesMax: number;
}

/** What a step adds, as blocks in the Native format by their table; those without rows are left out. */
export interface Measured {
  readonly blocks: readonly { readonly table: NormalsTable; readonly bytes: Uint8Array<ArrayBuffer> }[];
  readonly takenSpans: number;
  readonly takenTraces: number;
  /** Traces that are longer than what was read. */
  readonly longTraces: number;
  readonly droppedPaths: number;
  /** Spans at paths beyond the limit, or deeper than any path. */
  readonly droppedSpans: number;
  readonly droppedCalls: number;
}

export type NormalsTable = 'path_normals' | 'path_resources' | 'call_edges';

answerJobs(
  ({ rows, time, run, pathsMax, edgesMax }: MeasureJob): Measured => {
    const { share } = rows;
    let longTraces = 0;
    const table = tableOf(rows, new Vocabulary(), { readMore: weightsOf, onLongTrace: () => longTraces++ });
    const times = ownTimes(table);
    const normals = measureNormals(table, times, { share, pathsMax });
    const { edges, droppedCalls } = dependencyEdges(table, times, { share, edgesMax });
    const key = { time, run };
    const blocks = [
      { table: 'path_normals' as const, rows: normals.paths.length, columns: pathColumns(key, normals.paths) },
      resources(key, normals.paths),
      { table: 'call_edges' as const, rows: edges.length, columns: edgeColumns(key, edges) },
    ];
    return {
      blocks: blocks.flatMap((block) =>
        block.rows === 0 ? [] : [{ table: block.table, bytes: nativeBlock(block.columns) }],
      ),
      takenSpans: table.count,
      takenTraces: table.traceIds.length,
      longTraces,
      droppedPaths: normals.droppedPaths,
      droppedSpans: normals.deepSpans + normals.droppedSpans,
      droppedCalls,
    };
  },
  (_, { blocks }) => blocks.map(({ bytes }) => bytes),
);

/** Weights repeat: they are probabilities of samplers. */
function weightsOf(block: NativeBlock) {
  const weights = block.strings('weight');
  const unknown = block.ints('is_unknown');
  const known = new Map<string, number>();
  return (row: number) => {
    const text = weights.text(row);
    let weight = known.get(text);
    if (weight === undefined) known.set(text, (weight = Number(text)));
    return { weight, isWeightUnknown: unknown.at(row) === 1 };
  };
}

interface Key {
  readonly time: number;
  readonly run: bigint;
}

/** Longer names are texts. */
const NAME_LENGTH_MAX = 1_000;

function pathColumns(key: Key, paths: readonly PathSums[]): NativeColumnValues[] {
  return [
    ...keyColumns(key, paths.length),
    texts('service_name', paths, ({ path }) => path.service),
    texts('operation', paths, ({ path }) => path.operation),
    { name: 'kind', column: { type: 'UInt8', values: paths.map(({ path }) => path.kind) } },
    { name: 'path', column: { type: 'UInt64', values: paths.map(({ path }) => BigInt(`0x${path.id}`)) } },
    texts('path_text', paths, ({ path }) => path.text),
    { name: 'spans', column: { type: 'UInt64', values: paths.map(({ spans }) => spans) } },
    { name: 'traces', column: { type: 'UInt64', values: paths.map(({ traces }) => traces) } },
    { name: 'weight', column: { type: 'Float64', values: paths.map(({ weight }) => weight) } },
    { name: 'trace_weight', column: { type: 'Float64', values: paths.map(({ traceWeight }) => traceWeight) } },
    { name: 'error_weight', column: { type: 'Float64', values: paths.map(({ errorWeight }) => errorWeight) } },
    ...sketchColumns('duration', paths, ({ durations }) => durations),
    ...sketchColumns('own', paths, ({ ownTimes: own }) => own),
    ...sketchColumns('gap', paths, ({ gaps }) => gaps),
  ];
}

function resources(key: Key, paths: readonly PathSums[]) {
  const named = paths.flatMap((sums) =>
    (['version', 'instance'] as const).flatMap((resource) =>
      Array.from(resource === 'version' ? sums.versions : sums.instances, ([value, weight]) => ({
        path: sums.path,
        resource,
        value,
        weight,
      })),
    ),
  );
  const columns: NativeColumnValues[] = [
    ...keyColumns(key, named.length),
    texts('service_name', named, ({ path }) => path.service),
    { name: 'path', column: { type: 'UInt64', values: named.map(({ path }) => BigInt(`0x${path.id}`)) } },
    texts('resource', named, ({ resource }) => resource),
    texts('value', named, ({ value }) => value),
    { name: 'weight', column: { type: 'Float64', values: named.map(({ weight }) => weight) } },
  ];
  return { table: 'path_resources' as const, rows: named.length, columns };
}

function edgeColumns(key: Key, edges: readonly EdgeSums[]): NativeColumnValues[] {
  return [
    ...keyColumns(key, edges.length),
    texts('service_name', edges, ({ caller }) => caller),
    texts('operation', edges, ({ callerOperation }) => callerOperation),
    texts('callee_kind', edges, ({ calleeKind }) => calleeKind),
    texts('callee', edges, ({ callee }) => callee),
    { name: 'calls', column: { type: 'UInt64', values: edges.map(({ calls }) => calls) } },
    { name: 'weight', column: { type: 'Float64', values: edges.map(({ weight }) => weight) } },
    { name: 'error_weight', column: { type: 'Float64', values: edges.map(({ errorWeight }) => errorWeight) } },
    { name: 'variance', column: { type: 'Float64', values: edges.map(({ variance }) => variance) } },
    { name: 'unknown', column: { type: 'UInt64', values: edges.map(({ unknown }) => unknown) } },
    ...sketchColumns('latency', edges, ({ latencies }) => latencies),
    ...sketchColumns('gap', edges, ({ gaps }) => gaps),
  ];
}

function keyColumns({ time, run }: Key, rows: number): NativeColumnValues[] {
  return [
    { name: 'time', column: { type: 'DateTime', values: Array.from({ length: rows }, () => time) } },
    { name: 'run', column: { type: 'UInt64', values: Array.from({ length: rows }, () => run) } },
  ];
}

function texts<T>(name: string, rows: readonly T[], textOf: (row: T) => string): NativeColumnValues {
  return { name, column: { type: 'String', values: rows.map((row) => textOf(row).slice(0, NAME_LENGTH_MAX)) } };
}

function sketchColumns<T>(name: string, rows: readonly T[], sketchOf: (row: T) => LogSketch): NativeColumnValues[] {
  const entries = rows.map((row) => sketchOf(row).entries());
  return [
    {
      name: `${name}Map.bucket`,
      column: { type: 'Array(Int16)', values: entries.map((of) => of.map(([bucket]) => bucket)) },
    },
    {
      name: `${name}Map.weight`,
      column: { type: 'Array(Float64)', values: entries.map((of) => of.map(([, weight]) => weight)) },
    },
  ];
}
