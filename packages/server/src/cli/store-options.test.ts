import { expect, test } from 'vitest';
import { ConfigError } from '../config/setting.ts';
import { readDemoOptions } from './demo-options.ts';
import { readSpoolOptions } from './spool-options.ts';
import { readStoreOptions } from './store-options.ts';

const CHECK = { name: 'check', flags: ['--repair'] };
const BACKUP = { name: 'backup', flags: [] };

function messageOf(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error('nothing was refused');
}

test('an unknown flag is said to be none of the command that was called, whose help lists them', () => {
  expect(messageOf(() => readStoreOptions(CHECK, null, ['--frobnicate'], {}))).toBe(
    '--frobnicate is not a flag of throughline check; throughline check --help lists them',
  );
  expect(messageOf(() => readStoreOptions(BACKUP, 'a directory', ['--frobnicate'], {}))).toBe(
    '--frobnicate is not a flag of throughline backup; throughline backup --help lists them',
  );
  expect(messageOf(() => readSpoolOptions(['list', '--frobnicate'], {}))).toBe(
    '--frobnicate is not a flag of throughline spool; throughline spool --help lists them',
  );
  expect(messageOf(() => readDemoOptions(['--frobnicate'], {}))).toBe(
    '--frobnicate is not a flag of throughline demo; throughline demo --help lists them',
  );
});

test("the flag that was meant may be the command's own or one of throughline up", () => {
  const own = [
    [() => readStoreOptions(CHECK, null, ['--repiar'], {}), 'did you mean --repair?'],
    [() => readStoreOptions(CHECK, null, ['--jsn'], {}), 'did you mean --json?'],
    [() => readStoreOptions(CHECK, null, ['--data-dri', '/a'], {}), 'did you mean --data-dir?'],
    [() => readSpoolOptions(['export', 'a', '--outptu', 'b'], {}), 'did you mean --output?'],
    [() => readDemoOptions(['--exti'], {}), 'did you mean --exit?'],
  ] as const;
  for (const [read, hint] of own) expect(messageOf(read)).toContain(hint);
});

test('a switch that is given a value is said to stand alone', () => {
  expect(messageOf(() => readStoreOptions(CHECK, null, ['--repair=yes'], {}))).toBe('--repair takes no value');
  expect(messageOf(() => readStoreOptions(CHECK, null, ['--json=1'], {}))).toBe('--json takes no value');
});

test('an argument too many is repeated, and a missing one is named', () => {
  expect(messageOf(() => readStoreOptions(CHECK, null, ['store'], {}))).toBe(
    'throughline check: unexpected argument "store"',
  );
  expect(messageOf(() => readStoreOptions(BACKUP, 'a directory', [], {}))).toBe(
    'throughline backup: missing argument DIR (a directory)',
  );
  expect(messageOf(() => readStoreOptions(BACKUP, 'a directory', ['a', 'b'], {}))).toBe(
    'throughline backup: unexpected argument "b"',
  );
});

test('an argument that looks like a login is not repeated', () => {
  for (const read of [
    () => readStoreOptions(CHECK, null, ['user:s3cret@host'], {}),
    () => readStoreOptions(BACKUP, 'a directory', ['a', 'user:s3cret@host:8123'], {}),
    () => readSpoolOptions(['list', 'user:s3cret@host'], {}),
    () => readSpoolOptions(['user:s3cret@host'], {}),
  ]) {
    expect(messageOf(read)).toContain('"***"');
    expect(messageOf(read)).not.toContain('s3cret');
  }
});
