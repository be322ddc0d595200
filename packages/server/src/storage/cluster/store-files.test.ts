import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startClickHouseHttp, type ClickHouseHttp } from '../../../../../test/support/clickhouse-http/server.ts';
import { silentLog } from '../testing/start-engine.ts';
import { ClusterEngine } from './cluster-engine.ts';
import { certificatesIn } from './certificates-in.ts';
import { loginOf } from './clickhouse-login.ts';
import { passwordIn, StoreFiles } from './store-files.ts';

let server: ClickHouseHttp;
let directory: string;
beforeAll(async () => {
  server = await startClickHouseHttp({ password: 'first' });
  directory = mkdtempSync(join(tmpdir(), 'throughline-files-'));
});
afterAll(async () => {
  await server?.stop();
  rmSync(directory, { recursive: true, force: true });
});

function filesOf(contents: string): StoreFiles & { readonly path: string } {
  const path = join(directory, 'password');
  writeFileSync(path, contents);
  const files = new StoreFiles({ password: { path, contents }, log: silentLog, registry: new Registry() });
  return Object.assign(files, { path });
}

test('a rejected login reads the password again at once, and the statement is carried out, a change as well', async () => {
  const files = filesOf('first');
  const engine = new ClusterEngine({
    urls: [server.url],
    files,
    log: silentLog,
    registry: new Registry(),
    // No check reads the file meanwhile.
    limits: { pingIntervalMs: 3_600_000 },
  });
  await engine.start();
  try {
    writeFileSync(files.path, 'second');
    server.users['default'] = 'second';
    await engine.command("CREATE TABLE throughline.rotated ENGINE = Memory AS SELECT 'kept' AS word");
    expect(await server.rows('SELECT word FROM throughline.rotated')).toEqual([['kept']]);
    // The server alone has another one: nothing is repeated for ever.
    server.users['default'] = 'third';
    const begun = server.seen.length;
    const asked = engine.query('SELECT 1', { format: 'JSONCompactEachRow', timeoutMs: 10_000 });
    await expect(asked).rejects.toMatchObject({ clickhouseCode: 516 });
    expect(server.seen.length - begun).toBe(1);
    expect(engine.nodes.nodes[0]).toMatchObject({ state: 'down', troubles: [{ code: 'store_node_login' }] });
  } finally {
    await engine.close();
  }
});

test('a file is read again when it was replaced, touched or cut, and kept while it is broken or gone', async () => {
  const files = filesOf('first');
  await files.look();
  expect([files.password, files.version, files.problems]).toEqual(['first', 0, []]);
  writeFileSync(files.path, 'second');
  await files.look();
  expect([files.password, files.version]).toEqual(['second', 1]);
  for (const broken of ['', 'two\nlines', 'x'.repeat(100_000)]) {
    writeFileSync(files.path, broken);
    await files.look();
    expect([files.password, files.version]).toEqual(['second', 1]);
    expect(files.problems).toEqual([expect.stringContaining(files.path)]);
    expect(files.problems.join('\n')).not.toContain('lines');
  }
  rmSync(files.path);
  await files.look();
  expect([files.password, files.problems.length]).toEqual(['second', 1]);
  writeFileSync(files.path, 'second');
  await files.look();
  expect([files.password, files.version, files.problems]).toEqual(['second', 1, []]);
});

test('a password is one line, and certificates are PEM', () => {
  expect(passwordIn(Buffer.from('p w\r\n'))).toBe('p w');
  for (const text of ['', '\n', 'a\nb', 'a\0']) expect(() => passwordIn(Buffer.from(text))).toThrow(RangeError);
  for (const text of ['', 'words', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----']) {
    expect(() => certificatesIn(Buffer.from(text))).toThrow(RangeError);
  }
});

function openssl(...args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: 'ignore' });
}

function aPair(name: string, days = 2): { readonly cert: string; readonly key: string } {
  const [cert, key] = [join(directory, `${name}.pem`), join(directory, `${name}.key`)];
  const [request, signer] = [join(directory, `${name}.csr`), join(directory, `${name}-signer`)];
  openssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', request, '-subj', '/CN=collector');
  openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    signer,
    '-out',
    `${signer}.pem`,
    '-subj',
    '/CN=ca',
  );
  const signed = ['-CA', `${signer}.pem`, '-CAkey', signer, '-CAcreateserial'];
  openssl('x509', '-req', '-in', request, '-out', cert, '-days', String(days), ...signed);
  return { cert: readFileSync(cert, 'utf8').trim(), key: readFileSync(key, 'utf8') };
}

describe('a client certificate', () => {
  test('stays in use until another one and its key are there, in any order', async () => {
    const [first, second] = [aPair('first'), aPair('second')];
    const [cert, key] = [join(directory, 'cert'), join(directory, 'key')];
    writeFileSync(cert, first.cert);
    writeFileSync(key, first.key);
    const identity = { cert: { path: cert, contents: first.cert }, key: { path: key, contents: first.key } };
    const files = new StoreFiles({ identity, log: silentLog, registry: new Registry() });
    await files.look();
    expect([files.certificate, files.version, files.problems]).toEqual([first, 0, []]);
    for (const [path, contents] of [
      [key, second.key],
      [cert, aPair('expired', -1).cert],
      [cert, first.key],
    ] as const) {
      writeFileSync(path, contents);
      await files.look();
      expect([files.certificate, files.version]).toEqual([first, 0]);
      expect(files.problems.some((problem) => problem.startsWith(path))).toBe(true);
      expect(files.problems.join('\n')).not.toContain('PRIVATE');
    }
    writeFileSync(cert, second.cert);
    await files.look();
    expect([files.certificate, files.version, files.problems]).toEqual([second, 1, []]);
  });

  test('that expires while it is in use is named', () => {
    const expired = aPair('was-good', -1);
    const identity = {
      cert: { path: '/run/cert', contents: expired.cert },
      key: { path: '/run/key', contents: expired.key },
    };
    const files = new StoreFiles({ identity, log: silentLog, registry: new Registry() });
    expect(files.problems).toEqual([expect.stringMatching(/^\/run\/cert: .*expired/)]);
  });

  test('is the login of a user without a password, and of nobody else', () => {
    expect(loginOf('https://ann@host', null, true).headers).toEqual({
      'x-clickhouse-user': 'ann',
      'x-clickhouse-ssl-certificate-auth': 'on',
    });
    expect(loginOf('https://host', null, true).headers).toEqual({});
    for (const [url, password] of [['https://ann:secret@host'], ['https://ann@host', 'secret']] as const) {
      expect(Object.keys(loginOf(url, password, true).headers)).toEqual(['authorization']);
    }
  });
});
