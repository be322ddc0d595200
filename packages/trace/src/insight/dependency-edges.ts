import { SpanKind } from '../otlp.ts';
import { entriesOf } from './call-paths.ts';
import { LogSketch } from './log-sketch.ts';
import { spansByTrace } from './normals.ts';
import { kindOf, type OwnTimes, serviceOf } from './own-times.ts';
import type { SpanTable } from './span-table.ts';

/**
 * What a call goes to: `service` sends spans itself; `silent` is a service that sends none, named by its caller;
 * `queue` is where messages go to and come from; `external` is known by its address only.
 */
export const CALLEE_KINDS = ['service', 'silent', 'database', 'queue', 'external'] as const;
export type CalleeKind = (typeof CALLEE_KINDS)[number];

/** Who calls whom. */
export interface Edge {
  /** A service; '' for requests whose caller sends no spans. */
  readonly caller: string;
  /** The operation by which the request came into the caller; the name of the queue that hands over messages. */
  readonly callerOperation: string;
  readonly calleeKind: CalleeKind;
  /** '' for a call whose span does not say where it goes. */
  readonly callee: string;
}

/** Sums of the calls along an edge, which add up over tables. */
export interface EdgeSums extends Edge {
  /** Calls that were looked at. */
  calls: number;
  /** How many they stand for. */
  weight: number;
  errorWeight: number;
  /** Of the weight, as an estimate of all calls: a sum over traces, each taken or left as a whole. */
  variance: number;
  /** Calls of which it is not known for how many they stand. */
  unknown: number;
  /** In nanoseconds: how long the caller waited; for a message how long it takes to be sent, or waits in the queue. */
  readonly latencies: LogSketch;
  /** How much longer the caller waited than the callee took. */
  readonly gaps: LogSketch;
}

export interface DependencyEdges {
  /** Those of the greatest weight first. */
  readonly edges: readonly EdgeSums[];
  readonly droppedCalls: number;
}

/**
 * @param share of all traces, above 0 and up to 1, that the table has a sample of.
 * @param edgesMax edges that are kept, those of the greatest weight.
 */
export function dependencyEdges(
  table: SpanTable,
  times: OwnTimes,
  { share, edgesMax }: { readonly share: number; readonly edgesMax: number },
): DependencyEdges {
  const collected = new Edges(table, times, share);
  for (const span of spansByTrace(table)) collected.add(span);
  const ranked = collected.complete().toSorted((a, b) => b.weight - a.weight || (keyOf(a) < keyOf(b) ? -1 : 1));
  const droppedCalls = ranked.slice(edgesMax).reduce((sum, { calls }) => sum + calls, 0);
  return { edges: ranked.slice(0, edgesMax), droppedCalls };
}

/** The sums of an edge, and of it what the trace has that is being read. */
interface Collected {
  readonly sums: EdgeSums;
  trace: number;
  traceCalls: number;
  traceWeight: number;
}

class Edges {
  readonly #table: SpanTable;
  readonly #times: OwnTimes;
  readonly #share: number;
  readonly #entries: Int32Array;
  readonly #usualCallees: ReadonlyMap<number, string>;
  readonly #edges = new Map<string, Collected>();

  constructor(table: SpanTable, times: OwnTimes, share: number) {
    this.#table = table;
    this.#times = times;
    this.#share = share;
    this.#entries = entriesOf(table);
    this.#usualCallees = usualCallees(table, times);
  }

  add(span: number): void {
    this.#addIncoming(span);
    this.#addOutgoing(span);
  }

  complete(): EdgeSums[] {
    return [...this.#edges.values()].map((collected) => {
      endTrace(collected);
      return collected.sums;
    });
  }

  /** How the span itself was reached, where no span of a call says so. */
  #addIncoming(span: number): void {
    const { parent, durationNs } = this.#table;
    const above = parent[span]!;
    const kind = kindOf(this.#table, span);
    const callee = this.#edgeTo(span);
    if (above < 0) {
      const isCall = kind === SpanKind.client || kind === SpanKind.producer;
      if (isCall || kind === SpanKind.internal) return;
      this.#put({ ...callee, caller: '', callerOperation: '' }, span, span, durationNs[span]!, Number.NaN);
      return;
    }
    const queue = kind === SpanKind.consumer ? this.#queueOf(above) : '';
    if (queue !== '') {
      const edge = { ...callee, caller: `${QUEUE_MARK}${queue}`, callerOperation: queue };
      this.#put(edge, span, span, Math.max(0, this.#times.lagNs[span]!), Number.NaN);
      return;
    }
    if (this.#times.callee[above] === span || serviceOf(this.#table, above) === serviceOf(this.#table, span)) return;
    this.#put({ ...callee, ...this.#callerOf(above) }, span, span, durationNs[span]!, Number.NaN);
  }

  #addOutgoing(span: number): void {
    const { durationNs } = this.#table;
    const kind = kindOf(this.#table, span);
    const isCall = kind === SpanKind.client || kind === SpanKind.producer;
    const answered = this.#times.callee[span]!;
    const queue = this.#queueOf(span);
    if (queue !== '') {
      const edge = { ...this.#callerOf(span), calleeKind: 'queue' as const, callee: queue };
      this.#put(edge, span, span, durationNs[span]!, Number.NaN);
    } else if (answered >= 0) {
      const edge = { ...this.#callerOf(span), ...this.#edgeTo(answered) };
      this.#put(edge, span, answered, durationNs[span]!, this.#times.gapNs[span]!);
    } else if (isCall) {
      this.#put({ ...this.#callerOf(span), ...this.#silentCallee(span) }, span, span, durationNs[span]!, Number.NaN);
    }
  }

  #callerOf(span: number): Pick<Edge, 'caller' | 'callerOperation'> {
    const { vocabulary, operation } = this.#table;
    const entry = vocabulary.operations[operation[this.#entries[span]!]!]!;
    return { caller: vocabulary.services.textOf(entry.service), callerOperation: entry.name };
  }

  #edgeTo(span: number): Pick<Edge, 'calleeKind' | 'callee'> {
    return { calleeKind: 'service', callee: this.#table.vocabulary.services.textOf(serviceOf(this.#table, span)) };
  }

  /** A call that usually reaches a service went to it, though nobody answered this one. */
  #silentCallee(span: number): Pick<Edge, 'calleeKind' | 'callee'> {
    const number = this.#table.operation[span]!;
    const usual = this.#usualCallees.get(number);
    if (usual !== undefined) return { calleeKind: 'service', callee: usual };
    const { peer, peerKind } = this.#table.vocabulary.operations[number]!;
    return { calleeKind: peerKind ?? 'silent', callee: peer };
  }

  #queueOf(span: number): string {
    const { kind, peer } = this.#table.vocabulary.operations[this.#table.operation[span]!]!;
    return kind === SpanKind.producer ? peer : '';
  }

  #put(edge: Edge, span: number, failed: number, latencyNs: number, gapNs: number): void {
    const { weight, isError, isWeightUnknown, trace } = this.#table;
    const key = keyOf(edge);
    let collected = this.#edges.get(key);
    if (collected === undefined) {
      collected = { sums: emptySums(edge), trace: -1, traceCalls: 0, traceWeight: 0 };
      this.#edges.set(key, collected);
    }
    if (collected.trace !== trace[span]!) endTrace(collected);
    collected.trace = trace[span]!;
    const { sums } = collected;
    const standsFor = weight[span]! / this.#share;
    collected.traceCalls++;
    collected.traceWeight += standsFor;
    sums.calls++;
    sums.weight += standsFor;
    if (isError[span] === 1 || isError[failed] === 1) sums.errorWeight += standsFor;
    sums.unknown += isWeightUnknown[span]!;
    sums.latencies.add(latencyNs, standsFor);
    if (!Number.isNaN(gapNs)) sums.gaps.add(gapNs, standsFor);
  }
}

/** Before the name of a queue that is a caller: no service has it. */
export const QUEUE_MARK = '\u0001';

function endTrace(collected: Collected): void {
  const { sums, traceCalls, traceWeight } = collected;
  // As for other counts: W² − cW, which is w(w − 1)c² where each of c calls stands for w.
  sums.variance += Math.max(0, traceWeight * traceWeight - traceCalls * traceWeight);
  collected.traceCalls = 0;
  collected.traceWeight = 0;
}

function emptySums({ caller, callerOperation, calleeKind, callee }: Edge): EdgeSums {
  return {
    caller,
    callerOperation,
    calleeKind,
    callee,
    calls: 0,
    weight: 0,
    errorWeight: 0,
    variance: 0,
    unknown: 0,
    latencies: new LogSketch(),
    gaps: new LogSketch(),
  };
}

function keyOf({ caller, callerOperation, calleeKind, callee }: Edge): string {
  return JSON.stringify([caller, callerOperation, calleeKind, callee]);
}

/** The service that answers most of the calls of an operation, where any is answered. */
function usualCallees(table: SpanTable, { callee }: OwnTimes): Map<number, string> {
  const counts = new Map<number, Map<number, number>>();
  for (let span = 0; span < table.count; span++) {
    if (callee[span]! < 0) continue;
    const services = counts.get(table.operation[span]!) ?? new Map<number, number>();
    const service = serviceOf(table, callee[span]!);
    services.set(service, (services.get(service) ?? 0) + 1);
    counts.set(table.operation[span]!, services);
  }
  return new Map(
    Array.from(counts, ([operation, services]) => {
      const [most = 0] = [...services].toSorted(([, a], [, b]) => b - a)[0] ?? [];
      return [operation, table.vocabulary.services.textOf(most)];
    }),
  );
}
