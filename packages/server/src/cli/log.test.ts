import { expect, test } from 'vitest';
import { logText } from './log.ts';

const entry = (fields: object): string =>
  logText(
    `${JSON.stringify({ level: 40, time: 1_795_000_000_000, pid: 1, hostname: 'h', name: 'throughline', ...fields })}\n`,
  );

test('an entry is one line: time, level, message, and what else it tells', () => {
  expect(entry({ msg: 'the engine is down', reason: 'SIGKILL', delayMs: 100 })).toBe(
    '11:06:40.000 WARN  the engine is down  reason=SIGKILL delayMs=100',
  );
  const err = { type: 'Error', message: 'no\nspace', stack: 'at …' };
  expect(entry({ level: 50, msg: 'not stored', err })).toBe(
    String.raw`11:06:40.000 ERROR not stored  error="no\nspace"`,
  );
});

test('an error that nobody foresaw is shown with its stack, on the same line', () => {
  const err = { type: 'Error', message: 'odd', stack: 'Error: odd\n    at a.js:1' };
  expect(entry({ level: 60, msg: 'stopping', err })).toBe(
    String.raw`11:06:40.000 FATAL stopping  error="odd" stack="Error: odd\n    at a.js:1"`,
  );
});

test('nothing in an entry can steer the terminal', () => {
  expect(entry({ msg: 'a\u001b[2J\u0007\nb\u009b', key: '\r\u2028' })).toBe(
    String.raw`11:06:40.000 WARN  a\u001b[2J\u0007\u000ab\u009b  key=\u000d\u2028`,
  );
});
