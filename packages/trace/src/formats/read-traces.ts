import { TraceFormatError } from './format-error.ts';
import { readOtlp } from './otlp-spans.ts';
import { type ParsedDocument, parseDocuments, textOf } from './parse-json.ts';
import { readJaegerTrace } from './read-jaeger.ts';
import { isObject, type JsonObject, member } from './read-values.ts';
import { ZipkinReader } from './read-zipkin.ts';
import { TraceGroups, type TraceOfFile } from './trace-groups.ts';
import { type FormatWarning, Warnings } from './warnings.ts';

/** A format of traces that can be read. */
export type TraceFormat = 'otlp' | 'jaeger' | 'zipkin';

/** What `readTraces` has found. */
export interface ReadTraces {
  readonly format: TraceFormat;
  /** One for each trace ID, in the order of their first spans. Empty for a list of none. */
  readonly traces: readonly TraceOfFile[];
  /** What could not be read, or not exactly. Empty if all could. */
  readonly warnings: readonly FormatWarning[];
}

/**
 * Reads the traces of a file or a response, in any of these formats, which it recognises: OTLP JSON (one document, a
 * list of them, or JSON lines, as the collector's file exporter writes them), Jaeger JSON (the query API's response,
 * the download of its UI, or a trace alone), Zipkin v2 JSON (a list of spans, or of traces). Ids become 32 and 16
 * digits, and times nanoseconds.
 *
 * A part that cannot be read is omitted with a warning; the rest stays. Throws `TraceFormatError`, and nothing else,
 * for what holds no trace. Takes time in proportion to the length, at any nesting.
 *
 * @param input the text, or its bytes in UTF-8, not compressed.
 *
 * @example
 * const { format, traces, warnings } = readTraces(readFileSync('trace.json'));
 * for (const { data } of traces) console.log(tellStory(traceFromOtlp(data)).headline);
 * for (const { text, count, place } of warnings) console.warn(`${format}: ${text} (${count}×, first at ${place})`);
 */
export function readTraces(input: string | Uint8Array): ReadTraces {
  const warnings = new Warnings();
  const documents = parseDocuments(textOf(input), warnings);
  const groups = new TraceGroups();
  const readers: Readonly<Record<TraceFormat, (value: JsonObject, place: string) => void>> = {
    otlp: (value, place) => readOtlp(value, place, groups, warnings),
    jaeger: (value, place) => readJaegerTrace(value, place, groups, warnings),
    zipkin: (() => {
      const reader = new ZipkinReader(groups, warnings);
      return (value: JsonObject, place: string) => reader.read(value, () => place);
    })(),
  };
  let format: TraceFormat | undefined;
  let partCount = 0;
  for (const document of documents) {
    const found = partsOf(document, warnings);
    if (format !== undefined && found.format !== format) {
      throw new TraceFormatError(
        'unknown-format',
        document.place,
        `this is ${found.format}, the lines above ${format}`,
      );
    }
    format = found.format;
    for (const { value, place } of found.parts) {
      partCount++;
      if (isObject(value)) readers[format](value, place);
      else warnings.add('malformed', () => place);
    }
  }
  const traces = groups.list();
  if (traces.length === 0 && partCount > 0 && warnings.firstUnreadable !== '') {
    throw new TraceFormatError('no-span-readable', warnings.firstUnreadable, 'no span can be read');
  }
  return { format: format ?? 'otlp', traces, warnings: warnings.list() };
}

interface Parts {
  readonly format: TraceFormat;
  /** Documents of OTLP, traces of Jaeger, spans of Zipkin. */
  readonly parts: readonly ParsedDocument[];
}

function partsOf({ value, place }: ParsedDocument, warnings: Warnings): Parts {
  if (Array.isArray(value)) return partsOfList(value, place);
  if (!isObject(value)) throw unknownFormat(value, place);
  const data = member(value, 'data');
  if (Array.isArray(data)) {
    const errors = member(value, 'errors');
    if (Array.isArray(errors) && errors.length > 0) warnings.add('response-error', () => at(place, 'errors[0]'));
    return { format: 'jaeger', parts: itemsOf(data, at(place, 'data')) };
  }
  // Jaeger's newer API wraps OTLP.
  const result = member(value, 'result');
  if (isObject(result) && member(result, 'resourceSpans') !== undefined) {
    return { format: 'otlp', parts: [{ value: result, place: at(place, 'result') }] };
  }
  const format = formatOf(value);
  if (format === undefined) throw unknownFormat(value, place);
  return { format, parts: [{ value, place }] };
}

function partsOfList(list: readonly unknown[], place: string): Parts {
  const items = itemsOf(list, place);
  const first = list.find((item) => isObject(item) || (Array.isArray(item) && item.length > 0));
  if (Array.isArray(first)) {
    // A list of traces.
    const spans = items.flatMap((item) => (Array.isArray(item.value) ? itemsOf(item.value, item.place) : [item]));
    if (formatOf(first.find(isObject)) !== 'zipkin') throw unknownFormat(first.find(isObject), items[0]?.place ?? '');
    return { format: 'zipkin', parts: spans };
  }
  // Nothing in it says which format an empty list is; Zipkin's is the one that is a list.
  const format = list.every((item) => Array.isArray(item)) ? 'zipkin' : formatOf(first);
  if (format === undefined) throw unknownFormat(first ?? list[0], `${place}[0]`);
  return { format, parts: first === undefined ? [] : items };
}

function itemsOf(list: readonly unknown[], place: string): ParsedDocument[] {
  return list.map((value, index) => ({ value, place: `${place}[${index}]` }));
}

function at(place: string, name: string): string {
  return place === '' ? name : `${place}, ${name}`;
}

function formatOf(value: unknown): TraceFormat | undefined {
  if (!isObject(value)) return undefined;
  if (member(value, 'resourceSpans') !== undefined) return 'otlp';
  if (member(value, 'spans') !== undefined) return 'jaeger';
  const isOfV1 = member(value, 'binaryAnnotations') !== undefined;
  return member(value, 'traceId') !== undefined && member(value, 'id') !== undefined && !isOfV1 ? 'zipkin' : undefined;
}

const KNOWN = 'OTLP JSON, Jaeger JSON and Zipkin v2 JSON can be read';

function unknownFormat(value: unknown, place: string): TraceFormatError {
  const members = isObject(value) ? Object.keys(value).slice(0, 5) : [];
  const has =
    members.length === 0 ? '' : `, and has ${members.map((name) => JSON.stringify(name.slice(0, 40))).join(', ')}`;
  const kind = value === null ? 'null' : Array.isArray(value) ? 'a list' : `a JSON ${typeof value}`;
  return new TraceFormatError('unknown-format', place, `this is ${kind}${has}, and no trace: ${KNOWN}`);
}
