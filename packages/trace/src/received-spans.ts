import { attributeText, findAttribute } from './attributes.ts';
import type { InstrumentationScope, KeyValue, Resource, Span, TracesData } from './otlp.ts';

/** The name that OpenTelemetry gives to a service that has not named itself. */
const UNKNOWN_SERVICE = 'unknown_service';

/** A span as it was received, with what it stands under. */
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
  /** The ids that more than one span has, with the first `SHARERS_MAX` of these. */
  readonly sharers: ReadonlyMap<string, readonly number[]>;
  readonly duplicateSpans: number;
  readonly foreignSpans: number;
  source(index: number): SpanSource;
}

/**
 * Reads the spans of one trace: that of the first span. A repeat of a span (same id, kind, times and name) is left
 * out and counted. Members that OTLP requires but a hand-written file lacks are read as empty.
 */
export function receiveSpans(data: TracesData): ReceivedSpans {
  const groups: SpanSource[] = [];
  const spans: Span[] = [];
  const spanIds: string[] = [];
  const groupOf: number[] = [];
  const serviceOf: number[] = [];
  const clockOf: number[] = [];
  const services = new Numbering();
  const clocks = new Numbering();
  const ids = new SpanIds(spans);
  let traceId: string | undefined;
  let foreignSpans = 0;

  for (const resourceSpans of data.resourceSpans ?? []) {
    const attributes = resourceSpans.resource?.attributes;
    const service = services.of(serviceName(attributes));
    const clock = clocks.of(clockName(attributes));
    for (const scopeSpans of resourceSpans.scopeSpans ?? []) {
      const group = groups.length;
      for (const span of scopeSpans.spans ?? []) {
        const spanTraceId = (span.traceId ?? '').toLowerCase();
        traceId ??= spanTraceId;
        if (spanTraceId !== traceId) {
          foreignSpans++;
          continue;
        }
        const spanId = normalId(span.spanId);
        if (!ids.add(spanId, span)) continue;
        if (group === groups.length) {
          groups.push({
            span,
            resource: resourceSpans.resource,
            resourceSchemaUrl: resourceSpans.schemaUrl,
            scope: scopeSpans.scope,
            scopeSchemaUrl: scopeSpans.schemaUrl,
          });
        }
        spans.push(span);
        spanIds.push(spanId);
        groupOf.push(group);
        serviceOf.push(service);
        clockOf.push(clock);
      }
    }
  }

  return {
    count: spans.length,
    traceId: traceId ?? '',
    ...readTimes(spans),
    kind: Uint8Array.from(spans, (span) => span.kind ?? 0),
    statusCode: Uint8Array.from(spans, (span) => span.status?.code ?? 0),
    spanIds,
    parentSpanIds: spans.map((span) => normalId(span.parentSpanId)),
    names: spans.map((span) => span.name ?? ''),
    serviceIndex: Uint32Array.from(serviceOf),
    services: services.names,
    clockIndex: Uint32Array.from(clockOf),
    firstById: ids.firstById,
    sharers: ids.sharers,
    duplicateSpans: ids.repeats,
    foreignSpans,
    source(index) {
      const span = spans[index];
      const group = groups[groupOf[index] ?? -1];
      if (span === undefined || group === undefined) throw new RangeError(`no span ${index}`);
      return { ...group, span };
    },
  };
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

/** Zipkin shares an id between two spans; more are a sender's fault, and only so many are looked at. */
const SHARERS_MAX = 8;

/** Compares spans in full only where an id comes a second time, so that the usual span costs one lookup. */
class SpanIds {
  repeats = 0;
  readonly firstById = new Map<string, number>();
  readonly sharers = new Map<string, number[]>();
  readonly #spans: readonly Span[];
  readonly #seen = new Set<string>();

  /** @param spans those added so far; the caller appends to it. */
  constructor(spans: readonly Span[]) {
    this.#spans = spans;
  }

  /** False for a repeat, which is counted. */
  add(spanId: string, span: Span): boolean {
    if (spanId === '') return true;
    const index = this.#spans.length;
    const first = this.firstById.get(spanId);
    if (first === undefined) {
      this.firstById.set(spanId, index);
      return true;
    }
    this.#seen.add(fingerprint(spanId, this.#spans[first]!));
    const key = fingerprint(spanId, span);
    if (this.#seen.has(key)) {
      this.repeats++;
      return false;
    }
    this.#seen.add(key);
    const sharers = this.sharers.get(spanId);
    if (sharers === undefined) this.sharers.set(spanId, [first, index]);
    else if (sharers.length < SHARERS_MAX) sharers.push(index);
    return true;
  }
}

function fingerprint(spanId: string, span: Span): string {
  return `${spanId} ${span.kind ?? 0} ${span.startTimeUnixNano} ${span.endTimeUnixNano} ${span.name}`;
}

function normalId(id: string | undefined): string {
  return id === undefined || id === null || id === '0000000000000000' ? '' : id.toLowerCase();
}

/** The last `service.name` that is a string with a character in it, as the store reads it. */
function serviceName(attributes: readonly KeyValue[] | undefined): string {
  return (
    attributes?.findLast(({ key, value }) => key === 'service.name' && value?.stringValue)?.value.stringValue ||
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

const DECIMAL = /^0*[1-9]\d{0,24}$/;

/** '' for a time that is missing, zero or not a decimal number. */
function digits(time: string | number | undefined): string {
  const text = typeof time === 'string' ? time : String(time ?? '');
  return DECIMAL.test(text) ? text : '';
}

function secondsOf(unixNano: string): number {
  return Number(unixNano.slice(0, -9));
}

function restOf(unixNano: string): number {
  return Number(unixNano.slice(-9));
}
