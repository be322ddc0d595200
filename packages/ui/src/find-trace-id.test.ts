import { describe, expect, it } from 'vitest';
import { findTraceId } from './find-trace-id.ts';

const id = '4bf92f3577b34da6a3ce929d0e0e4736';

describe('finding a trace id in pasted text', () => {
  it.each([
    id,
    ` ${id.toUpperCase()} `,
    `0x${id}`,
    '4bf92f35-77b3-4da6-a3ce-929d0e0e4736',
    '1-4bf92f35-77b34da6a3ce929d0e0e4736',
    `00-${id}-00f067aa0ba902b7-01`,
    `trace_id=${id} level=error`,
    `http://localhost/trace/${id}?span=a`,
    `https://tools.example/tracing/trace/4bf92f35-77b3-4da6-a3ce-929d0e0e4736`,
  ])('reads %s', (text) => {
    expect(findTraceId(text)).toBe(id);
  });

  it('fills an id of 64 bits', () => {
    expect(findTraceId('7ed1c2c0305b3522')).toBe('00000000000000007ed1c2c0305b3522');
  });

  it.each(['', 'checkout', 'decade', `${id}0`, '0'.repeat(32)])('finds none in %j', (text) => {
    expect(findTraceId(text)).toBeNull();
  });
});
