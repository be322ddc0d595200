import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { at } from '../testing/a-trace.ts';
import { IdTable } from './id-table.ts';
import { sortByStart } from './sort-by-start.ts';

const id = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((number) => number.toString(16).padStart(16, '0')),
  fc.nat(30).map((number) => number.toString(16).padStart(16, '0')),
  fc.constantFrom('', 'ab', 'no digits at all', 'gggggggggggggggg', '000000000000000é', '__proto__'),
  fc.string({ minLength: 15, maxLength: 17 }),
);

it('finds the first span of every id, as a map from texts does', () => {
  fc.assert(
    fc.property(fc.array(id, { maxLength: 300 }), fc.array(id), (added, asked) => {
      const table = new IdTable();
      const map = new Map<string, number>();
      for (const [span, one] of added.entries()) {
        const first = map.get(one) ?? span;
        map.set(one, first);
        expect(table.add(one, span)).toBe(first);
      }
      for (const one of [...added, ...asked]) expect(table.find(one)).toBe(map.get(one) ?? -1);
    }),
  );
});

const laterFirst = (a: number, b: number): number => b - a;

it('sorts by start, and equal starts as it is told', () => {
  const start = fc.oneof(fc.nat(5), fc.nat(), fc.maxSafeInteger().map(Math.abs), fc.constantFrom(2 ** 62, 1.8e19));
  fc.assert(
    fc.property(fc.array(start, { maxLength: 100 }), fc.boolean(), (starts, isSorted) => {
      const startNs = Float64Array.from(isSorted ? starts.toSorted((a, b) => a - b) : starts);
      const expected = [...startNs.keys()].toSorted((a, b) => at(startNs, a) - at(startNs, b) || laterFirst(a, b));
      expect([...sortByStart(startNs, laterFirst)]).toEqual(expected);
    }),
  );
});
