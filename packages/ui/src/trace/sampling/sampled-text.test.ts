import type { TraceSamplingResponse } from '@throughline/trace/client';
import { describe, expect, it } from 'vitest';
import { traceSampledText } from './sampled-text.ts';

function sampledAs(estimate: TraceSamplingResponse['estimate'], weight: number | null, threshold = '0'): string {
  const probability = weight === null ? null : 1 / weight;
  const decision = { service: 'web', operation: 'GET /', spanId: 'b'.repeat(16), reason: null, text: '' };
  const decisions = [{ ...decision, threshold, probability }];
  return traceSampledText({ traceId: 'a'.repeat(32), estimate, weight, probability, decisions });
}

describe('why a trace was sampled', () => {
  it('says for how many it stands', () => {
    expect(sampledAs('estimated', 20, 'f333')).toBe('Sampled 1 in 20 · represents ≈20 traces');
    expect(sampledAs('estimated', 1.5, '5555')).toBe('Sampled 2 in 3 · represents ≈1.5 traces');
    expect(sampledAs('biased', 2500, 'fff')).toBe('Sampled 1 in 2,500 · represents ≈2.5k traces');
  });

  it('is quiet where every trace is sampled, and does not claim it where nobody reported it', () => {
    expect(sampledAs('exact', 1)).toBe('Sampled at 100%');
    expect(sampledAs('exact', 1, '')).toBe('Sampling not reported (assumed 100%)');
  });

  it('says that a part of it is less certain than its root', () => {
    expect(sampledAs('estimated', 1)).toBe('Sampled at 100% · some spans dropped');
    expect(sampledAs('biased', 1)).toBe('Sampled · some weights unknown');
  });

  it('says that nobody can tell', () => {
    expect(sampledAs('biased', null, '')).toBe('Sampled · probability unknown');
  });
});
