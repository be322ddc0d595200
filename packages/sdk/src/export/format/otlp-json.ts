/** The shapes of OTLP's JSON mapping, as far as this SDK sends them. Moments are decimal nanoseconds since 1970. */
export interface OtlpRequest {
  readonly resourceSpans: OtlpResourceSpans[];
}

export interface OtlpResourceSpans {
  resource: { attributes: OtlpKeyValue[] };
  readonly scopeSpans: OtlpScopeSpans[];
  schemaUrl?: string;
}

export interface OtlpScopeSpans {
  scope: OtlpScope;
  readonly spans: OtlpSpan[];
  schemaUrl?: string;
}

export interface OtlpScope {
  name: string;
  version: string;
  readonly attributes: OtlpKeyValue[];
  droppedAttributesCount?: number;
}

export interface OtlpSpan {
  traceId: string;
  spanId: string;
  traceState?: string;
  parentSpanId?: string;
  flags: number;
  name: string;
  /** 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  kind: number;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  readonly attributes: OtlpKeyValue[];
  droppedAttributesCount?: number;
  readonly events: OtlpEvent[];
  droppedEventsCount?: number;
  readonly links: OtlpLink[];
  droppedLinksCount?: number;
  /** Code 0 unset, 1 OK, 2 error. */
  status: { code?: number; message?: string };
}

export interface OtlpEvent {
  timeUnixNano: string;
  name: string;
  readonly attributes: OtlpKeyValue[];
  droppedAttributesCount?: number;
}

export interface OtlpLink {
  traceId: string;
  spanId: string;
  traceState?: string;
  readonly attributes: OtlpKeyValue[];
  droppedAttributesCount?: number;
  flags?: number;
}

export interface OtlpKeyValue {
  key: string;
  value: OtlpValue;
}

/**
 * AnyValue: one member, or none for the empty value. Doubles that JSON has no number for are text, bytes are base64.
 */
export interface OtlpValue {
  stringValue?: string;
  boolValue?: boolean;
  intValue?: string;
  doubleValue?: number | 'NaN' | 'Infinity' | '-Infinity';
  arrayValue?: { values: OtlpValue[] };
  kvlistValue?: { values: OtlpKeyValue[] };
  bytesValue?: string;
}

/**
 * The JavaScript value of an AnyValue: integers beyond 2⁵³ as bigint, bytes as Uint8Array, the empty value
 * as null.
 */
export function plainValue(value: OtlpValue): unknown {
  if (value.stringValue !== undefined) return value.stringValue;
  if (value.boolValue !== undefined) return value.boolValue;
  if (value.intValue !== undefined) {
    const integer = Number(value.intValue);
    return Number.isSafeInteger(integer) ? integer : BigInt(value.intValue);
  }
  if (value.doubleValue !== undefined) return Number(value.doubleValue);
  if (value.arrayValue !== undefined) return value.arrayValue.values.map(plainValue);
  if (value.kvlistValue !== undefined) return plainAttributes(value.kvlistValue.values);
  return value.bytesValue === undefined ? null : new Uint8Array(Buffer.from(value.bytesValue, 'base64'));
}

export function plainAttributes(attributes: readonly OtlpKeyValue[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, plainValue(value)]));
}

/** A plain value as text: strings as they are, the rest as JSON with big integers in digits and bytes in base64. */
export function plainText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'bigint') return value.toString();
  return JSON.stringify(value, (_, each: unknown) => jsonMember(each));
}

function jsonMember(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value;
}
