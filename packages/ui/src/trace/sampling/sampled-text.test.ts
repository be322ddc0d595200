import type { TraceSamplingResponse } from '@throughline/trace/client';
import { describe, expect, it } from 'vitest';
import { reasonText, traceSampledText } from './sampled-text.ts';

function sampledAs(estimate: TraceSamplingResponse['estimate'], weight: number | null, threshold = '0'): string {
  const probability = weight === null ? null : 1 / weight;
  const decision = { service: 'web', operation: 'GET /', spanId: 'b'.repeat(16), reason: null, text: '' };
  const decisions = [{ ...decision, threshold, probability }];
  return traceSampledText({ traceId: 'a'.repeat(32), estimate, weight, probability, decisions });
}

describe('why a trace was sampled', () => {
  it('says how many traces it represents', () => {
    expect(sampledAs('estimated', 20, 'f333')).toMatch(/1 in 20 .*≈20 traces/);
    expect(sampledAs('estimated', 1.5, '5555')).toMatch(/2 in 3 .*≈1\.5 traces/);
    expect(sampledAs('biased', 2500, 'fff')).toMatch(/1 in 2,500 .*≈2\.5k traces/);
  });

  it('is quiet where every trace is sampled, and does not claim it where nobody reported it', () => {
    expect(sampledAs('exact', 1)).toBe('Sampled at 100%');
    expect(sampledAs('exact', 1, '')).toMatch(/not reported/);
  });

  it('says that a part of it is less certain than its root', () => {
    expect(sampledAs('estimated', 1)).toMatch(/100% .*some spans/);
    expect(sampledAs('biased', 1)).toMatch(/some weights/);
  });

  it('says that nobody can tell', () => {
    expect(sampledAs('biased', null, '')).toMatch(/unknown$/);
  });

  it('reads as in sampled-text.golden.txt', async () => {
    const texts = [
      sampledAs('estimated', 20, 'f333'),
      sampledAs('estimated', 1.5, '5555'),
      sampledAs('estimated', 1.04, '0a'),
      sampledAs('biased', 2500, 'fff'),
      sampledAs('exact', 1),
      sampledAs('exact', 1, ''),
      sampledAs('estimated', 1),
      sampledAs('biased', 1),
      sampledAs('biased', null, ''),
      ...(['default', 'fixed', 'target', 'errors', 'rule'] as const).map((reason) =>
        reasonText({
          service: 'web',
          operation: 'GET /',
          spanId: '',
          threshold: '',
          probability: null,
          reason,
          text: '',
        }),
      ),
    ];
    await expect(`${texts.join('\n')}\n`).toMatchFileSnapshot('sampled-text.golden.txt');
  });
});
