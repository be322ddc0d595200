import { Type } from '@sinclair/typebox';
import { expect, it, vi } from 'vitest';
import { closed, count } from '../schema/json-schema.ts';
import { describedBody, jsonBody } from './json-body.ts';
import { Problem } from './problem.ts';

const options = { bytesMax: 1_000, limit: 'test.bytesMax', code: 'invalid_test' };
const problemOf = (read: () => unknown): [number, string, string] | null => {
  try {
    read();
    return null;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return [error.status, error.code, error.message];
  }
};

it('returns what fits its schema, and rejects the rest with what is wrong, which is counted', () => {
  const onRejected = vi.fn<() => void>();
  const body = jsonBody(closed({ times: count({ maximum: 5 }) }), { ...options, onRejected });
  // A part of a larger buffer, as bodies are.
  const whole = Buffer.from('xx{"times":3}xx');
  expect(body.read(whole.subarray(2, -2)).times).toBe(3);
  expect(onRejected).not.toHaveBeenCalled();
  expect(problemOf(() => body.read(Buffer.from('{"times":6}')))).toEqual([
    400,
    'invalid_test',
    expect.stringMatching(/^times: got 6, expected .*0 to 5$/),
  ]);
  expect(problemOf(() => body.read(Buffer.from('{"times":')))).toEqual([
    400,
    'invalid_test',
    expect.stringContaining('not valid JSON'),
  ]);
  expect(problemOf(() => body.read(new Uint8Array(0)))?.[2]).toContain('not valid JSON');
  expect(onRejected).toHaveBeenCalledTimes(3);
});

it('hands on any JSON where only its reader can judge', () => {
  const body = describedBody(Type.Object({}), options);
  expect(body.read(Buffer.from('[1]'))).toEqual([1]);
  expect(problemOf(() => body.read(Buffer.from('[')))?.[1]).toBe('invalid_test');
});
