import type { TextMapGetter } from '@opentelemetry/api';
import type { SamplingHint } from '../context/sampling-hint.ts';
import type { NonRecordingSpan } from '../span/non-recording-span.ts';
import { singleHeader, type HeaderFormat } from './header-format.ts';
import { decisionOf, remoteSpan, spanIdHex, type SamplingDecision } from './remote-span.ts';

const B3 = 'b3';
const TRACE_ID = 'x-b3-traceid';
const SPAN_ID = 'x-b3-spanid';
const SAMPLED = 'x-b3-sampled';
const FLAGS = 'x-b3-flags';

/** Trace id of 64 or 128 bits, span id, and optionally the decision and the parent's span id. */
const SINGLE = /^([0-9a-f]{32}|[0-9a-f]{16})-([0-9a-f]{16})(?:-([01d]|true|false))?(?:-[0-9a-f]{16})?$/i;
const TRACE_ID_FORM = /^(?:[0-9a-f]{32}|[0-9a-f]{16})$/i;
const SPAN_ID_FORM = /^[0-9a-f]{16}$/i;

/** Zipkin's B3 in one header: `b3: {trace id}-{span id}-{1, 0 or d}`. Both forms are read, this one first. */
export const b3Single: HeaderFormat = {
  fields: [B3],
  injectSpan(span, carrier, setter) {
    const { trace } = span;
    const ids = `${trace.idHex}-${spanIdHex(span)}`;
    const decision = decisionOf(trace);
    setter.set(carrier, B3, decision === 'deferred' ? ids : `${ids}-${SINGLE_DECISIONS[decision]}`);
  },
  extractSpan: extractB3,
  extractHint: extractB3Hint,
};

/**
 * Zipkin's B3 in a header for each part: `x-b3-traceid` and its siblings. Both forms are read, the single header first.
 */
export const b3Multi: HeaderFormat = {
  fields: [TRACE_ID, SPAN_ID, SAMPLED, FLAGS],
  injectSpan(span, carrier, setter) {
    const { trace } = span;
    setter.set(carrier, TRACE_ID, trace.idHex);
    setter.set(carrier, SPAN_ID, spanIdHex(span));
    const decision = decisionOf(trace);
    // The debug flag implies that the trace is sampled, and is alone.
    if (decision === 'debug') setter.set(carrier, FLAGS, '1');
    else if (decision !== 'deferred') setter.set(carrier, SAMPLED, decision === 'sample' ? '1' : '0');
  },
  extractSpan: extractB3,
  extractHint: extractB3Hint,
};

const SINGLE_DECISIONS = { sample: '1', drop: '0', debug: 'd' } as const;

function extractB3<C>(carrier: C, getter: TextMapGetter<C>): NonRecordingSpan | undefined {
  return extractSingle(carrier, getter) ?? extractMulti(carrier, getter);
}

function extractSingle<C>(carrier: C, getter: TextMapGetter<C>): NonRecordingSpan | undefined {
  const match = SINGLE.exec(singleHeader(carrier, getter, B3) ?? '');
  return match === null ? undefined : remoteSpan(match[1] ?? '', match[2] ?? '', decisionFrom(match[3]));
}

function extractMulti<C>(carrier: C, getter: TextMapGetter<C>): NonRecordingSpan | undefined {
  const traceId = singleHeader(carrier, getter, TRACE_ID) ?? '';
  const spanId = singleHeader(carrier, getter, SPAN_ID) ?? '';
  if (!TRACE_ID_FORM.test(traceId) || !SPAN_ID_FORM.test(spanId)) return undefined;
  const isDebug = singleHeader(carrier, getter, FLAGS) === '1';
  return remoteSpan(traceId, spanId, isDebug ? 'debug' : decisionFrom(singleHeader(carrier, getter, SAMPLED)));
}

/**
 * A decision without ids, which B3 allows: above all `b3: 0`, by which a proxy keeps its own requests from being
 * traced.
 */
function extractB3Hint<C>(carrier: C, getter: TextMapGetter<C>): SamplingHint | undefined {
  const single = singleHeader(carrier, getter, B3);
  const isDebug = single === undefined && singleHeader(carrier, getter, FLAGS) === '1';
  const decision = isDebug ? 'debug' : decisionFrom(single ?? singleHeader(carrier, getter, SAMPLED));
  return decision === 'deferred' ? undefined : decision;
}

/** Old clients say true and false; silence leaves the decision to the receiver. */
function decisionFrom(text: string | undefined): SamplingDecision {
  switch (text?.toLowerCase()) {
    case '1':
    case 'true':
      return 'sample';
    case '0':
    case 'false':
      return 'drop';
    case 'd':
      return 'debug';
    default:
      return 'deferred';
  }
}
