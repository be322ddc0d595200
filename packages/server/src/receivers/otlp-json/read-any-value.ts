import { jsonDouble, ValueTooDeepError, type JsonAnyValue, type JsonKeyValue } from '../otlp/any-value.ts';
import type { JsonObject } from './json-object.ts';

/**
 * Reads an AnyValue into its one canonical form. Throws `MalformedRequestError`, and `ValueTooDeepError` below so many
 * further levels.
 */
export function readAnyValue(value: JsonObject, levels: number): JsonAnyValue {
  if (value.isEmpty) return {};
  const members = MEMBERS.filter((name) => value.get(name) !== null);
  const [member] = members;
  if (member === undefined) return {};
  if (members.length > 1) value.fail(member, 'only one value', members.join(', '));
  if (levels < 0) throw new ValueTooDeepError();
  switch (member) {
    case 'stringValue':
      return { stringValue: value.string(member) };
    case 'boolValue':
      return { boolValue: readBool(value) };
    case 'intValue':
      return { intValue: value.int64(member) };
    case 'doubleValue':
      return { doubleValue: jsonDouble(readDouble(value)) };
    case 'bytesValue':
      return { bytesValue: readBytes(value) };
    case 'arrayValue': {
      const values = value.object(member)?.objects('values') ?? [];
      return { arrayValue: { values: Array.from(values, (item) => readAnyValue(item, levels - 1)) } };
    }
    default: {
      const values = value.object('kvlistValue')?.objects('values') ?? [];
      return { kvlistValue: { values: Array.from(values, (item) => readKeyValue(item, levels - 1)) } };
    }
  }
}

const MEMBERS = [
  'stringValue',
  'boolValue',
  'intValue',
  'doubleValue',
  'arrayValue',
  'kvlistValue',
  'bytesValue',
] as const;

function readKeyValue(item: JsonObject, levels: number): JsonKeyValue {
  const value = item.object('value');
  return { key: item.string('key'), value: value === null ? {} : readAnyValue(value, levels) };
}

function readBool(value: JsonObject): boolean {
  const bool = value.get('boolValue');
  return typeof bool === 'boolean' ? bool : value.fail('boolValue', 'true or false', bool);
}

function readDouble(value: JsonObject): number {
  const double = value.number('doubleValue');
  if (typeof double === 'number') return double;
  const isNumber = typeof double === 'string' && /^(?:-?Infinity|NaN|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)$/.test(double);
  return isNumber ? Number(double) : value.fail('doubleValue', 'a number', double);
}

/** Base64 and its URL-safe form, with and without padding. */
function readBytes(value: JsonObject): string {
  const text = value.string('bytesValue');
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(text)) value.fail('bytesValue', 'base64', text);
  return Buffer.from(text, 'base64').toString('base64');
}
