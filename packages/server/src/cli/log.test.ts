import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { logText } from './log.ts';

const entry = (fields: object): string =>
  logText(
    `${JSON.stringify({ level: 40, time: 1_795_000_000_000, pid: 1, hostname: 'h', name: 'throughline', ...fields })}\n`,
  );

test('an entry is one line: time, level, message, and what else it holds', () => {
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

test('no log call sets a key that every entry has already: the line would have it twice', () => {
  const directory = join(import.meta.dirname, '..');
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'));
  const found: string[] = [];
  let calls = 0;
  for (const path of files) {
    const source = readFileSync(join(directory, path), 'utf8');
    for (const [, fields = ''] of source.matchAll(/\blog\??\.(?:trace|debug|info|warn|error|fatal)\(\s*\{([^}]*)\}/g)) {
      calls += 1;
      if (/(?:^|,)\s*(?:level|time|pid|hostname|name|msg)\s*(?:[:,]|$)/.test(fields)) found.push(`${path}: ${fields}`);
    }
  }
  expect(calls).toBeGreaterThan(20);
  expect(found).toEqual([]);
});
