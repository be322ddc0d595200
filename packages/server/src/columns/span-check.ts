import type { SpanRejection } from './ingest-result.ts';
import type { LinkFields, SpanFields } from './span-fields.ts';

/** The largest second that the store's DateTime holds is 2^32 − 1, in the year 2106. */
const SECONDS_MAX = 0xffff_ffff;

/**
 * The store and the API hold times as signed 64-bit nanoseconds, which end in the year 2262: the high word of the last.
 */
export const TIME_HIGH_MAX = 0x7fff_ffff;

/**
 * Null, or why the span cannot be stored. Ids as the OTLP specification demands them; a start time of 0 is protobuf's
 * way of saying that there is none, and such a span would stand outside of every time that anybody looks at. An id that
 * ends before it begins was no hexadecimal text. Whatever else is wrong costs a part of the span, and not the span.
 */
export function checkSpan(span: SpanFields, startSeconds: number): SpanRejection | null {
  const { source } = span;
  return (
    checkId('trace_id', 'trace id', source, span.traceIdStart, span.traceIdEnd, 16) ??
    checkId('span_id', 'span id', source, span.spanIdStart, span.spanIdEnd, 8) ??
    checkStart(span, startSeconds)
  );
}

/** Whether the link has ids, which may be zero: an SDK may link to an invalid context for the link's attributes. */
export function isLink(link: LinkFields): boolean {
  return link.traceIdEnd - link.traceIdStart === 16 && link.spanIdEnd - link.spanIdStart === 8;
}

function checkId(
  code: SpanRejection['code'],
  name: string,
  source: Uint8Array,
  start: number,
  end: number,
  bytes: number,
): SpanRejection | null {
  const length = end - start;
  if (length < 0) return { code, message: `${name} is not ${bytes * 2} hexadecimal digits` };
  if (length !== bytes) return { code, message: `${name} has ${length} bytes instead of ${bytes}` };
  for (let index = start; index < end; index++) {
    if (source[index] !== 0) return null;
  }
  return { code, message: `${name} is all zero` };
}

function checkStart(span: SpanFields, seconds: number): SpanRejection | null {
  if (span.startLow === 0 && span.startHigh === 0)
    return { code: 'start_time', message: 'start time is missing or no number' };
  return seconds > SECONDS_MAX ? { code: 'start_time', message: 'start time is after the year 2106' } : null;
}

/** `limit`: the key of the limit's setting. */
export function beyond(limit: string, message: string): SpanRejection {
  return { code: 'limit', limit, message };
}

export function startsTooEarly(seconds: number, earliestSecond: number): SpanRejection {
  const message = `start time ${iso(seconds)} is before ${iso(earliestSecond)}, since when spans are kept (retention.maxAge)`;
  return { code: 'too_old', message };
}

export function startsTooLate(seconds: number, latestSecond: number): SpanRejection {
  const message = `start time ${iso(seconds)} is further ahead of the collector's clock than ${iso(latestSecond)}`;
  return { code: 'in_future', limit: 'ingest.futureMsMax', message };
}

function iso(seconds: number): string {
  return new Date(seconds * 1_000).toISOString();
}
