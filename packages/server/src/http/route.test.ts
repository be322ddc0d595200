import { Type } from '@sinclair/typebox';
import { expect, test } from 'vitest';
import { closed, count } from '../schema/json-schema.ts';
import { json } from './response.ts';
import { route } from './route.ts';

const described = { path: '/a', operationId: 'getA', summary: 'An answer', usesStore: false } as const;
const answers = { description: 'What is said', schema: closed({ name: Type.String(), sizes: Type.Array(count()) }) };

test('the compiler holds an answer to the schema of its route', async () => {
  const given: { readonly name: string; readonly sizes: readonly number[] } = { name: 'a', sizes: [1] };
  const kept = route({ ...described, answers, answer: () => json(given) });
  const query = { path: {}, query: new URLSearchParams(), headers: {}, body: Buffer.alloc(0) };
  const response = await kept.handle({ ...query, access: { isAllowed: true }, signal: AbortSignal.abort() });
  expect(response).toMatchObject({ body: '{"name":"a","sizes":[1]}\n' });

  // @ts-expect-error A member is missing.
  route({ ...described, answers, answer: () => json({ name: 'a' }) });
  // @ts-expect-error A member is of another type.
  route({ ...described, answers, answer: () => json({ name: 'a', sizes: ['1'] }) });
  // @ts-expect-error It says nothing of what it is.
  route({ ...described, answers, answer: () => ({ status: 200, contentType: 'application/json', body: '{}' }) });
  const text = { description: 'Text', contentType: 'text/plain' };
  route({ ...described, answers: text, answer: () => ({ status: 200, contentType: 'text/plain', body: '' }) });
});
