import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newDirectory, runCommand, startCollector } from './support/collector.ts';
import { eventually, isAlive } from './support/processes.ts';

const PASSWORD = 'p:ss@w/rd 50%25';
/** As it may be found in any text: whole, and as URLs write it. */
const TRACES = [PASSWORD, encodeURIComponent(PASSWORD), 'rd 50%25', 'rd%2050'];

describe('the password of a store', () => {
  const directory = newDirectory();
  const passwordFile = join(directory, 'password');
  /** Refuses everybody, and repeats who asked. */
  let server: Server;
  let url: string;
  const asked: IncomingHttpHeaders[] = [];
  beforeAll(async () => {
    writeFileSync(passwordFile, `${PASSWORD}\n`, { mode: 0o600 });
    server = createServer((request, response) => {
      asked.push(request.headers);
      const { port } = server.address() as AddressInfo;
      const user = `http://ann:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}/`;
      response
        .writeHead(403)
        .end(`Code: 516. DB::Exception: ann: Authentication failed for ${user}. (AUTHENTICATION_FAILED)`);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
    rmSync(directory, { recursive: true, force: true });
  });

  for (const [where, flags] of [
    ['a file', () => ['--store', `http://ann@${url}`, '--store-password-file', passwordFile]],
    ['a URL', () => ['--store', `http://ann:${encodeURIComponent(PASSWORD)}@${url}`]],
  ] as const) {
    it(`from ${where} reaches the server and nobody else`, async () => {
      asked.length = 0;
      const args = ['up', '--data-dir', join(directory, `data of ${where}`), '--log-level', 'trace', ...flags()];
      const env = { THROUGHLINE_HTTP_PORT: '0', THROUGHLINE_OTLP_HTTP_PORT: '0', THROUGHLINE_OTLP_GRPC_PORT: '0' };
      const command = runCommand(args, env);
      const processList = readFileSync(`/proc/${command.pid}/cmdline`, 'latin1');
      await eventually('the server is asked', () => asked.length > 0);
      // It ends by itself where a refusal is final, and goes on where it may be mended.
      await eventually('the refusal is told', () => /Authentication failed/.test(command.output()));
      if (isAlive(command.pid)) process.kill(command.pid, 'SIGTERM');
      await command.exited;
      expect(passwordsIn(asked)).toEqual(new Set([PASSWORD]));
      const printed = runCommand([...args, '--print-config'], env);
      await printed.exited;
      const texts = [command.output(), printed.output(), ...(where === 'a file' ? [processList] : [])];
      for (const text of texts) for (const trace of TRACES) expect(text).not.toContain(trace);
    });
  }
});

describe("the engine's process", () => {
  it("gets nothing of the collector's environment that may be a secret", async () => {
    const secrets = {
      CLOUD_TOKEN: 'engine-s3cret',
      THROUGHLINE_ALLOWED_HOSTS: 'engine-s3cret.example',
      LC_ALL: 'C.UTF-8',
    };
    const collector = await startCollector({ env: secrets });
    try {
      const environment = readFileSync(`/proc/${collector.enginePid()}/environ`, 'latin1').split('\0');
      expect(environment.join('\n')).not.toContain('s3cret');
      expect(environment).toEqual(expect.arrayContaining(['LC_ALL=C.UTF-8', 'TZ=UTC']));
    } finally {
      await collector.stop();
    }
  });
});

/** Whichever way it is sent. */
function passwordsIn(requests: readonly IncomingHttpHeaders[]): Set<string> {
  return new Set(
    requests.map((headers) => {
      const basic = /^Basic (.+)$/.exec(headers.authorization ?? '')?.[1];
      const key = headers['x-clickhouse-key'];
      if (typeof key === 'string') return key;
      return Buffer.from(basic ?? '', 'base64')
        .toString()
        .replace(/^[^:]*:/, '');
    }),
  );
}
