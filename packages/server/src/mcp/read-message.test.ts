import { expect, it } from 'vitest';
import { readMessage } from './read-message.ts';

const read = (text: string) => readMessage(Buffer.from(text));
const codeOf = (text: string): unknown => {
  const result = read(text);
  if (!('refusal' in result)) return 'taken';
  const { error } = JSON.parse(result.refusal.body as string) as { error: { code: number } };
  return [result.refusal.status, error.code];
};
const nested = (levels: number): string => `${'{"a":'.repeat(levels - 1)}{}${'}'.repeat(levels - 1)}`;

it('takes an object, whatever it says: the library judges it', () => {
  for (const message of [{}, { jsonrpc: '2.0', method: 'ping', id: 1 }, { a: [1, { b: null }] }]) {
    expect(read(JSON.stringify(message))).toEqual({ message });
  }
  expect(codeOf(nested(32))).toBe('taken');
});

it('refuses what is no JSON', () => {
  for (const text of ['', '{', 'nul', '\u0000', '{"a":1}}']) expect(codeOf(text)).toEqual([400, -32_700]);
});

it('refuses several messages at once, and what is none', () => {
  for (const text of ['[]', '[{"jsonrpc":"2.0","method":"ping","id":1}]', 'null', '1', '"x"']) {
    expect(codeOf(text)).toEqual([400, -32_600]);
  }
});

it('refuses a tree that is deeper than any message, also where there is no stack for it', () => {
  expect(codeOf(nested(33))).toEqual([400, -32_600]);
  expect(codeOf(`{"a":${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}}`)).toEqual([400, -32_600]);
});

it('refuses streams that stay open, with the id that it was asked by', () => {
  const refusals = ['1', '"a"', '{}', 'null'].map((id) => {
    const result = read(`{"jsonrpc":"2.0","method":"subscriptions/listen","id":${id}}`);
    const { status, body } = 'refusal' in result ? result.refusal : { status: 0, body: '{}' };
    return [status, JSON.parse(body as string) as unknown];
  });
  expect(refusals.map(([status]) => status)).toEqual([404, 404, 404, 404]);
  expect(refusals.map(([, body]) => body)).toMatchObject([{ id: 1 }, { id: 'a' }, { id: null }, { id: null }]);
});
