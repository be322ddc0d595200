import type { TraceState } from '@opentelemetry/api';

const MEMBERS_MAX = 32;
/** W3C Trace Context Level 2, 3.3.1.3.1: `@` is a character like any other but at the begin. */
const KEY = /^[a-z0-9][a-z0-9_\-*/@]{0,255}$/;
const VALUE = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;
/** More than 32 members of the greatest length take; refused before anything is split. */
const HEADER_CHARACTERS_MAX = 32 * (256 + 256 + 16);

type Member = readonly [key: string, value: string];

/**
 * A `tracestate` header in normal form, or '' when any of it is malformed: the specification wants all or nothing.
 * Of a key that is there twice, the first member is kept.
 */
export function normalTraceState(header: string): string {
  return header === '' ? '' : serialize(parse(header));
}

/** The value of a member of a normal tracestate, or `undefined`. */
export function traceStateMember(traceState: string, key: string): string | undefined {
  for (const member of traceState.split(',')) {
    if (member.startsWith(key) && member[key.length] === '=') return member.slice(key.length + 1);
  }
  return undefined;
}

/** A normal tracestate with a member put first, as the specification requires of a changed one; '' removes it. */
export function withTraceStateMember(traceState: string, key: string, value: string): string {
  const others = traceState === '' ? [] : traceState.split(',').filter((member) => !member.startsWith(`${key}=`));
  if (value !== '') others.unshift(`${key}=${value}`);
  if (others.length > MEMBERS_MAX) others.length = MEMBERS_MAX;
  return others.join(',');
}

function parse(header: string): readonly Member[] {
  if (header.length > HEADER_CHARACTERS_MAX) return [];
  const members = new Map<string, string>();
  let count = 0;
  for (const part of header.split(',')) {
    const member = trimOptionalWhitespace(part);
    if (member === '') continue;
    if (++count > MEMBERS_MAX) return [];
    const equals = member.indexOf('=');
    const key = member.slice(0, equals);
    const value = member.slice(equals + 1);
    if (equals < 1 || !KEY.test(key) || !VALUE.test(value)) return [];
    if (!members.has(key)) members.set(key, value);
  }
  return [...members];
}

function serialize(members: readonly Member[]): string {
  return members.map(([key, value]) => `${key}=${value}`).join(',');
}

/** Spaces and tabs only: `trim` would also take what the grammar forbids. */
export function trimOptionalWhitespace(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isSpaceOrTab(text.charCodeAt(start))) start++;
  while (end > start && isSpaceOrTab(text.charCodeAt(end - 1))) end--;
  return start === 0 && end === text.length ? text : text.slice(start, end);
}

function isSpaceOrTab(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** OpenTelemetry's immutable view of a normal tracestate. A change that the grammar forbids changes nothing. */
export class W3cTraceState implements TraceState {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  get(key: string): string | undefined {
    return traceStateMember(this.#text, key);
  }

  set(key: string, value: string): TraceState {
    if (!KEY.test(key) || !VALUE.test(value)) return this;
    return new W3cTraceState(withTraceStateMember(this.#text, key, value));
  }

  unset(key: string): TraceState {
    return new W3cTraceState(withTraceStateMember(this.#text, key, ''));
  }

  serialize(): string {
    return this.#text;
  }
}
