import { expect, test } from 'vitest';
import { readSpoolOptions } from './spool-options.ts';

const read = (...args: readonly string[]): ReturnType<typeof readSpoolOptions> => readSpoolOptions(args, {});

test('names of segments may stand before and behind flags, of which the collector knows most', () => {
  expect(read('retry', 'a', '--data-dir', '/data', 'b')).toMatchObject({
    action: 'retry',
    names: ['a', 'b'],
    config: { dataDirectory: '/data' },
    all: false,
  });
  expect(read('export', '--output=out', '--data-dir=/data', 'a')).toMatchObject({ names: ['a'], output: 'out' });
  expect(read('--data-dir', '/data', 'list')).toMatchObject({ action: 'list', names: [] });
  expect(read('list', '--json')).toMatchObject({ action: 'list', json: true, output: null });
  expect(read('retry', '--help')).toBeNull();
});

test('a wrong call says what is accepted', () => {
  for (const [args, message] of [
    [[], 'list, retry, export'],
    [['lst'], /action "lst"; .*list\?$/],
    [['list', 'a'], 'unexpected argument "a"'],
    [['retry'], /segments, or --all$/],
    [['retry', 'a', '--all'], /segments, or --all$/],
    [['export'], 'missing argument NAME'],
    [['export', 'a', 'b'], 'unexpected argument "b"'],
    [['export', 'a', '--output'], '--output: missing value'],
    [['export', 'a', '--output='], '--output: got ""'],
    [['list', '--data-dri', 'x'], /--data-dri; .*--data-dir\?$/],
  ] as const) {
    expect(() => read(...args), String(message)).toThrow(message);
  }
});
