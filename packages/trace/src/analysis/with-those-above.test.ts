import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { withThoseAbove } from './with-those-above.ts';

/** 0 has 1 and 2 below it, 2 has 3. */
const ABOVE = [-1, 0, 0, 2];
const above = (place: number): number => ABOVE.at(place)!;

it('keeps what ranks first with all that is above it', () => {
  expect(withThoseAbove([3, 1, 2, 0], above, 3)).toEqual([0, 2, 3]);
  expect(withThoseAbove([3, 1, 2, 0], above, 4)).toEqual([0, 1, 2, 3]);
});

it('leaves out what does not fit, and goes on with what ranks after it', () => {
  expect(withThoseAbove([3, 1, 2, 0], above, 2)).toEqual([0, 1]);
  expect(withThoseAbove([3, 1, 2, 0], above, 0)).toEqual([]);
});

it('keeps no more than fit, and none without the one above it', () => {
  const forest = fc
    .array(fc.nat(), { maxLength: 40 })
    .map((drawn) => drawn.map((number, place) => (number % (place + 1)) - 1));
  fc.assert(
    fc.property(forest, fc.nat(50), fc.infiniteStream(fc.nat()), (parents, max, draws) => {
      const drawn = parents.map((_, place) => [draws.next().value as number, place] as const);
      const ranked = drawn.toSorted(([a], [b]) => a - b).map(([, place]) => place);
      const kept = withThoseAbove(ranked, (place) => parents.at(place)!, max);
      expect(kept.length).toBeLessThanOrEqual(max);
      expect(kept).toEqual([...new Set(kept)].toSorted((a, b) => a - b));
      expect(kept.filter((place) => parents.at(place)! >= 0 && !kept.includes(parents.at(place)!))).toEqual([]);
      expect(withThoseAbove(ranked, (place) => parents.at(place)!, parents.length)).toHaveLength(parents.length);
    }),
  );
});
