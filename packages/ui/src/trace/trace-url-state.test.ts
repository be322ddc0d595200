import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readTraceUrlState, writeTraceUrlState } from './trace-url-state.ts';

const state = fc.record({
  span: fc.option(fc.string({ minLength: 1, unit: 'grapheme' })),
  show: fc.constantFrom('errors' as const, 'critical' as const, null),
  find: fc.string({ unit: 'grapheme' }),
});

describe('the state of the trace page', () => {
  it('comes back from its URL exactly as it was written', () => {
    fc.assert(
      fc.property(state, (written) => {
        expect(readTraceUrlState(writeTraceUrlState(written))).toEqual(written);
      }),
    );
  });

  it('ignores a filter that it does not know', () => {
    expect(readTraceUrlState('show=blue').show).toBeNull();
  });
});
