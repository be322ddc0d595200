/** What a process reports: how much there was of each operation since its last message, and all that it has counted. */
export interface ExchangeMessage extends CountsMessage {
  readonly operations: readonly ReportedOperation[];
}

/** Its part for the request metrics. */
export interface CountsMessage {
  readonly service: string;
  /** Names the process, newly drawn at each start. */
  readonly instance: string;
  /** Milliseconds since its last message, by its own clock: the time that `operations` cover. */
  readonly windowMs: number;
  /** Milliseconds since the process began to count; undefined where it does not report them. */
  readonly uptimeMs?: number | undefined;
  /** Everything that the process has counted since it started, of all operations that it names. */
  readonly totals: readonly Total[];
}

/** What was counted of an operation since the last message. */
export interface ReportedOperation {
  /** The name that its spans start with. */
  readonly name: string;
  /** 0 internal, 1 server, 2 client, 3 producer, 4 consumer. */
  readonly kind: number;
  /** First spans that started here. */
  readonly started: number;
  /** Those of them that the SDK's policy decided, and not a caller. */
  readonly decided: number;
  readonly requests: number;
  readonly errors: number;
  /** The names that its spans ended with since the process started, each as often as there are totals of it. */
  readonly endNames: readonly string[];
}

/** Requests of one operation, kind and status. */
export interface Total {
  /** The operation, as its spans start. */
  readonly startName: string;
  /** As they end. */
  readonly name: string;
  /** 0 internal, 1 server, 2 client, 3 producer, 4 consumer. */
  readonly kind: number;
  /** 0 unset, 1 ok, 2 error. */
  readonly status: number;
  readonly requests: number;
  readonly durationSumNs: number;
  /** OTLP's exponential histogram of scale 3 over nanoseconds: the index of the first bucket, and what is in each. */
  readonly offset: number;
  readonly counts: readonly number[];
}

/**
 * What became of the totals of a message. `accepted`: they are durable. `deferred`: nothing was noted and nothing is
 * lost, since the next message of the process has them too. `rejected`: they contradict an earlier message; `message`
 * says how.
 */
export type TotalsResult =
  | { readonly kind: 'accepted' | 'deferred' }
  | { readonly kind: 'rejected'; readonly message: string };
