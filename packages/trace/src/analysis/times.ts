import { criticalNs } from './critical-path.ts';
import { Numbers } from './numbers.ts';
import type { Trace } from '../tree/trace.ts';

/** Where the time of some spans went, together. */
export interface TimeShare {
  readonly spanCount: number;
  /** While none of their children was running. Spans that run at the same time count each. */
  readonly exclusiveNs: number;
  /**
   * While the root waited for them and for none of their children. Over all spans it adds up to the root's duration.
   */
  readonly criticalNs: number;
}

/** See `timeByService`. */
export interface ServiceTime extends TimeShare {
  readonly service: string;
}

/** See `timeByKind`. */
export interface KindTime extends TimeShare {
  /** See `SpanKind`. */
  readonly kind: number;
}

/** See `timeByOperation`. */
export interface OperationTime extends TimeShare {
  readonly service: string;
  readonly name: string;
  /** See `SpanKind`. */
  readonly kind: number;
}

/** See `timeByPath`. */
export interface PathTime extends OperationTime {
  /** The path above, by its place in the list; -1 at the top. */
  readonly parentPath: number;
  /** 0 at the top. */
  readonly depth: number;
  /** The first of its spans, by its place in the columns of `Trace`. */
  readonly firstSpan: number;
}

/**
 * For each span, for how many nanoseconds it ran and none of its children did, by its place in the columns of `Trace`.
 * Children that outlive it count as long as it ran, those of a queue included. Takes linear time.
 */
export function exclusiveNs(trace: Trace): Float64Array {
  const { spanCount, startNs, durationNs, parentIndex } = trace;
  const own = Float64Array.from(durationNs);
  /** Up to when the children that have been seen cover each span: they come in the order of their starts. */
  const coveredTo = Float64Array.from(startNs);
  for (let span = 0; span < spanCount; span++) {
    const parent = parentIndex[span]!;
    if (parent < 0) continue;
    const from = Math.max(startNs[span]!, coveredTo[parent]!);
    const to = Math.min(startNs[span]! + durationNs[span]!, startNs[parent]! + durationNs[parent]!);
    if (to <= from) continue;
    own[parent]! -= to - from;
    coveredTo[parent] = to;
  }
  return own;
}

/**
 * The time of a trace by service, the longest on the critical path first.
 *
 * @example
 * for (const { service, criticalNs } of timeByService(trace)) console.log(service, formatDuration(criticalNs));
 */
export function timeByService(trace: Trace): ServiceTime[] {
  const groups = sums(trace, (span) => trace.serviceIndex[span]!);
  return ranked(groups, (first) => ({ service: serviceOf(trace, first) }));
}

/** The time of a trace by kind of span, the longest on the critical path first. */
export function timeByKind(trace: Trace): KindTime[] {
  return ranked(
    sums(trace, (span) => trace.kind[span]!),
    (first) => ({ kind: trace.kind[first]! }),
  );
}

/**
 * The time of a trace by operation: service, name and kind. The longest on the critical path first.
 *
 * @example
 * const [{ service, name } = { service: '', name: '' }] = timeByOperation(trace);
 * console.log(`most of the time: ${service} ${name}`);
 */
export function timeByOperation(trace: Trace): OperationTime[] {
  return ranked(sums(trace, operations(trace)), (first) => operationOf(trace, first));
}

/**
 * The time of a trace by path: the chain of operations from the top, in which like siblings are one. In display order
 * of their first spans, so that a path comes after the one above it.
 */
export function timeByPath(trace: Trace): PathTime[] {
  const { spanCount, parentIndex, depth } = trace;
  const operation = operations(trace);
  const pathOf = new Int32Array(spanCount);
  const paths = new Numbers();
  const groups = sums(trace, (span) => {
    const parent = parentIndex[span]!;
    const path = paths.ofPair(parent < 0 ? 0 : pathOf[parent]!, operation(span));
    pathOf[span] = path;
    return path;
  });
  const places = new Map<number, number>(groups.map(({ first }, place) => [pathOf[first]!, place]));
  return groups.map(({ first, ...times }) => {
    const parent = parentIndex[first]!;
    const parentPath = parent < 0 ? -1 : places.get(pathOf[parent]!)!;
    return { ...operationOf(trace, first), ...times, parentPath, depth: depth[first]!, firstSpan: first };
  });
}

/** A number for each service, name and kind. */
function operations(trace: Trace): (span: number) => number {
  const names = new Numbers();
  const numbers = new Numbers();
  return (span) => {
    const who = trace.serviceIndex[span]! * KINDS + trace.kind[span]!;
    return numbers.ofPair(who, names.of(trace.names[span]!));
  };
}

/** A byte holds the kind. */
const KINDS = 256;

function serviceOf(trace: Trace, span: number): string {
  return trace.services[trace.serviceIndex[span]!]!;
}

function operationOf(trace: Trace, span: number): Pick<OperationTime, 'service' | 'name' | 'kind'> {
  return { service: serviceOf(trace, span), name: trace.names[span]!, kind: trace.kind[span]! };
}

interface Sum {
  readonly first: number;
  spanCount: number;
  exclusiveNs: number;
  criticalNs: number;
}

/** In the order of the first span of each. */
function sums(trace: Trace, keyOf: (span: number) => number): Sum[] {
  const own = exclusiveNs(trace);
  const critical = criticalNs(trace);
  const groups = new Map<number, Sum>();
  for (let span = 0; span < trace.spanCount; span++) {
    const key = keyOf(span);
    let sum = groups.get(key);
    if (sum === undefined) {
      sum = { first: span, spanCount: 0, exclusiveNs: 0, criticalNs: 0 };
      groups.set(key, sum);
    }
    sum.spanCount++;
    sum.exclusiveNs += own[span]!;
    sum.criticalNs += critical[span]!;
  }
  return [...groups.values()];
}

function ranked<T extends object>(groups: readonly Sum[], describe: (first: number) => T): (T & TimeShare)[] {
  return groups
    .toSorted((a, b) => b.criticalNs - a.criticalNs || b.exclusiveNs - a.exclusiveNs || a.first - b.first)
    .map(({ first, ...times }) => ({ ...describe(first), ...times }));
}
