import { expect, test } from 'vitest';
import { singleServerTables } from './tables.ts';

const tables = singleServerTables();

test('on a single server every use of a table has the same name, and nothing is said of a cluster', () => {
  const { name, ...uses } = tables.spans;
  expect(name).toBe('spans');
  expect(new Set(Object.values(uses))).toEqual(new Set(['throughline.spans']));
  expect(tables.named('in_doubt_1').write).toBe('throughline.in_doubt_1');
  expect([tables.onCluster, tables.system('parts')]).toEqual(['', 'system.parts']);
  expect(tables.createDatabase).toBe('CREATE DATABASE IF NOT EXISTS throughline');
});

test('a table is made by one statement, with the clauses that it has', () => {
  const columns = '  id String';
  expect(tables.create('store_id', { columns, engine: 'MergeTree', orderBy: 'id' })).toEqual([
    'CREATE TABLE IF NOT EXISTS throughline.store_id (\n  id String\n) ENGINE = MergeTree\nORDER BY id',
  ]);
  const settings = ['index_granularity = 1024', 'fsync_after_insert = 1'];
  expect(tables.create('spans', { columns, engine: 'MergeTree', partitionBy: 'day', orderBy: 'id', settings })).toEqual(
    [
      'CREATE TABLE IF NOT EXISTS throughline.spans (\n  id String\n) ENGINE = MergeTree\nPARTITION BY day\nORDER BY id\n' +
        'SETTINGS index_granularity = 1024, fsync_after_insert = 1',
    ],
  );
});

test('what is no name of a table becomes no part of a statement', () => {
  expect(() => tables.named('spans; DROP TABLE spans')).toThrow(RangeError);
});
