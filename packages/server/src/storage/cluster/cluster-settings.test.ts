import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { capabilitiesOf } from '../capabilities.ts';
import { CLUSTER_LIMITS } from './cluster-limits.ts';
import { ClusterSettings } from './cluster-settings.ts';
import { clusterTables } from './cluster-tables.ts';
import type { Engine } from '../engine.ts';
import { startEngine, type StartedEngine } from '../testing/start-engine.ts';

const rows = (values: readonly unknown[][]): Uint8Array =>
  Buffer.from(values.map((row) => `${JSON.stringify(row)}\n`).join(''));

describe('what a current ClickHouse is told with each query of a cluster', () => {
  let store: StartedEngine;
  beforeAll(async () => void (store = await startEngine()));
  afterAll(() => store[Symbol.asyncDispose]());

  /** A cluster of three servers, which have the settings of a real one. */
  const servers: Pick<Engine, 'query'> = {
    query: (sql, options) => {
      if (sql.includes('system.clusters')) return Promise.resolve(rows([['main', 3]]));
      if (sql.includes('system.macros')) return Promise.resolve(rows([['shard'], ['replica']]));
      return store.engine.query(sql, options);
    },
  };

  async function settingsFor(sql: string): Promise<Readonly<Record<string, string | number>>> {
    const limits = { ...CLUSTER_LIMITS, shardConnectTimeoutMs: 1_234, shardSilenceMs: 4_321 };
    const settings = new ClusterSettings('main', clusterTables('main'), limits);
    await settings.open(servers, capabilitiesOf('26.7.1.1'));
    return settings.forSelect(sql);
  }

  it('bounds what another server may cost, never leaves one out by itself, and is known to it', async () => {
    const settings = await settingsFor('SELECT 1');
    expect(settings).toMatchObject({
      connect_timeout_with_failover_ms: 1_234,
      connect_timeout_with_failover_secure_ms: 1_234,
      handshake_timeout_ms: 1_234,
      receive_timeout: 5,
      skip_unavailable_shards: 0,
      skip_unavailable_shards_mode: 'unavailable',
    });
    const literals = Object.entries(settings).map(([name, value]) => `${name} = '${value}'`);
    expect(await store.rows(`SELECT 1 SETTINGS ${literals.join(', ')}`)).toEqual([[1]]);
  });

  it('asks for no setting that a server does not have', async () => {
    const old: Pick<Engine, 'query'> = {
      query: (sql, options) =>
        sql.includes('system.settings')
          ? Promise.resolve(rows([['connect_timeout_with_failover_ms']]))
          : servers.query(sql, options),
    };
    const settings = new ClusterSettings('main', clusterTables('main'), CLUSTER_LIMITS);
    await settings.open(old, capabilitiesOf('18.16.1'));
    expect(Object.keys(settings.forSelect('SELECT 1')).toSorted()).toEqual([
      'connect_timeout_with_failover_ms',
      'distributed_product_mode',
      'insert_distributed_sync',
      'receive_timeout',
      'skip_unavailable_shards',
    ]);
  });
});
