import { expect, it } from 'vitest';
import { urlOf } from './url-of.ts';

it('shows a host that means all addresses as one that a browser can open', () => {
  expect(['0.0.0.0', '::', '::1', 'shop.example'].map((host) => urlOf(host, 4319))).toEqual([
    'http://localhost:4319',
    'http://localhost:4319',
    'http://[::1]:4319',
    'http://shop.example:4319',
  ]);
});
