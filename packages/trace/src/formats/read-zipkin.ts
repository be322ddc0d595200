import { attributeText, findAttribute } from '../attributes.ts';
import type { AnyValue, KeyValue, Span, SpanEvent, SpanLink } from '../otlp.ts';
import {
  attributesOfPlain,
  hexId,
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
  kindNamed,
  type ReadError,
  type ReadTags,
  readTags,
  Scopes,
  serviceAttributes,
} from './span-tags.ts';
import { getOrAdd, type ResourceGroup, type TraceGroups } from './trace-groups.ts';
import type { Warnings } from './warnings.ts';
import { DEBUG_KEY, isResourceKey, LINK_TAG_PREFIX, PEER_KEYS, SHARED_KEY } from './zipkin.ts';

/** Reads spans of Zipkin, of whatever traces. */
export class ZipkinReader {
  readonly #resources = new Map<string, ResourceGroup>();
  readonly #scopes = new Scopes();
  readonly #groups: TraceGroups;
  readonly #warnings: Warnings;

  constructor(groups: TraceGroups, warnings: Warnings) {
    this.#groups = groups;
    this.#warnings = warnings;
  }

  read(given: JsonObject, place: () => string): void {
    const warnings = this.#warnings;
    const traceId = hexId(member(given, 'traceId'), 32);
    const spanId = hexId(member(given, 'id'), 16);
    if (traceId === undefined || spanId === undefined) {
      warnings.add('no-id', place);
      return;
    }
    const parentId = member(given, 'parentId');
    const parentSpanId = hexId(parentId, 16);
    const isNone = parentId === undefined || (typeof parentId === 'string' && /^0*$/.test(parentId));
    if (!isNone && parentSpanId === undefined) {
      warnings.add('malformed', () => joinPath(place(), 'parentId'));
    }
    const tags = readTagList(given, place, warnings);
    const { links, rest } = readLinks(tags, place, warnings);
    const ofResource = rest.filter(({ key }) => isResourceKey(key));
    const read = readTags(
      rest.filter(({ key }) => !isResourceKey(key)),
      readError,
    );
    const { attributes } = read;
    readRemote(given, attributes, place, warnings);
    const service = readLocal(given, attributes, place, warnings);
    for (const [name, key] of [
      ['debug', DEBUG_KEY],
      ['shared', SHARED_KEY],
    ] as const) {
      const flag = member(given, name);
      if (flag === true) attributes.push({ key, value: { boolValue: true } });
      else if (flag !== undefined && flag !== false) warnings.add('malformed', () => joinPath(place(), name));
    }
    const events = readAnnotations(given, place, warnings);
    const span: Span = {
      traceId,
      spanId,
      ...(parentSpanId !== undefined && { parentSpanId }),
      name: textMember(given, 'name', place, warnings),
      ...readMoments(given, place, warnings),
      ...(attributes.length > 0 && { attributes }),
      ...(events.length > 0 && { events }),
      ...(links.length > 0 && { links }),
      ...read.members,
      kind: kindOf(given, read, place, warnings),
    };
    const scope = this.#scopes.of(read.scopeName, read.scopeVersion);
    this.#groups.add(span, this.#resourceOf(service, ofResource), scope);
  }

  #resourceOf(service: string, others: readonly KeyValue[]): ResourceGroup {
    return getOrAdd(this.#resources, JSON.stringify([service, ...others]), () => {
      const named = serviceAttributes(service);
      const attributes = [...named, ...others.filter(({ key }) => key !== 'service.name' || named.length === 0)];
      return { resource: attributes.length > 0 ? { attributes } : undefined };
    });
  }
}

function kindOf(given: JsonObject, { members }: ReadTags, place: () => string, warnings: Warnings): number {
  const name = member(given, 'kind');
  const kind = typeof name === 'string' ? kindNamed(name) : undefined;
  if (name !== undefined && kind === undefined) warnings.add('malformed', () => joinPath(place(), 'kind'));
  return kind ?? members.kind ?? 0;
}

function readMoments(
  given: JsonObject,
  place: () => string,
  warnings: Warnings,
): Pick<Span, 'startTimeUnixNano' | 'endTimeUnixNano'> {
  const start = nanosMember(given, 'timestamp', place, warnings);
  const duration = nanosMember(given, 'duration', place, warnings) ?? 0n;
  if (start === undefined || start === 0n) {
    warnings.add('no-time', place);
    return { startTimeUnixNano: '', endTimeUnixNano: '' };
  }
  const end = withinUint64(start + duration);
  if (end === undefined) warnings.add('malformed', () => joinPath(place(), 'duration'));
  return { startTimeUnixNano: String(start), endTimeUnixNano: String(end ?? start) };
}

/** Tags are texts; other scalars, which some senders have, are read as what they are. */
function readTagList(given: JsonObject, place: () => string, warnings: Warnings): KeyValue[] {
  const tags = member(given, 'tags');
  if (tags === undefined) return [];
  if (!isObject(tags)) {
    warnings.add('malformed', () => joinPath(place(), 'tags'));
    return [];
  }
  return Object.entries(tags).flatMap(([key, value]): KeyValue[] => {
    if (typeof value === 'string') return [{ key, value: { stringValue: value } }];
    if (typeof value === 'boolean' || typeof value === 'number') return attributesOfPlain({ [key]: value });
    warnings.add('malformed', () => joinPath(place(), `tags.${key}`));
    return [];
  });
}

function readError(error: AnyValue | undefined, code: string, description: string): ReadError {
  const text = attributeText(error);
  const isFailed = error !== undefined && (code === 'ERROR' || (code !== 'OK' && text !== 'false'));
  if (!isFailed) return { status: codeStatus(code, description), isTaken: false };
  return { status: failedStatus(text === '' || text === 'true' ? description : text), isTaken: true };
}

interface Endpoint {
  readonly serviceName: string;
  readonly address: string;
  /** 0 for none. */
  readonly port: number;
}

function readEndpoint(given: JsonObject, name: string, place: () => string, warnings: Warnings): Endpoint | undefined {
  const endpoint = member(given, name);
  if (endpoint === undefined) return undefined;
  const endpointPlace = (): string => joinPath(place(), name);
  if (!isObject(endpoint)) {
    warnings.add('malformed', endpointPlace);
    return undefined;
  }
  const text = (key: string): string => textMember(endpoint, key, endpointPlace, warnings);
  const port = member(endpoint, 'port') ?? 0;
  const isPort = typeof port === 'number' && Number.isInteger(port) && port >= 0 && port <= 0xffff;
  if (!isPort) warnings.add('malformed', () => joinPath(endpointPlace(), 'port'));
  return { serviceName: text('serviceName'), address: text('ipv4') || text('ipv6'), port: isPort ? port : 0 };
}

/** The service, and the address as attributes of the span. */
function readLocal(given: JsonObject, attributes: KeyValue[], place: () => string, warnings: Warnings): string {
  const local = readEndpoint(given, 'localEndpoint', place, warnings);
  if (local === undefined) return '';
  addAddress(attributes, 'network.local', local);
  return local.serviceName;
}

/** The mapping wants `peer.service`, unless the tags say who it was. */
function readRemote(given: JsonObject, attributes: KeyValue[], place: () => string, warnings: Warnings): void {
  const remote = readEndpoint(given, 'remoteEndpoint', place, warnings);
  if (remote === undefined) return;
  const { serviceName } = remote;
  const isSaid = attributes.some(({ key, value }) => PEER_KEYS.includes(key) && attributeText(value) === serviceName);
  if (serviceName !== '' && !isSaid) {
    if (findAttribute(attributes, 'peer.service') !== undefined) warnings.add('other-peer', place);
    else attributes.push({ key: 'peer.service', value: { stringValue: serviceName } });
  }
  addAddress(attributes, 'network.peer', remote);
}

function addAddress(attributes: KeyValue[], prefix: string, { address, port }: Endpoint): void {
  const add = (key: string, value: AnyValue): void => {
    if (findAttribute(attributes, key) === undefined) attributes.push({ key, value });
  };
  if (address !== '') add(`${prefix}.address`, { stringValue: address });
  if (port > 0) add(`${prefix}.port`, { intValue: String(port) });
}

function readAnnotations(given: JsonObject, place: () => string, warnings: Warnings): SpanEvent[] {
  const events: SpanEvent[] = [];
  for (const [annotation, annotationPlace] of objectsIn(given, ['annotations'], place, warnings)) {
    const time = nanosMember(annotation, 'timestamp', annotationPlace, warnings);
    if (time === undefined) warnings.add('malformed', annotationPlace);
    const { name, attributes } = readEvent(textMember(annotation, 'value', annotationPlace, warnings));
    const { attributes: others, ...rest } = eventDroppedCount(attributes);
    events.push({
      timeUnixNano: String(time ?? ''),
      name,
      ...(others.length > 0 && { attributes: others }),
      ...rest,
    });
  }
  return events;
}

/** Between the name of an event and its attributes. */
const SEPARATOR = '": {';

/** A name alone, `"name": {…}` by the mapping, or `name|{…}|0` by the collector's exporter. */
function readEvent(value: string): { name: string; attributes: KeyValue[] } {
  if (value.startsWith('"') && value.endsWith('}')) {
    // A name may hold the separator; each try costs a parse of the rest.
    let colon = value.indexOf(SEPARATOR);
    for (let tries = 0; colon >= 0 && tries < 3; tries++) {
      const attributes = plainAttributes(value.slice(colon + SEPARATOR.length - 1));
      if (attributes !== undefined) return { name: value.slice(1, colon), attributes };
      colon = value.indexOf(SEPARATOR, colon + 1);
    }
  }
  const piped = /^([^|]*)\|(\{.*\})\|\d{1,10}$/s.exec(value);
  const attributes = piped === null ? undefined : plainAttributes(piped[2]!);
  if (piped !== null && attributes !== undefined) return { name: piped[1]!, attributes };
  return { name: value, attributes: [] };
}

function plainAttributes(text: string): KeyValue[] | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return isObject(parsed) ? attributesOfPlain(parsed) : undefined;
  } catch {
    return undefined;
  }
}

/** Links that the collector's exporter has put into tags: `traceId|spanId|traceState|{…}|dropped`. */
function readLinks(
  tags: readonly KeyValue[],
  place: () => string,
  warnings: Warnings,
): { links: SpanLink[]; rest: readonly KeyValue[] } {
  if (!tags.some(({ key }) => key.startsWith(LINK_TAG_PREFIX))) return { links: [], rest: tags };
  const links: SpanLink[] = [];
  const rest: KeyValue[] = [];
  for (const tag of tags) {
    const link = tag.key.startsWith(LINK_TAG_PREFIX) ? readLink(attributeText(tag.value)) : undefined;
    if (link !== undefined) links.push(link);
    else {
      if (tag.key.startsWith(LINK_TAG_PREFIX)) warnings.add('malformed', () => joinPath(place(), `tags.${tag.key}`));
      rest.push(tag);
    }
  }
  return { links, rest };
}

function readLink(text: string): SpanLink | undefined {
  const [, trace, span, traceState = '', json = '', dropped] =
    /^([^|]*)\|([^|]*)\|(.*?)\|(\{.*\})\|(\d{1,10})$/s.exec(text) ?? [];
  const traceId = hexId(trace, 32);
  const spanId = hexId(span, 16);
  const attributes = plainAttributes(json);
  if (traceId === undefined || spanId === undefined || attributes === undefined) return undefined;
  const droppedAttributesCount = Math.min(Number(dropped), 0xffff_ffff);
  return {
    traceId,
    spanId,
    ...(traceState !== '' && { traceState }),
    ...(attributes.length > 0 && { attributes }),
    ...(droppedAttributesCount > 0 && { droppedAttributesCount }),
  };
}
