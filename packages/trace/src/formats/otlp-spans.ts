import { type Span, SpanKind, StatusCode, type TracesData } from '../otlp.ts';
import { type MalformedParts, readResource, readScope, readSpan, readText } from '../tree/well-formed.ts';
import { hexId, isInexact, isObject, joinPath, type JsonObject, objectsIn } from './read-values.ts';
import { type ResourceGroup, type ScopeGroup, type TraceOfFile, TraceGroups } from './trace-groups.ts';
import { type FormatWarning, Warnings } from './warnings.ts';

/** A span of OTLP, without the parts that cannot be read, and what it belongs to. */
export interface OtlpSpan {
  readonly span: Span;
  readonly resource: ResourceGroup;
  readonly scope: ScopeGroup;
  readonly place: () => string;
}

/**
 * All spans of OTLP JSON that have a trace ID and a span ID, in their order; of the rest, what can be read. Reads also
 * what protobuf's own JSON has (names instead of numbers), and the members' names before scopes.
 */
export function* otlpSpans(data: unknown, base: string, warnings: Warnings): Iterable<OtlpSpan> {
  if (!isObject(data)) {
    warnings.add('malformed', () => base);
    return;
  }
  for (const [ofResource, resourcePlace] of objectsIn(data, ['resourceSpans'], () => base, warnings)) {
    const resource: ResourceGroup = {
      resource: counted(warnings, resourcePlace, (parts) => readResource(ofResource['resource'], parts)),
      schemaUrl: counted(warnings, resourcePlace, (parts) => readText(ofResource['schemaUrl'], parts)),
    };
    const names = ['scopeSpans', 'instrumentationLibrarySpans'];
    for (const [ofScope, scopePlace] of objectsIn(ofResource, names, resourcePlace, warnings)) {
      const given = ofScope['scope'] ?? ofScope['instrumentationLibrary'];
      const scope: ScopeGroup = {
        scope: counted(warnings, scopePlace, (parts) => readScope(given, parts)),
        schemaUrl: counted(warnings, scopePlace, (parts) => readText(ofScope['schemaUrl'], parts)),
      };
      for (const [one, place] of objectsIn(ofScope, ['spans'], scopePlace, warnings)) {
        const span = counted(warnings, place, (parts) => readSpan(withNumbers(one), parts));
        const traceId = hexId(span?.traceId, 32);
        const spanId = hexId(span?.spanId, 16);
        if (span === undefined || traceId === undefined || spanId === undefined) {
          warnings.add('no-id', place);
          continue;
        }
        if (isInexact(one['startTimeUnixNano']) || isInexact(one['endTimeUnixNano'])) {
          warnings.add('inexact-number', place);
        }
        if (/^0*$/.test(span.startTimeUnixNano)) warnings.add('no-time', place);
        yield { span: withIds(span, traceId, spanId, warnings, place), resource, scope, place };
      }
    }
  }
}

export function readOtlp(data: unknown, base: string, groups: TraceGroups, warnings: Warnings): void {
  for (const { span, resource, scope } of otlpSpans(data, base, warnings)) groups.add(span, resource, scope);
}

/**
 * One trace, or several as one document.
 *
 * @example
 * const { document } = toOtlp(readTraces(text).traces.map(({ data }) => data));
 */
export type TracesToWrite = TracesData | readonly TracesData[];

/** What a writer returns. */
export interface Written<Document> {
  /** To be written by `JSON.stringify`. */
  readonly document: Document;
  /** What the format cannot hold, or not exactly. */
  readonly warnings: readonly FormatWarning[];
}

/**
 * OTLP JSON, well-formed: ids in lower case, spans sorted by trace, resource and scope, and what cannot be read omitted
 * with a warning. Does not copy what is well-formed already.
 *
 * @example
 * const { document } = toOtlp(otlpJson);
 * writeFileSync('traces.jsonl', JSON.stringify(document) + '\n', { flag: 'a' }); // as the collector's file exporter
 *
 * @see https://opentelemetry.io/docs/specs/otel/protocol/file-exporter/
 */
export function toOtlp(traces: TracesToWrite): Written<TracesData> {
  const warnings = new Warnings();
  const groups = new TraceGroups();
  for (const [data, place] of eachOf(traces)) readOtlp(data, place, groups, warnings);
  return { document: joined(groups.list()), warnings: warnings.list() };
}

/** The spans that a writer is to write. */
export function* spansToWrite(traces: TracesToWrite, warnings: Warnings): Iterable<OtlpSpan> {
  for (const [data, place] of eachOf(traces)) yield* otlpSpans(data, place, warnings);
}

function eachOf(traces: TracesToWrite): readonly [TracesData, string][] {
  const isList = (given: TracesToWrite): given is readonly TracesData[] => Array.isArray(given);
  return isList(traces) ? traces.map((data, index) => [data, `[${index}]`]) : [[traces, '']];
}

function joined(traces: readonly TraceOfFile[]): TracesData {
  return { resourceSpans: traces.flatMap(({ data }) => data.resourceSpans) };
}

function counted<T>(warnings: Warnings, place: () => string, read: (parts: MalformedParts) => T): T {
  const parts = { count: 0 };
  const result = read(parts);
  if (parts.count > 0) warnings.add('malformed', place, parts.count);
  return result;
}

const KIND_PREFIX = 'SPAN_KIND_';
const CODE_PREFIX = 'STATUS_CODE_';

/** Enums by number, as OTLP wants them; protobuf's own JSON has their names. */
function withNumbers(given: JsonObject): JsonObject {
  const { kind, status } = given;
  let span = given;
  if (typeof kind === 'string' && kind.startsWith(KIND_PREFIX)) {
    span = { ...span, kind: numberNamed(SpanKind, kind.slice(KIND_PREFIX.length)) ?? kind };
  }
  if (isObject(status) && typeof status['code'] === 'string' && status['code'].startsWith(CODE_PREFIX)) {
    const code = numberNamed(StatusCode, status['code'].slice(CODE_PREFIX.length));
    span = { ...span, status: { ...status, code: code ?? status['code'] } };
  }
  return span;
}

function numberNamed(names: Readonly<Record<string, number>>, name: string): number | undefined {
  return Object.entries(names).find(([known]) => known.toUpperCase() === name)?.[1];
}

/** With ids as they ought to be; a parent or link that has none is omitted. */
function withIds(span: Span, traceId: string, spanId: string, warnings: Warnings, place: () => string): Span {
  const { parentSpanId, links } = span;
  const hasParent = parentSpanId !== undefined && !/^0*$/.test(parentSpanId);
  const parent = hasParent ? hexId(parentSpanId, 16) : undefined;
  if (hasParent && parent === undefined) warnings.add('malformed', place);
  const isNormal = span.traceId === traceId && span.spanId === spanId && parentSpanId === parent;
  const areLinksNormal = links?.every((link) => hexId(link.traceId, 32) === link.traceId) ?? true;
  const areLinkedSpansNormal = links?.every((link) => hexId(link.spanId, 16) === link.spanId) ?? true;
  if (isNormal && areLinksNormal && areLinkedSpansNormal) return span;
  const { parentSpanId: _parent, links: _links, ...rest } = span;
  const linked = links?.flatMap((link) => {
    const ids = { traceId: hexId(link.traceId, 32), spanId: hexId(link.spanId, 16) };
    if (ids.traceId !== undefined && ids.spanId !== undefined) {
      return [{ ...link, traceId: ids.traceId, spanId: ids.spanId }];
    }
    warnings.add('malformed', () => joinPath(place(), 'links'));
    return [];
  });
  return {
    ...rest,
    traceId,
    spanId,
    ...(parent !== undefined && { parentSpanId: parent }),
    ...(linked !== undefined && { links: linked }),
  };
}
