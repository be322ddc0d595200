import type { AttributeColumns } from '../../columns/attribute-columns.ts';
import { viewOf } from '../../columns/byte-view.ts';
import { appendAttribute, appendUsualAttribute } from './json-attribute.ts';
import { plainEnd, type JsonCursor } from './json-cursor.ts';
import { JsonObject, parseText } from './json-object.ts';
import { MemberNames } from './member-names.ts';
import type { TextSource } from './text-source.ts';

const QUOTE = 0x22;
const BRACE = 0x7b;
const BRACE_END = 0x7d;

/** Appends the attributes of the array that the cursor is before; `text` is for those that are not usual. */
export function walkAttributes(cursor: JsonCursor, attributes: AttributeColumns, text: TextSource): void {
  const { bytes } = cursor;
  for (let more = cursor.enterArray(); more; more = cursor.nextItem()) {
    const end = walkUsualAttribute(bytes, cursor.at, attributes);
    if (end > 0) {
      cursor.at = end;
      // The KeyValue and its value.
      cursor.countObjects(2);
    } else walkAnyAttribute(cursor, attributes, text);
  }
}

/** Of any other this one alone is parsed. */
function walkAnyAttribute(cursor: JsonCursor, attributes: AttributeColumns, text: TextSource): void {
  const { at, objects } = cursor;
  if (walkScalarAttribute(cursor, attributes, text)) return;
  cursor.at = at;
  cursor.objects = objects;
  const start = cursor.skip();
  const item = parseText(cursor.text(start, cursor.at));
  if (!appendUsualAttribute(item, attributes, text)) appendAttribute(new JsonObject(item), attributes, text);
}

const KEY_VALUE_MEMBERS = new MemberNames(['key', 'value']);
const VALUE_MEMBERS = new MemberNames(['stringValue', 'intValue', 'doubleValue', 'boolValue']);

/**
 * The same with white space, escapes in the value, doubles, and integers of any length. Returns false, and has appended
 * nothing, for any other.
 */
function walkScalarAttribute(cursor: JsonCursor, attributes: AttributeColumns, text: TextSource): boolean {
  const { bytes } = cursor;
  if (!cursor.enterObject() || KEY_VALUE_MEMBERS.find(bytes, cursor.start, cursor.end) !== 0) return false;
  if (cursor.peek() !== QUOTE) return false;
  cursor.string();
  const { start: keyStart, end: keyEnd } = cursor;
  if (cursor.isEscaped) return false;
  if (!cursor.nextMember() || KEY_VALUE_MEMBERS.find(bytes, cursor.start, cursor.end) !== 1) return false;
  if (cursor.peek() !== BRACE || !cursor.enterObject()) return false;
  const member = VALUE_MEMBERS.find(bytes, cursor.start, cursor.end);
  const first = cursor.peek();
  switch (member) {
    case 0: {
      if (first !== QUOTE) return false;
      cursor.string();
      const { start, end, isEscaped } = cursor;
      if (!walkEnd(cursor)) return false;
      attributes.key(bytes, keyStart, keyEnd);
      if (isEscaped) {
        text.clear();
        text.appendEscaped(bytes, start, end);
        attributes.string(text.bytes, 0, text.length);
      } else attributes.string(bytes, start, end);
      return true;
    }
    case 1: {
      if (!isDigit(first === QUOTE ? bytes[cursor.at + 1] : first)) return false;
      cursor.uint64();
      const { low, high } = cursor;
      if (high > INT64_HIGH_MAX || !walkEnd(cursor)) return false;
      attributes.key(bytes, keyStart, keyEnd);
      attributes.int(low, high);
      return true;
    }
    case 2: {
      if (first === QUOTE) return false;
      const start = cursor.skip();
      const double = decimal(bytes, start, cursor.at);
      if (Number.isNaN(double) || !walkEnd(cursor)) return false;
      attributes.key(bytes, keyStart, keyEnd);
      attributes.double(double);
      return true;
    }
    default:
      return false;
  }
}

const INT64_HIGH_MAX = 0x7fff_ffff;

/** Whether the value and the KeyValue end here. */
function walkEnd(cursor: JsonCursor): boolean {
  return !cursor.nextMember() && !cursor.nextMember();
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

/**
 * So many digits, and a power of ten up to their number, are doubles without a rest: their quotient is rounded once.
 */
const EXACT_DIGITS = 15;

/**
 * The number of a decimal with few digits and without an exponent; NaN for any other, and for what is no number of
 * JSON.
 */
function decimal(bytes: Uint8Array, start: number, end: number): number {
  const isNegative = bytes[start] === 0x2d;
  const first = isNegative ? start + 1 : start;
  let value = 0;
  let scale = 1;
  let point = end;
  for (let at = first; at < end; at++) {
    const byte = bytes[at] as number;
    if (byte === 0x2e && point === end) point = at;
    else if (!isDigit(byte)) return Number.NaN;
    else {
      value = value * 10 + byte - 0x30;
      if (point < at) scale *= 10;
    }
  }
  const whole = point - first;
  const isNumber = whole > 0 && point !== end - 1 && (whole === 1 || bytes[first] !== 0x30);
  if (!isNumber || end - first > EXACT_DIGITS + 1) return Number.NaN;
  const quotient = value / scale;
  return isNegative ? -quotient : quotient;
}

/** The first four bytes of a text as a word. */
const word = (text: string): number => Buffer.from(text, 'latin1').readInt32LE();

const KEY_1 = word('{"ke');
const KEY_2 = word('y":"');
const VALUE_1 = word('","v');
const VALUE_2 = word('alue');
const VALUE_3 = word('":{"');
const STRING = word('stri');
const STRING_2 = word('ngVa');
const STRING_3 = word('lue"');
const INT = word('intV');
const INT_2 = word('alue');
const BOOL = word('bool');
const BOOL_2 = word('Valu');
const TRUE = word('true');
const FALSE = word('fals');
/** Bytes of all that is compared behind a key. */
const LOOKAHEAD = 40;
/** So many digits are a `smallInt`. */
const SMALL_INT_DIGITS = 9;

/**
 * Appends a KeyValue as nearly all are written: without white space and escapes, the key before a scalar value that is
 * no double. Returns where it ends; 0, and nothing appended, for any other.
 */
function walkUsualAttribute(bytes: Uint8Array, begin: number, attributes: AttributeColumns): number {
  const limit = bytes.length - LOOKAHEAD;
  if (begin > limit) return 0;
  const view = viewOf(bytes);
  if (view.getInt32(begin, true) !== KEY_1 || view.getInt32(begin + 4, true) !== KEY_2) return 0;
  const keyStart = begin + 8;
  const keyEnd = plainEnd(bytes, keyStart);
  if (keyEnd > limit) return 0;
  if (view.getInt32(keyEnd, true) !== VALUE_1 || view.getInt32(keyEnd + 4, true) !== VALUE_2) return 0;
  if (view.getInt32(keyEnd + 8, true) !== VALUE_3) return 0;
  const member = keyEnd + 12;
  switch (view.getInt32(member, true)) {
    case STRING: {
      if (view.getInt32(member + 4, true) !== STRING_2 || view.getInt32(member + 8, true) !== STRING_3) return 0;
      // :"
      if (view.getInt16(member + 12, true) !== 0x223a) return 0;
      const start = member + 14;
      const end = plainEnd(bytes, start);
      if (bytes[end] !== QUOTE || bytes[end + 1] !== BRACE_END || bytes[end + 2] !== BRACE_END) return 0;
      attributes.key(bytes, keyStart, keyEnd);
      attributes.string(bytes, start, end);
      return end + 3;
    }
    case INT: {
      // ":
      if (view.getInt32(member + 4, true) !== INT_2 || view.getInt16(member + 8, true) !== 0x3a22) return 0;
      const isQuoted = bytes[member + 10] === QUOTE;
      const start = isQuoted ? member + 11 : member + 10;
      let at = start;
      let value = 0;
      for (;;) {
        const digit = (bytes[at] as number) - 0x30;
        if (!(digit >= 0 && digit <= 9)) break;
        value = value * 10 + digit;
        if (++at - start > SMALL_INT_DIGITS) return 0;
      }
      if (at === start || (!isQuoted && bytes[start] === 0x30 && at - start > 1)) return 0;
      if (isQuoted && bytes[at++] !== QUOTE) return 0;
      if (bytes[at] !== BRACE_END || bytes[at + 1] !== BRACE_END) return 0;
      attributes.key(bytes, keyStart, keyEnd);
      attributes.smallInt(value);
      return at + 2;
    }
    case BOOL: {
      // e":
      if (view.getInt32(member + 4, true) !== BOOL_2 || bytes[member + 8] !== 0x65) return 0;
      if (view.getInt16(member + 9, true) !== 0x3a22) return 0;
      const start = member + 11;
      const first = view.getInt32(start, true);
      const end = first === TRUE ? start + 4 : start + 5;
      if (first !== TRUE && (first !== FALSE || bytes[start + 4] !== 0x65)) return 0;
      if (bytes[end] !== BRACE_END || bytes[end + 1] !== BRACE_END) return 0;
      attributes.key(bytes, keyStart, keyEnd);
      attributes.bool(first === TRUE);
      return end + 2;
    }
    default:
      return 0;
  }
}
