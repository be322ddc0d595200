import { describe, expect, it } from 'vitest';
import { sizeText } from './size-text.ts';

describe('a size as text', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1010, '1010 B'],
    [1024, '1 KiB'],
    [12_900_000, '12.3 MiB'],
    [1024 ** 4 * 5000, '5000 TiB'],
  ])('writes %d bytes as %s', (bytes, text) => {
    expect(sizeText(bytes)).toBe(text);
  });
});
