import { SpanKind } from '../otlp.ts';
import type { Instance, PeerKind, Vocabulary } from './vocabulary.ts';

/** One span, as a table takes it. */
export interface SpanRow {
  readonly traceId: string;
  readonly spanId: string;
  /** '' for a root. */
  readonly parentSpanId: string;
  readonly service: string;
  readonly name: string;
  /** OTLP's SpanKind. */
  readonly kind: number;
  readonly instance: Omit<Instance, 'service'>;
  /** Since any moment that is the same for the whole table. */
  readonly startNs: number;
  /** Below 0 is taken as 0. */
  readonly durationNs: number;
  /** What went wrong, such as an error's type; '' where nothing did. See `failureName`. */
  readonly failure: string;
  /** What a client span calls, where it names it; see `inferredDependency`. */
  readonly peer: string;
  /** See `dependencyKind`. */
  readonly peerKind?: PeerKind | undefined;
  /** Whether its status is an error. */
  readonly isError?: boolean;
  /** For how many spans it stands: 1 where nothing is sampled. */
  readonly weight?: number;
  /** Whether that is not known; it counts 1 then. */
  readonly isWeightUnknown?: boolean;
}

/** Spans of many traces in columns: 55 bytes a span beside its ID. */
export interface SpanTable {
  readonly vocabulary: Vocabulary;
  readonly count: number;
  readonly traceIds: readonly string[];
  readonly spanIds: readonly string[];
  /** Index of each span's trace. */
  readonly trace: Uint32Array;
  /** Index of the parent; -1 for a root, and for a span whose parent is not here. */
  readonly parent: Int32Array;
  /** 1 where the span names a parent that is not here. */
  readonly isOrphan: Uint8Array;
  readonly operation: Uint32Array;
  readonly instance: Uint32Array;
  readonly failure: Uint32Array;
  /** 1 where the status is an error. */
  readonly isError: Uint8Array;
  readonly weight: Float64Array;
  readonly isWeightUnknown: Uint8Array;
  readonly startNs: Float64Array;
  readonly durationNs: Float64Array;
  /** Children of a span: `children[childrenFrom[i]]` to `children[childrenFrom[i + 1] - 1]`, by their start. */
  readonly childrenFrom: Uint32Array;
  readonly children: Uint32Array;
  /** Of each trace: the duration of its longest span without a parent. */
  readonly traceDurationNs: Float64Array;
}

/** Collects spans in any order. Two tables that are to be compared share a vocabulary. */
export class SpanTableBuilder {
  readonly #vocabulary: Vocabulary;
  readonly #traces = new Map<string, number>();
  readonly #traceIds: string[] = [];
  readonly #spanIds: string[] = [];
  readonly #parentIds: string[] = [];
  readonly #trace: number[] = [];
  readonly #operation: number[] = [];
  readonly #instance: number[] = [];
  readonly #failure: number[] = [];
  readonly #isError: number[] = [];
  readonly #weight: number[] = [];
  readonly #isWeightUnknown: number[] = [];
  readonly #startNs: number[] = [];
  readonly #durationNs: number[] = [];

  constructor(vocabulary: Vocabulary) {
    this.#vocabulary = vocabulary;
  }

  get count(): number {
    return this.#spanIds.length;
  }

  add(row: SpanRow): void {
    const vocabulary = this.#vocabulary;
    let trace = this.#traces.get(row.traceId);
    if (trace === undefined) {
      trace = this.#traceIds.push(row.traceId) - 1;
      this.#traces.set(row.traceId, trace);
    }
    const service = vocabulary.services.numberOf(row.service);
    this.#trace.push(trace);
    this.#spanIds.push(row.spanId);
    this.#parentIds.push(row.parentSpanId);
    this.#operation.push(vocabulary.operation(service, row.name, row.kind, row.peer, row.peerKind));
    this.#instance.push(vocabulary.instance({ ...row.instance, service }));
    this.#failure.push(vocabulary.failures.numberOf(row.failure));
    this.#isError.push(row.isError === true ? 1 : 0);
    this.#weight.push(row.weight ?? 1);
    this.#isWeightUnknown.push(row.isWeightUnknown === true ? 1 : 0);
    this.#startNs.push(row.startNs);
    this.#durationNs.push(Number.isFinite(row.durationNs) ? Math.max(0, row.durationNs) : 0);
  }

  build(): SpanTable {
    const count = this.#spanIds.length;
    const operation = Uint32Array.from(this.#operation);
    const trace = Uint32Array.from(this.#trace);
    const startNs = Float64Array.from(this.#startNs);
    const durationNs = Float64Array.from(this.#durationNs);
    const { parent, isOrphan } = this.#parents();
    cutCycles(parent);
    return {
      vocabulary: this.#vocabulary,
      count,
      traceIds: this.#traceIds,
      spanIds: this.#spanIds,
      trace,
      parent,
      isOrphan,
      operation,
      instance: Uint32Array.from(this.#instance),
      failure: Uint32Array.from(this.#failure),
      isError: Uint8Array.from(this.#isError),
      weight: Float64Array.from(this.#weight),
      isWeightUnknown: Uint8Array.from(this.#isWeightUnknown),
      startNs,
      durationNs,
      ...childrenOf(parent, startNs),
      traceDurationNs: traceDurations(this.#traceIds.length, { trace, parent, durationNs }),
    };
  }

  /** A server span may have the ID of its client span, as in Zipkin's format: then it is that one's child. */
  #parents(): Pick<SpanTable, 'parent' | 'isOrphan'> {
    const count = this.#spanIds.length;
    const parent = new Int32Array(count).fill(-1);
    const isOrphan = new Uint8Array(count);
    const kindOf = (span: number): number => this.#vocabulary.operations[this.#operation[span]!]!.kind;
    const first = new Map<string, number>();
    const shared = new Map<string, number>();
    for (let span = 0; span < count; span++) {
      const id = `${this.#trace[span]!}/${this.#spanIds[span]!}`;
      const known = first.get(id);
      if (known === undefined) first.set(id, span);
      else if (kindOf(known) === SpanKind.server && kindOf(span) === SpanKind.client) {
        first.set(id, span);
        shared.set(id, known);
      } else if (kindOf(span) === SpanKind.server && kindOf(known) === SpanKind.client) shared.set(id, span);
    }
    for (let span = 0; span < count; span++) {
      const ofTrace = `${this.#trace[span]!}/`;
      const own = ofTrace + this.#spanIds[span]!;
      if (shared.get(own) === span) {
        parent[span] = first.get(own)!;
        continue;
      }
      const parentId = this.#parentIds[span]!;
      if (parentId === '') continue;
      const found = shared.get(ofTrace + parentId) ?? first.get(ofTrace + parentId);
      if (found === undefined) isOrphan[span] = 1;
      else if (found !== span) parent[span] = found;
    }
    return { parent, isOrphan };
  }
}

function cutCycles(parent: Int32Array): void {
  // 0: not seen, else the number of the walk that came here; a walk that meets itself has found a cycle.
  const walkOf = new Uint32Array(parent.length);
  for (let start = 0; start < parent.length; start++) {
    let span = start;
    while (span >= 0 && walkOf[span] === 0) {
      walkOf[span] = start + 1;
      const next = parent[span]!;
      if (next >= 0 && walkOf[next] === start + 1) parent[span] = -1;
      span = parent[span]!;
    }
  }
}

function childrenOf(parent: Int32Array, startNs: Float64Array): Pick<SpanTable, 'childrenFrom' | 'children'> {
  const count = parent.length;
  const childrenFrom = new Uint32Array(count + 1);
  for (let span = 0; span < count; span++) if (parent[span]! >= 0) childrenFrom[parent[span]! + 1]!++;
  for (let span = 0; span < count; span++) childrenFrom[span + 1]! += childrenFrom[span]!;
  const children = new Uint32Array(childrenFrom[count]!);
  const next = childrenFrom.slice();
  for (let span = 0; span < count; span++) if (parent[span]! >= 0) children[next[parent[span]!]!++] = span;
  for (let span = 0; span < count; span++) {
    const from = childrenFrom[span]!;
    const to = childrenFrom[span + 1]!;
    if (to - from > 1) children.subarray(from, to).sort((a, b) => startNs[a]! - startNs[b]! || a - b);
  }
  return { childrenFrom, children };
}

function traceDurations(
  traceCount: number,
  { trace, parent, durationNs }: Pick<SpanTable, 'trace' | 'parent' | 'durationNs'>,
): Float64Array {
  const longest = new Float64Array(traceCount);
  for (let span = 0; span < trace.length; span++) {
    if (parent[span]! < 0) longest[trace[span]!] = Math.max(longest[trace[span]!]!, durationNs[span]!);
  }
  return longest;
}
