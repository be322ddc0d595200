import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { shownSecret, shownText, withoutPasswords } from './without-passwords.ts';

describe('withoutPasswords', () => {
  it.each([
    ['http://u:s3cret@h:8123/mydb', 'http://u:***@h:8123/mydb'],
    ['"https://u:p%40ss%2Fw@h"; accepted is', '"https://u:***@h"; accepted is'],
    ['http://u:p@ss/w?o#rd@h:1', 'http://u:***@h:1'],
    ['http://a:1@h,http://b:2@i, http://j', 'http://a:***@h,http://b:***@i, http://j'],
    ['{"urls":["http://a:1@h","http://b:2@i"]}', '{"urls":["http://a:***@h","http://b:***@i"]}'],
    ['http://user@h:8123', 'http://user@h:8123'],
    ['http://h:8123/ said no', 'http://h:8123/ said no'],
    ['http://:pw@h', 'http://:***@h'],
  ])('makes of %j %j', (text, expected) => {
    expect(withoutPasswords(text)).toBe(expected);
  });

  it('leaves nothing of a password, whatever URLs make of it', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 6 }), (password) => {
        const url = new URL('http://user@host:8123');
        url.password = encodeURIComponent(password);
        expect(withoutPasswords(`cannot reach ${url.href}: ENOTFOUND`)).toBe(
          'cannot reach http://user:***@host:8123/: ENOTFOUND',
        );
      }),
    );
  });

  it('reads a text of many colons in time that grows with it alone', () => {
    const text = 'http://a:'.repeat(20_000);
    expect(withoutPasswords(text)).toBe(text);
  });
});

describe('shownText', () => {
  it.each([
    ['--store=http://u:s3cret@h', '--store=http://u:***@h'],
    ['u:s3cret@h:8123', '***'],
    ['--store=u:s3cret@h', '***'],
    ['me@host:8123', 'me@host:8123'],
    ['x'.repeat(101), `${'x'.repeat(100)}…`],
  ])('makes of %j %j', (text, expected) => {
    expect(shownText(text)).toBe(expected);
  });
});

describe('shownSecret', () => {
  it.each([
    ['ftp://x', 'ftp://x'],
    ['clickhouse://db:9000/traces', 'clickhouse://db:9000/traces'],
    ['ftp://u:s3cret@x, http://[::1]:1', 'ftp://***@x,http://[::1]:1'],
    ['http://a?database=x&password=s3cret', 'http://a?***'],
    ['http://a,', '***'],
    ['embeded', 'embeded'],
    ['embedded,http://a', 'embedded,http://a'],
  ])('makes of %j %j', (text, expected) => {
    expect(shownSecret(text)).toBe(expected);
  });

  it.each([
    's3cret',
    'u:s3cret@h',
    '//u:s3cret@h',
    'http://u:s3cret',
    'http://u:p@s3cret@h',
    'http://u:p@s3cret/w@h',
    'http://u:p@s3cret?w@h',
    'http://u:1?s3cret@h',
    'http://u:1#s3cret@h',
    'http://u:1,s3cret@h',
    'http://u:s3cret,x@h',
    'http://u:s3cret x@h',
    'http://u:1 s3cret@h',
    'jdbc:clickhouse://u:s3cret@h',
  ])('hides all of %j, which may be a password anywhere', (text) => {
    expect(shownSecret(text)).toBe('***');
  });

  it('leaves nothing of a password, encoded or not', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 6 }), (password) => {
        for (const written of [password, encodeURIComponent(password)]) {
          const shown = shownSecret(`ftp://u:${written}@h`);
          expect(['***', 'ftp://***@h']).toContain(shown);
        }
      }),
    );
  });
});
