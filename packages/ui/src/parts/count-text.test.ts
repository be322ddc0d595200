import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  countOf,
  countText,
  estimatedText,
  explainEstimate,
  rateText,
  relativeErrorText,
  shareIntervalText,
  shareText,
  shortCountOf,
  shortCountText,
  type CountEstimate,
} from './count-text.ts';

function anEstimate(basis: 'estimated' | 'biased', relativeError: number | null): CountEstimate {
  return { stored: 617, estimated: 12_340, estimate: { basis, relativeError } };
}

describe('counts as text', () => {
  it('set thousands apart and agree with their noun', () => {
    expect(countText(1_234_567)).toBe('1,234,567');
    expect(countOf(1, 'span')).toBe('1 span');
    expect(countOf(2, 'entry', 'entries')).toBe('2 entries');
    expect([1, 2, 12_345].map((count) => shortCountOf(count, 'span'))).toEqual(['1 span', '2 spans', '12.3k spans']);
  });

  it.each([
    [0, '0%'],
    [0.0001, '< 0.1%'],
    [0.034, '3.4%'],
    [0.1, '10%'],
    [0.9999, '99%'],
    [1, '100%'],
  ])('write the share %d as %s', (share, text) => {
    expect(shareText(share)).toBe(text);
  });

  it.each([
    [0, '0'],
    [840.4, '840'],
    [999.7, '1k'],
    [12_345, '12.3k'],
    [999_500, '1M'],
    [1_234_567, '1.23M'],
    [4e15, '4000T'],
  ])('shorten %d to %s', (count, text) => {
    expect(shortCountText(count)).toBe(text);
  });

  it('are shortened by no more than their third digit', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e15 }), (count) => {
        const [, digits = '', step = ''] = /^([\d.]+)([kMGT]?)$/.exec(shortCountText(count)) ?? [];
        const read = Number(digits) * 1000 ** ['', 'k', 'M', 'G', 'T'].indexOf(step);
        expect(Math.abs(read / count - 1)).toBeLessThanOrEqual(0.005);
      }),
    );
  });
});

describe('a rate as text', () => {
  it.each([
    [0, '0/s'],
    [0.004, '< 0.01/s'],
    [0.0421, '0.042/s'],
    [12.345, '12.3/s'],
    [1234, '1.23k/s'],
  ])('writes %d as %s', (perSecond, text) => {
    expect(rateText(perSecond)).toBe(text);
  });
});

describe('an estimated count', () => {
  it('is a plain number where everything was sampled', () => {
    const exact = { stored: 617, estimated: 617, estimate: { basis: 'exact', relativeError: 0 } } as const;
    expect(estimatedText(exact)).toBe('617');
    expect(relativeErrorText(exact.estimate)).toBe('');
    expect(explainEstimate(exact, 'span')).toBe('');
  });

  it('says how far off it may be, and what is stored', () => {
    expect(estimatedText(anEstimate('estimated', 0.04))).toBe('≈12.3k');
    expect(relativeErrorText(anEstimate('estimated', 0.04).estimate)).toBe('±4%');
    expect(explainEstimate(anEstimate('estimated', 0.04), 'span')).toMatch(
      /12,340 spans, .* 617 stored .*: 11,846 to 12,834 .*95%/,
    );
  });

  it('says what is counted already, and what is not', () => {
    const counted = { ...anEstimate('estimated', 0.01), isCounted: true };
    expect(explainEstimate(counted, 'request')).toMatch(/12,340 requests, counted .*: 12,217 to 12,463 .*95%/);
    expect(explainEstimate({ ...anEstimate('estimated', null), isCounted: true }, 'request')).toMatch(
      /^At least 12,340 requests, counted /,
    );
  });

  it('never puts the low end below what is stored', () => {
    expect(explainEstimate(anEstimate('estimated', 1.9), 'span')).toContain(': 617 to 35,786 with');
  });

  it('says that it is biased where weights are unknown', () => {
    expect(estimatedText(anEstimate('biased', null))).toBe('≈12.3k');
    expect(relativeErrorText(anEstimate('biased', null).estimate)).toBe('');
    expect(explainEstimate(anEstimate('biased', null), 'span')).toMatch(/weight .*unknown/);
  });

  it('is explained as in count-text.golden.txt', async () => {
    const estimates: readonly CountEstimate[] = [
      anEstimate('estimated', 0.04),
      anEstimate('biased', null),
      { ...anEstimate('estimated', 0.01), isCounted: true },
      { ...anEstimate('estimated', null), isCounted: true },
      { ...anEstimate('estimated', 0.9), stored: 1 },
      { ...anEstimate('estimated', null), stored: 1 },
      { ...anEstimate('biased', null), stored: 1 },
    ];
    const texts = estimates.map((each) => explainEstimate(each, 'request'));
    await expect(`${texts.join('\n')}\n`).toMatchFileSnapshot('count-text.golden.txt');
  });

  it.each([
    [0.0004, '±0.1%'],
    [0.0049, '±0.5%'],
    [0.128, '±13%'],
    [1.914, '±190%'],
  ])('writes the error %d as %s', (relativeError, text) => {
    expect(relativeErrorText({ basis: 'estimated', relativeError })).toBe(text);
  });

  it('says within which shares an error rate lies', () => {
    expect(shareIntervalText([0.012, 0.0391])).toBe('1.2% to 3.9%');
    expect(shareIntervalText(null)).toBe('');
  });
});
