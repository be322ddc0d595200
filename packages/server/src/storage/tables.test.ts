import { expect, test } from 'vitest';
import { clusterTables } from './cluster/cluster-tables.ts';
import { singleServerTables, type StoragePolicy } from './tables.ts';

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

test('on a cluster what grows is spread by trace or service, and what is agreed on is on every server', () => {
  const cluster = clusterTables('my-cluster');
  expect(cluster.spans).toEqual({
    name: 'spans',
    read: 'throughline.spans_distributed',
    write: 'throughline.spans_distributed',
    local: 'throughline.spans',
    everywhere: 'throughline.spans ON CLUSTER `my-cluster`',
  });
  expect(cluster.named('spans')).toBe(cluster.spans);
  expect(cluster.store_id.read).toBe('throughline.store_id');
  expect([cluster.isOnEveryServer('spans'), cluster.isOnEveryServer('collector_leases')]).toEqual([false, true]);
  expect(cluster.system('parts')).toBe('cluster(`my-cluster`, system, parts)');
  expect(() => clusterTables('main`; DROP')).toThrow(RangeError);
});

test('on a cluster a table is replicated, and only inserts of spans are known again', () => {
  const cluster = clusterTables('main');
  const definition = { columns: '  id String', engine: 'SummingMergeTree((a, b))', orderBy: 'id' };
  const [operations, distributed, ...others] = cluster.create('operation_15m', definition);
  expect(others).toEqual([]);
  expect(operations).toBe(
    'CREATE TABLE IF NOT EXISTS throughline.operation_15m ON CLUSTER `main` (\n  id String\n) ' +
      "ENGINE = ReplicatedSummingMergeTree('/clickhouse/tables/{shard}/throughline/operation_15m', '{replica}', (a, b))\n" +
      'ORDER BY id\nSETTINGS replicated_deduplication_window = 0',
  );
  expect(distributed).toContain('Distributed(`main`, throughline, operation_15m, cityHash64(service_name))');
  const [lease, ...more] = cluster.create('collector_leases', { ...definition, engine: 'ReplacingMergeTree(renewal)' });
  expect(more).toEqual([]);
  expect(lease).toContain("('/clickhouse/tables/throughline/collector_leases', '{shard}-{replica}', renewal)");
  const settings = ['index_granularity = 1024', 'non_replicated_deduplication_window = 10000'];
  const [spans] = cluster.create('spans', { ...definition, engine: 'MergeTree', settings });
  expect(spans).toMatch(/SETTINGS index_granularity = 1024, replicated_deduplication_window = \d{6,}, replicated/);
  expect(() => cluster.create('spans_fresh', definition)).toThrow(RangeError);
});

test('what grows by the day is made under a storage policy, and moves when it is old; what does not is left alone', () => {
  const days = { columns: '  id String, day Date', engine: 'MergeTree', partitionBy: 'day', orderBy: 'id' };
  const small = { columns: '  id String', engine: 'MergeTree', orderBy: 'id' };
  const cold = { afterDays: 7, volume: 'it\'s "cold"' };
  for (const tablesOf of [singleServerTables, (policy: StoragePolicy) => clusterTables('main', policy)]) {
    const made = tablesOf({ name: 'tiered', cold });
    const [ofDays] = made.create('spans', { ...days, settings: ['index_granularity = 1024'] });
    expect(ofDays).toContain("\nORDER BY id\nTTL day + toIntervalDay(7) TO VOLUME 'it\\'s \"cold\"'\nSETTINGS ");
    expect(ofDays).toContain("SETTINGS index_granularity = 1024, storage_policy = 'tiered'");
    expect(made.create('store_id', small).join('\n')).not.toMatch(/TTL|storage_policy/);
    const [staying] = tablesOf({ name: 'tiered', cold: null }).create('spans', days);
    expect(staying).toContain("storage_policy = 'tiered'");
    expect(staying).not.toContain('TTL');
  }
});
