import { usualPath } from './usual-path.ts';

/** What OTLP's exporters send. Traces are stored. */
export type Signal = 'traces' | OtherSignal;

/** Signals that are answered and not stored. */
export type OtherSignal = 'metrics' | 'logs';

export const TRACES_PATH = '/v1/traces';

/** One of the paths, or one behind another: SDKs append theirs to an endpoint that names one already. */
const PATHS = /^(?:\/v1\/(?:traces|metrics|logs))?\/v1\/(traces|metrics|logs)$/;

/**
 * The signal that a request's target is for, as senders write it in practice. Null for any other; a prefix is none of ours, since a proxy
 * that adds one takes it off again.
 */
export function signalOfTarget(target: string): Signal | null {
  if (target === TRACES_PATH) return 'traces';
  return (PATHS.exec(usualPath(target))?.[1] as Signal | undefined) ?? null;
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
