import { Seeded } from '../../columns/testing/seeded.ts';

export const isLong = process.env['THROUGHLINE_TEST_LONG'] !== undefined;

/**
 * All cases in the long form. In the short form `count` of them, or all where they are no more: the first, the last,
 * and one drawn by the seed from each equal piece of those in between. One alone is drawn from all.
 */
export function sampleOf<T>(cases: readonly T[], count: number, seed: number): readonly T[] {
  if (isLong || cases.length <= count) return cases;
  const random = new Seeded(seed);
  if (count === 1) return [random.pick(cases)];
  const between = cases.slice(1, -1);
  const pieces = count - 2;
  const beginOf = (piece: number): number => Math.floor((piece * between.length) / pieces);
  const drawn = Array.from({ length: pieces }, (_, piece) =>
    random.pick(between.slice(beginOf(piece), beginOf(piece + 1))),
  );
  return [...cases.slice(0, 1), ...drawn, ...cases.slice(-1)];
}

/** Each of so many commands as the last one that a process gives, refused or carried out without an answer. */
export function lastCommands(commands: number): { last: number; isCarriedOut: boolean }[] {
  return Array.from({ length: commands }, (_, last) =>
    [false, true].map((isCarriedOut) => ({ last, isCarriedOut })),
  ).flat();
}
