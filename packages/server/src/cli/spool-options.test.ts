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
    [[], 'missing action; supported: list, retry, export'],
    [['lst'], 'unknown action "lst"; did you mean list?'],
    [['list', 'a'], 'unexpected argument "a"'],
    [['retry'], 'either the names of segments, or --all'],
    [['retry', 'a', '--all'], 'either the names of segments, or --all'],
    [['export'], 'missing argument NAME (the name of one segment)'],
    [['export', 'a', 'b'], 'unexpected argument "b"'],
    [['export', 'a', '--output'], '--output: missing value, expected the path of a file'],
    [['export', 'a', '--output='], '--output: got "", expected the path of a file'],
    [['list', '--data-dri', 'x'], 'did you mean --data-dir?'],
  ] as const) {
    expect(() => read(...args), message).toThrow(message);
  }
});
