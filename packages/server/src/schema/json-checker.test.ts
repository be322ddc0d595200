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
  [[], 'the thing: got [], expected an object with name, kind, share, parts'],
  [null, 'the thing: got null, expected an object with name, kind, share, parts'],
  [{}, 'name: missing, expected a string of 1 to 8 characters'],
  [{ ...fine, name: '' }, 'name: got "", expected a string of 1 to 8 characters'],
  [{ ...fine, nam: 'b' }, 'the thing: unknown member "nam"; supported: name, kind, share, parts'],
  [{ ...fine, kind: 'both' }, 'kind: got "both", expected one of client, server'],
  [{ ...fine, share: 2 }, 'share: got 2, expected a number from 0 to 1 or null'],
  [{ ...fine, parts: {} }, 'parts: got {}, expected a list of at most 2'],
  [{ ...fine, parts: [1, 2, 3] }, 'parts: got [1,2,3], expected a list of at most 2'],
  [{ ...fine, parts: [{ size: 1 }, { size: 1.5 }] }, 'parts[1].size: got 1.5, expected an integer from 0'],
  [{ ...fine, parts: [{ size: 1, 'a/b~c': 7 }] }, 'parts[0].a/b~c: got 7, expected true or false'],
  [{ ...fine, name: 'x'.repeat(100) }, `name: got "${'x'.repeat(79)}…, expected a string of 1 to 8 characters`],
])('%j is explained', (value, message) => {
  expect(checker.fits(value)).toBe(false);
  expect(checker.explain(value, 'the thing')).toBe(message);
});

test('what fits is of the type', () => {
  const given: unknown = { ...fine, share: null, parts: [{ size: 1, later: true }] };
  expect(checker.fits(given) && given.parts[0]?.size).toBe(1);
});
