import { ByteBuffer } from '../columns/growable-buffers.ts';

type Text = { readonly type: 'String'; readonly values: readonly string[] };
type Numbers = { readonly type: 'DateTime' | 'UInt8' | 'Float64'; readonly values: readonly number[] };
type Integers = { readonly type: 'UInt64'; readonly values: readonly (number | bigint)[] };
type Arrays = {
  readonly type: 'Array(Int16)' | 'Array(Float64)';
  readonly values: readonly (readonly number[])[];
};

export interface NativeColumnValues {
  readonly name: string;
  readonly column: Text | Numbers | Integers | Arrays;
}

/** One block in ClickHouse's Native format, with as many rows as each column has values. */
export function nativeBlock(columns: readonly NativeColumnValues[]): Uint8Array<ArrayBuffer> {
  const out = new ByteBuffer();
  out.varint(columns.length);
  out.varint(columns[0]?.column.values.length ?? 0);
  for (const { name, column } of columns) {
    writeText(out, name);
    writeText(out, column.type);
    writeValues(out, column);
  }
  return Uint8Array.from(out.content());
}

function writeText(out: ByteBuffer, text: string): void {
  const bytes = Buffer.from(text, 'utf8');
  out.string(bytes, 0, bytes.length);
}

function writeValues(out: ByteBuffer, column: NativeColumnValues['column']): void {
  switch (column.type) {
    case 'String':
      for (const text of column.values) writeText(out, text);
      return;
    case 'UInt8':
      for (const value of column.values) out.byte(value);
      return;
    case 'DateTime':
      for (const value of column.values) out.room(4).setUint32(0, value, true);
      return;
    case 'Float64':
      for (const value of column.values) out.room(8).setFloat64(0, value, true);
      return;
    case 'UInt64':
      for (const value of column.values) out.room(8).setBigUint64(0, BigInt(value), true);
      return;
    default:
      writeArrays(out, column);
  }
}

/** The ends of the arrays come first. */
function writeArrays(out: ByteBuffer, { type, values }: Arrays): void {
  let end = 0;
  for (const { length } of values) out.room(8).setBigUint64(0, BigInt((end += length)), true);
  for (const array of values) {
    for (const value of array) {
      if (type === 'Array(Int16)') out.room(2).setInt16(0, value, true);
      else out.room(8).setFloat64(0, value, true);
    }
  }
}
