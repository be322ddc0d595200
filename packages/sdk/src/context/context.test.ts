import { expect, it } from 'vitest';
import { runChild } from '../test-support/child.ts';

/** All of them with `npm run test:long`; a share of them otherwise. */
const REQUESTS = process.env['THROUGHLINE_TEST_LONG'] === 'true' ? 100_000 : 10_000;

it('never loses nor mixes up the trace of requests that share and pipeline 50 connections', async () => {
  const child = runChild('context-load.ts', String(REQUESTS), '50');
  const counted = JSON.parse(await child.line()) as unknown;
  expect(counted).toMatchObject({ answered: REQUESTS, leaked: 0, lost: 0, outside: 'none', live: 0 });
});
