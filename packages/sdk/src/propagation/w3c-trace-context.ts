import type { TextMapGetter, TextMapSetter } from '@opentelemetry/api';
import { hexDigit, int32OfHex } from '../span/random-batch.ts';
import { traceOfHex } from '../span/local-trace.ts';
import type { SpanIdentity } from '../span/span-identity.ts';
import { RemoteSpan } from '../span/non-recording-span.ts';
import type { HeaderFormat } from './header-format.ts';
import { normalTraceState, trimOptionalWhitespace } from '../span/trace-state.ts';

const TRACEPARENT = 'traceparent';
const TRACESTATE = 'tracestate';

/** version `-` trace id `-` parent id `-` flags. */
const VERSION_00_LENGTH = 55;
const TRACE_ID_OFFSET = 3;
const PARENT_ID_OFFSET = 36;
const FLAGS_OFFSET = 53;
const VERSION_FORBIDDEN = 0xff;
/** A future version may say more than this one, but not anything. */
const TRACEPARENT_CHARACTERS_MAX = 512;

/** W3C Trace Context: `traceparent` and `tracestate`. */
export const w3cTraceContext: HeaderFormat = {
  fields: [TRACEPARENT, TRACESTATE],
  injectSpan: injectTraceContext,
  extractSpan: extractTraceContext,
};

/** Writes `traceparent`, and `tracestate` where there is one (W3C Trace Context Level 2). */
export function injectTraceContext<C>(span: SpanIdentity, carrier: C, setter: TextMapSetter<C>): void {
  setter.set(carrier, TRACEPARENT, span.traceparent);
  if (span.trace.traceState !== '') setter.set(carrier, TRACESTATE, span.trace.traceState);
}

/** The remote span that a carrier names, or `undefined` when it names none or is malformed. Never throws. */
export function extractTraceContext<C>(carrier: C, getter: TextMapGetter<C>): RemoteSpan | undefined {
  try {
    const header = single(getter.get(carrier, TRACEPARENT));
    if (header === undefined) return undefined;
    const traceState = getter.get(carrier, TRACESTATE);
    // Several tracestate headers are one list; several traceparent headers are a mistake.
    return parseTraceparent(header, Array.isArray(traceState) ? traceState.join(',') : traceState);
  } catch {
    return undefined;
  }
}

function single(value: string | string[] | undefined): string | undefined {
  if (!Array.isArray(value)) return value;
  return value.length === 1 ? value[0] : undefined;
}

/** The span of two header values, or `undefined` when the first is malformed; a malformed second is ignored. */
export function parseTraceparent(header: unknown, traceState: unknown): RemoteSpan | undefined {
  if (typeof header !== 'string' || header.length > TRACEPARENT_CHARACTERS_MAX) return undefined;
  const text = trimOptionalWhitespace(header);
  const version = byteOfHex(text, 0);
  if (version < 0 || version === VERSION_FORBIDDEN || !hasForm(text, version)) return undefined;
  const flags = byteOfHex(text, FLAGS_OFFSET);
  const id0 = int32OfHex(text, PARENT_ID_OFFSET);
  const id1 = int32OfHex(text, PARENT_ID_OFFSET + 8);
  if (flags < 0 || Number.isNaN(id0 + id1) || (id0 | id1) === 0) return undefined;
  const state = typeof traceState === 'string' ? normalTraceState(traceState) : '';
  const trace = traceOfHex(text, TRACE_ID_OFFSET, flags, state);
  return trace === undefined ? undefined : new RemoteSpan(trace, id0, id1);
}

/** Whether the dashes are where they must be; a future version may go on after another one. */
function hasForm(text: string, version: number): boolean {
  if (text.length < VERSION_00_LENGTH) return false;
  if (text.length > VERSION_00_LENGTH && (version === 0 || text[VERSION_00_LENGTH] !== '-')) return false;
  return text[TRACE_ID_OFFSET - 1] === '-' && text[PARENT_ID_OFFSET - 1] === '-' && text[FLAGS_OFFSET - 1] === '-';
}

function byteOfHex(text: string, offset: number): number {
  const high = hexDigit(text.charCodeAt(offset));
  const low = hexDigit(text.charCodeAt(offset + 1));
  return high < 0 || low < 0 ? -1 : (high << 4) | low;
}
