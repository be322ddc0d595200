/** The bytes are cut off, or hold a column that is missing or of another type than expected. */
export class NativeFormatError extends Error {
  override readonly name = 'NativeFormatError';
}

export type NativeColumn = StringColumn | IntColumn | BigIntColumn | ArrayColumn;

/** The columns by name; a getter throws NativeFormatError when the column is absent or of another kind. */
export class NativeBlock {
  readonly rowCount: number;
  readonly columns: ReadonlyMap<string, NativeColumn>;

  constructor(rowCount: number, columns: ReadonlyMap<string, NativeColumn>) {
    this.rowCount = rowCount;
    this.columns = columns;
  }

  strings(name: string): StringColumn {
    return expectColumn(this.columns.get(name), StringColumn, name);
  }

  ints(name: string): IntColumn {
    return expectColumn(this.columns.get(name), IntColumn, name);
  }

  bigints(name: string): BigIntColumn {
    return expectColumn(this.columns.get(name), BigIntColumn, name);
  }

  stringArrays(name: string): ArrayOf<StringColumn> {
    return this.#arrays(name, StringColumn);
  }

  intArrays(name: string): ArrayOf<IntColumn> {
    return this.#arrays(name, IntColumn);
  }

  bigintArrays(name: string): ArrayOf<BigIntColumn> {
    return this.#arrays(name, BigIntColumn);
  }

  #arrays<C extends NativeColumn>(name: string, kind: abstract new (...args: never[]) => C): ArrayOf<C> {
    const array = expectColumn(this.columns.get(name), ArrayColumn, name);
    return {
      values: expectColumn(array.values, kind, name),
      from: (row) => array.from(row),
      to: (row) => array.to(row),
    };
  }
}

/** Row `i` of an array column is `values` from `from(i)` up to, not including, `to(i)`. */
export interface ArrayOf<C extends NativeColumn> {
  readonly values: C;
  from(row: number): number;
  to(row: number): number;
}

/** String and FixedString(n). */
export class StringColumn {
  readonly length: number;
  readonly #bytes: Buffer;
  /** Value i lies from `starts[i]` to `ends[i]`. */
  readonly #starts: Uint32Array;
  readonly #ends: Uint32Array;

  constructor(bytes: Buffer, starts: Uint32Array, ends: Uint32Array) {
    this.length = starts.length;
    this.#bytes = bytes;
    this.#starts = starts;
    this.#ends = ends;
  }

  /** As UTF-8; a byte that is not UTF-8 reads as U+FFFD. */
  text(row: number): string {
    return this.#bytes.toString('utf8', this.#starts[row], this.#ends[row]);
  }

  hex(row: number): string {
    return this.#bytes.toString('hex', this.#starts[row], this.#ends[row]);
  }

  base64(row: number): string {
    return this.#bytes.toString('base64', this.#starts[row], this.#ends[row]);
  }

  /** Equal for two ranges exactly when their values are equal; see `ArrayColumn.rangeKey`. */
  rangeKey(from: number, to: number): string {
    let key = '';
    for (let i = from; i < to; i++) {
      const start = this.#starts[i] ?? 0;
      const end = this.#ends[i] ?? 0;
      key += `${end - start}:${this.#bytes.toString('latin1', start, end)}`;
    }
    return key;
  }
}

/** Integers of up to 32 bits, and DateTime as its seconds. */
export class IntColumn {
  readonly length: number;
  readonly #values: Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array;

  constructor(values: Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array) {
    this.length = values.length;
    this.#values = values;
  }

  at(row: number): number {
    return within(this.#values[row], row);
  }

  rangeKey(from: number, to: number): string {
    return `${this.#values.subarray(from, to).join(',')};`;
  }
}

/** Int64 and UInt64. */
export class BigIntColumn {
  readonly length: number;
  readonly #values: BigInt64Array | BigUint64Array;

  constructor(values: BigInt64Array | BigUint64Array) {
    this.length = values.length;
    this.#values = values;
  }

  at(row: number): bigint {
    return within(this.#values[row], row);
  }

  rangeKey(from: number, to: number): string {
    return `${this.#values.subarray(from, to).join(',')};`;
  }
}

export class ArrayColumn {
  readonly length: number;
  readonly values: NativeColumn;
  /** `ends[i]` is the position behind the last value of row i. */
  readonly #ends: Float64Array;

  constructor(values: NativeColumn, ends: Float64Array) {
    this.length = ends.length;
    this.values = values;
    this.#ends = ends;
  }

  from(row: number): number {
    return row === 0 ? 0 : this.to(row - 1);
  }

  to(row: number): number {
    return within(this.#ends[row], row);
  }

  /**
   * Equal for two ranges of rows exactly when their values are equal. Keys delimit themselves, so those of several
   * columns may be joined.
   */
  rangeKey(from: number, to: number): string {
    let key = '';
    for (let row = from; row < to; row++) {
      key += `${this.to(row) - this.from(row)}[${this.values.rangeKey(this.from(row), this.to(row))}`;
    }
    return key;
  }
}

function expectColumn<C extends NativeColumn>(
  column: NativeColumn | undefined,
  kind: abstract new (...args: never[]) => C,
  name: string,
): C {
  if (column instanceof kind) return column;
  throw new NativeFormatError(`column ${name} is ${column === undefined ? 'missing' : 'of another type'}`);
}

function within<T>(value: T | undefined, row: number): T {
  if (value === undefined) throw new RangeError(`row ${row} is outside its column`);
  return value;
}
