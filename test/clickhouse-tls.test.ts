import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findClickHouseServer } from '../scripts/workspace.mjs';
import { startClickHouseHttp, type ClickHouseHttp } from './support/clickhouse-http/server.ts';
import { freePorts, startClickHouseServer, type ClickHouseServer } from './support/clickhouse-server.ts';
import { newDirectory, readyz, runCommand, startCollector } from './support/collector.ts';
import { eventually } from './support/processes.ts';
import { metricOf } from './support/prometheus.ts';
import { aRequest, postJson, spanIdOf } from './support/traces.ts';

const program = findClickHouseServer();

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

function openssl(...args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: 'ignore' });
}

/** Signed by itself; the certificate stands in a file of this name as well. */
function aCertificate(name: string): { readonly key: string; readonly cert: string } {
  const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2'];
  const names = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1'];
  const [key, cert] = [join(folder, `${name}.key`), join(folder, name)];
  openssl(...request, '-keyout', key, '-out', cert, ...names);
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
}

interface ClientFiles {
  readonly cert: string;
  readonly key: string;
}

/** For a client, signed by the certificate `ca`, and its key; in files. */
function aClientCertificate(name: string, ca: string, days = 2): ClientFiles {
  const [key, request, cert] = ['key', 'csr', 'pem'].map((ending) => join(folder, `${name}.${ending}`)) as [
    key: string,
    request: string,
    cert: string,
  ];
  openssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', request, '-subj', '/CN=collector');
  const signed = ['-CA', join(folder, ca), '-CAkey', join(folder, `${ca}.key`), '-CAcreateserial'];
  openssl('x509', '-req', '-in', request, '-out', cert, '-days', String(days), ...signed);
  return { cert, key };
}

const clientFlags = ({ cert, key }: ClientFiles): string[] => ['--store-cert-file', cert, '--store-key-file', key];

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
  await eventually('the log says why', () => /self-signed certificate.*--store-ca-file/.test(command.output()));
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

it('logs in by its certificate alone, and uses a renewed one as soon as both of its files are there', async () => {
  const [own, ca] = [aCertificate('own'), aCertificate('first-ca')];
  const asks = await startClickHouseHttp({
    tls: { ...own, clientCa: ca.cert },
    certificateUsers: { ann: 'collector' },
  });
  const files = aClientCertificate('used', 'first-ca');
  const collector = await startCollector({
    args: ['--store', asks.url.replace('//', '//ann@'), '--store-ca-file', join(folder, 'own'), ...clientFlags(files)],
    env: { THROUGHLINE_CLUSTER_PING_INTERVAL_MS: '100ms' },
  });
  try {
    expect(asks.seen.flatMap(({ rawHeaders }) => rawHeaders.map((text) => text.toLowerCase()))).not.toContain(
      'authorization',
    );
    const renewedCa = aCertificate('second-ca');
    const renewed = aClientCertificate('renewed', 'second-ca');
    copyFileSync(renewed.cert, files.cert);
    await eventually('it says that the key is another one', async () =>
      (await readyz(collector)).warnings.some(({ code }) => code === 'store_file_broken'),
    );
    // What belonged together stays in use.
    expect((await readyz(collector)).ready).toBe(true);
    asks.setCertificate({ ...own, clientCa: renewedCa.cert });
    await eventually('the certificate is not accepted any more', async () => !(await readyz(collector)).ready);
    expect((await postJson(collector.otlpUrl, aRequest('mutual', 100))).status).toBe(200);
    copyFileSync(renewed.key, files.key);
    await eventually('it is ready', async () => (await readyz(collector)).ready);
    const ids = (): Promise<unknown[][]> =>
      asks.rows('SELECT lower(hex(span_id)) AS id, count() FROM throughline.spans GROUP BY id ORDER BY id');
    await eventually('the spans are stored', async () => (await ids()).length === 100);
    const sent = Array.from({ length: 100 }, (_, index) => spanIdOf(`mutual-${index}`)).toSorted();
    expect(await ids()).toEqual(sent.map((id) => [id, 1]));
    expect((await readyz(collector)).warnings).toEqual([]);
    expect(await metricOf(collector, 'throughline_store_certificate_expiry_timestamp_seconds')).toBeGreaterThan(
      Date.now() / 1_000,
    );
  } finally {
    await collector.stop();
    await asks.stop();
  }
});

it.each([
  ['is missing', 'cert', () => ({ ...aClientCertificate('m', 'cert'), cert: join(folder, 'nowhere') }), /not found/],
  ['has expired', 'cert', () => aClientCertificate('e', 'cert', -1), /expired.*renew/],
  ['is of another key', 'key', () => ({ ...aClientCertificate('a', 'cert'), key: join(folder, 'cert.key') }), /a\.pem/],
  ['has no key in its file', 'key', () => ({ ...aClientCertificate('n', 'cert'), key: join(folder, 'cert') }), /PEM/],
] as const)('says in one line that a client certificate %s', async (_, setting, files, expected) => {
  const store = ['--store', server.url, ...clientFlags(files())];
  const dataDirectory = newDirectory();
  for (const args of [
    ['up', ...store, '--data-dir', dataDirectory],
    ['schema', 'print', ...store],
  ]) {
    const command = runCommand(args);
    expect(await command.exited).toMatchObject({ code: 2 });
    expect(command.output()).toMatch(/^.*\n$/);
    expect(command.output()).toContain(`--store-${setting}-file`);
    expect(command.output()).toMatch(expected);
  }
  rmSync(dataDirectory, { recursive: true, force: true });
});

/** `npm run setup` installs it. */
describe.skipIf(program === undefined)('a ClickHouse server that asks for certificates', () => {
  let clickHouse: ClickHouseServer;
  let store: readonly string[];
  beforeAll(async () => {
    aCertificate('ca');
    aCertificate('tls');
    const [port = 0] = await freePorts(1);
    const dh = join(folder, 'dh.pem');
    openssl('dhparam', '-dsaparam', '-out', dh, '2048');
    const own = `<certificateFile>${folder}/tls</certificateFile><privateKeyFile>${folder}/tls.key</privateKeyFile>`;
    const asks = `<caConfig>${folder}/ca</caConfig><verificationMode>strict</verificationMode><loadDefaultCAFile>false</loadDefaultCAFile>`;
    clickHouse = await startClickHouseServer(program ?? '', {
      more: `<https_port>${port}</https_port><openSSL><server>${own}<dhParamsFile>${dh}</dhParamsFile>${asks}</server></openSSL>`,
    });
    store = ['--store', `https://127.0.0.1:${port}`, '--store-ca-file', join(folder, 'tls')];
  });
  afterAll(() => clickHouse?.stop());

  async function check(...flags: readonly string[]): Promise<{ code: number | null; output: string }> {
    const command = runCommand(['schema', 'check', ...store, ...flags]);
    const { code } = await command.exited;
    return { code, output: command.output() };
  }

  it('is given one by the commands of the schema, and rejects who has none, or another one', async () => {
    const own = clientFlags(aClientCertificate('own-client', 'ca'));
    expect(await check(...own)).toMatchObject({ code: 1, output: expect.stringContaining('schema apply') as string });
    expect(await check()).toMatchObject({
      code: 2,
      output: expect.stringMatching(/^.*--store-cert-file.*\n$/) as string,
    });
    aCertificate('unknown-ca');
    const unknown = clientFlags(aClientCertificate('unknown-client', 'unknown-ca'));
    expect(await check(...unknown)).toMatchObject({
      code: 2,
      output: expect.stringMatching(/^.*caConfig.*\n$/) as string,
    });
  });

  it('is not taken for one where it speaks no TLS', async () => {
    const command = runCommand(['schema', 'check', '--store', clickHouse.url.replace('http:', 'https:')]);
    expect(await command.exited).toMatchObject({ code: 2 });
    expect(command.output()).toMatch(/^[^\n]*https_port[^\n]*\n$/);
  });

  it('stores spans, and a collector without a certificate waits, says why, and keeps what comes', async () => {
    const files = aClientCertificate('client', 'ca');
    const waiting = await startCollector({ args: store, startsDown: true });
    await eventually('it says why', async () =>
      (await readyz(waiting)).problems.some(({ message }) => message.includes('--store-cert-file')),
    );
    expect((await postJson(waiting.otlpUrl, aRequest('strict', 50))).status).toBe(200);
    await waiting.stop({ keepData: true });
    const { dataDirectory } = waiting;
    const collector = await startCollector({ args: [...store, ...clientFlags(files)], dataDirectory });
    const stored = 'SELECT lower(hex(span_id)) AS id, toUInt32(count()) FROM throughline.spans GROUP BY id ORDER BY id';
    await eventually('the spans are stored', async () => (await clickHouse.rows(stored)).length === 50);
    const sent = Array.from({ length: 50 }, (_, index) => spanIdOf(`strict-${index}`)).toSorted();
    expect(await clickHouse.rows(stored)).toEqual(sent.map((id) => [id, 1]));
    await collector.stop();
  });
});
