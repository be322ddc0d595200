import { attributeText, findAttribute } from '../attributes.ts';
import type { AnyValue, KeyValue, Span, SpanEvent, SpanLink } from '../otlp.ts';
import { EVENT_FIELD, REFERENCE_TAG, WARNINGS_TAG } from './jaeger.ts';
import {
  hexId,
  int64Text,
  isInexact,
  isObject,
  joinPath,
  type JsonObject,
  member,
  nanosMember,
  objectsIn,
  textMember,
  withinUint64,
} from './read-values.ts';
import {
  codeStatus,
  eventDroppedCount,
  failedStatus,
  type ReadError,
  readTags,
  Scopes,
  serviceAttributes,
} from './span-tags.ts';
import { getOrAdd, type ResourceGroup, type TraceGroups } from './trace-groups.ts';
import type { Warnings } from './warnings.ts';

/** Reads one trace of Jaeger: `{ traceID, spans, processes }`. */
export function readJaegerTrace(trace: JsonObject, base: string, groups: TraceGroups, warnings: Warnings): void {
  const place = (): string => base;
  const processes = member(trace, 'processes');
  const known = new Map<string, ResourceGroup>();
  const scopes = new Scopes();
  const resourceOf = (span: JsonObject, spanPlace: () => string): ResourceGroup => {
    const inline = member(span, 'process');
    if (isObject(inline)) return readProcess(inline, () => joinPath(spanPlace(), 'process'), warnings);
    const id = member(span, 'processID');
    const process = typeof id === 'string' && isObject(processes) ? member(processes, id) : undefined;
    if (!isObject(process)) warnings.add('no-process', spanPlace);
    const processPlace = (): string => joinPath(base, `processes.${String(id)}`);
    return getOrAdd(known, isObject(process) ? `p ${String(id)}` : '', () =>
      isObject(process) ? readProcess(process, processPlace, warnings) : { resource: undefined },
    );
  };
  for (const [given, spanPlace] of objectsIn(trace, ['spans'], place, warnings)) {
    const traceId = hexId(member(given, 'traceID') ?? member(trace, 'traceID'), 32);
    const spanId = hexId(member(given, 'spanID'), 16);
    if (traceId === undefined || spanId === undefined) {
      warnings.add('no-id', spanPlace);
      continue;
    }
    const read = readTags(readFields(given, 'tags', spanPlace, warnings), readError);
    const span = readSpan(given, { traceId, spanId }, read, spanPlace, warnings);
    groups.add(span, resourceOf(given, spanPlace), scopes.of(read.scopeName, read.scopeVersion));
  }
}

function readSpan(
  given: JsonObject,
  ids: Pick<Span, 'traceId' | 'spanId'>,
  { attributes, members }: ReturnType<typeof readTags>,
  place: () => string,
  warnings: Warnings,
): Span {
  const start = nanosMember(given, 'startTime', place, warnings);
  const duration = nanosMember(given, 'duration', place, warnings) ?? 0n;
  const end = start === undefined ? undefined : withinUint64(start + duration);
  if (start === undefined || start === 0n) warnings.add('no-time', place);
  else if (end === undefined) warnings.add('malformed', () => joinPath(place(), 'duration'));
  const flags = member(given, 'flags');
  // Jaeger has 2 for debug, and others of its clients' own.
  if (typeof flags === 'number' && (flags & ~1) !== 0) warnings.add('unknown-flags', place);
  const told = member(given, 'warnings');
  const values = Array.isArray(told) ? told.filter((text) => typeof text === 'string') : [];
  if (told !== undefined && (!Array.isArray(told) || values.length < told.length)) {
    warnings.add('malformed', () => joinPath(place(), 'warnings'));
  }
  if (values.length > 0) {
    const texts = values.map((text): AnyValue => ({ stringValue: text }));
    attributes.push({ key: WARNINGS_TAG, value: { arrayValue: { values: texts } } });
  }
  const { parentSpanId, links } = readReferences(given, ids, place, warnings);
  const events = readLogs(given, place, warnings);
  return {
    ...ids,
    ...(parentSpanId !== undefined && { parentSpanId }),
    ...(typeof flags === 'number' && (flags & 1) === 1 && { flags: 1 }),
    name: textMember(given, 'operationName', place, warnings),
    startTimeUnixNano: String(start ?? ''),
    endTimeUnixNano: String(end ?? start ?? ''),
    ...(attributes.length > 0 && { attributes }),
    ...(events.length > 0 && { events }),
    ...(links.length > 0 && { links }),
    ...members,
  };
}

/**
 * The parent is the first span of the same trace that this one is a child of; where there is none, the first that it
 * follows from, as Jaeger's UI shows it. Older responses name it by `parentSpanID`.
 */
function readReferences(
  given: JsonObject,
  { traceId, spanId }: Pick<Span, 'traceId' | 'spanId'>,
  place: () => string,
  warnings: Warnings,
): { parentSpanId: string | undefined; links: SpanLink[] } {
  let parentSpanId = hexId(member(given, 'parentSpanID'), 16);
  const others: (SpanLink & { isChildOf: boolean })[] = [];
  for (const [reference, referencePlace] of objectsIn(given, ['references'], place, warnings)) {
    const ids = { traceId: hexId(reference['traceID'], 32), spanId: hexId(reference['spanID'], 16) };
    if (ids.traceId === undefined || ids.spanId === undefined) {
      warnings.add('malformed', referencePlace);
      continue;
    }
    const isChildOf = reference['refType'] === 'CHILD_OF';
    if (isChildOf && ids.traceId === traceId && (parentSpanId ?? ids.spanId) === ids.spanId) parentSpanId = ids.spanId;
    else others.push({ traceId: ids.traceId, spanId: ids.spanId, isChildOf });
  }
  const followed = others.findIndex((one) => !one.isChildOf && one.traceId === traceId && one.spanId !== spanId);
  if (parentSpanId === undefined && followed >= 0) {
    parentSpanId = others[followed]!.spanId;
    warnings.add('parent-follows-from', place);
  }
  const links = others.map(({ isChildOf, ...link }, index): SpanLink => {
    const type = isChildOf ? 'child_of' : 'follows_from';
    if (!isChildOf && (index !== followed || parentSpanId !== link.spanId)) return link;
    return { ...link, attributes: [{ key: REFERENCE_TAG, value: { stringValue: type } }] };
  });
  return { parentSpanId, links };
}

function readLogs(given: JsonObject, place: () => string, warnings: Warnings): SpanEvent[] {
  const events: SpanEvent[] = [];
  for (const [log, logPlace] of objectsIn(given, ['logs'], place, warnings)) {
    const time = nanosMember(log, 'timestamp', logPlace, warnings);
    if (time === undefined) warnings.add('malformed', logPlace);
    const fields = readFields(log, 'fields', logPlace, warnings);
    const at = fields.findIndex(({ key }) => key === EVENT_FIELD);
    const name = attributeText(findAttribute(fields, EVENT_FIELD));
    const { attributes, ...rest } = eventDroppedCount(fields.filter((_field, index) => index !== at));
    events.push({
      timeUnixNano: String(time ?? ''),
      name,
      ...(attributes.length > 0 && { attributes }),
      ...rest,
    });
  }
  return events;
}

function readProcess(process: JsonObject, place: () => string, warnings: Warnings): ResourceGroup {
  const name = textMember(process, 'serviceName', place, warnings);
  const tags = readFields(process, 'tags', place, warnings);
  // What Jaeger's clients call it; clocks of hosts are told apart by it.
  const hasHost = tags.some(({ key }) => key === 'host.name');
  const attributes = tags.map((tag) => (tag.key === 'hostname' && !hasHost ? { ...tag, key: 'host.name' } : tag));
  attributes.unshift(...serviceAttributes(name));
  return { resource: attributes.length > 0 ? { attributes } : undefined };
}

function readFields(given: JsonObject, name: string, place: () => string, warnings: Warnings): KeyValue[] {
  const fields: KeyValue[] = [];
  for (const [tag, tagPlace] of objectsIn(given, [name], place, warnings)) {
    const key = member(tag, 'key');
    const value = typeof key === 'string' ? readValue(tag, tagPlace, warnings) : undefined;
    if (typeof key === 'string' && value !== undefined) fields.push({ key, value });
    else warnings.add('malformed', tagPlace);
  }
  return fields;
}

/** By its type; where that is missing, by what it is. A value of another type than it says is what it is. */
function readValue(tag: JsonObject, place: () => string, warnings: Warnings): AnyValue | undefined {
  const value = member(tag, 'value');
  const type = member(tag, 'type');
  if (type !== 'float64' && isInexact(value)) warnings.add('inexact-number', place);
  if (type === 'binary' && typeof value === 'string') return { bytesValue: value };
  if (type === 'bool' && (value === 'true' || value === 'false')) return { boolValue: value === 'true' };
  if (type === 'int64' && int64Text(value) !== undefined) return { intValue: int64Text(value)! };
  if (type === 'float64' && typeof value === 'string' && value.trim() !== '' && !Number.isNaN(Number(value))) {
    return { doubleValue: Number(value) };
  }
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value !== 'number') return undefined;
  const isInteger = type !== 'float64' && Number.isInteger(value);
  const integer = isInteger ? int64Text(value) : undefined;
  return integer === undefined ? { doubleValue: value } : { intValue: integer };
}

function readError(error: AnyValue | undefined, code: string, description: string): ReadError {
  const isError = error?.boolValue === true || error?.stringValue === 'true';
  if (isError) return { status: failedStatus(description), isTaken: true };
  return { status: codeStatus(code, description), isTaken: false };
}
