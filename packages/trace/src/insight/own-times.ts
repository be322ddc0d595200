import { SpanKind } from '../otlp.ts';
import type { SpanTable } from './span-table.ts';

/** Where the time of each span goes that its children do not explain. */
export interface OwnTimes {
  /** The span that answers a client span, in the process that was called; -1 for spans that call nobody. */
  readonly callee: Int32Array;
  /** Time of the span itself, without its children; NaN for a client span that was answered. */
  readonly ownNs: Float64Array;
  /**
   * Of a client span that was answered: its duration without its callee's. Only durations count, so that no clock
   * matters; below 0 where the callee went on after its caller had gone. NaN for others.
   */
  readonly gapNs: Float64Array;
  /** Of a consumer span: how long after its producer's start it began; NaN for others. */
  readonly lagNs: Float64Array;
}

/**
 * `isMessage`: whether a call from one operation to another is known to be none, because its callee usually goes on
 * after the caller has ended; producers send messages in any case.
 */
export function ownTimes(
  table: SpanTable,
  isMessage: (operation: number, callee: number) => boolean = () => false,
): OwnTimes {
  const { count, durationNs } = table;
  const callee = calleesOf(table);
  const ownNs = new Float64Array(count).fill(Number.NaN);
  const gapNs = new Float64Array(count).fill(Number.NaN);
  const lagNs = new Float64Array(count).fill(Number.NaN);
  const intervals = new Intervals();
  for (let span = 0; span < count; span++) {
    const answered = callee[span]!;
    const kind = kindOf(table, span);
    if (kind === SpanKind.consumer) lagNs[span] = lagOf(table, span);
    if (answered >= 0) {
      // A message is answered by nobody: its producer span is as long as the sending.
      const operations = [table.operation[span]!, table.operation[answered]!] as const;
      if (kind === SpanKind.producer || isMessage(...operations)) {
        ownNs[span] = durationNs[span]!;
      } else {
        gapNs[span] = durationNs[span]! - durationNs[answered]!;
      }
      continue;
    }
    intervals.clear();
    const isLeaf = table.childrenFrom[span] === table.childrenFrom[span + 1];
    if (isLeaf) siblingCalls(table, callee, span, intervals);
    else childIntervals(table, span, intervals);
    ownNs[span] = durationNs[span]! - intervals.union();
  }
  return { callee, ownNs, gapNs, lagNs };
}

export function kindOf({ vocabulary, operation }: SpanTable, span: number): number {
  return vocabulary.operations[operation[span]!]!.kind;
}

export function serviceOf({ vocabulary, operation }: SpanTable, span: number): number {
  return vocabulary.serviceOf(operation[span]!);
}

/**
 * A client span is answered by its child in another service, or by a server span. Spans without a kind are
 * client spans where their only child is in another service.
 */
function calleesOf(table: SpanTable): Int32Array {
  const callee = new Int32Array(table.count).fill(-1);
  for (let span = 0; span < table.count; span++) {
    const from = table.childrenFrom[span]!;
    const to = table.childrenFrom[span + 1]!;
    if (from === to) continue;
    const kind = kindOf(table, span);
    const isClient = kind === SpanKind.client || kind === SpanKind.producer;
    if (!isClient && (to - from > 1 || kind === SpanKind.server || kind === SpanKind.consumer)) continue;
    const service = serviceOf(table, span);
    for (let at = from; at < to && callee[span]! < 0; at++) {
      const child = table.children[at]!;
      const childKind = kindOf(table, child);
      const isAnswer = childKind === SpanKind.server || childKind === SpanKind.consumer;
      if (serviceOf(table, child) !== service || (isClient && isAnswer)) callee[span] = child;
    }
  }
  return callee;
}

function lagOf(table: SpanTable, span: number): number {
  const parent = table.parent[span]!;
  if (parent < 0) return Number.NaN;
  return table.startNs[span]! - table.startNs[parent]!;
}

function childIntervals(table: SpanTable, span: number, intervals: Intervals): void {
  const start = table.startNs[span]!;
  const end = start + table.durationNs[span]!;
  const service = serviceOf(table, span);
  for (let at = table.childrenFrom[span]!; at < table.childrenFrom[span + 1]!; at++) {
    const child = table.children[at]!;
    if (kindOf(table, child) === SpanKind.consumer) continue;
    let from = table.startNs[child]!;
    let to = from + table.durationNs[child]!;
    // Another process has another clock: its work was done while its caller waited.
    if (serviceOf(table, child) !== service && (from < start || to > end)) {
      const shift = from < start ? start - from : Math.max(start, end - table.durationNs[child]!) - from;
      from += shift;
      to += shift;
    }
    intervals.add(Math.max(from, start), Math.min(to, end));
  }
}

/** Some instrumentations put a call beside the span of the work that makes it: it is no time of that work. */
function siblingCalls(table: SpanTable, callee: Int32Array, span: number, intervals: Intervals): void {
  const parent = table.parent[span]!;
  if (parent < 0 || kindOf(table, span) === SpanKind.client || kindOf(table, span) === SpanKind.producer) return;
  const from = table.childrenFrom[parent]!;
  const to = table.childrenFrom[parent + 1]!;
  if (to - from > SIBLINGS_MAX || serviceOf(table, parent) !== serviceOf(table, span)) return;
  const start = table.startNs[span]!;
  const end = start + table.durationNs[span]!;
  for (let at = from; at < to; at++) {
    const sibling = table.children[at]!;
    if (callee[sibling]! < 0) continue;
    const siblingStart = table.startNs[sibling]!;
    intervals.add(Math.max(siblingStart, start), Math.min(siblingStart + table.durationNs[sibling]!, end));
  }
}

/** Each leaf looks at all of its siblings: of more they are taken to be work of their own. */
const SIBLINGS_MAX = 64;

/** How long a set of intervals lasts together. */
class Intervals {
  readonly #intervals: (readonly [from: number, to: number])[] = [];
  #isSorted = true;

  clear(): void {
    this.#intervals.length = 0;
    this.#isSorted = true;
  }

  add(from: number, to: number): void {
    if (to <= from) return;
    const last = this.#intervals.at(-1);
    if (last !== undefined && last[0] > from) this.#isSorted = false;
    this.#intervals.push([from, to]);
  }

  union(): number {
    if (!this.#isSorted) this.#intervals.sort((a, b) => a[0] - b[0]);
    let total = 0;
    let reached = Number.NEGATIVE_INFINITY;
    for (const [from, to] of this.#intervals) {
      if (to <= reached) continue;
      total += to - Math.max(from, reached);
      reached = to;
    }
    return total;
  }
}

/** The calls of a baseline that are messages: most of their callees end after their callers. */
export function messagesOf(
  table: SpanTable,
  { callee, gapNs }: OwnTimes,
): (operation: number, callee: number) => boolean {
  const counts = new Map<string, { all: number; late: number }>();
  for (let span = 0; span < table.count; span++) {
    if (Number.isNaN(gapNs[span]!)) continue;
    const key = `${table.operation[span]!} ${table.operation[callee[span]!]!}`;
    const known = counts.get(key) ?? { all: 0, late: 0 };
    known.all++;
    if (gapNs[span]! < 0) known.late++;
    counts.set(key, known);
  }
  return (operation, called) => {
    const known = counts.get(`${operation} ${called}`);
    return known !== undefined && known.late > known.all / 2;
  };
}
