import type { SpanRefusal } from './result.ts';
import type { LinkFields, SpanFields } from './span-fields.ts';

/** The largest second that the store's DateTime holds is 2^32 − 1, in the year 2106. */
const SECONDS_MAX = 0xffff_ffff;

/**
 * Null, or why the span cannot be stored. Ids as the OTLP specification demands them; a start time of 0 is protobuf's
 * way of saying that there is none, and such a span would stand outside of every time that anybody looks at.
 */
export function checkSpan(span: SpanFields, startSeconds: number): SpanRefusal | null {
  const { source } = span;
  return (
    checkId('trace_id', 'trace id', source, span.traceIdStart, span.traceIdEnd, 16) ??
    checkId('span_id', 'span id', source, span.spanIdStart, span.spanIdEnd, 8) ??
    checkParent(span.parentSpanIdEnd - span.parentSpanIdStart) ??
    checkStart(span, startSeconds) ??
    checkTime('end_time', 'end time', span.endHigh)
  );
}

export function checkLink(link: LinkFields): SpanRefusal | null {
  return (
    checkLength('link', "a link's trace id", link.traceIdEnd - link.traceIdStart, 16) ??
    checkLength('link', "a link's span id", link.spanIdEnd - link.spanIdStart, 8)
  );
}

/** Null, or why the span cannot be stored that has an event at this time. */
export function checkEvent(timeHigh: number): SpanRefusal | null {
  return checkTime('event_time', "an event's time", timeHigh);
}

/** The store and the API hold times as signed 64-bit nanoseconds, which end in the year 2262. */
function checkTime(code: SpanRefusal['code'], name: string, high: number): SpanRefusal | null {
  return high < 0x8000_0000 ? null : { code, message: `${name} is after the year 2262` };
}

function checkId(
  code: SpanRefusal['code'],
  name: string,
  source: Uint8Array,
  start: number,
  end: number,
  bytes: number,
): SpanRefusal | null {
  const problem = checkLength(code, name, end - start, bytes);
  if (problem !== null) return problem;
  for (let index = start; index < end; index++) {
    if (source[index] !== 0) return null;
  }
  return { code, message: `${name} is all zero` };
}

function checkLength(code: SpanRefusal['code'], name: string, length: number, bytes: number): SpanRefusal | null {
  return length === bytes ? null : { code, message: `${name} has ${length} bytes instead of ${bytes}` };
}

function checkParent(length: number): SpanRefusal | null {
  return length === 0 ? null : checkLength('parent_span_id', 'parent span id', length, 8);
}

function checkStart(span: SpanFields, seconds: number): SpanRefusal | null {
  if (span.startLow === 0 && span.startHigh === 0) return { code: 'start_time', message: 'start time is missing' };
  return seconds > SECONDS_MAX ? { code: 'start_time', message: 'start time is after the year 2106' } : null;
}

/** `limit`: the key of the limit's setting. */
export function beyond(limit: string, message: string): SpanRefusal {
  return { code: 'limit', limit, message };
}

export function startsTooEarly(seconds: number, earliestSecond: number): SpanRefusal {
  const message = `start time ${iso(seconds)} is before ${iso(earliestSecond)}, since when spans are kept (retention.maxAge)`;
  return { code: 'too_old', message };
}

export function startsTooLate(seconds: number, latestSecond: number): SpanRefusal {
  const message = `start time ${iso(seconds)} is further ahead of the collector's clock than ${iso(latestSecond)}`;
  return { code: 'in_future', limit: 'ingest.futureMsMax', message };
}

function iso(seconds: number): string {
  return new Date(seconds * 1_000).toISOString();
}
