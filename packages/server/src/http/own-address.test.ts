import { expect, it } from 'vitest';
import { ownAddress } from './own-address.ts';

it('is the name that the client used, behind the prefix', () => {
  expect(ownAddress({ host: '127.0.0.1:4319' }, '')).toBe('http://127.0.0.1:4319');
  expect(ownAddress({ host: '[::1]:4319' }, '/tracing')).toBe('http://[::1]:4319/tracing');
  expect(ownAddress({ host: 'tools.example', 'x-forwarded-proto': 'https, http' }, '')).toBe('https://tools.example');
});

it('is none where the client names no host, or nothing that is one', () => {
  expect([{}, { host: '' }, { host: 'a b' }, { host: 'a>b' }].map((headers) => ownAddress(headers, ''))).toEqual(
    Array(4).fill(null),
  );
});
