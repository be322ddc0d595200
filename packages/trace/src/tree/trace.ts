import { clockSkew } from './clock-skew.ts';
import type { Span, TracesData } from '../otlp.ts';
import { compareSpans, resolveParents } from './parents.ts';
import { sortByStart } from './sort-by-start.ts';
import { pickItems, type ReceivedSpans, receiveSpans, type SpanSource, type SpanSources } from './received-spans.ts';

/**
 * A finished trace in columns. Spans are in display order: depth first, a parent before its children, siblings by
 * start, then end, then span id as bytes; spans that share an id each have a place. So the subtree of span `i` is `i
 * … i + subtreeSize[i] - 1`, its first child `i + 1`, and the sibling after `i` is `i + subtreeSize[i]`. Times
 * and durations are in nanoseconds. Do not write to the columns.
 */
export interface Trace {
  /** 32 hexadecimal digits in lower case; '' for a trace without spans. */
  readonly traceId: string;
  /** The length of every column. */
  readonly spanCount: number;
  /** The earliest start, after the correction of clocks. */
  readonly traceStartUnixNano: bigint;
  /** From the earliest start to the latest end. */
  readonly extentNs: number;
  /** Relative to the trace's start, after the correction of clocks. */
  readonly startNs: Float64Array;
  /** 0 for a span that ends before it starts. */
  readonly durationNs: Float64Array;
  /** -1 for a span at the top. */
  readonly parentIndex: Int32Array;
  /** 0 at the top. */
  readonly depth: Int32Array;
  /** The span itself counts. */
  readonly subtreeSize: Int32Array;
  /** See `SpanKind`. */
  readonly kind: Uint8Array;
  /** See `StatusCode`. */
  readonly statusCode: Uint8Array;
  readonly spanIds: readonly string[];
  readonly names: readonly string[];
  /** The span's service, by its place in `services`. */
  readonly serviceIndex: Uint32Array;
  /** In the order of their first span; a service that has not named itself is `unknown_service`. */
  readonly services: readonly string[];
  /** 1 where a parent is named that has not been received. */
  readonly missingParent: Uint8Array;
  /** What was added to the span's times as received because its service's clock runs differently. */
  readonly skewNs: Float64Array;
  /**
   * The span that the trace is about: the longest without a parent; where there is none, the longest of those that
   * are at the top; -1 for a trace without spans.
   */
  readonly rootIndex: number;
  /**
   * All spans that name no parent, the longest first, then by start and span id: the first is `rootIndex`. Mostly one.
   */
  readonly rootIndexes: readonly number[];
  /** Whether a span that names no parent has been received. A span that names itself names a parent. */
  readonly hasRoot: boolean;
  /** Omitted repeats of a span. */
  readonly duplicateSpans: number;
  /** Omitted spans of other traces in the same data. */
  readonly foreignSpans: number;
  /** 1 where a part of the span could not be read (an event that is none, a time that is no number) and is omitted. */
  readonly isMalformed: Uint8Array;
  /** How many parts could not be read: of these spans, of their resources and scopes, or in the place of a span. */
  readonly malformedParts: number;
  /** The span as received, without the parts that could not be read. Throws RangeError for an index that is none. */
  source(index: number): SpanSource;
  /** The same without resource and scope, which costs less. Throws alike. */
  span(index: number): Span;
  /** The first span with this id, in display order; -1 where there is none. Several spans may have it. */
  find(spanId: string): number;
}

/**
 * The tree of the trace that the first span belongs to. Never throws for what the world sends: repeats, cycles,
 * missing parents, several roots or none, shared span ids, impossible times and malformed parts all give a tree. Takes
 * time proportional to n log n at any depth or width.
 *
 * @example
 * const response = await fetch('http://127.0.0.1:4319/api/v1/traces/5b8efff798038103d269b633813fc60c');
 * const trace = traceFromOtlp((await response.json()) as TracesData);
 * for (let i = 0; i < trace.spanCount; i++) console.log(' '.repeat(trace.depth[i] ?? 0) + trace.names[i]);
 *
 * @see https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
 */
export function traceFromOtlp(data: TracesData): Trace {
  const received = receiveSpans(data);
  const { parentIndex, missingParent } = resolveParents(received);
  const skew = clockSkew(received, parentIndex);
  const corrected = skew === undefined ? received : applySkew(received, skew);
  const order = displayOrder(corrected, parentIndex);

  const startNs = pickFloats(corrected.startNs, order);
  const durationNs = pickFloats(corrected.endNs, order);
  for (let index = 0; index < order.length; index++) durationNs[index]! -= startNs[index]!;
  const tree = layOutTree(parentIndex, order);
  const spanIds = pickItems(received.spanIds, order);
  const rootIndexes: number[] = [];
  for (let index = 0; index < order.length; index++) {
    const isRoot = tree.parentIndex[index]! < 0 && received.parentSpanIds[order[index]!] === '';
    if (isRoot) rootIndexes.push(index);
  }
  rootIndexes.sort((a, b) => durationNs[b]! - durationNs[a]! || startNs[a]! - startNs[b]! || compareIds(spanIds, a, b));
  return {
    traceId: received.traceId,
    spanCount: received.count,
    traceStartUnixNano: corrected.baseUnixNano,
    extentNs: corrected.endNs.reduce((latest, endNs) => Math.max(latest, endNs), 0),
    startNs,
    durationNs,
    ...tree,
    kind: pickBytes(received.kind, order),
    statusCode: pickBytes(received.statusCode, order),
    names: pickItems(received.names, order),
    ...numberServices(received, order),
    missingParent: pickBytes(missingParent, order),
    skewNs: skew === undefined ? new Float64Array(received.count) : pickFloats(skew, order),
    rootIndex: rootIndexes[0] ?? longestTop(tree.parentIndex, durationNs),
    rootIndexes,
    hasRoot: rootIndexes.length > 0,
    duplicateSpans: received.duplicateSpans,
    foreignSpans: received.foreignSpans,
    isMalformed: pickBytes(received.isMalformed, order),
    malformedParts: received.malformedParts,
    ...access(received.sources.inOrder(order), spanIds),
  };
}

/**
 * How a trace is looked up. In a function of its own, since what a closure refers to is kept as long as the trace: here
 * that is no more than it needs.
 */
function access(sources: SpanSources, spanIds: readonly string[]): Pick<Trace, 'spanIds' | 'source' | 'span' | 'find'> {
  let positions: Map<string, number> | undefined;
  return {
    spanIds,
    source: (index) => sources.source(index),
    span: (index) => sources.span(index),
    find(spanId) {
      positions ??= new Map(spanIds.map((id, index): [string, number] => [id, index]).toReversed());
      return positions.get(spanId) ?? -1;
    },
  };
}

function applySkew(received: ReceivedSpans, skew: Float64Array): ReceivedSpans {
  const starts = received.startNs.map((startNs, span) => startNs + skew[span]!);
  const earliest = starts.reduce((least, startNs) => Math.min(least, startNs), Infinity);
  return {
    ...received,
    baseUnixNano: received.baseUnixNano + BigInt(earliest),
    startNs: starts.map((startNs) => startNs - earliest),
    endNs: received.endNs.map((endNs, span) => endNs + skew[span]! - earliest),
  };
}

/** For each place on the display, the span as numbered when received. */
function displayOrder(received: ReceivedSpans, parentIndex: Int32Array): Uint32Array {
  const { count } = received;
  const sorted = sortByStart(received.startNs, (a, b) => compareSpans(received, a, b));
  const firstChild = new Int32Array(count).fill(-1);
  const nextSibling = new Int32Array(count).fill(-1);
  let firstTop = -1;
  for (let at = count - 1; at >= 0; at--) {
    const span = sorted[at]!;
    const parent = parentIndex[span]!;
    nextSibling[span] = parent < 0 ? firstTop : firstChild[parent]!;
    if (parent < 0) firstTop = span;
    else firstChild[parent] = span;
  }

  const order = new Uint32Array(count);
  let placed = 0;
  let span = firstTop;
  while (span >= 0) {
    order[placed++] = span;
    if (firstChild[span]! >= 0) {
      span = firstChild[span]!;
      continue;
    }
    while (span >= 0 && nextSibling[span]! < 0) span = parentIndex[span]!;
    if (span >= 0) span = nextSibling[span]!;
  }
  return order;
}

function layOutTree(parentIndex: Int32Array, order: Uint32Array): Pick<Trace, 'parentIndex' | 'depth' | 'subtreeSize'> {
  const place = new Int32Array(order.length);
  for (let index = 0; index < order.length; index++) place[order[index]!] = index;
  const placedParent = new Int32Array(order.length);
  for (let index = 0; index < order.length; index++) {
    const parent = parentIndex[order[index]!]!;
    placedParent[index] = parent < 0 ? -1 : place[parent]!;
  }
  const depth = new Int32Array(order.length);
  const subtreeSize = new Int32Array(order.length).fill(1);
  for (let index = 0; index < order.length; index++) {
    if (placedParent[index]! >= 0) depth[index] = depth[placedParent[index]!]! + 1;
  }
  for (let index = order.length - 1; index >= 0; index--) {
    if (placedParent[index]! >= 0) subtreeSize[placedParent[index]!]! += subtreeSize[index]!;
  }
  return { parentIndex: placedParent, depth, subtreeSize };
}

/** Numbers follow the display, not the arrival: two deliveries in different order give the same trace. */
function numberServices(received: ReceivedSpans, order: Uint32Array): Pick<Trace, 'serviceIndex' | 'services'> {
  const numbers = new Int32Array(received.services.length).fill(-1);
  const serviceIndex = new Uint32Array(order.length);
  const services: string[] = [];
  for (let index = 0; index < order.length; index++) {
    const service = received.serviceIndex[order[index]!]!;
    if (numbers[service]! < 0) numbers[service] = services.push(received.services[service]!) - 1;
    serviceIndex[index] = numbers[service]!;
  }
  return { serviceIndex, services };
}

function longestTop(parentIndex: Int32Array, durationNs: Float64Array): number {
  let longest = -1;
  for (let index = 0; index < parentIndex.length; index++) {
    if (parentIndex[index]! >= 0) continue;
    if (longest < 0 || durationNs[index]! > durationNs[longest]!) longest = index;
  }
  return longest;
}

/** Equal ids by their place on the display. */
function compareIds(spanIds: readonly string[], a: number, b: number): number {
  const [idA, idB] = [spanIds[a]!, spanIds[b]!];
  if (idA === idB) return a - b;
  return idA < idB ? -1 : 1;
}

function pickFloats(column: Float64Array, order: Uint32Array): Float64Array {
  const picked = new Float64Array(order.length);
  for (let index = 0; index < order.length; index++) picked[index] = column[order[index]!]!;
  return picked;
}

function pickBytes(column: Uint8Array, order: Uint32Array): Uint8Array {
  const picked = new Uint8Array(order.length);
  for (let index = 0; index < order.length; index++) picked[index] = column[order[index]!]!;
  return picked;
}
