import { Type } from '@sinclair/typebox';
import { expect, it } from 'vitest';
import { JsonChecker } from '../schema/json-checker.ts';
import { closed, count, described, nullable } from '../schema/json-schema.ts';
import { named } from '../schema/named-schema.ts';
import { withReferences } from './with-references.ts';

const size = named('Size', count({ description: 'How large a part is.' }));
const part = named('Part', closed({ size, shown: Type.Optional(described(size, 'Where it is seen.')) }));

it('refers to each type where it is used, and has each once', () => {
  const { document, types } = withReferences({ a: part, b: [nullable(part, 'If there is a second.')] });
  const reference = { $ref: '#/components/schemas/Part' };
  expect(document).toEqual({
    a: reference,
    b: [{ anyOf: [reference, { type: 'null' }], description: 'If there is a second.' }],
  });
  expect(types).toEqual({
    Part: {
      type: 'object',
      additionalProperties: false,
      required: ['size'],
      properties: {
        size: { $ref: '#/components/schemas/Size' },
        shown: { $ref: '#/components/schemas/Size', description: 'Where it is seen.' },
      },
    },
    Size: { type: 'integer', minimum: 0, description: 'How large a part is.' },
  });
});

it('has no two types of one name', () => {
  expect(() => withReferences([part, named('Part', closed({}))])).toThrow(/two schemas .*Part/);
});

it('leaves what a schema checks as it is', () => {
  const checker = new JsonChecker(part);
  expect([checker.fits({ size: 1 }), checker.fits({ size: 1, shown: -1 })]).toEqual([true, false]);
  expect(checker.explain({ size: 1, shown: -1 }, 'the part')).toBe('shown: got -1, expected an integer from 0');
});
