import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { safeJson, safeText } from './safe-text.ts';

/** Controls, ends of lines, and what turns the reading direction; a mark of ours that keeps it is none of these. */
const STEERS = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u061c\u200f\u202a-\u202e\u2066-\u2069\u{e0000}-\u{e007f}]/u;

describe('text of a span', () => {
  it('is as it is where nothing in it steers the terminal', () => {
    for (const text of ['SELECT * FROM carts', '漢字', 'naïve 👨‍👩‍👧‍👦', '']) expect(safeText(text)).toBe(text);
  });

  it('shows controls by their pictures', () => {
    expect(safeText('\u001b]0;title\u0007\u001b[31mred')).toBe('␛]0;title␇␛[31mred');
    expect(safeText('a\u009b31mb\u007f')).toBe('a�31mb␡');
  });

  it('is one line', () => {
    expect(safeText('SELECT *\n\tFROM carts\r\n\u2028x')).toBe('SELECT * FROM carts x');
  });

  it('turns no direction, and leaves what stands beside it in its place', () => {
    expect(safeText('user\u202egnp.exe')).toBe('user�gnp.exe');
    expect(safeText('שלום')).toBe('\u200eשלום\u200e');
  });

  it('hides no letters', () => {
    expect(safeText(`ok${String.fromCodePoint(0xe0041, 0xe007f)}`)).toBe('ok\ufffd\ufffd');
  });

  it.each([
    0xad, 0x34f, 0x115f, 0x180e, 0x200b, 0x200c, 0x2060, 0x2062, 0x206f, 0x3164, 0xffa0, 0x1d173, 0xe0001, 0xe0041,
    0xe0101,
  ])('hides no character in it: code point %i', (code) => {
    const hidden = String.fromCodePoint(code);
    expect(safeText(`pay${hidden}ment`)).toBe('pay\ufffdment');
    expect(safeJson(`pay${hidden}ment`)).toMatch(/^"pay(?:\\u[0-9a-f]{4}){1,2}ment"$/);
  });

  it('keeps what joins and colours emoji, and shows the same between other letters', () => {
    for (const text of ['👨‍👩‍👧‍👦', '❤️', '❤️‍🔥', '🏳️‍🌈', '1️⃣', '👩🏽‍🚀', '🐻‍❄️']) expect(safeText(text)).toBe(text);
    expect(safeText('a\u200db')).toBe('a\ufffdb');
    expect(safeText('a\ufe0fb')).toBe('a\ufffdb');
    expect(safeText('👨\u200db')).toBe('👨\ufffdb');
    expect(safeText('👨\ufe0f\ufe0f')).toBe('👨\ufe0f\ufffd');
  });

  it('heaps no marks on one letter', () => {
    expect(safeText(`a${'\u0301'.repeat(500)}b`)).toBe(`a${'\u0301'.repeat(4)}b`);
  });

  it('loses the end that nobody can read', () => {
    expect(safeText('x'.repeat(10_000))).toHaveLength(2_001);
    expect(safeText('👨👨', 3)).toBe('👨…');
  });

  it('steers nothing, whatever it is', () => {
    const unit = fc.oneof(
      fc.integer({ min: 0, max: 0xff }).map((code) => String.fromCharCode(code)),
      fc.integer({ min: 0x2000, max: 0x20ff }).map((code) => String.fromCharCode(code)),
      fc.integer({ min: 0xd800, max: 0xdfff }).map((code) => String.fromCharCode(code)),
      fc.integer({ min: 0xe0000, max: 0xe007f }).map((code) => String.fromCodePoint(code)),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    );
    fc.assert(
      fc.property(fc.array(unit), (units) => {
        const text = units.join('');
        expect(safeText(text)).not.toMatch(STEERS);
        expect(safeText(safeText(text))).toBe(safeText(text));
        expect(safeJson({ text })).not.toMatch(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069\u{e0000}-\u{e007f}]/u);
        expect(JSON.parse(safeJson({ text }))).toEqual({ text });
      }),
    );
  });
});
