import { describe, expect, it } from 'vitest';
import { countOf, countText, shareText } from './count-text.ts';

describe('counts as text', () => {
  it('set thousands apart and agree with their noun', () => {
    expect(countText(1_234_567)).toBe('1,234,567');
    expect(countOf(1, 'span')).toBe('1 span');
    expect(countOf(2, 'entry', 'entries')).toBe('2 entries');
  });

  it.each([
    [0, '0 %'],
    [0.0001, '< 0.1 %'],
    [0.034, '3.4 %'],
    [0.1, '10 %'],
    [0.9999, '99 %'],
    [1, '100 %'],
  ])('write the share %d as %s', (share, text) => {
    expect(shareText(share)).toBe(text);
  });
});
