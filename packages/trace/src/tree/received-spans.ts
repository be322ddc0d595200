import { attributeText, findAttribute } from '../attributes.ts';
import type { InstrumentationScope, KeyValue, Resource, Span, TracesData } from '../otlp.ts';
import { SpanIds } from './span-ids.ts';
import { readList, readResource, readScope, readSpan, readText } from './well-formed.ts';

/** The name that OpenTelemetry gives to a service that has not named itself. */
const UNKNOWN_SERVICE = 'unknown_service';

/** A span as it was received, without the parts that cannot be read, with its scope and resource. */
export interface SpanSource {
  readonly span: Span;
  readonly resource: Resource | undefined;
  readonly resourceSchemaUrl: string | undefined;
  readonly scope: InstrumentationScope | undefined;
  readonly scopeSchemaUrl: string | undefined;
}

/** The spans of one trace in columns, in the order in which they came; times are relative to `baseUnixNano`. */
export interface ReceivedSpans {
  readonly count: number;
  readonly traceId: string;
  readonly baseUnixNano: bigint;
  readonly startNs: Float64Array;
  /** Never before the start: a span that claims so has no duration. */
  readonly endNs: Float64Array;
  readonly kind: Uint8Array;
  readonly statusCode: Uint8Array;
  readonly spanIds: readonly string[];
  /** '' for a span without a parent. */
  readonly parentSpanIds: readonly string[];
  readonly names: readonly string[];
  readonly serviceIndex: Uint32Array;
  readonly services: readonly string[];
  /** Spans with the same number had their times read from the same clock. */
  readonly clockIndex: Uint32Array;
  readonly firstById: ReadonlyMap<string, number>;
  /** The ids that more than one span has, with all of these. */
  readonly sharers: ReadonlyMap<string, readonly number[]>;
  readonly duplicateSpans: number;
  readonly foreignSpans: number;
  /** 1 where a part of the span could not be read and is omitted. */
  readonly isMalformed: Uint8Array;
  /** How many parts could not be read: of these spans, of their scopes and resources, or in the place of a span. */
  readonly malformedParts: number;
  /** Orders spans with the same id, kind, times and name by what else they hold; 0 for all others. */
  readonly twinOrdinals: Uint32Array;
  source(index: number): SpanSource;
  span(index: number): Span;
}

/**
 * Reads the spans of one trace: that of the first span. A repeat of a span, which is the same in all that it holds and
 * belongs to, is omitted and counted. Members that OTLP requires but a hand-written file lacks are read as empty,
 * and what cannot be read costs that part alone.
 */
export function receiveSpans(data: TracesData): ReceivedSpans {
  const groups: SpanSource[] = [];
  const spans: Span[] = [];
  const spanIds: string[] = [];
  const groupOf: number[] = [];
  const serviceOf: number[] = [];
  const clockOf: number[] = [];
  const malformedSpans: number[] = [];
  const services = new Numbering();
  const clocks = new Numbering();
  const contexts: string[] = [];
  const content = (index: number): string => {
    const group = groupOf[index]!;
    try {
      contexts[group] ??= contextOf(groups[group]!);
      return `${JSON.stringify(spans[index])}\n${contexts[group]}`;
    } catch {
      // Members that OTLP does not know may nest deeper than the stack: such a span is like no other.
      return String(index);
    }
  };
  const ids = new SpanIds(spans, content);
  const malformed = { count: 0 };
  let traceId: string | undefined;
  let foreignSpans = 0;

  const receiveGroup = (source: Omit<SpanSource, 'span'>, given: readonly unknown[]): void => {
    const attributes = source.resource?.attributes;
    const service = services.of(serviceName(attributes));
    const clock = clocks.of(clockName(attributes));
    let group = -1;
    for (const one of given) {
      const ofSpan = { count: 0 };
      const span = readSpan(one, ofSpan);
      if (span === undefined) {
        malformed.count++;
        continue;
      }
      const spanTraceId = span.traceId.toLowerCase();
      traceId ??= spanTraceId;
      if (spanTraceId !== traceId) {
        foreignSpans++;
        continue;
      }
      if (group < 0) group = groups.push({ ...source, span }) - 1;
      const spanId = normalId(span.spanId);
      groupOf[spans.length] = group;
      spans.push(span);
      if (!ids.addLast(spanId)) {
        spans.pop();
        continue;
      }
      if (ofSpan.count > 0) malformedSpans.push(spans.length - 1);
      malformed.count += ofSpan.count;
      spanIds.push(spanId);
      serviceOf.push(service);
      clockOf.push(clock);
    }
  };
  for (const ofResource of recordsIn(data.resourceSpans)) {
    const resource = readResource(ofResource['resource'], malformed);
    const resourceSchemaUrl = readText(ofResource['schemaUrl'], malformed) || undefined;
    for (const ofScope of recordsIn(ofResource['scopeSpans'])) {
      const scope = readScope(ofScope['scope'], malformed);
      const scopeSchemaUrl = readText(ofScope['schemaUrl'], malformed) || undefined;
      const source = { resource, resourceSchemaUrl, scope, scopeSchemaUrl };
      receiveGroup(source, readList(ofScope['spans'], malformed));
    }
  }

  function* recordsIn(given: unknown): Iterable<Readonly<Record<string, unknown>>> {
    for (const record of readList(given, malformed)) {
      if (typeof record === 'object') yield record as Readonly<Record<string, unknown>>;
      else malformed.count++;
    }
  }

  const isMalformed = new Uint8Array(spans.length);
  for (const index of malformedSpans) isMalformed[index] = 1;
  return {
    count: spans.length,
    traceId: traceId ?? '',
    ...readTimes(spans),
    kind: Uint8Array.from(spans, (span) => span.kind ?? 0),
    statusCode: Uint8Array.from(spans, (span) => span.status?.code ?? 0),
    spanIds,
    parentSpanIds: spans.map((span) => normalId(span.parentSpanId)),
    names: spans.map((span) => span.name),
    serviceIndex: Uint32Array.from(serviceOf),
    services: services.names,
    clockIndex: Uint32Array.from(clockOf),
    firstById: ids.firstById,
    sharers: ids.sharers,
    duplicateSpans: ids.repeats,
    foreignSpans,
    isMalformed,
    malformedParts: malformed.count,
    twinOrdinals: ids.twinOrdinals(),
    span(index) {
      const span = spans[index];
      if (span === undefined) throw new RangeError(`no span ${index}`);
      return span;
    },
    source(index) {
      const span = spans[index];
      const group = groups[groupOf[index] ?? -1];
      if (span === undefined || group === undefined) throw new RangeError(`no span ${index}`);
      const { resource, resourceSchemaUrl, scope, scopeSchemaUrl } = group;
      return { span, resource, resourceSchemaUrl, scope, scopeSchemaUrl };
    },
  };
}

function contextOf({ resource, resourceSchemaUrl, scope, scopeSchemaUrl }: SpanSource): string {
  return JSON.stringify([resource, resourceSchemaUrl, scope, scopeSchemaUrl]);
}

class Numbering {
  readonly names: string[] = [];
  readonly #numbers = new Map<string, number>();

  of(name: string): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    const number = this.names.push(name) - 1;
    this.#numbers.set(name, number);
    return number;
  }
}

function normalId(id: string | undefined): string {
  return id === undefined || /^0*$/.test(id) ? '' : id.toLowerCase();
}

/** The last `service.name` that is a string with a character in it, as the store reads it. */
function serviceName(attributes: readonly KeyValue[] | undefined): string {
  return (
    attributes?.findLast(({ key, value }) => key === 'service.name' && value.stringValue)?.value.stringValue ||
    UNKNOWN_SERVICE
  );
}

function clockName(attributes: readonly KeyValue[] | undefined): string {
  const parts = ['service.instance.id', 'host.name'].map((key) => attributeText(findAttribute(attributes, key)));
  return [serviceName(attributes), ...parts].join('\n');
}

/**
 * Times in two parts, seconds and nanoseconds: a double does not hold a moment since the epoch in nanoseconds, and a
 * BigInt for each is dear. A span without a start is taken to have happened at its end; one without either, at the
 * start of the trace.
 */
function readTimes(spans: readonly Span[]): Pick<ReceivedSpans, 'baseUnixNano' | 'startNs' | 'endNs'> {
  const seconds = new Float64Array(spans.length);
  const startNs = new Float64Array(spans.length);
  const durationNs = new Float64Array(spans.length);
  let baseSeconds = Infinity;
  let baseRest = 0;
  for (let index = 0; index < spans.length; index++) {
    const end = digits(spans[index]!.endTimeUnixNano);
    const given = digits(spans[index]!.startTimeUnixNano);
    const start = given === '' ? end : given;
    if (start === '') continue;
    seconds[index] = secondsOf(start);
    startNs[index] = restOf(start);
    const ns = end === '' ? 0 : (secondsOf(end) - secondsOf(start)) * 1e9 + restOf(end) - restOf(start);
    durationNs[index] = Math.max(0, ns);
    if (seconds[index]! > baseSeconds) continue;
    if (seconds[index] === baseSeconds) baseRest = Math.min(baseRest, startNs[index]!);
    else {
      baseSeconds = seconds[index]!;
      baseRest = startNs[index]!;
    }
  }
  if (baseSeconds === Infinity) baseSeconds = 0;
  for (let index = 0; index < spans.length; index++) {
    startNs[index] = Math.max(0, (seconds[index]! - baseSeconds) * 1e9 + startNs[index]! - baseRest);
  }
  return {
    baseUnixNano: BigInt(baseSeconds) * 1_000_000_000n + BigInt(baseRest),
    startNs,
    endNs: durationNs.map((ns, index) => startNs[index]! + ns),
  };
}

/** '' for a time that is not known, or zero. */
function digits(time: string): string {
  return /^0*$/.test(time) ? '' : time;
}

function secondsOf(unixNano: string): number {
  return Number(unixNano.slice(0, -9));
}

function restOf(unixNano: string): number {
  return Number(unixNano.slice(-9));
}
