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
  expect(read('list', '--json')).toMatchObject({ action: 'list', json: true, output: null });
  expect(read('retry', '--help')).toBeNull();
});

test('a wrong call says what is accepted', () => {
  for (const [args, message] of [
    [[], 'no action was given to throughline spool; accepted are list, retry, export'],
    [['lst'], '"lst" is not an action to throughline spool; did you mean list?'],
    [['list', 'a'], 'accepted are only flags'],
    [['retry'], 'either the names of segments, or --all'],
    [['retry', 'a', '--all'], 'either the names of segments, or --all'],
    [['export'], 'was given 0 names; accepted is the name of one segment'],
    [['export', 'a', '--output'], '--output was given without a value'],
    [['list', '--data-dri', 'x'], 'did you mean --data-dir?'],
  ] as const) {
    expect(() => read(...args), message).toThrow(message);
  }
});
