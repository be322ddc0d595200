import type { IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import { toOriginForm } from './to-origin-form.ts';

test.each([
  ['http://box:4318/v1/traces?a=b', '/v1/traces?a=b', 'box:4318'],
  ['HTTPS://Box//v1/traces', '//v1/traces', 'Box'],
  ['http://[::1]:80', '/', '[::1]:80'],
  ['http://box?a=b', '/?a=b', 'box'],
  ['http://user:pass@box/a', '/a', 'box'],
  ['http://own@evil.example/a', '/a', 'evil.example'],
  ['/v1/traces', '/v1/traces', 'given'],
  ['/http://box/', '/http://box/', 'given'],
  ['http:///a', 'http:///a', 'given'],
  ['ftp://box/a', 'ftp://box/a', 'given'],
  ['*', '*', 'given'],
  ['', '', 'given'],
])('the target %j is %j of %j', (target, url, host) => {
  const request = { url: target, headers: { host: 'given' } } as IncomingMessage;
  toOriginForm(request);
  expect([request.url, request.headers.host]).toEqual([url, host]);
});
