import type { AnyValue, KeyValue, Span, TracesData } from '@throughline/trace';
import { BLOCK_LIMITS } from '../../columns/limits.ts';
import type { PlainRequest } from './read-protobuf.ts';

/** An attribute that is not kept: its value is nested deeper than `ingest.valueDepthMax`, or it is none. */
class DroppedAttributeError extends Error {}

/** A number, as its text: no double holds all of OTLP's integers. */
class NumberText {
  readonly text: string;

  constructor(digits: string) {
    this.text = digits;
  }
}

type Json = string | boolean | null | NumberText | Json[] | Map<string, Json>;

/**
 * Reads a request in OTLP's JSON encoding, for tests: apart from the decoder that it judges, with a parser of its own.
 * What is not what OTLP says is left out, attributes, events and links of that kind are counted as dropped. Throws for
 * what is no request. Ids that are no hexadecimal text are '?'.
 */
export function readJson(body: Buffer): PlainRequest {
  const request = new JsonText(body.toString('utf8').replace(/^\uFEFF/, '')).value();
  if (!(request instanceof Map)) throw new Error('the request is no object');
  if (!Array.isArray(member(request, 'resourceSpans') ?? [])) throw new Error('resourceSpans is no array');
  const resourceSpans = objects(request, 'resourceSpans').map((outer) => {
    const resource = member(outer, 'resource');
    const scopeSpans = objects(outer, 'scopeSpans').map((inner) => {
      const scope = member(inner, 'scope');
      return {
        scope: {
          name: string(scope, 'name'),
          version: string(scope, 'version'),
          ...attributes(scope),
        },
        spans: list(inner, 'spans').map((span) => readSpan(span)),
        schemaUrl: string(inner, 'schemaUrl'),
      };
    });
    const entityRefs = objects(resource, 'entityRefs').map((ref) => entityRef(ref));
    return {
      resource: { ...attributes(resource), entityRefs },
      scopeSpans,
      schemaUrl: string(outer, 'schemaUrl'),
    };
  });
  return { data: { resourceSpans } satisfies TracesData };
}

const KINDS = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'];
const CODES = ['UNSET', 'OK', 'ERROR'];

function readSpan(span: Json): Span {
  const status = member(span, 'status');
  const events = objects(span, 'events');
  const links = objects(span, 'links');
  return {
    traceId: id(span, 'traceId'),
    spanId: id(span, 'spanId'),
    parentSpanId: id(span, 'parentSpanId'),
    traceState: string(span, 'traceState'),
    name: string(span, 'name'),
    kind: enumeration(span, 'kind', 'SPAN_KIND_', KINDS),
    startTimeUnixNano: time(span, 'startTimeUnixNano'),
    endTimeUnixNano: time(span, 'endTimeUnixNano'),
    ...attributes(span),
    events: events.map((event) => ({
      timeUnixNano: time(event, 'timeUnixNano'),
      name: string(event, 'name'),
      ...attributes(event),
    })),
    droppedEventsCount: (uint32(span, 'droppedEventsCount') + list(span, 'events').length - events.length) >>> 0,
    links: links.map((link) => ({
      traceId: id(link, 'traceId'),
      spanId: id(link, 'spanId'),
      traceState: string(link, 'traceState'),
      ...attributes(link),
      flags: uint32(link, 'flags'),
    })),
    droppedLinksCount: (uint32(span, 'droppedLinksCount') + list(span, 'links').length - links.length) >>> 0,
    status: { message: string(status, 'message'), code: enumeration(status, 'code', 'STATUS_CODE_', CODES) },
    flags: uint32(span, 'flags'),
  };
}

function entityRef(ref: Json): object {
  const [schemaUrl, type] = [asText(textOr(member(ref, 'schemaUrl'))), asText(textOr(member(ref, 'type')))];
  const keys = (name: string): string[] =>
    list(ref, name).flatMap((key) => (typeof key === 'string' ? [asText(key)] : []));
  const [idKeys, descriptionKeys] = [keys('idKeys'), keys('descriptionKeys')];
  return {
    ...(schemaUrl !== '' && { schemaUrl }),
    ...(type !== '' && { type }),
    ...(idKeys.length > 0 && { idKeys }),
    ...(descriptionKeys.length > 0 && { descriptionKeys }),
  };
}

/** An attribute that is not kept is counted. */
function attributes(owner: Json): { readonly attributes: KeyValue[]; readonly droppedAttributesCount: number } {
  const kept: KeyValue[] = [];
  let dropped = uint32(owner, 'droppedAttributesCount');
  const items = member(owner, 'attributes') ?? [];
  for (const attribute of Array.isArray(items) ? items : [null]) {
    try {
      kept.push(keyValue(attribute, 0, asBytes));
    } catch (error) {
      if (!(error instanceof DroppedAttributeError)) throw error;
      dropped += 1;
    }
  }
  return { attributes: kept, droppedAttributesCount: dropped >>> 0 };
}

function keyValue(json: Json, depth: number, toText: (value: string) => string): KeyValue {
  if (!(json instanceof Map)) throw new DroppedAttributeError();
  return { key: toText(text(member(json, 'key'))), value: anyValue(member(json, 'value'), depth, toText) };
}

function anyValue(json: Json, depth: number, toText: (value: string) => string): AnyValue {
  if (json === null) return {};
  if (!(json instanceof Map)) throw new DroppedAttributeError();
  const value = (name: string): Json => member(json, name);
  const names = ['stringValue', 'boolValue', 'intValue', 'doubleValue', 'bytesValue', 'arrayValue', 'kvlistValue'];
  const [name, ...others] = names.filter((known) => value(known) !== null);
  if (name === undefined) return {};
  if (others.length > 0 || depth > BLOCK_LIMITS.valueDepthMax) throw new DroppedAttributeError();
  if (name === 'stringValue') return { stringValue: toText(text(value(name))) };
  if (name === 'boolValue') {
    const bool = value(name);
    if (typeof bool !== 'boolean') throw new DroppedAttributeError();
    return { boolValue: bool };
  }
  if (name === 'intValue') {
    const int = integer(value(name));
    if (int === null || BigInt.asIntN(64, int) !== int) throw new DroppedAttributeError();
    return { intValue: String(int) };
  }
  if (name === 'doubleValue') return { doubleValue: double(value(name)) };
  if (name === 'bytesValue') {
    if (!/^[\w+/-]*={0,2}$/.test(text(value(name)))) throw new DroppedAttributeError();
    return { bytesValue: Buffer.from(text(value(name)), 'base64').toString('base64') };
  }
  const holder = value(name);
  const items = holder instanceof Map ? (member(holder, 'values') ?? []) : null;
  if (!Array.isArray(items) || items.some((item) => !(item instanceof Map))) throw new DroppedAttributeError();
  if (name === 'arrayValue') return { arrayValue: { values: items.map((item) => anyValue(item, depth + 1, asText)) } };
  return { kvlistValue: { values: items.map((item) => keyValue(item, depth + 1, asText)) } };
}

function double(json: Json): number | string {
  const digits = json instanceof NumberText ? json.text : text(json);
  if (!/^(?:-?Infinity|NaN|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)$/.test(digits)) throw new DroppedAttributeError();
  const value = Number(digits);
  if (Object.is(value, -0)) return '-0';
  return Number.isFinite(value) ? value : String(value);
}

/** Null for what is none. A number may have a fraction of zeros or an exponent. */
function integer(json: Json): bigint | null {
  if (json === null) return 0n;
  if (typeof json === 'string') return /^-?\d{1,40}$/.test(json) ? BigInt(json) : null;
  if (!(json instanceof NumberText)) return null;
  if (/^-?\d{1,40}$/.test(json.text)) return BigInt(json.text);
  const number = Number(json.text);
  return Number.isInteger(number) ? BigInt(number) : null;
}

function uint32(owner: Json, name: string): number {
  const value = integer(member(owner, name)) ?? 0n;
  return value >= 0n && value < 2n ** 32n ? Number(value) : 0;
}

function time(owner: Json, name: string): string {
  const value = integer(member(owner, name)) ?? 0n;
  if (value < 0n) return '0';
  return String(value < 2n ** 64n ? value : 2n ** 64n - 1n);
}

function id(owner: Json, name: string): string {
  const digits = member(owner, name) ?? '';
  return typeof digits === 'string' && /^(?:[\da-f]{2})*$/i.test(digits) ? digits.toLowerCase() : '?';
}

function enumeration(owner: Json, name: string, prefix: string, names: readonly string[]): number {
  const json = member(owner, name);
  const value = typeof json === 'string' ? names.map((known) => prefix + known).indexOf(json) : Number(integer(json));
  return value >= 0 && value <= 255 ? value : 0;
}

function string(owner: Json, name: string): string {
  return asBytes(textOr(member(owner, name)));
}

/** As UTF-8, a lone surrogate as U+FFFD; as the rows of strings are compared. */
function asBytes(value: string): string {
  return Buffer.from(value, 'utf8').toString('latin1');
}

/** Inside of arrays and maps. */
function asText(value: string): string {
  return value.toWellFormed();
}

/** Of an attribute. */
function text(json: Json): string {
  if (json === null) return '';
  if (typeof json !== 'string') throw new DroppedAttributeError();
  return json;
}

function textOr(json: Json, otherwise = ''): string {
  return typeof json === 'string' ? json : otherwise;
}

function objects(owner: Json, name: string): Json[] {
  return list(owner, name).filter((item) => item instanceof Map);
}

function list(owner: Json, name: string): Json[] {
  const items = member(owner, name) ?? [];
  return Array.isArray(items) ? items : [];
}

/** Null where it is absent. */
function member(owner: Json, name: string): Json {
  if (!(owner instanceof Map)) return null;
  const snake = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return owner.get(name) ?? owner.get(snake) ?? null;
}

/** A parser for what `JSON.parse` takes. */
class JsonText {
  readonly #text: string;
  #at = 0;

  constructor(json: string) {
    JSON.parse(json);
    this.#text = json;
  }

  value(): Json {
    const character = this.#next();
    if (character === '"') return this.#string();
    if (character === '[') {
      const items: Json[] = [];
      this.#list(']', () => items.push(this.value()));
      return items;
    }
    if (character === '{') {
      const members = new Map<string, Json>();
      this.#list('}', () => {
        this.#next();
        const name = this.#string();
        this.#next();
        this.#at += 1;
        members.set(name, this.value());
      });
      return members;
    }
    const word = /[^\s,\]}]+/y;
    word.lastIndex = this.#at;
    const found = word.exec(this.#text)?.[0] ?? '';
    this.#at = word.lastIndex;
    if (found === 'null') return null;
    return found === 'true' || found === 'false' ? found === 'true' : new NumberText(found);
  }

  /** The next character that is no space; the position stays on it. */
  #next(): string {
    while (/\s/.test(this.#text[this.#at] ?? '')) this.#at += 1;
    return this.#text[this.#at] ?? '';
  }

  #string(): string {
    const start = this.#at;
    for (this.#at += 1; this.#text[this.#at] !== '"'; this.#at += 1) if (this.#text[this.#at] === '\\') this.#at += 1;
    this.#at += 1;
    return JSON.parse(this.#text.slice(start, this.#at)) as string;
  }

  #list(end: string, item: () => void): void {
    this.#at += 1;
    while (this.#next() !== end) {
      if (this.#next() === ',') this.#at += 1;
      else item();
    }
    this.#at += 1;
  }
}
