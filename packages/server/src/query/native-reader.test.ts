import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sqlHex, sqlInt64, sqlString, sqlUInt64 } from '../storage/sql.ts';
import type { NativeBlock } from './native-columns.ts';
import { NativeFormatError } from './native-columns.ts';
import { readNative } from './native-reader.ts';
import { queryBytes } from './rows.ts';
import type { TestStore } from './testing/test-store.ts';
import { openTestStore } from './testing/test-store.ts';

interface Values {
  readonly text: string;
  readonly fixed: string;
  readonly small: number;
  readonly large: bigint;
  readonly unsigned: bigint;
  readonly list: readonly string[];
  readonly numbers: readonly bigint[];
}

const someValues: fc.Arbitrary<Values> = fc.record({
  text: fc.string({ unit: 'grapheme', maxLength: 300 }),
  fixed: fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => Buffer.from(bytes).toString('hex')),
  small: fc.integer({ min: -128, max: 127 }),
  large: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
  unsigned: fc.bigInt(0n, 2n ** 64n - 1n),
  list: fc.array(fc.string({ unit: 'binary', maxLength: 20 }), { maxLength: 5 }),
  numbers: fc.array(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), { maxLength: 5 }),
});

function select({ text, fixed, small, large, unsigned, list, numbers }: Values, position: number): string {
  return `SELECT ${position} AS position, ${sqlString(text)} AS text, toFixedString(${sqlHex(fixed)}, 4) AS fixed,
    toInt8(${small}) AS small, ${sqlInt64(large)} AS large, ${sqlUInt64(unsigned)} AS unsigned,
    CAST([${list.map(sqlString).join(', ')}] AS Array(String)) AS list,
    CAST([${numbers.map(sqlInt64).join(', ')}] AS Array(Int64)) AS numbers,
    [list, []] AS nested, toDateTime(${position}) AS moment`;
}

function positions(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

function valuesAt(block: NativeBlock, row: number): Values {
  const list = block.stringArrays('list');
  const numbers = block.bigintArrays('numbers');
  return {
    text: block.strings('text').text(row),
    fixed: block.strings('fixed').hex(row),
    small: block.ints('small').at(row),
    large: block.bigints('large').at(row),
    unsigned: block.bigints('unsigned').at(row),
    list: positions(list.from(row), list.to(row)).map((i) => list.values.text(i)),
    numbers: positions(numbers.from(row), numbers.to(row)).map((i) => numbers.values.at(i)),
  };
}

describe('readNative', () => {
  let store: TestStore;
  beforeAll(async () => void (store = await openTestStore()));
  afterAll(() => store.close());

  const ask = async (sql: string): Promise<Uint8Array> => queryBytes(store.context, sql, 'Native');

  it('reads back every value that the engine was given', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(someValues, { minLength: 1, maxLength: 8 }), async (rows) => {
        const sql = `SELECT * FROM (${rows.map(select).join(' UNION ALL ')}) ORDER BY position`;
        const blocks = readNative(await ask(sql));
        const read = blocks.flatMap((block) =>
          Array.from({ length: block.rowCount }, (_, row) => valuesAt(block, row)),
        );
        expect(read).toEqual(rows);
      }),
      { numRuns: 60, seed: 11 },
    );
  });

  it('reads an answer of many blocks', async () => {
    const blocks = readNative(await ask('SELECT number, toString(number) AS text FROM numbers(200000)'));
    expect(blocks.length).toBeGreaterThan(1);
    const last = blocks.at(-1);
    expect(last?.strings('text').text(last.rowCount - 1)).toBe('199999');
    expect(blocks.reduce((sum, { rowCount }) => sum + rowCount, 0)).toBe(200_000);
  });

  it('gives equal keys to rows with equal values and other keys to others', async () => {
    await fc.assert(
      fc.asyncProperty(someValues, someValues, async (a, b) => {
        const columns = 'text, fixed, small, large, unsigned, list, numbers, nested';
        const sql = `SELECT ${columns} FROM (${[a, a, b].map(select).join(' UNION ALL ')}) ORDER BY position`;
        const keys = readNative(await ask(sql)).flatMap((block) =>
          Array.from({ length: block.rowCount }, (_, row) =>
            Array.from(block.columns.values(), (column) => column.rangeKey(row, row + 1)).join(''),
          ),
        );
        expect(keys[0]).toBe(keys[1]);
        expect(keys[0] === keys[2]).toBe(JSON.stringify(a, bigintText) === JSON.stringify(b, bigintText));
      }),
      { numRuns: 40, seed: 12 },
    );
  });

  it('rejects bytes that are cut off anywhere, and never reads past them', async () => {
    const bytes = await ask(`SELECT 'text' AS a, ['x', 'y'] AS b, toUInt32(7) AS c`);
    for (let length = 1; length < bytes.length; length++) {
      expect(() => readNative(bytes.subarray(0, length))).toThrow(NativeFormatError);
    }
  });

  it('fails in no other way on bytes that are not Native at all', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(errorOf(() => readNative(bytes))).toSatisfy(
          (error) => error === null || error instanceof NativeFormatError,
        );
      }),
      { seed: 13 },
    );
  });

  it('names the column that is missing or of another type, and the type that it does not read', async () => {
    const [block] = readNative(await ask('SELECT 1 AS one'));
    expect(() => block?.strings('one')).toThrow(/column one .*another type/);
    expect(() => block?.ints('two')).toThrow(/column two .*missing/);
    const bytes = await ask('SELECT toFloat64(1)');
    expect(() => readNative(bytes)).toThrow('type Float64');
  });
});

function errorOf(action: () => void): unknown {
  try {
    action();
    return null;
  } catch (error) {
    return error;
  }
}

function bigintText(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
