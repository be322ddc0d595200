/** What OTLP's exporters send. Traces are stored. */
export type Signal = 'traces' | OtherSignal;

/** Signals that are answered and not stored. */
export type OtherSignal = 'metrics' | 'logs';

const SIGNALS: readonly Signal[] = ['traces', 'metrics', 'logs'];

/** The path of a signal. */
export function signalPath(signal: Signal): string {
  return `/v1/${signal}`;
}

/**
 * Where a signal arrives as well: behind the path of any signal, since SDKs append theirs to an endpoint that names one
 * already.
 */
export function signalAliases(signal: Signal): readonly string[] {
  return SIGNALS.map((first) => signalPath(first) + signalPath(signal));
}

export const TRACE_SERVICE = 'opentelemetry.proto.collector.trace.v1.TraceService';

export const TRACES_METHOD = `/${TRACE_SERVICE}/Export`;

const METHODS: ReadonlyMap<string, Signal> = new Map([
  [TRACES_METHOD, 'traces'],
  ['/opentelemetry.proto.collector.metrics.v1.MetricsService/Export', 'metrics'],
  ['/opentelemetry.proto.collector.logs.v1.LogsService/Export', 'logs'],
]);

/** The gRPC methods of all signals. */
export const SIGNAL_METHODS: readonly string[] = [...METHODS.keys()];

/** The signal that a gRPC method takes; null for another method. */
export function signalOfMethod(path: string): Signal | null {
  return METHODS.get(path) ?? null;
}
