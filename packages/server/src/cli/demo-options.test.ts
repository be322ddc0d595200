import { expect, test } from 'vitest';
import { ConfigError } from '../config/setting.ts';
import { DEMO_USAGE, readDemoOptions } from './demo-options.ts';

test('keeps the shop open, with customers for 15 s, unless told otherwise', () => {
  expect(readDemoOptions([], {})).toMatchObject({ exit: false, json: false, shopPort: 0, loadSeconds: 15 });
});

test('takes its own flags in any place and leaves the others to the collector', () => {
  const args = [
    '--exit',
    '--http-port',
    '0',
    '--load-seconds=3',
    '--data-dir=/tmp/here',
    '--shop-port',
    '8080',
    '--json',
  ];
  const options = readDemoOptions(args, { THROUGHLINE_OTLP_HTTP_PORT: '1' });
  expect(options).toMatchObject({ exit: true, json: true, shopPort: 8080, loadSeconds: 3 });
  expect(options?.config).toMatchObject({ httpPort: 0, otlpHttpPort: 1, dataDirectory: '/tmp/here' });
});

test.each([
  [['--load-seconds', '0']],
  [['--load-seconds', 'long']],
  [['--load-seconds']],
  [['--shop-port', '65536']],
  [['--shop-port', '--exit']],
  [['--shop-prt', '1']],
  [['buy']],
])('rejects %j with a message that says what is accepted', (args) => {
  expect(() => readDemoOptions(args, {})).toThrow(ConfigError);
});

test('guesses which of its own flags was meant', () => {
  expect(() => readDemoOptions(['--load-second=3'], {})).toThrow('did you mean --load-seconds?');
});

test('names every flag of its own in its usage', () => {
  expect(readDemoOptions(['--help'], {})).toBeNull();
  for (const flag of ['--exit', '--json', '--shop-port', '--load-seconds']) expect(DEMO_USAGE).toContain(flag);
});
