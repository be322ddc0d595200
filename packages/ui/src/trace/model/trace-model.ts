import {
  criticalNs,
  criticalPath,
  StatusCode,
  tellStory,
  traceFromOtlp,
  type Story,
  type Trace,
} from '@throughline/trace';
import type { PartialAnswer, TraceResponse } from '@throughline/trace/client';
import { overflows, type Overflow } from './overflow.ts';
import { segmentTable, type SegmentTable } from './segment-table.ts';

/**
 * What the trace page draws, in columns by span index (display order: depth first, siblings by start), so that
 * it crosses from the worker cheaply. Times are nanoseconds from the trace's first start.
 */
export interface TraceModel {
  readonly traceId: string;
  readonly spanCount: number;
  readonly startUnixNano: bigint;
  /** From the first start to the last end; longer than the root where a span outlives it. */
  readonly extentNs: number;
  readonly rootIndex: number;
  readonly spanIds: readonly string[];
  readonly names: readonly string[];
  readonly services: readonly string[];
  readonly serviceIndex: Uint32Array;
  /** -1 for a span without a parent in this trace. */
  readonly parentIndex: Int32Array;
  readonly depth: Int32Array;
  readonly depthMax: number;
  /** The span itself included. */
  readonly subtreeSize: Int32Array;
  readonly startNs: Float64Array;
  readonly durationNs: Float64Array;
  /** 1 where the status is ERROR. */
  readonly isError: Uint8Array;
  readonly errorCount: number;
  readonly missingParent: Uint8Array;
  /** Whether a span that names no parent has been received. */
  readonly hasRoot: boolean;
  /** Exclusive time on the critical path. */
  readonly criticalNs: Float64Array;
  readonly segments: SegmentTable;
  readonly overflows: ReadonlyMap<number, Overflow>;
  readonly story: Story;
  /** What it lacks; undefined where every shard of the store that may have spans of it answered. */
  readonly partial?: PartialAnswer | undefined;
}

export function buildTraceModel({ spansInTrace, partial, ...data }: TraceResponse): {
  readonly trace: Trace;
  readonly model: TraceModel;
} {
  const trace = traceFromOtlp(data);
  const path = criticalPath(trace);
  const isError = Uint8Array.from(trace.statusCode, (code) => (code === StatusCode.error ? 1 : 0));
  const model: TraceModel = {
    traceId: trace.traceId,
    spanCount: trace.spanCount,
    startUnixNano: trace.traceStartUnixNano,
    extentNs: trace.extentNs,
    rootIndex: trace.rootIndex,
    spanIds: trace.spanIds,
    names: trace.names,
    services: trace.services,
    serviceIndex: trace.serviceIndex,
    parentIndex: trace.parentIndex,
    depth: trace.depth,
    depthMax: trace.depth.reduce((most, depth) => Math.max(most, depth), 0),
    subtreeSize: trace.subtreeSize,
    startNs: trace.startNs,
    durationNs: trace.durationNs,
    isError,
    errorCount: isError.reduce((sum, flag) => sum + flag, 0),
    missingParent: trace.missingParent,
    hasRoot: trace.hasRoot,
    criticalNs: criticalNs(trace, path),
    segments: segmentTable(path, trace.spanCount),
    overflows: overflows(trace),
    story: tellStory(trace, spansInTrace === undefined ? {} : { spansInTrace }),
    partial,
  };
  return { trace, model };
}
