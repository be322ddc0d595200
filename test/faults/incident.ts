/** A span of simulated traffic, in OpenTelemetry's terms. */
export interface GeneratedSpan {
  /** 32 lower-case hex digits. */
  readonly traceId: string;
  /** 16 lower-case hex digits. */
  readonly spanId: string;
  /** '' for a root. */
  readonly parentSpanId: string;
  /** '', or the threshold of consistent probability sampling, such as `ot=th:c`. */
  readonly traceState: string;
  readonly service: string;
  /** `service.name`, `service.version`, `service.instance.id`, `host.name`, `deployment.environment.name` and so on. */
  readonly resource: Readonly<Record<string, string>>;
  readonly name: string;
  /** OTLP's number of the kind, 0 to 5. */
  readonly kind: number;
  /** By the clock of its host, which may be wrong. */
  readonly startUnixNano: bigint;
  readonly endUnixNano: bigint;
  /** OTLP's number: 0 unset, 1 ok, 2 error. */
  readonly statusCode: number;
  readonly statusMessage: string;
  readonly attributes: GeneratedAttributes;
  readonly events: readonly GeneratedEvent[];
  readonly links: readonly GeneratedLink[];
}

export type GeneratedAttributes = Readonly<Record<string, string | number | boolean>>;

export interface GeneratedEvent {
  readonly name: string;
  readonly timeUnixNano: bigint;
  readonly attributes: GeneratedAttributes;
}

export interface GeneratedLink {
  readonly traceId: string;
  readonly spanId: string;
}

/** From its first nanosecond to the one after its last. */
export interface TimeWindow {
  readonly fromUnixNano: bigint;
  readonly toUnixNano: bigint;
}

/** What is true of an incident, beside its spans. */
export interface Truth {
  readonly conclusion: 'found' | 'nothing-unusual';
  /** Any of these is right: usually one, two for two faults; none for no fault. A silent peer is named as in spans. */
  readonly services: readonly string[];
  /** Right operations (span names) of these services; none where a whole service, instance or edge is the answer. */
  readonly operations: readonly string[];
  /** Members of the resource that set the fault apart, such as one bad instance or a new version. */
  readonly resource: Readonly<Record<string, string>> | null;
  /** When the fault began, in nanoseconds since 1970. */
  readonly since: bigint;
  /** One plain sentence. */
  readonly description: string;
}

/** Traffic of a system before and during a fault, or without any. */
export interface Incident {
  /** The name of the kind of fault. */
  readonly fault: string;
  readonly seed: number;
  readonly topology: string;
  readonly truth: Truth;
  readonly baseline: TimeWindow;
  readonly incident: TimeWindow;
  /** Those of both windows, by their start. */
  readonly spans: readonly GeneratedSpan[];
}

export interface IncidentOptions {
  /**
   * Requests from outside that start in each window, about, sampled or not; jobs and health checks come on top. More
   * make the windows longer, not the load higher. Default: 400.
   */
  readonly tracesPerWindow?: number;
  /** The same for the baseline alone. Default: `tracesPerWindow`. */
  readonly baselineTraces?: number;
  /** Spans without status, kind, attributes, events and links, as public data sets have them. */
  readonly plain?: boolean;
  /** The probability, above 0 up to 1, with which a trace is kept: consistent by its id. Default: 1. */
  readonly sampling?: number;
  /** When the baseline begins, in nanoseconds since 1970. Default: a moment of November 2026, by the seed. */
  readonly fromUnixNano?: bigint;
}

/** A kind of fault, or of traffic that is none. */
export interface Fault {
  readonly name: string;
  /** What it belongs to, such as `database` or `no-fault`. */
  readonly group: string;
  /** The same seed and options make the same incident. */
  readonly generate: (seed: number, options?: IncidentOptions) => Incident;
}

export interface QuietOptions extends Omit<IncidentOptions, 'baselineTraces'> {
  /** Default: 5. With `tracesPerWindow` it makes the load. */
  readonly windowMinutes?: number;
}

/** Traffic of a part of a quiet time. */
export interface QuietWindow {
  readonly window: TimeWindow;
  /** Spans of the requests that begin in this window, by their start. */
  readonly spans: readonly GeneratedSpan[];
}
