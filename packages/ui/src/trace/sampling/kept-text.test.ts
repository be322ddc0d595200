import type { TraceSamplingResponse } from '@throughline/trace';
import { describe, expect, it } from 'vitest';
import { traceKeptText } from './kept-text.ts';

const kept = (estimate: TraceSamplingResponse['estimate'], weight: number | null): string =>
  traceKeptText({
    traceId: 'a'.repeat(32),
    estimate,
    weight,
    probability: weight === null ? null : 1 / weight,
    decisions: [],
  });

describe('why a trace was kept', () => {
  it('says for how many it stands', () => {
    expect(kept('estimated', 20)).toBe('Kept 1 in 20 · stands for ≈20 traces');
    expect(kept('estimated', 1.5)).toBe('Kept 2 in 3 · stands for ≈1.5 traces');
    expect(kept('biased', 2500)).toBe('Kept 1 in 2,500 · stands for ≈2.5k traces');
  });

  it('is quiet where every trace is kept', () => {
    expect(kept('exact', 1)).toBe('Kept: every trace is');
  });

  it('says that nobody can tell', () => {
    expect(kept('biased', null)).toBe('Kept, of an unknown number');
    expect(kept('biased', 1)).toBe('Kept, with spans of unknown weight');
  });
});
