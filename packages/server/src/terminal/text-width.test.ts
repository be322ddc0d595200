import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cut, padEnd, padStart, widthOf, wrap } from './text-width.ts';

const anyText = fc.string({ unit: 'grapheme', maxLength: 60 });

describe('text on a terminal', () => {
  it('counts columns, not characters', () => {
    expect(['abc', '漢字', '👨‍👩‍👧‍👦', 'e\u0301', ''].map(widthOf)).toEqual([3, 4, 2, 1, 0]);
  });

  it('is cut with an ellipsis, and never through a character', () => {
    expect(cut('payment', 7)).toBe('payment');
    expect(cut('payment', 6)).toBe('payme…');
    expect(cut('漢字漢字', 6)).toBe('漢字…');
    expect(cut('a👨‍👩‍👧‍👦b', 3)).toBe('a…');
    expect(cut('a', 0)).toBe('');
  });

  it('is cut where it is so long that nobody measures it', () => {
    expect(cut('x'.repeat(1_000_000), 5)).toBe('xxxx…');
  });

  it('fits, whatever it is', () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 1, max: 40 }), (text, width) => {
        expect(widthOf(cut(text, width))).toBeLessThanOrEqual(width);
        expect(widthOf(padEnd(text, width))).toBe(width);
        expect(widthOf(padStart(text, width))).toBe(width);
      }),
    );
  });

  it('is broken between words, and within those that are longer than a line', () => {
    expect(wrap('one two three', 7)).toEqual(['one two', 'three']);
    expect(wrap('abcdefgh ij', 3)).toEqual(['abc', 'def', 'gh', 'ij']);
    expect(wrap('', 3)).toEqual(['']);
  });

  it('loses no character when it is broken', () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 8, max: 40 }), (text, width) => {
        const lines = wrap(text, width);
        expect(lines.join('').replaceAll(' ', '')).toBe(text.replaceAll(' ', ''));
        for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(width);
      }),
    );
  });
});
