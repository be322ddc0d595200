import { SpanKind } from '../otlp.ts';
import { kindOf, type OwnTimes } from './own-times.ts';
import type { SpanTable } from './span-table.ts';

/**
 * What can change by itself: `own`, the time of an operation without its children; `gap`, the time between a caller and
 * its callee; `lag`, how long a message waits; `count`, how often an operation calls another one; `order`, how much of
 * an operation's calls waits for others of them: 0 where they run at once, 1 where they run one after the other.
 */
export type SiteKind = 'own' | 'gap' | 'lag' | 'count' | 'order';

/** The values of one site in one window, and the span that each was measured at. */
export interface Samples {
  readonly values: number[];
  readonly spans: number[];
}

/** A place that is measured in both windows. */
export interface Site {
  readonly kind: SiteKind;
  /** The operation itself, or that of the caller. */
  readonly operation: number;
  /** The operation of the callee; 0 for `own`. For `order` the number of a set of them. */
  readonly callee: number;
  readonly baseline: Samples;
  readonly incident: Samples;
}

/** One window with what was measured in it. */
export interface Measured {
  readonly table: SpanTable;
  readonly times: OwnTimes;
}

/** Two numbers of operations fit into one number without loss. */
const OPERATIONS_MAX = 2 ** 26;
/** How often each is called is not looked at where one operation calls more different ones. */
const CALLED_OPERATIONS_MAX = 100;

export function collectSites(baseline: Measured, incident: Measured): Site[] {
  const sites = new Sites();
  sites.collect(baseline, 'baseline');
  sites.collect(incident, 'incident');
  return sites.complete();
}

type WindowName = 'baseline' | 'incident';

class Sites {
  readonly #byKind: Record<SiteKind, Map<number, Site>> = {
    own: new Map(),
    gap: new Map(),
    lag: new Map(),
    count: new Map(),
    order: new Map(),
  };
  readonly #sets = new Map<string, number>();
  /** Spans that may call others, by their operation. */
  readonly #executions: Record<WindowName, Map<number, number[]>> = { baseline: new Map(), incident: new Map() };

  collect({ table, times }: Measured, window: WindowName): void {
    const { operation } = table;
    const executions = this.#executions[window];
    for (let span = 0; span < table.count; span++) {
      const own = times.ownNs[span]!;
      const answered = times.callee[span]!;
      if (!Number.isNaN(own)) this.#add('own', operation[span]!, 0, window, own, span);
      const gap = times.gapNs[span]!;
      if (!Number.isNaN(gap)) this.#add('gap', operation[span]!, operation[answered]!, window, gap, span);
      const lag = times.lagNs[span]!;
      if (!Number.isNaN(lag)) this.#add('lag', operation[table.parent[span]!]!, operation[span]!, window, lag, span);
      // A client span that was answered has one answer: what is tried again has a span of its own.
      if (answered >= 0) continue;
      const spans = executions.get(operation[span]!);
      if (spans === undefined) executions.set(operation[span]!, [span]);
      else spans.push(span);
      this.#countCalls(table, times, span, window);
      const order = orderOf(table, times, span);
      if (!Number.isNaN(order)) {
        this.#add('order', operation[span]!, this.#setOf(table, times, span), window, order, span);
      }
    }
  }

  /** A number for the set of operations that a span calls: only like ones can be compared. */
  #setOf(table: SpanTable, times: OwnTimes, span: number): number {
    const called = new Set<number>();
    for (let at = table.childrenFrom[span]!; at < table.childrenFrom[span + 1]!; at++) {
      called.add(table.operation[targetOf(times, table.children[at]!)]!);
    }
    const key = [...called].toSorted((a, b) => a - b).join(' ');
    const known = this.#sets.get(key);
    if (known !== undefined) return known;
    this.#sets.set(key, this.#sets.size + 1);
    return this.#sets.size;
  }

  #countCalls(table: SpanTable, times: OwnTimes, span: number, window: WindowName): void {
    const called = new Map<number, number>();
    for (let at = table.childrenFrom[span]!; at < table.childrenFrom[span + 1]!; at++) {
      const child = table.children[at]!;
      if (kindOf(table, child) === SpanKind.consumer) continue;
      const target = table.operation[targetOf(times, child)]!;
      called.set(target, (called.get(target) ?? 0) + 1);
    }
    for (const [target, count] of called) this.#add('count', table.operation[span]!, target, window, count, span);
  }

  /** Spans that call nothing of a kind have counted 0 of it, if any other of their operation does, in either window. */
  complete(): Site[] {
    const calledBy = new Map<number, number>();
    for (const { operation } of this.#byKind.count.values()) {
      calledBy.set(operation, (calledBy.get(operation) ?? 0) + 1);
    }
    for (const [key, site] of this.#byKind.count) {
      if (calledBy.get(site.operation)! > CALLED_OPERATIONS_MAX) {
        this.#byKind.count.delete(key);
        continue;
      }
      for (const window of ['baseline', 'incident'] as const) {
        const samples = site[window];
        const counted = new Set(samples.spans);
        for (const span of this.#executions[window].get(site.operation) ?? []) {
          if (counted.has(span)) continue;
          samples.values.push(0);
          samples.spans.push(span);
        }
      }
    }
    return Object.values(this.#byKind).flatMap((sites) => [...sites.values()]);
  }

  #add(kind: SiteKind, operation: number, callee: number, window: WindowName, value: number, span: number): void {
    const key = operation * OPERATIONS_MAX + callee;
    let site = this.#byKind[kind].get(key);
    if (site === undefined) {
      site = { kind, operation, callee, baseline: { values: [], spans: [] }, incident: { values: [], spans: [] } };
      this.#byKind[kind].set(key, site);
    }
    site[window].values.push(value);
    site[window].spans.push(span);
  }
}

/** Calls that take less together tell nothing of their order. */
const ORDERED_NS_MIN = 2e6;

/** NaN for a span with fewer than two calls that take any time. */
function orderOf(table: SpanTable, { callee, ownNs }: OwnTimes, span: number): number {
  const from = table.childrenFrom[span]!;
  const to = table.childrenFrom[span + 1]!;
  if (to - from < 2 || Number.isNaN(ownNs[span]!)) return Number.NaN;
  let sum = 0;
  let longest = 0;
  for (let at = from; at < to; at++) {
    const child = table.children[at]!;
    const kind = kindOf(table, child);
    if (callee[child]! < 0 && kind !== SpanKind.client) continue;
    sum += table.durationNs[child]!;
    longest = Math.max(longest, table.durationNs[child]!);
  }
  const rest = sum - longest;
  if (rest < ORDERED_NS_MIN) return Number.NaN;
  const covered = table.durationNs[span]! - ownNs[span]!;
  return Math.min(1, Math.max(0, (covered - longest) / rest));
}

/** What a span calls: its callee where it was answered, else itself. */
export function targetOf({ callee }: OwnTimes, span: number): number {
  return callee[span]! >= 0 ? callee[span]! : span;
}
