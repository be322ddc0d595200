import { expect, it } from 'vitest';
import { uiPath } from './ui-pages.ts';

it('a page has a path, with a query where there is one', () => {
  expect(uiPath('home')).toBe('/');
  expect(uiPath('explore', { search: '' })).toBe('/explore');
  expect(uiPath('explore', { search: 'service=web' })).toBe('/explore?service=web');
});

it('what is no trace id leads to no other page', () => {
  expect(uiPath('trace', { traceId: '../system', search: 'span=1' })).toBe('/trace/..%2Fsystem?span=1');
});
