import { expect, test } from 'vitest';
import { RunningCheck } from './running-check.ts';

test('one check runs at a time, and reports how it goes on', async () => {
  const runs: { signal: AbortSignal; end: (report: string) => void }[] = [];
  const checks = new RunningCheck<string>(
    (signal) =>
      new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('ended')));
        runs.push({ signal, end: resolve });
      }),
  );
  expect(checks.ask('a')).toEqual({ state: 'running' });
  expect(checks.ask('b')).toEqual({ state: 'busy' });
  runs[0]?.end('fine');
  await new Promise(setImmediate);
  expect(checks.ask('a')).toEqual({ state: 'done', report: 'fine' });
  expect(checks.ask('b')).toEqual({ state: 'running' });
  checks.stop();
  await new Promise(setImmediate);
  expect(checks.ask('b')).toEqual({ state: 'failed', reason: 'ended' });
});
