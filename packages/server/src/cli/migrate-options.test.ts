import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ConfigError } from '../config/setting.ts';
import { MIGRATE_USAGE, readMigrateOptions } from './migrate-options.ts';

const STORE = ['--store', 'http://ann:s3cret@127.0.0.1:8123', '--data-dir', '/srv/throughline'];

test('the help is the one that a person has read', async () => {
  await expect(`${MIGRATE_USAGE}\n`).toMatchFileSnapshot('migrate-usage.golden.txt');
  expect(readMigrateOptions(['--help'], {})).toBeNull();
});

test('without flags nothing bounds the rate, and the working folder is in the data directory', () => {
  expect(readMigrateOptions(STORE, {})).toMatchObject({
    workDirectory: join('/srv/throughline', 'migration'),
    spansPerSecond: Infinity,
    isDryRun: false,
    json: false,
  });
});

test('flags select the folder, the rate and the piece', () => {
  const flags = [
    '--work-dir',
    '/srv/work',
    '--spans-per-second',
    '5000',
    '--piece-spans=1000000',
    '--dry-run',
    '--json',
  ];
  expect(readMigrateOptions([...STORE, ...flags], {})).toMatchObject({
    workDirectory: '/srv/work',
    spansPerSecond: 5_000,
    pieceSpansMax: 1_000_000,
    isDryRun: true,
    json: true,
  });
});

test.each([
  [['--piece-spans', '0'], '--piece-spans'],
  [['--piece-spans', '1000001'], '--piece-spans'],
  [['--spans-per-second', '1e3'], '--spans-per-second'],
  [['--spans-per-second=-1'], '--spans-per-second'],
  [['--work-dir', ''], '--work-dir'],
  [['--store', 'embedded'], '--store'],
  [['elsewhere'], 'elsewhere'],
])('%j is refused by its name', (args, name) => {
  const read = (): unknown => readMigrateOptions([...STORE, ...args], {});
  expect(read).toThrow(ConfigError);
  expect(read).toThrow(name);
  expect(read).not.toThrow('s3cret');
});
