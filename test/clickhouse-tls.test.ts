import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startClickHouseHttp, type ClickHouseHttp } from './support/clickhouse-http/server.ts';
import { newDirectory, readyz, runCommand, startCollector } from './support/collector.ts';
import { eventually } from './support/processes.ts';
import { metricOf } from './support/prometheus.ts';
import { aRequest, postJson, spanIdOf } from './support/traces.ts';

let folder: string;
let server: ClickHouseHttp;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'throughline-tls-'));
  server = await startClickHouseHttp({ password: 'secret', tls: aCertificate('cert') });
});
afterAll(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Signed by itself; the certificate stands in a file of this name as well. */
function aCertificate(name: string): { readonly key: string; readonly cert: string } {
  const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2'];
  const names = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const [key, cert] = [join(folder, `${name}.key`), join(folder, name)];
  execFileSync('openssl', [...request, '-keyout', key, '-out', cert, ...names], { stdio: 'ignore' });
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
}

it('stores spans over HTTPS on a server whose certificate is trusted', async () => {
  const collector = await startCollector({
    args: ['--store', server.urlOf('default', 'secret'), '--cluster-compression-level', '1'],
    env: { NODE_EXTRA_CA_CERTS: join(folder, 'cert') },
  });
  expect((await postJson(collector.otlpUrl, aRequest('tls', 100))).status).toBe(200);
  const ids = (): Promise<unknown[][]> =>
    server.rows('SELECT lower(hex(span_id)) AS id, count() FROM throughline.spans GROUP BY id ORDER BY id');
  await eventually('the spans are stored', async () => (await ids()).length === 100);
  const sent = Array.from({ length: 100 }, (_, index) => spanIdOf(`tls-${index}`)).toSorted();
  expect(await ids()).toEqual(sent.map((id) => [id, 1]));
  await collector.stop();
});

it('tells a server nothing whose certificate is not trusted', async () => {
  const before = server.seen.length;
  const dataDirectory = newDirectory();
  const ports = ['--http-port', '0', '--otlp-http-port', '0', '--otlp-grpc-port', '0'];
  const store = ['--store', server.urlOf('default', 'secret'), '--data-dir', dataDirectory];
  const command = runCommand(['up', ...ports, ...store]);
  await eventually('the log says why', () => /self-signed certificate/.test(command.output()));
  expect(command.output()).not.toContain('secret');
  expect(server.seen).toHaveLength(before);
  process.kill(command.pid, 'SIGTERM');
  expect(await command.exited).toMatchObject({ signal: null });
  rmSync(dataDirectory, { recursive: true, force: true });
});

it('trusts the certificates in a file, reads it again when it changes, and keeps what worked while it is broken', async () => {
  const trusted = join(folder, 'trusted');
  copyFileSync(join(folder, 'cert'), trusted);
  const collector = await startCollector({
    args: ['--store', server.urlOf('default', 'secret'), '--store-ca-file', trusted],
    env: { THROUGHLINE_CLUSTER_PING_INTERVAL_MS: '100ms' },
  });
  writeFileSync(trusted, 'no certificate');
  await eventually('it says so', async () =>
    (await readyz(collector)).warnings.some(({ code }) => code === 'store_file_broken'),
  );
  expect((await readyz(collector)).ready).toBe(true);

  server.setCertificate(aCertificate('renewed'));
  await eventually('the new certificate is not trusted', async () => !(await readyz(collector)).ready);
  expect((await postJson(collector.otlpUrl, aRequest('renewed', 100))).status).toBe(200);
  copyFileSync(join(folder, 'renewed'), trusted);
  await eventually('it is ready', async () => (await readyz(collector)).ready);
  const ids = (): Promise<unknown[][]> =>
    server.rows('SELECT lower(hex(span_id)) AS id, count() FROM throughline.spans GROUP BY id ORDER BY id');
  const sent = new Set(Array.from({ length: 100 }, (_, index) => spanIdOf(`renewed-${index}`)));
  const found = async (): Promise<unknown[][]> => (await ids()).filter(([id]) => sent.has(String(id)));
  await eventually('the spans are stored', async () => (await found()).length === sent.size);
  expect(await found()).toEqual([...sent].toSorted().map((id) => [id, 1]));
  const reads = (outcome: string): Promise<number> =>
    metricOf(collector, 'throughline_store_file_reads_total', { file: 'ca', outcome });
  expect([await reads('taken'), await reads('broken')]).toEqual([1, 1]);
  await collector.stop();
});
