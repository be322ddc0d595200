import { attributeText, findAttribute } from '../attributes.ts';
import { type AnyValue, type InstrumentationScope, type KeyValue, type Span, SpanKind, StatusCode } from '../otlp.ts';
import { getOrAdd } from './trace-groups.ts';
import type { Warnings } from './warnings.ts';

/**
 * How Jaeger and Zipkin hold what they have no member for: in tags, by OpenTelemetry's mapping to other formats.
 *
 * @see https://opentelemetry.io/docs/specs/otel/common/mapping-to-non-otlp/
 */
export const KIND_TAG = 'span.kind';
export const ERROR_TAG = 'error';
export const DESCRIPTION_TAG = 'otel.status_description';
const CODE_TAG = 'otel.status_code';
const TRACE_STATE_TAG = 'w3c.tracestate';
const DROPPED_ATTRIBUTES_TAG = 'otel.dropped_attributes_count';
const DROPPED_EVENTS_TAG = 'otel.dropped_events_count';
const DROPPED_LINKS_TAG = 'otel.dropped_links_count';
/** The second is from before scopes; the mapping wants both. */
const SCOPE_NAME_TAGS = ['otel.scope.name', 'otel.library.name'] as const;
const SCOPE_VERSION_TAGS = ['otel.scope.version', 'otel.library.version'] as const;

const RESERVED: ReadonlySet<string> = new Set([
  KIND_TAG,
  ERROR_TAG,
  CODE_TAG,
  DESCRIPTION_TAG,
  TRACE_STATE_TAG,
  DROPPED_ATTRIBUTES_TAG,
  DROPPED_EVENTS_TAG,
  DROPPED_LINKS_TAG,
  ...SCOPE_NAME_TAGS,
  ...SCOPE_VERSION_TAGS,
]);

/** OpenTelemetry's name for a service that has not named itself. */
export const NO_SERVICE = 'unknown_service';

/** The name of a service as an attribute of its resource; none where the name says that there is none. */
export function serviceAttributes(name: string): KeyValue[] {
  const isNone = name === '' || name === NO_SERVICE || name === 'OTLPResourceNoServiceName';
  return isNone ? [] : [{ key: 'service.name', value: { stringValue: name } }];
}

const KIND_NAMES = Object.entries(SpanKind);

/** The number of a kind by its name, in any case; undefined for none. */
export function kindNamed(name: string): number | undefined {
  return KIND_NAMES.find(([known]) => known === name.toLowerCase())?.[1];
}

/** `client`, `server`, `producer` or `consumer`; undefined for internal and unspecified, which neither format names. */
export function kindName(kind: number | undefined): string | undefined {
  if (kind === undefined || kind <= SpanKind.internal) return undefined;
  return KIND_NAMES.find(([, known]) => known === kind)?.[0];
}

/** Makes one scope of all with the same name and version, so that their spans stand together. */
export class Scopes {
  readonly #known = new Map<string, { scope: InstrumentationScope | undefined }>();

  of(name: string, version: string): { readonly scope: InstrumentationScope | undefined } {
    return getOrAdd(this.#known, JSON.stringify([name, version]), () => ({
      scope: name === '' && version === '' ? undefined : { name, ...(version !== '' && { version }) },
    }));
  }
}

/** What the tags of a span say besides its attributes. */
export interface ReadTags {
  readonly attributes: KeyValue[];
  readonly members: Pick<
    Span,
    'kind' | 'status' | 'traceState' | 'droppedAttributesCount' | 'droppedEventsCount' | 'droppedLinksCount'
  >;
  readonly scopeName: string;
  readonly scopeVersion: string;
}

/** Takes what the mapping has put into tags out of them again. `error` is told by each format in its own way. */
export function readTags(
  tags: readonly KeyValue[],
  readError: (error: AnyValue | undefined, code: string, description: string) => ReadError,
): ReadTags {
  const reserved = new Map<string, AnyValue>();
  const attributes: KeyValue[] = [];
  for (const tag of tags) {
    if (RESERVED.has(tag.key) && !reserved.has(tag.key)) reserved.set(tag.key, tag.value);
    else attributes.push(tag);
  }
  const text = (...keys: readonly string[]): string =>
    keys.map((key) => attributeText(reserved.get(key))).find((found) => found !== '') ?? '';
  const count = (key: string): number => {
    const number = Number(text(key));
    return Number.isInteger(number) && number > 0 && number <= 0xffff_ffff ? number : 0;
  };
  const code = text(CODE_TAG).toUpperCase();
  const error = reserved.get(ERROR_TAG);
  const { status, isTaken } = readError(error, code, text(DESCRIPTION_TAG));
  if (error !== undefined && !isTaken) attributes.push({ key: ERROR_TAG, value: error });
  const traceState = text(TRACE_STATE_TAG);
  const dropped = [count(DROPPED_ATTRIBUTES_TAG), count(DROPPED_EVENTS_TAG), count(DROPPED_LINKS_TAG)] as const;
  return {
    attributes,
    members: {
      kind: kindNamed(text(KIND_TAG)) ?? SpanKind.internal,
      ...(status !== undefined && { status }),
      ...(traceState !== '' && { traceState }),
      ...(dropped[0] > 0 && { droppedAttributesCount: dropped[0] }),
      ...(dropped[1] > 0 && { droppedEventsCount: dropped[1] }),
      ...(dropped[2] > 0 && { droppedLinksCount: dropped[2] }),
    },
    scopeName: text(...SCOPE_NAME_TAGS),
    scopeVersion: text(...SCOPE_VERSION_TAGS),
  };
}

export interface ReadError {
  readonly status: Span['status'];
  /** False where the tag `error` says something of its own, and stays an attribute. */
  readonly isTaken: boolean;
}

export function failedStatus(message: string): Span['status'] {
  return { code: StatusCode.error, ...(message !== '' && { message }) };
}

/** The status without the tag `error`. */
export function codeStatus(code: string, description: string): Span['status'] {
  if (code === 'ERROR') return failedStatus(description);
  return code === 'OK' ? { code: StatusCode.ok } : undefined;
}

/**
 * The tags of a span by the mapping, with its attributes last; `own` are those that the format adds. A key of the
 * mapping wins over an attribute with the same name.
 */
export function writeTags(
  span: Span,
  scope: InstrumentationScope | undefined,
  own: readonly KeyValue[],
  warnings: Warnings,
  place: () => string,
): KeyValue[] {
  const tags: KeyValue[] = [];
  const text = (key: string, value: string | undefined): void => {
    if (value !== undefined && value !== '') tags.push({ key, value: { stringValue: value } });
  };
  const count = (key: string, value: number | undefined): void => {
    if (value !== undefined && value > 0) tags.push({ key, value: { intValue: String(value) } });
  };
  for (const key of SCOPE_NAME_TAGS) text(key, scope?.name);
  for (const key of SCOPE_VERSION_TAGS) text(key, scope?.version);
  const code = span.status?.code;
  if (code === StatusCode.ok || code === StatusCode.error) text(CODE_TAG, code === StatusCode.ok ? 'OK' : 'ERROR');
  if (code !== StatusCode.error && span.status?.message) warnings.add('status-message-omitted', place);
  text(TRACE_STATE_TAG, span.traceState);
  count(DROPPED_ATTRIBUTES_TAG, span.droppedAttributesCount);
  count(DROPPED_EVENTS_TAG, span.droppedEventsCount);
  count(DROPPED_LINKS_TAG, span.droppedLinksCount);
  tags.push(...own);
  const written = new Set(tags.map(({ key }) => key));
  const add = (attribute: KeyValue): void => {
    if (RESERVED.has(attribute.key)) warnings.add('reserved-key', place);
    else if (written.has(attribute.key)) warnings.add('repeated-key', place);
    if (written.has(attribute.key)) return;
    written.add(attribute.key);
    tags.push(attribute);
  };
  for (const attribute of span.attributes ?? []) add(attribute);
  if (scope?.attributes !== undefined && scope.attributes.length > 0) {
    warnings.add('scope-attribute-moved', place);
    for (const attribute of scope.attributes) add(attribute);
  }
  if (span.kind === undefined || span.kind === SpanKind.unspecified) warnings.add('kind-omitted', place);
  // The low eight bits are W3C's; those above say whether a parent is remote.
  if (((span.flags ?? 0) & ~1) !== 0) warnings.add('flags-omitted', place);
  return tags;
}

/** Whether a value is of a type that plain JSON has as well, and comes back the same. */
export function isPlain(value: AnyValue): boolean {
  if (value.intValue !== undefined) return Number.isSafeInteger(Number(value.intValue));
  return value.stringValue !== undefined || value.boolValue !== undefined;
}

/** How many attributes of one event were dropped, which has the same key. */
export function eventDroppedCount(attributes: KeyValue[]): { attributes: KeyValue[]; droppedAttributesCount?: number } {
  const found = findAttribute(attributes, DROPPED_ATTRIBUTES_TAG);
  const number = Number(attributeText(found));
  if (found === undefined || !Number.isInteger(number) || number <= 0 || number > 0xffff_ffff) return { attributes };
  return {
    attributes: attributes.filter(({ key }) => key !== DROPPED_ATTRIBUTES_TAG),
    droppedAttributesCount: number,
  };
}

/** The attributes of an event, with the count of those that were dropped. */
export function eventAttributes(attributes: readonly KeyValue[] = [], dropped = 0): KeyValue[] {
  if (dropped === 0) return [...attributes];
  return [...attributes, { key: DROPPED_ATTRIBUTES_TAG, value: { intValue: String(dropped) } }];
}
