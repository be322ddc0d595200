import type { TextMapGetter } from '@opentelemetry/api';
import type { LocalTrace } from '../span/local-trace.ts';
import { singleHeader, type HeaderFormat } from './header-format.ts';
import { decisionOf, remoteSpan, spanIdHex, type SamplingDecision } from './remote-span.ts';
import { normalTraceState, traceStateMember } from '../span/trace-state.ts';

const TRACE_ID = 'x-datadog-trace-id';
const PARENT_ID = 'x-datadog-parent-id';
const PRIORITY = 'x-datadog-sampling-priority';
const ORIGIN = 'x-datadog-origin';
const TAGS = 'x-datadog-tags';

const TAG_PREFIX = '_dd.p.';
/** The tag that holds the upper half of a 128-bit trace id, as 16 hex digits. */
const UPPER_TRACE_ID = '_dd.p.tid';
const UPPER_TRACE_ID_FORM = /^[0-9a-f]{16}$/;
const DECIMAL = /^\d{1,20}$/;
const UINT64_MAX = 2n ** 64n - 1n;
const PRIORITY_FORM = /^-?\d$/;
const TAGS_CHARACTERS_MAX = 512;

/** Datadog's member of the tracestate, where its tracers keep what they need beyond W3C's headers. */
const VENDOR = 'dd';
const MEMBER_CHARACTERS_MAX = 256;

/**
 * Datadog's headers: the lower 64 bits of the ids as decimal numbers, the upper ones of the trace id as a tag.
 * Priority, origin and other `_dd.p.` tags are kept in the tracestate's `dd` member, as Datadog's own tracers do it,
 * and so survive hops that speak W3C only.
 */
export const datadog: HeaderFormat = {
  fields: [TRACE_ID, PARENT_ID, PRIORITY, ORIGIN, TAGS],
  injectSpan(span, carrier, setter) {
    const { trace } = span;
    const upper = trace.idHex.slice(0, 16);
    const kept = keptFields(trace);
    setter.set(carrier, TRACE_ID, BigInt(`0x${trace.idHex.slice(16)}`).toString());
    setter.set(carrier, PARENT_ID, BigInt(`0x${spanIdHex(span)}`).toString());
    const priority = priorityOf(trace, kept.get('s'));
    if (priority !== undefined) setter.set(carrier, PRIORITY, priority);
    const origin = kept.get('o');
    if (origin !== undefined) setter.set(carrier, ORIGIN, origin.replaceAll('~', '='));
    const tags = /^0+$/.test(upper) ? [] : [`${UPPER_TRACE_ID}=${upper}`];
    for (const [key, value] of kept) {
      if (key.startsWith('t.')) tags.push(`${TAG_PREFIX}${key.slice(2)}=${value.replaceAll('~', '=')}`);
    }
    const joined = tags.join(',');
    if (joined !== '' && joined.length <= TAGS_CHARACTERS_MAX) setter.set(carrier, TAGS, joined);
  },
  extractSpan(carrier, getter) {
    const lower = hexOfDecimal(singleHeader(carrier, getter, TRACE_ID));
    const spanId = hexOfDecimal(singleHeader(carrier, getter, PARENT_ID));
    if (lower === undefined || spanId === undefined) return undefined;
    const tags = tagsOf(singleHeader(carrier, getter, TAGS));
    const upper = tags.get(UPPER_TRACE_ID) ?? '';
    const priority = singleHeader(carrier, getter, PRIORITY);
    const traceId = UPPER_TRACE_ID_FORM.test(upper) ? upper + lower : lower;
    return remoteSpan(traceId, spanId, decisionFrom(priority), traceStateOf(carrier, getter, priority, tags));
  },
};

function hexOfDecimal(text: string | undefined): string | undefined {
  if (text === undefined || !DECIMAL.test(text)) return undefined;
  const value = BigInt(text);
  return value > UINT64_MAX ? undefined : value.toString(16).padStart(16, '0');
}

function tagsOf(header: string | undefined): Map<string, string> {
  const tags = new Map<string, string>();
  if (header === undefined || header.length > TAGS_CHARACTERS_MAX) return tags;
  for (const pair of header.split(',')) {
    const equals = pair.indexOf('=');
    const key = pair.slice(0, equals).trim();
    if (equals > 0 && key.startsWith(TAG_PREFIX)) tags.set(key, pair.slice(equals + 1).trim());
  }
  return tags;
}

/** −1 and 0 are drops, 1 and 2 keeps: by a rate, or because a person said so. */
function decisionFrom(priority: string | undefined): SamplingDecision {
  if (priority === undefined || !PRIORITY_FORM.test(priority)) return 'deferred';
  return Number(priority) > 0 ? 'sample' : 'drop';
}

/** The priority that was received, unless the decision has been another one since. */
function priorityOf(trace: LocalTrace, received: string | undefined): string | undefined {
  const decision = decisionOf(trace);
  if (decision === 'deferred') return undefined;
  const isSampled = decision !== 'drop';
  if (received !== undefined && PRIORITY_FORM.test(received) && Number(received) > 0 === isSampled) return received;
  return isSampled ? '1' : '0';
}

function traceStateOf<C>(
  carrier: C,
  getter: TextMapGetter<C>,
  priority: string | undefined,
  tags: ReadonlyMap<string, string>,
): string {
  const parts: string[] = [];
  if (priority !== undefined && PRIORITY_FORM.test(priority)) parts.push(`s:${priority}`);
  const origin = singleHeader(carrier, getter, ORIGIN);
  if (origin !== undefined && origin !== '') parts.push(`o:${memberText(origin)}`);
  for (const [key, value] of tags) {
    if (key !== UPPER_TRACE_ID) parts.push(`t.${memberText(key.slice(TAG_PREFIX.length))}:${memberText(value)}`);
  }
  while (parts.join(';').length > MEMBER_CHARACTERS_MAX) parts.pop();
  return parts.length === 0 ? '' : normalTraceState(`${VENDOR}=${parts.join(';')}`);
}

/** What a member's value cannot hold becomes `_`, and its `=` becomes `~`. */
function memberText(text: string): string {
  return text.replace(/[^\x20-\x7e]|[,;:~]/g, '_').replaceAll('=', '~');
}

function keptFields(trace: LocalTrace): Map<string, string> {
  const fields = new Map<string, string>();
  if (trace.traceState === '') return fields;
  for (const part of traceStateMember(trace.traceState, VENDOR)?.split(';') ?? []) {
    const colon = part.indexOf(':');
    if (colon > 0) fields.set(part.slice(0, colon), part.slice(colon + 1));
  }
  return fields;
}
