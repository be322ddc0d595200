import { Type } from '@sinclair/typebox';
import { expect, test } from 'vitest';
import { closed, count, nullable } from '../schema/json-schema.ts';
import { responseSchema } from './response-schema.ts';

interface ApiResponse {
  readonly name: string;
  readonly more?: readonly number[];
  readonly parts: readonly { readonly size: number | null }[];
}

const name = Type.String();
const more = Type.Optional(Type.Array(Type.Number()));
const parts = Type.Array(closed({ size: nullable(count()) }));

test('a schema is of the type that names the same members, as the compiler holds', () => {
  const schema = responseSchema<ApiResponse>()(closed({ name, more, parts }));
  expect(schema.required).toEqual(['name', 'parts']);
  // @ts-expect-error -- a member is missing, if it is an optional one
  responseSchema<ApiResponse>()(closed({ name, parts }));
  // @ts-expect-error -- the type does not have this one
  responseSchema<ApiResponse>()(closed({ name, more, parts, other: more }));
  // @ts-expect-error -- it may not be absent
  responseSchema<ApiResponse>()(closed({ name, more, parts: Type.Optional(parts) }));
  // @ts-expect-error -- further inside it may be null
  responseSchema<ApiResponse>()(closed({ name, more, parts: Type.Array(closed({ size: count() })) }));
});
