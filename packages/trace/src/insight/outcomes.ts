import { SpanKind } from '../otlp.ts';
import { serviceOf } from './own-times.ts';
import { isCallersMistake } from './failure-name.ts';
import { targetOf, type Measured } from './sites.ts';
import type { SpanTable } from './span-table.ts';
import { likelihoodRatio, weightOf } from './statistics.ts';

/**
 * What an operation did, under one parent operation: which operations it called, as a set, and how it failed. Where
 * something goes wrong, calls are missing and failures appear, and a trace may well be shorter than it usually is.
 */
export interface OutcomeRise {
  readonly operation: number;
  /**
   * The service that this speaks against: its own; or, for a call that nobody answered, the one that was called, where
   * it answers some of its callers or none of them.
   */
  readonly accused: number;
  /** Whether it is a call or a message that nobody answered. */
  readonly isUnanswered: boolean;
  /** The service whose answer most of the spans went no further after; 0 where there is none. */
  readonly stoppedAfter: number;
  /** The operation above it; 0 for a root. */
  readonly parentOperation: number;
  /** A failure of the operation itself; 0 for none. */
  readonly failure: number;
  /** Operations that are called otherwise and were not in this outcome. */
  readonly lost: readonly number[];
  /** Operations that are not called otherwise. */
  readonly added: readonly number[];
  /** Spans of the incident that had this outcome, of those that the change began at. */
  readonly spans: readonly number[];
  /** Some that had another outcome. */
  readonly others: readonly number[];
  readonly count: number;
  readonly share: number;
  readonly baselineCount: number;
  readonly usualShare: number;
  /** From 0 on; see `Rise.evidence`, here with the weight of the count. */
  readonly evidence: number;
}

interface Context {
  readonly operation: number;
  readonly parentOperation: number;
  readonly baseline: Map<string, number[]>;
  readonly incident: Map<string, number[]>;
  /** How many of the baseline's spans were answered by another service or process. */
  answered: number;
  /** What the baseline calls; read when it is needed first. */
  calls: BaselineCalls | null;
}

interface BaselineCalls {
  readonly count: number;
  /** Operations that any of the outcomes has. */
  readonly ever: ReadonlySet<number>;
  /** Operations that at least half of them have. */
  readonly usually: ReadonlySet<number>;
}

/** z of a normal distribution's 80th percentile. */
const Z_80 = 0.8416;
const UNUSUAL_MAX = 0.1;
/** A failure that is frequent already can still become more frequent. */
const UNUSUAL_FAILURE_MAX = 0.5;
const LIKELIHOOD_MIN = 3;
const LIKELIHOOD_FULL = 8;
const MAGNITUDE = 4;
const FAILURE_MAGNITUDE = 6;
const BASELINE_FULL = 20;
/** Outcomes that were seen before come in bursts: a hundred of them tell little more than ten. */
const BURST = 0.1;
/** A caller that is set up wrongly reaches nobody at all. */
const PARTLY_MAX = 0.95;

/** The outcomes that have become more frequent, each where it began: what is above it in its trace follows from it. */
export function findOutcomeRises(baseline: Measured, incident: Measured): OutcomeRise[] {
  const contexts = new Map<string, Context>();
  collect(contexts, baseline, 'baseline');
  collect(contexts, incident, 'incident');
  const rises: { context: Context; outcome: string; spans: readonly number[]; usual: number; count: number }[] = [];
  for (const context of contexts.values()) {
    const baselineCount = countOf(context.baseline);
    const count = countOf(context.incident);
    if (baselineCount === 0) continue;
    for (const [outcome, spans] of context.incident) {
      const seen = context.baseline.get(outcome)?.length ?? 0;
      const usual = upperBound(seen, baselineCount);
      if (isRisen(outcome, spans.length, count, seen, baselineCount, usual)) {
        rises.push({ context, outcome, spans, usual, count });
      }
    }
  }
  const begins = whereItBegan(
    incident.table,
    rises.flatMap(({ spans }) => spans),
  );
  const found = rises.flatMap(({ context, outcome, spans, usual, count }) => {
    const own = spans.filter((span) => begins[span] === 1);
    if (own.length === 0) return [];
    const { failure, called } = readOutcome(outcome);
    const { usually, ever, count: baselineCount } = callsOf(context);
    const isCalled = new Set(called);
    const seen = context.baseline.get(outcome)?.length ?? 0;
    const share = own.length / count;
    const likelihood = likelihoodRatio(seen > 0 ? inBursts(count) : count, share, usual);
    const certainty = likelihood < LIKELIHOOD_MIN ? 0 : Math.min(1, likelihood / LIKELIHOOD_FULL);
    const rise = Math.max(0, (share - usual) / (1 - usual));
    const magnitude = failure === 0 ? MAGNITUDE : FAILURE_MAGNITUDE;
    return {
      operation: context.operation,
      accused: baseline.table.vocabulary.serviceOf(context.operation),
      isUnanswered: called.length === 0 && context.answered > baselineCount / 2,
      stoppedAfter: stoppedAfter(incident, own),
      parentOperation: context.parentOperation,
      failure,
      lost: [...usually].filter((operation) => !isCalled.has(operation)),
      added: called.filter((operation) => !ever.has(operation)),
      spans: own,
      others: othersOf(context, outcome),
      count,
      share,
      baselineCount,
      usualShare: seen / baselineCount,
      evidence: rise * certainty * magnitude * Math.min(1, baselineCount / BASELINE_FULL) * weightOf(count),
    };
  });
  return accuse(found, baseline);
}

/** Of a callee that is gone for all of its callers, or for some calls of each, the callers are innocent. */
function accuse(rises: readonly OutcomeRise[], { table, times }: Measured): OutcomeRise[] {
  const { vocabulary } = table;
  const callers = new Map<number, Set<number>>();
  for (let span = 0; span < table.count; span++) {
    const callee = times.callee[span]!;
    if (callee < 0) continue;
    const service = serviceOf(table, callee);
    const known = callers.get(service);
    if (known === undefined) callers.set(service, new Set([serviceOf(table, span)]));
    else known.add(serviceOf(table, span));
  }
  const lostBy = new Map<number, Set<number>>();
  const calleeOf = ({ isUnanswered, lost }: OutcomeRise): number =>
    isUnanswered && lost[0] !== undefined ? vocabulary.serviceOf(lost[0]) : 0;
  for (const rise of rises) {
    const callee = calleeOf(rise);
    if (callee === 0) continue;
    const caller = vocabulary.serviceOf(rise.operation);
    lostBy.set(callee, (lostBy.get(callee) ?? new Set()).add(caller));
  }
  const stoppers = new Map<number, Set<number>>();
  for (const { stoppedAfter: callee, lost, operation } of rises) {
    if (callee === 0 || lost.length === 0) continue;
    stoppers.set(callee, (stoppers.get(callee) ?? new Set()).add(vocabulary.serviceOf(operation)));
  }
  return rises.map((rise) => {
    if ((stoppers.get(rise.stoppedAfter)?.size ?? 0) > 1 && rise.lost.length > 0) {
      return { ...rise, accused: rise.stoppedAfter };
    }
    const callee = calleeOf(rise);
    if (callee === 0 || callee === rise.accused) return rise;
    const isMessage = vocabulary.operations[rise.operation]!.kind === SpanKind.producer;
    // What could not be sent has not been ignored by anybody.
    if (isMessage && rise.failure !== 0) return rise;
    const all = callers.get(callee)?.size ?? 0;
    const isForAll = (lostBy.get(callee)?.size ?? 0) >= Math.min(2, all);
    return isMessage || rise.share < PARTLY_MAX || isForAll ? { ...rise, accused: callee } : rise;
  });
}

function collect(contexts: Map<string, Context>, { table, times }: Measured, window: 'baseline' | 'incident'): void {
  const called: number[] = [];
  const { failures } = table.vocabulary;
  const mistaken = new Set<number>();
  for (let number = 1; number < failures.count; number++) {
    if (isCallersMistake(failures.textOf(number))) mistaken.add(number);
  }
  for (let span = 0; span < table.count; span++) {
    const operation = table.operation[span]!;
    const parent = table.parent[span]!;
    // Whose parent is not here, may have any; and what was asked wrongly is left undone rightly.
    if (table.isOrphan[span] === 1 || mistaken.has(table.failure[span]!)) continue;
    const parentOperation = parent < 0 ? 0 : table.operation[parent]!;
    called.length = 0;
    for (let at = table.childrenFrom[span]!; at < table.childrenFrom[span + 1]!; at++) {
      called.push(table.operation[targetOf(times, table.children[at]!)]!);
    }
    const outcome = writeOutcome(table.failure[span]!, called);
    const key = `${operation} ${parentOperation}`;
    let context = contexts.get(key);
    if (context === undefined) {
      context = { operation, parentOperation, baseline: new Map(), incident: new Map(), answered: 0, calls: null };
      contexts.set(key, context);
    }
    if (window === 'baseline' && times.callee[span]! >= 0) context.answered++;
    const spans = context[window].get(outcome);
    if (spans === undefined) context[window].set(outcome, [span]);
    else spans.push(span);
  }
}

function writeOutcome(failure: number, called: number[]): string {
  if (called.length > 1) called = [...new Set(called)].toSorted((a, b) => a - b);
  return `${failure}:${called.join(',')}`;
}

function readOutcome(outcome: string): { readonly failure: number; readonly called: readonly number[] } {
  const [failure = '', called = ''] = outcome.split(':');
  return { failure: Number(failure), called: called === '' ? [] : called.split(',').map(Number) };
}

function isRisen(
  outcome: string,
  count: number,
  of: number,
  seen: number,
  baselineCount: number,
  usual: number,
): boolean {
  const share = count / of;
  const usualShare = seen / baselineCount;
  const most = outcome.startsWith('0:') ? UNUSUAL_MAX : UNUSUAL_FAILURE_MAX;
  if (usualShare >= most || share <= usual || share < 2 * usualShare) return false;
  return likelihoodRatio(seen > 0 ? inBursts(of) : of, share, usual) >= LIKELIHOOD_MIN;
}

function inBursts(count: number): number {
  return count / (1 + BURST * (count - 1));
}

/** The highest share that `seen` of `count` leave likely: an outcome that 7 spans do not show may still be frequent. */
function upperBound(seen: number, count: number): number {
  if (seen === 0) return 1 - 0.2 ** (1 / (count + 1));
  const share = seen / count;
  const middle = share + Z_80 ** 2 / (2 * count);
  const half = Z_80 * Math.sqrt((share * (1 - share)) / count + Z_80 ** 2 / (4 * count ** 2));
  return (middle + half) / (1 + Z_80 ** 2 / count);
}

/** 1 for the spans without another one below them. */
function whereItBegan(table: SpanTable, spans: readonly number[]): Uint8Array {
  const begins = new Uint8Array(table.count);
  const isAbove = new Uint8Array(table.count);
  for (const span of spans) begins[span] = 1;
  for (const span of spans) {
    for (let above = table.parent[span]!; above >= 0 && isAbove[above] === 0; above = table.parent[above]!) {
      isAbove[above] = 1;
      begins[above] = 0;
    }
  }
  return begins;
}

const OTHERS_MAX = 300;

function othersOf({ incident }: Context, outcome: string): number[] {
  const others: number[] = [];
  for (const [other, spans] of incident) {
    if (other !== outcome) others.push(...spans.slice(0, OTHERS_MAX - others.length));
  }
  return others;
}

/** Share of the spans that must have called the same service last. */
const STOPPED_MIN = 0.6;

/** Where several services do nothing more after the same one has answered, it is its answer that is wrong. */
function stoppedAfter({ table, times }: Measured, spans: readonly number[]): number {
  const last = new Map<number, number>();
  for (const span of spans) {
    const to = table.childrenFrom[span + 1]!;
    if (to === table.childrenFrom[span]!) continue;
    const callee = times.callee[table.children[to - 1]!]!;
    if (callee < 0) continue;
    const service = serviceOf(table, callee);
    last.set(service, (last.get(service) ?? 0) + 1);
  }
  for (const [service, count] of last) if (count >= STOPPED_MIN * spans.length) return service;
  return 0;
}

function countOf(outcomes: ReadonlyMap<string, readonly number[]>): number {
  let count = 0;
  for (const spans of outcomes.values()) count += spans.length;
  return count;
}

function callsOf(context: Context): BaselineCalls {
  if (context.calls !== null) return context.calls;
  const counts = new Map<number, number>();
  for (const [outcome, spans] of context.baseline) {
    for (const operation of readOutcome(outcome).called) {
      counts.set(operation, (counts.get(operation) ?? 0) + spans.length);
    }
  }
  const count = countOf(context.baseline);
  const usually = [...counts].filter(([, calls]) => calls >= count / 2).map(([operation]) => operation);
  context.calls = { count, ever: new Set(counts.keys()), usually: new Set(usually) };
  return context.calls;
}
