import { expect, it } from 'vitest';
import { linkHref } from './link-href.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';

it.each([
  [traceId, '00f067aa0ba902b7', `/trace/${traceId}?span=00f067aa0ba902b7`],
  [traceId, '', `/trace/${traceId}`],
  [traceId, 'x&find=y', `/trace/${traceId}`],
  ['', '00f067aa0ba902b7', null],
  ['0'.repeat(32), '00f067aa0ba902b7', null],
  ['../services', '00f067aa0ba902b7', null],
])('a link to trace %j and span %j leads to %j', (id, spanId, href) => {
  expect(linkHref({ traceId: id, spanId })).toBe(href);
});
