import { describe, expect, it } from 'vitest';
import { describeTraceFailure } from './describe-trace-failure.ts';

const describeIt = (code: string, status: number) =>
  describeTraceFailure('abc', { code, status, message: 'the engine is opening' }, '127.0.0.1:4319');

describe('a trace that cannot be shown', () => {
  it('says that it is not stored', () => {
    expect(describeIt('trace_not_found', 404).title).toBe('Trace not found');
  });

  it('says what a trace ID looks like', () => {
    expect(describeIt('invalid_trace_id', 400).detail).toContain('“abc”');
  });

  it('names who does not answer', () => {
    expect(describeIt('unreachable', 0).detail).toContain('127.0.0.1:4319');
  });

  it('does not call a collector busy whose store lacks a shard', () => {
    const [away, busy] = [describeIt('shard_unavailable', 503), describeIt('store_unavailable', 503)];
    expect(away.detail).toContain('the engine is opening');
    expect(away.title).not.toBe(busy.title);
  });

  it('passes on what a busy or failing collector says', () => {
    expect(describeIt('engine_not_ready', 503).detail).toBe('the engine is opening');
    expect(describeIt('internal', 500).detail).toBe('the engine is opening');
  });
});
