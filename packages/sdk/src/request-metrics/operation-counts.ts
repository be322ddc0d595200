import { SPAN_KINDS } from '../span/span-kind.ts';
import { STATUS_ERROR } from '../span/span-status.ts';
import { bucketOf, HISTOGRAM_BUCKETS, HISTOGRAM_OFFSET, UNITS_PER_NS } from './duration-histogram.ts';

const KINDS = SPAN_KINDS.length;
/** The name for all operations beyond the limit. */
export const OTHER_OPERATION = 'other';

export interface OperationCountsOptions {
  /**
   * Names that spans start with, and for each of those names that they end with, are limited to this many in all.
   * Default 500.
   */
  readonly operationsMax?: number;
  /** Whether the bounds of durations are those of OTLP's seconds, and not of nanoseconds. Default false. */
  readonly inSeconds?: boolean;
}

/** Requests of one operation that ended with one status. */
export class StatusCounts {
  requests = 0;
  durationSumNs = 0;
  /** Not 32 bits: a total that begins again at 0 would contradict what the collector knows. */
  readonly buckets: Float64Array = new Float64Array(HISTOGRAM_BUCKETS);
}

/** An operation under the name that its spans end with, such as `GET /orders/:id`. */
export class NamedCounts {
  readonly name: string;
  readonly statuses: (StatusCounts | undefined)[] = [undefined, undefined, undefined];

  constructor(name: string) {
    this.name = name;
  }
}

/** An operation under the name and kind that its spans start with, such as `GET`: all that sampling can go by. */
export class StartedOperation {
  readonly name: string;
  readonly kind: number;
  /** All that have started, whether sampled, ended or not. */
  started = 0;
  /** Those of them that a policy decided, and not a caller. */
  decided = 0;
  requests = 0;
  errors = 0;
  readonly named = new Map<string, NamedCounts>();
  last: NamedCounts | undefined = undefined;

  constructor(name: string, kind: number) {
    this.name = name;
    this.kind = kind;
  }
}

/**
 * Request metrics: local roots by operation, kind and status, with their durations, each one, sampled or not. Bounded:
 * operations beyond the limit are counted as `other`.
 */
export class OperationCounts {
  readonly #operationsMax: number;
  readonly #perNs: number;
  /**
   * The index of the first bucket where durations are nanoseconds. Those of seconds begin 0.18 of a bucket after it:
   * durations are then reported up to 2% too short.
   */
  readonly offset: number;
  readonly #byKind: readonly Map<string, StartedOperation>[] = Array.from({ length: KINDS }, () => new Map());
  readonly #other: readonly StartedOperation[] = Array.from(
    { length: KINDS },
    (_, kind) => new StartedOperation(OTHER_OPERATION, kind),
  );
  readonly #lastStarted: (StartedOperation | undefined)[] = Array.from({ length: KINDS }, () => undefined);
  #named = 0;
  /** Requests that were counted as `other`, because the limit was reached. */
  otherRequests = 0;

  constructor({ operationsMax = 500, inSeconds = false }: OperationCountsOptions = {}) {
    this.#operationsMax = operationsMax;
    this.#perNs = inSeconds ? UNITS_PER_NS : 1;
    this.offset = inSeconds ? HISTOGRAM_OFFSET - 1 : HISTOGRAM_OFFSET;
  }

  /** The operation that spans start under: `other` for a new one beyond the limit. */
  operationOf(name: string, kind: number): StartedOperation {
    const last = this.#lastStarted[kind];
    return last?.name === name ? last : this.#startedOf(name, kind);
  }

  /** The operation that spans start under, if it has been seen. */
  find(name: string, kind: number): StartedOperation | undefined {
    return name === OTHER_OPERATION ? this.#other[kind] : this.#byKind[kind]?.get(name);
  }

  /** Counts one that has ended. */
  end(operation: StartedOperation, name: string, status: number, durationNs: number): void {
    operation.requests++;
    if (operation.name === OTHER_OPERATION) this.otherRequests++;
    if (status === STATUS_ERROR) operation.errors++;
    const named = operation.last?.name === name ? operation.last : this.#namedOf(operation, name);
    const counts = (named.statuses[status] ??= new StatusCounts());
    counts.requests++;
    counts.durationSumNs += durationNs;
    const bucket = bucketOf(durationNs * this.#perNs);
    counts.buckets[bucket] = (counts.buckets[bucket] ?? 0) + 1;
  }

  /** Every operation that has been seen, `other` among them where it is not empty. */
  *operations(): Generator<StartedOperation> {
    for (const operations of this.#byKind) yield* operations.values();
    for (const other of this.#other) if (other.started > 0) yield other;
  }

  #startedOf(name: string, kind: number): StartedOperation {
    const operations = this.#byKind[kind];
    let operation = operations?.get(name);
    if (operation === undefined) {
      if (operations === undefined || this.#named >= this.#operationsMax) return this.#otherOf(kind);
      operation = new StartedOperation(name, kind);
      operations.set(name, operation);
      this.#named++;
    }
    this.#lastStarted[kind] = operation;
    return operation;
  }

  #otherOf(kind: number): StartedOperation {
    return this.#other[kind] as StartedOperation;
  }

  #namedOf(operation: StartedOperation, name: string): NamedCounts {
    let named = operation.named.get(name);
    if (named === undefined) {
      const isFirst = operation.named.size === 0;
      const isFull = operation.name === OTHER_OPERATION || (this.#named >= this.#operationsMax && !isFirst);
      const key = isFull ? OTHER_OPERATION : name;
      if (isFull && operation.name !== OTHER_OPERATION) this.otherRequests++;
      named = operation.named.get(key) ?? new NamedCounts(key);
      operation.named.set(key, named);
      if (!isFull && !isFirst) this.#named++;
      if (isFull) return named;
    }
    operation.last = named;
    return named;
  }
}
