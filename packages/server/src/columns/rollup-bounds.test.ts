import { expect, test } from 'vitest';
import { CountsAs, RollupBounds } from './rollup-bounds.ts';

const limits = { servicesMax: 2, operationsPerServiceMax: 2, operationsMax: 3 };

test('the first services and operations count as themselves, and those beyond the limits as others', () => {
  const bounds = new RollupBounds(limits, () => 0);
  const asked: [string, string, CountsAs][] = [
    ['a', '1', CountsAs.itself],
    ['a', '2', CountsAs.itself],
    ['a', '3', CountsAs.otherOperation],
    ['b', '1', CountsAs.itself],
    ['b', '2', CountsAs.otherOperation],
    ['c', '1', CountsAs.otherService],
    ['a', '1', CountsAs.itself],
    ['b', '1', CountsAs.itself],
  ];
  expect(asked.map(([service, operation]) => bounds.countsAs(service, operation))).toEqual(
    asked.map(([, , counts]) => counts),
  );
});

test('a new UTC day begins with no names', () => {
  let now = 86_400_000 - 1;
  const bounds = new RollupBounds(limits, () => now);
  bounds.beginBlock();
  for (const service of ['a', 'b', 'c']) bounds.countsAs(service, '1');
  expect(bounds.countsAs('c', '1')).toBe(CountsAs.otherService);
  now += 1;
  bounds.beginBlock();
  expect(bounds.countsAs('c', '1')).toBe(CountsAs.itself);
});
