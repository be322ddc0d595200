import { attributeText, findAttribute } from '../attributes.ts';
import type { InstrumentationScope, KeyValue, Resource, Span, TracesData } from '../otlp.ts';
import type { IdTable } from './id-table.ts';
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
  readonly firstById: IdTable;
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
  readonly sources: SpanSources;
}

/** The spans themselves, in any order, each with what it belongs to. */
export class SpanSources {
  readonly #groups: readonly SpanSource[];
  readonly #spans: readonly Span[];
  readonly #groupOf: Uint32Array;

  /** @param groups one for each scope of a resource; the span in it is any. */
  constructor(groups: readonly SpanSource[], spans: readonly Span[], groupOf: Uint32Array) {
    this.#groups = groups;
    this.#spans = spans;
    this.#groupOf = groupOf;
  }

  /** The same in another order. */
  inOrder(order: Uint32Array): SpanSources {
    const groupOf = new Uint32Array(order.length);
    for (let index = 0; index < order.length; index++) groupOf[index] = this.#groupOf[order[index]!]!;
    return new SpanSources(this.#groups, pickItems(this.#spans, order), groupOf);
  }

  span(index: number): Span {
    const span = this.#spans[index];
    if (span === undefined) throw new RangeError(`no span ${index}`);
    return span;
  }

  source(index: number): SpanSource {
    const span = this.span(index);
    const { resource, resourceSchemaUrl, scope, scopeSchemaUrl } = this.#groups[this.#groupOf[index]!]!;
    return { span, resource, resourceSchemaUrl, scope, scopeSchemaUrl };
  }
}

/** The items at these places. Grown by pushing: a list of a given length is one with holes, which costs every read. */
export function pickItems<T>(items: readonly T[], places: Uint32Array): T[] {
  const picked: T[] = [];
  for (let index = 0; index < places.length; index++) picked.push(items[places[index]!]!);
  return picked;
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
  const parentSpanIds: string[] = [];
  const names: string[] = [];
  const uniqueNames = new UniqueTexts();
  const columns = new Columns();
  const serviceOfGroup: number[] = [];
  const clockOfGroup: number[] = [];
  const malformedSpans: number[] = [];
  const services = new Numbering();
  const clocks = new Numbering();
  const contexts: string[] = [];
  const content = (index: number): string => {
    const group = index < columns.count ? columns.group[index]! : groups.length - 1;
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
      traceId ??= span.traceId.toLowerCase();
      if (span.traceId !== traceId && span.traceId.toLowerCase() !== traceId) {
        foreignSpans++;
        continue;
      }
      if (group < 0) {
        group = groups.push({ ...source, span }) - 1;
        serviceOfGroup.push(service);
        clockOfGroup.push(clock);
      }
      const spanId = normalId(span.spanId);
      spans.push(span);
      if (!ids.addLast(spanId)) {
        spans.pop();
        continue;
      }
      if (ofSpan.count > 0) malformedSpans.push(spans.length - 1);
      malformed.count += ofSpan.count;
      spanIds.push(spanId);
      parentSpanIds.push(normalId(span.parentSpanId));
      names.push(uniqueNames.of(span.name));
      columns.push(span, group);
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

  const group = columns.group.slice(0, spans.length);
  const serviceIndex = new Uint32Array(spans.length);
  const clockIndex = new Uint32Array(spans.length);
  for (let index = 0; index < spans.length; index++) {
    serviceIndex[index] = serviceOfGroup[group[index]!]!;
    clockIndex[index] = clockOfGroup[group[index]!]!;
  }
  const isMalformed = new Uint8Array(spans.length);
  for (const index of malformedSpans) isMalformed[index] = 1;
  return {
    count: spans.length,
    traceId: traceId ?? '',
    ...columns.times(),
    kind: columns.kind.slice(0, spans.length),
    statusCode: columns.statusCode.slice(0, spans.length),
    spanIds,
    parentSpanIds,
    names,
    serviceIndex,
    services: services.names,
    clockIndex,
    firstById: ids.firstById,
    sharers: ids.sharers,
    duplicateSpans: ids.repeats,
    foreignSpans,
    isMalformed,
    malformedParts: malformed.count,
    twinOrdinals: ids.twinOrdinals(),
    sources: new SpanSources(groups, spans, group),
  };
}

function contextOf({ resource, resourceSchemaUrl, scope, scopeSchemaUrl }: SpanSource): string {
  return JSON.stringify([resource, resourceSchemaUrl, scope, scopeSchemaUrl]);
}

/**
 * Gives out one and the same text for equal ones: who puts names into a map then finds their hashes computed, and
 * compares no characters.
 */
class UniqueTexts {
  readonly #known = new Map<string, string>();

  of(text: string): string {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    // Names that are all different gain nothing.
    if (this.#known.size < UNIQUE_TEXTS_MAX) this.#known.set(text, text);
    return text;
  }
}

const UNIQUE_TEXTS_MAX = 10_000;

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
  if (id === undefined || id === '') return '';
  let isZero = true;
  for (let at = 0; at < id.length; at++) {
    const code = id.charCodeAt(at);
    if (code !== ZERO) isZero = false;
    // Beyond digits and letters in lower case only the language knows what is upper case.
    if (code < ZERO || code > SMALL_Z || (code > NINE && code < SMALL_A)) return id.toLowerCase();
  }
  return isZero ? '' : id;
}

const ZERO = 0x30;
const NINE = 0x39;
const SMALL_A = 0x61;
const SMALL_Z = 0x7a;

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

const COLUMN_MIN = 256;

/** What is read from a span while it is at hand: to come back to each for each column takes several times as long. */
class Columns {
  count = 0;
  group = new Uint32Array(COLUMN_MIN);
  kind = new Uint8Array(COLUMN_MIN);
  statusCode = new Uint8Array(COLUMN_MIN);
  /** Of the start. A double does not hold a moment since the epoch in nanoseconds, and a BigInt for each is dear. */
  #seconds = new Float64Array(COLUMN_MIN);
  #rest = new Float64Array(COLUMN_MIN);
  #durationNs = new Float64Array(COLUMN_MIN);

  push(span: Span, group: number): void {
    if (this.count === this.group.length) this.#grow();
    const index = this.count++;
    this.group[index] = group;
    this.kind[index] = span.kind ?? 0;
    this.statusCode[index] = span.status?.code ?? 0;
    this.#pushTimes(index, span);
  }

  /**
   * A span without a start is taken to have happened at its end; one without either has 0 seconds here, and happened at
   * the start of the trace.
   */
  #pushTimes(index: number, { startTimeUnixNano, endTimeUnixNano }: Span): void {
    const endSeconds = secondsOf(endTimeUnixNano);
    const endRest = restOf(endTimeUnixNano);
    const seconds = secondsOf(startTimeUnixNano);
    const rest = restOf(startTimeUnixNano);
    if (seconds === 0 && rest === 0) {
      this.#seconds[index] = endSeconds;
      this.#rest[index] = endRest;
      return;
    }
    this.#seconds[index] = seconds;
    this.#rest[index] = rest;
    // An end that is not known is before every start.
    this.#durationNs[index] = Math.max(0, (endSeconds - seconds) * 1e9 + endRest - rest);
  }

  times(): Pick<ReceivedSpans, 'baseUnixNano' | 'startNs' | 'endNs'> {
    let baseSeconds = Infinity;
    let baseRest = 0;
    for (let index = 0; index < this.count; index++) {
      const [seconds, rest] = [this.#seconds[index]!, this.#rest[index]!];
      if (seconds > baseSeconds || (seconds === 0 && rest === 0)) continue;
      baseRest = seconds === baseSeconds ? Math.min(baseRest, rest) : rest;
      baseSeconds = seconds;
    }
    if (baseSeconds === Infinity) baseSeconds = 0;
    const startNs = new Float64Array(this.count);
    const endNs = new Float64Array(this.count);
    for (let index = 0; index < this.count; index++) {
      startNs[index] = Math.max(0, (this.#seconds[index]! - baseSeconds) * 1e9 + this.#rest[index]! - baseRest);
      endNs[index] = startNs[index]! + this.#durationNs[index]!;
    }
    return { baseUnixNano: BigInt(baseSeconds) * 1_000_000_000n + BigInt(baseRest), startNs, endNs };
  }

  #grow(): void {
    const length = this.count * 2;
    const [group, kind, statusCode] = [this.group, this.kind, this.statusCode];
    (this.group = new Uint32Array(length)).set(group);
    (this.kind = new Uint8Array(length)).set(kind);
    (this.statusCode = new Uint8Array(length)).set(statusCode);
    const [seconds, rest, durationNs] = [this.#seconds, this.#rest, this.#durationNs];
    (this.#seconds = new Float64Array(length)).set(seconds);
    (this.#rest = new Float64Array(length)).set(rest);
    (this.#durationNs = new Float64Array(length)).set(durationNs);
  }
}

/** The digits before the last nine; they are well-formed, and no number of them is beyond what a double holds. */
function secondsOf(unixNano: string): number {
  return numberIn(unixNano, 0, unixNano.length - 9);
}

function restOf(unixNano: string): number {
  return numberIn(unixNano, Math.max(0, unixNano.length - 9), unixNano.length);
}

/** Without a text for each part: there are four for every span. */
function numberIn(digits: string, from: number, to: number): number {
  let number = 0;
  for (let at = from; at < to; at++) number = number * 10 + digits.charCodeAt(at) - ZERO;
  return number;
}
