import { SPAN_FIELDS } from '../../storage/schema.ts';
import type { AnyValue, KeyValue, TracesData } from '@throughline/trace';

/** A SELECT of every column in a form that JSON carries exactly: strings as hex, 64-bit integers as text. */
export const SELECT_ROWS = `SELECT ${SPAN_FIELDS.map(([name, type]) => exactly(name, type)).join(', ')} FROM throughline.spans`;

function exactly(name: string, type: string): string {
  if (name === 'start_s') return `toUInt32(${name})`;
  if (/^Array\((?:U?Int64)\)$/.test(type)) return `arrayMap(x -> toString(x), ${name})`;
  if (type === 'Int64') return `toString(${name})`;
  if (/Array\(.*String/.test(type))
    return `arrayMap(x -> hex(toString(x)), ${name})`.replaceAll(
      /hex\(toString\(x\)\)/g,
      type.includes('Fixed') ? 'hex(x)' : "hex(CAST(x, 'String'))",
    );
  return type.includes('String') ? (type.includes('Fixed') ? `hex(${name})` : `hex(CAST(${name}, 'String'))`) : name;
}

/**
 * What the store should answer for these spans, in the order in which they are in the request. With `latin1`, strings
 * outside of arrays and maps stand for bytes.
 */
export function expectedRows(data: TracesData, encoding: 'utf8' | 'latin1' = 'utf8'): unknown[][] {
  const hex = (text: string): string => toHex(text, encoding);
  const columns = (attributes: readonly KeyValue[] = []): [string[], string[], number[]] => {
    const values = attributes.map(({ value }) => stored(value, encoding));
    return [attributes.map(({ key }) => hex(key)), values.map(([text]) => text), values.map(([, type]) => type)];
  };
  const rows: unknown[][] = [];
  for (const { resource, scopeSpans, schemaUrl } of data.resourceSpans) {
    const resourceAttributes = columns(resource?.attributes);
    const refs = resource?.entityRefs ?? [];
    for (const { scope, spans, schemaUrl: scopeSchemaUrl } of scopeSpans) {
      const scopeAttributes = columns(scope?.attributes);
      for (const span of spans) {
        const events = span.events ?? [];
        const links = span.links ?? [];
        const start = BigInt(span.startTimeUnixNano);
        rows.push([
          span.traceId.toUpperCase(),
          span.spanId.toUpperCase(),
          (span.parentSpanId === '' ? '0'.repeat(16) : (span.parentSpanId ?? '')).toUpperCase(),
          hex(service(resource?.attributes)),
          hex(span.name),
          span.kind,
          span.status?.code,
          hex(span.status?.message ?? ''),
          Number(start / 1_000_000_000n),
          String(start),
          String(BigInt.asIntN(64, BigInt(span.endTimeUnixNano) - start)),
          hex(span.traceState ?? ''),
          span.flags,
          span.droppedAttributesCount,
          span.droppedEventsCount,
          span.droppedLinksCount,
          ...columns(span.attributes),
          ...resourceAttributes,
          resource?.droppedAttributesCount,
          hex(schemaUrl ?? ''),
          toHex(refs.length === 0 ? '' : JSON.stringify(refs), 'utf8'),
          hex(scope?.name ?? ''),
          hex(scope?.version ?? ''),
          ...scopeAttributes,
          scope?.droppedAttributesCount,
          hex(scopeSchemaUrl ?? ''),
          events.map((event) => String(BigInt.asIntN(64, BigInt(event.timeUnixNano)))),
          events.map((event) => hex(event.name)),
          events.map((event) => event.droppedAttributesCount),
          events.map((event) => event.attributes?.length ?? 0),
          ...columns(events.flatMap((event) => event.attributes ?? [])),
          links.map((link) => link.traceId.toUpperCase()),
          links.map((link) => link.spanId.toUpperCase()),
          links.map((link) => hex(link.traceState ?? '')),
          links.map((link) => link.flags),
          links.map((link) => link.droppedAttributesCount),
          links.map((link) => link.attributes?.length ?? 0),
          ...columns(links.flatMap((link) => link.attributes ?? [])),
          0,
        ]);
      }
    }
  }
  return rows;
}

function service(attributes: readonly KeyValue[] = []): string {
  const names = attributes.filter(({ key, value }) => key === 'service.name' && (value.stringValue ?? '') !== '');
  return names.at(-1)?.value.stringValue ?? 'unknown_service';
}

function stored(value: AnyValue, encoding: BufferEncoding): [text: string, type: number] {
  if (value.stringValue !== undefined) return [toHex(value.stringValue, encoding), 1];
  if (value.boolValue !== undefined) return [toHex(String(value.boolValue), 'utf8'), 2];
  if (value.intValue !== undefined) return [toHex(value.intValue, 'utf8'), 3];
  if (value.doubleValue !== undefined) return [toHex(String(value.doubleValue), 'utf8'), 4];
  if (value.bytesValue !== undefined) return [Buffer.from(value.bytesValue, 'base64').toString('hex').toUpperCase(), 5];
  if (value.arrayValue !== undefined) return [toHex(JSON.stringify(value.arrayValue), 'utf8'), 6];
  return value.kvlistValue === undefined ? ['', 0] : [toHex(JSON.stringify(value.kvlistValue), 'utf8'), 7];
}

function toHex(text: string, encoding: BufferEncoding): string {
  return Buffer.from(text, encoding).toString('hex').toUpperCase();
}
