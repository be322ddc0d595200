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

const WRONG: readonly (readonly [value: unknown, message: RegExp])[] = [
  [[], /^the thing: got \[\], expected .*name, kind, share, parts$/],
  [null, /^the thing: got null, .*parts$/],
  [{}, /^name: missing, expected /],
  [{ ...fine, name: '' }, /^name: got "", expected .*1 to 8 characters$/],
  [{ ...fine, nam: 'b' }, /^the thing: .*"nam"; supported: name, kind, .*parts$/],
  [{ ...fine, kind: 'both' }, /^kind: got "both", expected .*client, server$/],
  [{ ...fine, share: 2 }, /^share: got 2, expected .*from 0 to 1 or null$/],
  [{ ...fine, parts: {} }, /^parts: got \{\}, expected .*at most 2 items$/],
  [{ ...fine, parts: [1, 2, 3] }, /^parts: got \[1,2,3\], expected .*at most 2 items$/],
  [{ ...fine, parts: [{ size: 1 }, { size: 1.5 }] }, /^parts\[1\]\.size: got 1\.5, expected .*from 0$/],
  [{ ...fine, parts: [{ size: 1, 'a/b~c': 7 }] }, /^parts\[0\]\.a\/b~c: got 7, .*true or false$/],
  [{ ...fine, name: 'x'.repeat(100) }, /^name: got "x{79}…, expected /],
];

test.each(WRONG)('%j is explained', (value, message) => {
  expect(checker.fits(value)).toBe(false);
  expect(checker.explain(value, 'the thing')).toMatch(message);
});

test('the messages are those in json-checker-messages.golden.txt', async () => {
  const messages = WRONG.map(([value]) => checker.explain(value, 'the thing'));
  await expect(`${messages.join('\n')}\n`).toMatchFileSnapshot('json-checker-messages.golden.txt');
});

test('what fits is of the type', () => {
  const given: unknown = { ...fine, share: null, parts: [{ size: 1, later: true }] };
  expect(checker.fits(given) && given.parts[0]?.size).toBe(1);
});
