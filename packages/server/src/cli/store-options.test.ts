import { expect, test } from 'vitest';
import { ConfigError } from '../config/setting.ts';
import { readDemoOptions } from './demo-options.ts';
import { readSpoolOptions } from './spool-options.ts';
import { readStoreOptions } from './store-options.ts';

const CHECK = { name: 'check', flags: { '--repair': 'switch' } } as const;
const BACKUP = { name: 'backup', takes: 'a directory' };

function messageOf(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error('nothing was refused');
}

test('an unknown flag leads to the help of the command that was called', () => {
  expect(messageOf(() => readStoreOptions(CHECK, ['--frobnicate'], {}))).toMatch(
    / --frobnicate; throughline check --help /,
  );
  expect(messageOf(() => readStoreOptions(BACKUP, ['--frobnicate'], {}))).toMatch(
    / --frobnicate; throughline backup --help /,
  );
  expect(messageOf(() => readSpoolOptions(['list', '--frobnicate'], {}))).toMatch(
    / --frobnicate; throughline spool --help /,
  );
  expect(messageOf(() => readDemoOptions(['--frobnicate'], {}))).toMatch(/ --frobnicate; throughline demo --help /);
});

test("the flag that was meant may be the command's own or one of throughline up", () => {
  const own = [
    [() => readStoreOptions(CHECK, ['--repiar'], {}), 'did you mean --repair?'],
    [() => readStoreOptions(CHECK, ['--jsn'], {}), 'did you mean --json?'],
    [() => readStoreOptions(CHECK, ['--data-dri', '/a'], {}), 'did you mean --data-dir?'],
    [() => readSpoolOptions(['export', 'a', '--outptu', 'b'], {}), 'did you mean --output?'],
    [() => readDemoOptions(['--exti'], {}), 'did you mean --exit?'],
  ] as const;
  for (const [read, hint] of own) expect(messageOf(read)).toContain(hint);
});

test('a switch that is given a value is said to stand alone', () => {
  expect(messageOf(() => readStoreOptions(CHECK, ['--repair=yes'], {}))).toMatch(/^--repair .*no value$/);
  expect(messageOf(() => readStoreOptions(CHECK, ['--json=1'], {}))).toMatch(/^--json .*no value$/);
});

test('an argument too many is repeated, and a missing one is named', () => {
  expect(messageOf(() => readStoreOptions(CHECK, ['store'], {}))).toBe('unexpected argument "store"');
  expect(messageOf(() => readStoreOptions(BACKUP, [], {}))).toBe('missing argument DIR (a directory)');
  expect(messageOf(() => readStoreOptions(BACKUP, ['a', 'b'], {}))).toBe('unexpected argument "b"');
});

test('an argument that looks like a login is not repeated', () => {
  for (const read of [
    () => readStoreOptions(CHECK, ['user:s3cret@host'], {}),
    () => readStoreOptions(BACKUP, ['a', 'user:s3cret@host:8123'], {}),
    () => readSpoolOptions(['list', 'user:s3cret@host'], {}),
    () => readSpoolOptions(['user:s3cret@host'], {}),
  ]) {
    expect(messageOf(read)).toContain('"***"');
    expect(messageOf(read)).not.toContain('s3cret');
  }
});
