import type { AnyValue, KeyValue } from '@throughline/trace';
import { AttributeType } from '../storage/schema.ts';
import type { ArrayOf, IntColumn, NativeBlock, StringColumn } from './native-columns.ts';

/** The three parallel columns that hold attributes: keys, values as text, value types. */
export interface StoredAttributes {
  readonly keys: ArrayOf<StringColumn>;
  readonly values: ArrayOf<StringColumn>;
  readonly types: ArrayOf<IntColumn>;
}

/** `prefix` as in the schema: `attrs`, `res`, `scope`, `ev` or `link`. */
export function storedAttributes(block: NativeBlock, prefix: string): StoredAttributes {
  return {
    keys: block.stringArrays(`${prefix}_k`),
    values: block.stringArrays(`${prefix}_v`),
    types: block.intArrays(`${prefix}_t`),
  };
}

/** All attributes of one row, in the order sent. */
export function rowAttributes(columns: StoredAttributes, row: number): KeyValue[] {
  return attributesBetween(columns, columns.keys.from(row), columns.keys.to(row));
}

/** The attributes at these positions of the columns' values: those of one event or link among a row's. */
export function attributesBetween(columns: StoredAttributes, from: number, to: number): KeyValue[] {
  const attributes: KeyValue[] = [];
  for (let i = from; i < to; i++) {
    attributes.push({ key: columns.keys.values.text(i), value: anyValue(columns, i) });
  }
  return attributes;
}

function anyValue({ values: { values }, types }: StoredAttributes, i: number): AnyValue {
  switch (types.values.at(i)) {
    case AttributeType.string:
      return { stringValue: values.text(i) };
    case AttributeType.bool:
      return { boolValue: values.text(i) === 'true' };
    case AttributeType.int:
      return { intValue: values.text(i) };
    case AttributeType.double:
      return { doubleValue: doubleValue(values.text(i)) };
    case AttributeType.bytes:
      return { bytesValue: values.base64(i) };
    case AttributeType.array:
      return { arrayValue: parseNested(values.text(i)) };
    case AttributeType.kvlist:
      return { kvlistValue: parseNested(values.text(i)) };
    default:
      return {};
  }
}

/**
 * A number, but a string where JSON has no number for it, which the protobuf mapping allows: NaN, the infinities, and
 * minus zero, which JSON.stringify would write as 0.
 */
function doubleValue(text: string): number | string {
  const value = Number(text);
  return Number.isFinite(value) && !Object.is(value, -0) ? value : text;
}

/** Our own OTLP JSON of an ArrayValue or a KeyValueList. */
function parseNested(text: string): { values: never[] } {
  return JSON.parse(text, (key: string, value: unknown) =>
    key === 'doubleValue' && Object.is(value, -0) ? '-0' : value,
  ) as { values: never[] };
}
