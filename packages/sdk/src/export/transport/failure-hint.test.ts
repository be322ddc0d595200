import { expect, it } from 'vitest';
import { failureHint } from './failure-hint.ts';

const ENDPOINT = 'http://collector:4318/v1/traces';
const STATUSES = [308, 401, 403, 404, 405, 407, 413, 415];
const CONNECTIONS = [
  'connect ECONNREFUSED 10.0.0.1:4318',
  'connect ENOENT /run/collector.sock',
  'getaddrinfo ENOTFOUND collector',
  'Protocol "https:" not supported. Expected "http:"',
  'connect ECONNREFUSED 10.0.0.1:3128 (via proxy http://proxy:3128)',
  'CONNECT failed with status 407',
  'write EPROTO: wrong version number',
  'Parse Error: Expected HTTP/',
  'self-signed certificate in certificate chain',
];

it('has its hints in failure-hints.golden.txt', async () => {
  const hints = [
    ...STATUSES.map((status) => `${status}:${failureHint(ENDPOINT, status, '')}`),
    ...CONNECTIONS.map((message) => `${message}:${failureHint(ENDPOINT, undefined, message)}`),
    ...['4317', '4319'].map(
      (port) => `port ${port}:${failureHint(ENDPOINT.replace('4318', port), undefined, 'anything')}`,
    ),
  ];
  await expect(`${hints.join('\n')}\n`).toMatchFileSnapshot('failure-hints.golden.txt');
});

it('has no hint for what nobody knows a reason of', () => {
  expect(failureHint(ENDPOINT, 500, '')).toBe('');
  expect(failureHint(ENDPOINT, undefined, 'read ECONNRESET')).toBe('');
});
