import { describe, expect, it } from 'vitest';
import { findTraceId } from './trace-id.ts';

const id = '4bf92f3577b34da6a3ce929d0e0e4736';

describe('finding a trace id in pasted text', () => {
  it.each([id, ` ${id.toUpperCase()} `, `00-${id}-00f067aa0ba902b7-01`, `http://localhost/trace/${id}?span=a`])(
    'reads %s',
    (text) => {
      expect(findTraceId(text)).toBe(id);
    },
  );

  it.each(['', 'checkout', id.slice(1), `${id}0`, '0'.repeat(32)])('finds none in %j', (text) => {
    expect(findTraceId(text)).toBeNull();
  });
});
