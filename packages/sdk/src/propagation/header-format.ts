import type { Baggage, TextMapGetter, TextMapSetter } from '@opentelemetry/api';
import type { SamplingHint } from '../context/sampling-hint.ts';
import type { SpanIdentity } from '../span/span-identity.ts';
import type { NonRecordingSpan } from '../span/non-recording-span.ts';

/**
 * One way to write a span's identity, or baggage, into headers and to read it back. Reading returns `undefined` for
 * what is absent or malformed; what a getter or setter throws goes through, and the composite catches it.
 */
export interface HeaderFormat {
  /** The headers that it writes, in lower case; those with a name made from a baggage key are not among them. */
  readonly fields: readonly string[];
  injectSpan?<C>(span: SpanIdentity, carrier: C, setter: TextMapSetter<C>): void;
  extractSpan?<C>(carrier: C, getter: TextMapGetter<C>): NonRecordingSpan | undefined;
  /** What a caller that names no span wants for the trace that begins here. */
  extractHint?<C>(carrier: C, getter: TextMapGetter<C>): SamplingHint | undefined;
  injectBaggage?<C>(baggage: Baggage, carrier: C, setter: TextMapSetter<C>): void;
  extractBaggage?<C>(carrier: C, getter: TextMapGetter<C>): Baggage | undefined;
}

/** Headers are short; a longer one is somebody's attempt. */
const HEADER_CHARACTERS_MAX = 1024;

/**
 * A header that must be there once: `undefined` when it is absent, is there several times, or is too long to be one.
 */
export function singleHeader<C>(carrier: C, getter: TextMapGetter<C>, name: string): string | undefined {
  const value = getter.get(carrier, name);
  const text: unknown = Array.isArray(value) && value.length === 1 ? value[0] : value;
  return typeof text === 'string' && text.length <= HEADER_CHARACTERS_MAX ? text.trim() : undefined;
}
