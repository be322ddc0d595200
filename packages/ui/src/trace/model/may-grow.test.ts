import { expect, it } from 'vitest';
import { mayGrow } from './may-grow.ts';

it.each([
  ['ended a second ago', -1_000, true],
  ['ended a minute ago', -60_000, false],
  ['ends in a minute, by a clock ahead', 60_000, true],
  ['ends in five hundred years', 1.6e13, false],
])('a trace that %s may grow or not', (_when, endMs, grows) => {
  expect(mayGrow(1.8e12 + endMs, 1.8e12)).toBe(grows);
});
