import { expect, test } from 'vitest';
import { readCommandLine, type Command, type CommandLine } from './command-line.ts';
import { ConfigError } from './setting.ts';

const COMMAND: Command = {
  name: 'export',
  flags: { '--all': 'switch', '--output': { accepted: 'the path of a file' } },
  namesMax: 2,
};

function read(...args: readonly string[]): CommandLine | null {
  return readCommandLine(args, COMMAND);
}

function flagsOf(...args: readonly string[]): Record<string, string> {
  return Object.fromEntries(read(...args)?.flags ?? []);
}

function messageOf(...args: readonly string[]): string {
  try {
    read(...args);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error('nothing was rejected');
}

test("reads the command's own flags as it reads those of settings, behind a blank or an equals sign", () => {
  expect(flagsOf('--output', 'a', '--data-dir=/b', '--all', '--config', 'c.yaml')).toEqual({
    '--output': 'a',
    '--data-dir': '/b',
    '--all': 'true',
    '--config': 'c.yaml',
  });
  expect(flagsOf('--output=a=b', '--data-dir', 'c=d')).toEqual({ '--output': 'a=b', '--data-dir': 'c=d' });
});

test('flags may stand before, between and behind names', () => {
  expect(read('a', '--output', 'x', 'b', '--all')).toEqual({
    names: ['a', 'b'],
    flags: new Map([
      ['--output', 'x'],
      ['--all', 'true'],
    ]),
    lists: new Map([
      ['--output', ['x']],
      ['--all', ['true']],
    ]),
  });
});

test('of a flag that is given twice, the last one counts, and all are there in their order', () => {
  expect(read('--output', 'b', '--all', '--output=a')?.lists.get('--output')).toEqual(['b', 'a']);
  expect(flagsOf('--output', 'a', '--output=b', '--http-port', '1', '--http-port', '2')).toEqual({
    '--output': 'b',
    '--http-port': '2',
  });
});

test('what looks like the next flag is no value, unless it stands behind an equals sign', () => {
  for (const next of ['--all', '--help', '-h', '--other', '--']) {
    expect(messageOf('--data-dir', next)).toMatch(/^--data-dir: missing value, .*--data-dir=VALUE$/);
    expect(flagsOf(`--data-dir=${next}`)).toEqual({ '--data-dir': next });
  }
  expect(messageOf('--output', '--all')).toMatch(/^--output: missing value, .*; /);
  expect(flagsOf('--http-port', '-1', '--output', '-')).toEqual({ '--http-port': '-1', '--output': '-' });
});

test('a value that is missing at the end is said to be, and an empty one is a value', () => {
  expect(messageOf('--output')).toMatch(/^--output: missing value, [^;]*$/);
  expect(messageOf('--all', '--config')).toMatch(/^--config: missing value, [^;]*$/);
  expect(flagsOf('--output=', '--data-dir', '')).toEqual({ '--output': '', '--data-dir': '' });
  expect(read('', 'a')?.names).toEqual(['', 'a']);
});

test("a command's own switch stands alone; one of a setting may be given a value", () => {
  expect(messageOf('--all=1')).toMatch(/^--all .*no value$/);
  expect(messageOf('--all=')).toMatch(/^--all .*no value$/);
  expect(messageOf('--help=1')).toMatch(/^--help .*no value$/);
  expect(flagsOf('--no-auth=false')).toEqual({ '--no-auth': 'false' });
  expect(read('--no-auth', 'false')).toMatchObject({ names: ['false'], flags: new Map([['--no-auth', 'true']]) });
});

test('an unknown flag names the one that was meant, or where all are listed', () => {
  expect(messageOf('--outptu', 'a')).toMatch(/--outptu; .*--output\?$/);
  expect(messageOf('--data-dri=a')).toMatch(/--data-dri; .*--data-dir\?$/);
  expect(messageOf('--hlep')).toMatch(/--hlep; .*--help\?$/);
  expect(messageOf('--frobnicate')).toMatch(/--frobnicate; throughline export --help /);
  expect(messageOf('--constructor')).toContain('unknown flag --constructor');
  expect(messageOf('--=a')).toContain('unknown flag --;');
});

test('all behind -- are names, and so is a dash alone', () => {
  expect(read('--all', '--', '--output', '--help')).toMatchObject({
    names: ['--output', '--help'],
    flags: new Map([['--all', 'true']]),
  });
  expect(read('-', '--')?.names).toEqual(['-']);
});

test('a command that takes no settings knows none, and its help', () => {
  const search: Command = { name: 'search', flags: { '--service': { accepted: 'a name' } }, takesSettings: false };
  expect(readCommandLine(['--service', 'web'], search)?.flags).toEqual(new Map([['--service', 'web']]));
  expect(readCommandLine(['--help'], search)).toBeNull();
  expect(() => readCommandLine(['--data-dir', 'x'], search)).toThrow(/--data-dir; .*search --help/);
});

test('a name too many is repeated, behind an unknown flag that may be the reason for it', () => {
  expect(messageOf('a', 'b', 'c')).toBe('unexpected argument "c"');
  expect(messageOf('--', 'a', 'b', '-c')).toBe('unexpected argument "-c"');
  expect(messageOf('a', 'b', '--outpu', 'c')).toMatch(/--outpu; .*--output\?$/);
  expect(messageOf('a', 'b', 'user:s3cret@host')).toBe('unexpected argument "***"');
});

test('help comes before anything else that is wrong', () => {
  for (const args of [['--help'], ['-h'], ['--frobnicate', '--help'], ['a', 'b', 'c', '-h'], ['--all=1', '--help']]) {
    expect(read(...args)).toBeNull();
  }
});

test('the messages are those in command-line-messages.golden.txt', async () => {
  const calls = ['--data-dir --all', '--output', '--config', '--all=1', '--outptu a', '--frobnicate', '--=a', 'a b c'];
  const messages = calls.map((args) => messageOf(...args.split(' ')));
  await expect(`${messages.join('\n')}\n`).toMatchFileSnapshot('command-line-messages.golden.txt');
});
