/** A process that has the tests' server of ClickHouse's HTTP interface in it. Ends when its parent lets go of it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { importSupport } from './servers.mjs';

const folder = mkdtempSync(join(tmpdir(), 'throughline-bench-cluster-'));
try {
  const { startClickHouseHttp } = await importSupport('clickhouse-http/server.ts', folder);
  const server = await startClickHouseHttp();
  process.once('disconnect', () => void server.stop());
  process.send({ url: server.url, enginePid: server.enginePid });
} finally {
  rmSync(folder, { recursive: true, force: true });
}
