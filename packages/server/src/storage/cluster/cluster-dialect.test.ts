import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { startClickHouseHttp } from '../../../../../test/support/clickhouse-http/server.ts';
import { ClusterEngine } from './cluster-engine.ts';
import { engineContract } from '../engine.contract.ts';
import { silentLog } from '../testing/start-engine.ts';

engineContract('a current ClickHouse with a password in another time zone', async (limits) => {
  const server = await startClickHouseHttp({ password: 'p@ss:w/ö rd%', timeZone: 'America/New_York' });
  const directory = mkdtempSync(join(tmpdir(), 'throughline-cluster-'));
  const urls = [server.urlOf('default', 'p@ss:w/ö rd%')];
  const engine = new ClusterEngine({ urls, log: silentLog, registry: new Registry(), limits });
  await engine.start();
  return {
    engine,
    directory,
    [Symbol.asyncDispose]: async () => {
      await engine.close();
      await server.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
});
