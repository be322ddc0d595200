import type { AttributeColumns } from '../../columns/attribute-columns.ts';
import { appendJsonValue, ValueTooDeepError, type JsonAnyValue } from '../otlp/any-value.ts';
import { readAnyValue } from './read-any-value.ts';
import { isString, type JsonObject } from './json-object.ts';
import type { TextSource } from './text-source.ts';

/** From 0 to this an integer is a `smallInt` of the columns. */
const SMALL_INTEGER_MAX = 2 ** 30;
const SMALL_INTEGER_TEXT = /^\d{1,9}$/;

/**
 * Appends a KeyValue that has a key and one scalar value in its usual form, as nearly all have: without the objects
 * that follow a path through a request and know every spelling of a member. Returns false, and has appended nothing,
 * for any other.
 */
export function appendUsualAttribute(item: unknown, attributes: AttributeColumns, text: TextSource): boolean {
  if (typeof item !== 'object' || item === null) return false;
  const { key, value } = item as { readonly key?: unknown; readonly value?: unknown };
  if (!isString(key) || typeof value !== 'object' || value === null) return false;
  const member = onlyMember(value);
  if (member === 'stringValue') {
    const { stringValue } = value as { readonly stringValue?: unknown };
    if (!isString(stringValue)) return false;
    appendKey(key, attributes, text);
    text.clear();
    text.append(stringValue);
    attributes.string(text.bytes, 0, text.length);
    return true;
  }
  if (member === 'intValue') {
    const { intValue } = value as { readonly intValue?: unknown };
    const integer = typeof intValue === 'string' && SMALL_INTEGER_TEXT.test(intValue) ? Number(intValue) : intValue;
    if (typeof integer !== 'number' || !Number.isInteger(integer)) return false;
    if (integer < 0 || integer > SMALL_INTEGER_MAX) return false;
    appendKey(key, attributes, text);
    attributes.smallInt(integer);
    return true;
  }
  if (member === 'boolValue') {
    const { boolValue } = value as { readonly boolValue?: unknown };
    if (typeof boolValue !== 'boolean') return false;
    appendKey(key, attributes, text);
    attributes.bool(boolValue);
    return true;
  }
  if (member !== 'doubleValue') return false;
  const { doubleValue } = value as { readonly doubleValue?: unknown };
  if (typeof doubleValue !== 'number') return false;
  appendKey(key, attributes, text);
  attributes.double(doubleValue);
  return true;
}

/**
 * Appends any KeyValue, or drops it where it is nested too deeply. Throws `MalformedRequestError`, and has appended
 * nothing.
 */
export function appendAttribute(attribute: JsonObject, attributes: AttributeColumns, text: TextSource): void {
  const key = attribute.string('key');
  const value = attribute.object('value');
  let read: JsonAnyValue = {};
  try {
    if (value !== null) read = readAnyValue(value, attributes.valueDepthMax);
  } catch (error) {
    if (!(error instanceof ValueTooDeepError)) throw error;
    attributes.drop('ingest.valueDepthMax');
    return;
  }
  appendKey(key, attributes, text);
  appendJsonValue(attributes, read);
}

function appendKey(key: string, attributes: AttributeColumns, text: TextSource): void {
  text.clear();
  text.append(key);
  attributes.key(text.bytes, 0, text.length);
}

/** The name of an object's one member, '' for none or several. */
function onlyMember(value: object): string {
  let member = '';
  for (const name in value) {
    if (member !== '') return '';
    member = name;
  }
  return member;
}
