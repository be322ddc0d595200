import { describe, expect, it } from 'vitest';
import { isCompressible, preferredCoding } from './content-coding.ts';

describe('preferredCoding', () => {
  it.each([
    [undefined, null],
    ['', null],
    ['identity', null],
    ['gzip', 'gzip'],
    ['GZIP;q=0.5', 'gzip'],
    ['gzip, deflate, br, zstd', 'br'],
    ['gzip;q=1.0, br;q=0.9', 'gzip'],
    ['gzip;q=0, br;q=0', null],
    ['*', 'br'],
    ['*;q=0.1, br;q=0', 'gzip'],
    ['identity, gzip;q=0.5', null],
    ['identity;q=0.5, gzip', 'gzip'],
    ['gzip;q=nonsense', null],
  ])('chooses for %j %j', (accepted, coding) => {
    expect(preferredCoding(accepted, ['br', 'gzip'])).toBe(coding);
  });
});

describe('isCompressible', () => {
  it('knows what is compressed already', () => {
    expect(['text/css; charset=utf-8', 'application/json; charset=utf-8', 'image/svg+xml'].every(isCompressible)).toBe(
      true,
    );
    expect(['font/woff2', 'image/png', 'application/octet-stream'].some(isCompressible)).toBe(false);
  });
});
