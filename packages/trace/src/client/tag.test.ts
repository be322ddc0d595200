import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseTag, writeTag } from './tag.ts';

describe('a tag', () => {
  it('comes back as it was written, whatever key and value are', () => {
    const text = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom('\\', '=', 'a') }));
    fc.assert(
      fc.property(text, text, (key, value) => {
        expect(parseTag(writeTag({ key, value }))).toEqual({ key, value });
      }),
    );
  });

  it('ends its key at the first equals sign without a backslash', () => {
    expect(parseTag('http.route=/a=b')).toEqual({ key: 'http.route', value: '/a=b' });
    expect(parseTag(String.raw`a\=b=\=`)).toEqual({ key: 'a=b', value: String.raw`\=` });
    expect(parseTag(String.raw`a\\=b`)).toEqual({ key: 'a\\', value: 'b' });
    expect(parseTag(String.raw`a\b=c`)).toEqual({ key: String.raw`a\b`, value: 'c' });
    expect(parseTag('=')).toEqual({ key: '', value: '' });
    expect(writeTag({ key: 'a=b', value: 'c=d' })).toBe(String.raw`a\=b=c=d`);
  });

  it('is none without one', () => {
    for (const text of ['', 'key', String.raw`a\=b`]) expect(parseTag(text)).toBeNull();
    expect(parseTag('\\'.repeat(60_001))).toBeNull();
  });
});
