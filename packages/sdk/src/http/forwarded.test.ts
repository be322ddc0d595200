import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { readForwarded } from './forwarded.ts';

it.each<[string, Record<string, string>, object]>([
  [
    'the standard header',
    { forwarded: 'for=192.0.2.60;proto=https;host=shop.example;by=203.0.113.43' },
    { client: '192.0.2.60', host: 'shop.example', scheme: 'https' },
  ],
  ['the first proxy of several', { forwarded: 'for="[2001:db8::17]:4711", for=10.0.0.1' }, { client: '2001:db8::17' }],
  ['spaces and cases', { forwarded: 'For="_hidden"; Proto=HTTP' }, { client: '_hidden', scheme: 'http' }],
  [
    'the headers of before',
    { 'x-forwarded-for': '203.0.113.7:55, 10.0.0.1', 'x-forwarded-host': 'a.test:8443', 'x-forwarded-proto': 'https' },
    { client: '203.0.113.7', host: 'a.test:8443', scheme: 'https' },
  ],
  ['an address with colons', { 'x-forwarded-for': '2001:db8::1' }, { client: '2001:db8::1' }],
  [
    'both: the standard one counts',
    { forwarded: 'for=1.1.1.1', 'x-forwarded-for': '2.2.2.2', 'x-forwarded-proto': 'https' },
    { client: '1.1.1.1', scheme: 'https' },
  ],
  ['no scheme that we know', { 'x-forwarded-proto': 'javascript' }, {}],
  ['nonsense', { forwarded: ';;==,"', 'x-forwarded-for': ' , ' }, {}],
])('reads %s', (_, headers, expected) => {
  expect(readForwarded(headers)).toEqual(expected);
});

it('takes any text, in time that goes by its length', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(readForwarded({ forwarded: text, 'x-forwarded-for': text })).toBeTypeOf('object');
    }),
  );
  for (const part of ['for="', 'for=a;', '\\"', ' ;', 'a=']) readForwarded({ forwarded: part.repeat(50_000) });
});
