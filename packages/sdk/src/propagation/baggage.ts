import {
  baggageEntryMetadataFromString,
  propagation,
  type Baggage,
  type BaggageEntry,
  type TextMapGetter,
} from '@opentelemetry/api';
import type { HeaderFormat } from './header-format.ts';
import { percentDecoded, percentEncoded } from './percent-encoding.ts';

const HEADER = 'baggage';
/** What the other OpenTelemetry SDKs keep to; W3C requires at least 64 members and 8192 bytes. */
export const BAGGAGE_ENTRIES_MAX = 180;
export const BAGGAGE_CHARACTERS_MAX = 8192;
const MEMBER_CHARACTERS_MAX = 4096;
/** RFC 9110, token. */
export const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/;
/** A property list that may be in a header: printable, and without the comma that would end the member. */
const METADATA = /^[\x20-\x2b\x2d-\x7e]*$/;

/**
 * W3C Baggage: `baggage: key=value;property,…`, percent-encoded. Members that are malformed or beyond the limits are
 * dropped.
 */
export const w3cBaggage: HeaderFormat = {
  fields: [HEADER],
  injectBaggage(baggage, carrier, setter) {
    let header = '';
    let count = 0;
    for (const [key, entry] of baggage.getAllEntries()) {
      const member = memberOf(key, entry);
      if (member === undefined || header.length + 1 + member.length > BAGGAGE_CHARACTERS_MAX) continue;
      if (++count > BAGGAGE_ENTRIES_MAX) break;
      header += header === '' ? member : `,${member}`;
    }
    if (header !== '') setter.set(carrier, HEADER, header);
  },
  extractBaggage(carrier, getter) {
    const entries = new Map<string, BaggageEntry>();
    let characters = 0;
    for (const header of headersOf(carrier, getter)) {
      for (const member of membersOf(header)) {
        characters += member.length + 1;
        if (characters > BAGGAGE_CHARACTERS_MAX + 1 || entries.size === BAGGAGE_ENTRIES_MAX) break;
        addMember(entries, member);
      }
    }
    return baggageOf(entries);
  },
};

/** Baggage of entries, or `undefined` when there is none. */
export function baggageOf(entries: ReadonlyMap<string, BaggageEntry>): Baggage | undefined {
  return entries.size === 0 ? undefined : propagation.createBaggage(Object.fromEntries(entries));
}

function headersOf<C>(carrier: C, getter: TextMapGetter<C>): string[] {
  const value: unknown = getter.get(carrier, HEADER);
  const values: unknown[] = Array.isArray(value) ? value : [value];
  return values.filter((text): text is string => typeof text === 'string');
}

/** The members that are whole within the limit. */
function membersOf(header: string): string[] {
  if (header.length <= BAGGAGE_CHARACTERS_MAX) return header.split(',');
  return header
    .slice(0, BAGGAGE_CHARACTERS_MAX + 1)
    .split(',')
    .slice(0, -1);
}

function memberOf(key: unknown, entry: BaggageEntry): string | undefined {
  if (typeof key !== 'string' || key === '' || typeof entry.value !== 'string') return undefined;
  const metadata = entry.metadata?.toString() ?? '';
  const properties = metadata !== '' && METADATA.test(metadata) ? `;${metadata}` : '';
  const member = `${encodedKey(key)}=${percentEncoded(entry.value)}${properties}`;
  return member.length <= MEMBER_CHARACTERS_MAX ? member : undefined;
}

/**
 * W3C's keys are tokens, and not encoded; what is none, and `%` itself, goes as OpenTelemetry's SDKs write and read it.
 */
function encodedKey(key: string): string {
  return TOKEN.test(key) && !key.includes('%') ? key : percentEncoded(key);
}

function addMember(entries: Map<string, BaggageEntry>, member: string): void {
  if (member.length > MEMBER_CHARACTERS_MAX) return;
  const semicolon = member.indexOf(';');
  const pair = semicolon < 0 ? member : member.slice(0, semicolon);
  const equals = pair.indexOf('=');
  const token = pair.slice(0, Math.max(0, equals)).trim();
  if (!TOKEN.test(token)) return;
  const key = percentDecoded(token);
  const value = percentDecoded(pair.slice(equals + 1).trim());
  const properties = semicolon < 0 ? '' : member.slice(semicolon + 1).trim();
  entries.set(key, properties === '' ? { value } : { value, metadata: baggageEntryMetadataFromString(properties) });
}
