import type { AnyValue, KeyValue, Span, TracesData } from '@throughline/trace';
import { BLOCK_LIMITS } from '../../ingest/limits.ts';
import type { PlainRequest } from './read-protobuf.ts';

/** A value that is nested deeper than `ingest.valueDepthMax`. */
class TooDeepError extends Error {}

/** A number, as its text: no double holds all of OTLP's integers. */
class NumberText {
  readonly text: string;

  constructor(digits: string) {
    this.text = digits;
  }
}

type Json = string | boolean | null | NumberText | Json[] | Map<string, Json>;

/**
 * Reads a request in OTLP's JSON encoding that a collector has accepted, for tests: apart from the decoder that it
 * judges, with a parser of its own. Throws where a member is not what OTLP says.
 */
export function readJson(body: Buffer): PlainRequest {
  const request = new JsonText(body.toString('utf8').replace(/^\uFEFF/, '')).value();
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
        spans: objects(inner, 'spans').map((span) => readSpan(span)),
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
  return {
    traceId: string(span, 'traceId').toLowerCase(),
    spanId: string(span, 'spanId').toLowerCase(),
    parentSpanId: string(span, 'parentSpanId').toLowerCase(),
    traceState: string(span, 'traceState'),
    name: string(span, 'name'),
    kind: enumeration(span, 'kind', 'SPAN_KIND_', KINDS),
    startTimeUnixNano: String(integer(member(span, 'startTimeUnixNano'))),
    endTimeUnixNano: String(integer(member(span, 'endTimeUnixNano'))),
    ...attributes(span),
    events: objects(span, 'events').map((event) => ({
      timeUnixNano: String(integer(member(event, 'timeUnixNano'))),
      name: string(event, 'name'),
      ...attributes(event),
    })),
    droppedEventsCount: uint32(span, 'droppedEventsCount'),
    links: objects(span, 'links').map((link) => ({
      traceId: string(link, 'traceId').toLowerCase(),
      spanId: string(link, 'spanId').toLowerCase(),
      traceState: string(link, 'traceState'),
      ...attributes(link),
      flags: uint32(link, 'flags'),
    })),
    droppedLinksCount: uint32(span, 'droppedLinksCount'),
    status: { message: string(status, 'message'), code: enumeration(status, 'code', 'STATUS_CODE_', CODES) },
    flags: uint32(span, 'flags'),
  };
}

function entityRef(ref: Json): object {
  const [schemaUrl, type] = [asText(text(member(ref, 'schemaUrl'))), asText(text(member(ref, 'type')))];
  const keys = (name: string): string[] => list(ref, name).map((key) => asText(text(key)));
  const [idKeys, descriptionKeys] = [keys('idKeys'), keys('descriptionKeys')];
  return {
    ...(schemaUrl !== '' && { schemaUrl }),
    ...(type !== '' && { type }),
    ...(idKeys.length > 0 && { idKeys }),
    ...(descriptionKeys.length > 0 && { descriptionKeys }),
  };
}

/** An attribute whose value is too deep is counted instead of kept. */
function attributes(owner: Json): { readonly attributes: KeyValue[]; readonly droppedAttributesCount: number } {
  const kept: KeyValue[] = [];
  let dropped = uint32(owner, 'droppedAttributesCount');
  for (const attribute of objects(owner, 'attributes')) {
    try {
      kept.push({ key: string(attribute, 'key'), value: anyValue(member(attribute, 'value'), 0, asBytes) });
    } catch (error) {
      if (!(error instanceof TooDeepError)) throw error;
      dropped += 1;
    }
  }
  return { attributes: kept, droppedAttributesCount: dropped >>> 0 };
}

function anyValue(json: Json, depth: number, toText: (value: string) => string): AnyValue {
  const value = (name: string): Json => member(json, name);
  const names = ['stringValue', 'boolValue', 'intValue', 'doubleValue', 'bytesValue', 'arrayValue', 'kvlistValue'];
  const [name, ...others] = names.filter((known) => value(known) !== null);
  if (name === undefined) return {};
  if (others.length > 0) throw new Error('two values in one');
  if (depth > BLOCK_LIMITS.valueDepthMax) throw new TooDeepError();
  if (name === 'stringValue') return { stringValue: toText(text(value(name))) };
  if (name === 'boolValue') return { boolValue: value(name) as boolean };
  if (name === 'intValue') return { intValue: String(BigInt.asIntN(64, integer(value(name)))) };
  if (name === 'doubleValue') return { doubleValue: double(value(name)) };
  if (name === 'bytesValue') return { bytesValue: Buffer.from(text(value(name)), 'base64').toString('base64') };
  const items = objects(value(name), 'values');
  if (name === 'arrayValue') return { arrayValue: { values: items.map((item) => anyValue(item, depth + 1, asText)) } };
  const values = items.map((item) => ({
    key: asText(text(member(item, 'key'))),
    value: anyValue(member(item, 'value'), depth + 1, asText),
  }));
  return { kvlistValue: { values } };
}

function double(json: Json): number | string {
  const value = Number(json instanceof NumberText ? json.text : text(json));
  if (Object.is(value, -0)) return '-0';
  return Number.isFinite(value) ? value : String(value);
}

function integer(json: Json): bigint {
  if (json === null) return 0n;
  const digits = json instanceof NumberText ? json.text : text(json);
  return /^-?\d+$/.test(digits) ? BigInt(digits) : BigInt(Number(digits));
}

function uint32(owner: Json, name: string): number {
  return Number(BigInt.asUintN(32, integer(member(owner, name))));
}

function enumeration(owner: Json, name: string, prefix: string, names: readonly string[]): number {
  const json = member(owner, name);
  const value = typeof json === 'string' ? names.indexOf(json.replace(prefix, '')) : Number(integer(json));
  return value >= 0 && value <= 255 ? value : 0;
}

function string(owner: Json, name: string): string {
  return asBytes(text(member(owner, name)));
}

/** As UTF-8, a lone surrogate as U+FFFD; as the rows of strings are compared. */
function asBytes(value: string): string {
  return Buffer.from(value, 'utf8').toString('latin1');
}

/** Inside of arrays and maps. */
function asText(value: string): string {
  return value.toWellFormed();
}

function text(json: Json): string {
  if (json === null) return '';
  if (typeof json !== 'string') throw new Error('a string is no string');
  return json;
}

function objects(owner: Json, name: string): Json[] {
  const items = list(owner, name);
  if (items.some((item) => !(item instanceof Map))) throw new Error(`${name} has an item that is no object`);
  return items;
}

function list(owner: Json, name: string): Json[] {
  const items = member(owner, name) ?? [];
  if (!Array.isArray(items)) throw new Error(`${name} is no array`);
  return items;
}

/** Null where it is absent. */
function member(owner: Json, name: string): Json {
  if (owner === null) return null;
  if (!(owner instanceof Map)) throw new Error(`${name} of what is no object`);
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
