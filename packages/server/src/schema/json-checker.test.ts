import { Type } from '@sinclair/typebox';
import { expect, test } from 'vitest';
import { JsonChecker } from './json-checker.ts';
import { closed, count, nullable, oneOf } from './json-schema.ts';

const checker = new JsonChecker(
  closed({
    name: Type.String({ minLength: 1, maxLength: 8 }),
    kind: Type.Optional(oneOf(['client', 'server'])),
    share: Type.Optional(nullable(Type.Number({ minimum: 0, maximum: 1 }))),
    parts: Type.Array(Type.Object({ size: count(), 'a/b~c': Type.Optional(Type.Boolean()) }), { maxItems: 2 }),
  }),
);

const fine = { name: 'a', parts: [{ size: 1 }] };

test.each([
  [[], 'the thing was given as []; accepted is an object with name, kind, share, parts'],
  [null, 'the thing was given as null; accepted is an object with name, kind, share, parts'],
  [{}, 'name is missing; accepted is a text of 1 to 8 characters'],
  [{ ...fine, name: '' }, 'name was given as ""; accepted is a text of 1 to 8 characters'],
  [{ ...fine, nam: 'b' }, 'the thing: "nam" is not known; accepted are name, kind, share, parts'],
  [{ ...fine, kind: 'both' }, 'kind was given as "both"; accepted is one of client, server'],
  [{ ...fine, share: 2 }, 'share was given as 2; accepted is a number from 0 to 1 or null'],
  [{ ...fine, parts: {} }, 'parts was given as {}; accepted is a list of at most 2'],
  [{ ...fine, parts: [1, 2, 3] }, 'parts was given as [1,2,3]; accepted is a list of at most 2'],
  [
    { ...fine, parts: [{ size: 1 }, { size: 1.5 }] },
    'parts[1].size was given as 1.5; accepted is a whole number from 0',
  ],
  [{ ...fine, parts: [{ size: 1, 'a/b~c': 7 }] }, 'parts[0].a/b~c was given as 7; accepted is true or false'],
  [
    { ...fine, name: 'x'.repeat(100) },
    `name was given as "${'x'.repeat(79)}…; accepted is a text of 1 to 8 characters`,
  ],
])('%j is explained', (value, message) => {
  expect(checker.fits(value)).toBe(false);
  expect(checker.explain(value, 'the thing')).toBe(message);
});

test('what fits is of the type', () => {
  const given: unknown = { ...fine, share: null, parts: [{ size: 1, later: true }] };
  expect(checker.fits(given) && given.parts[0]?.size).toBe(1);
});
