import type { TextMapPropagator } from '@opentelemetry/api';
import { b3Multi, b3Single } from './b3.ts';
import { w3cBaggage } from './baggage.ts';
import { datadog } from './datadog.ts';
import type { HeaderFormat } from './header-format.ts';
import { jaeger } from './jaeger.ts';
import { w3cTraceContext } from './w3c-trace-context.ts';
import { xray } from './xray.ts';

const FORMATS = {
  tracecontext: w3cTraceContext,
  baggage: w3cBaggage,
  b3: b3Single,
  b3multi: b3Multi,
  jaeger,
  xray,
  datadog,
} as const;

/** A header format by the name that OTEL_PROPAGATORS has for it. */
export type PropagatorName = keyof typeof FORMATS;

export const PROPAGATOR_NAMES = Object.keys(FORMATS) as readonly PropagatorName[];

export const DEFAULT_PROPAGATORS: readonly PropagatorName[] = ['tracecontext', 'baggage'];

export function isPropagatorName(name: unknown): name is PropagatorName {
  return typeof name === 'string' && Object.hasOwn(FORMATS, name);
}

/** A name's format; a propagator of the application's own as it is. */
export function formatOf(propagator: PropagatorName | TextMapPropagator): HeaderFormat | TextMapPropagator {
  return typeof propagator === 'string' ? FORMATS[propagator] : propagator;
}
