import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http, { createServer, type ClientRequest, type IncomingMessage, type RequestListener } from 'node:http';
import https, { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { createTestTracer, type FinishedSpan, type TestTracer } from '../testing.ts';
import { instrumentHttp } from './index.ts';

let test: TestTracer;
let remove: () => void;
let folder = '';
let tls = { key: '', cert: '' };
let server: Server;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'addresses-'));
  const [key, cert] = [join(folder, 'key'), join(folder, 'cert')];
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,DNS:shop.example'];
  execFileSync('openssl', [...request, '-keyout', key, '-out', cert, ...names], { stdio: 'ignore' });
  tls = { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
});
afterAll(() => rmSync(folder, { recursive: true }));

beforeEach(() => {
  test = createTestTracer();
  remove = instrumentHttp(test.tracer);
});
afterEach(async () => {
  remove();
  await new Promise((resolve) => server.close(resolve));
});

const answer: RequestListener = (_, response) => response.writeHead(200, { connection: 'close' }).end('body');

/** `where`: a port or a path. */
async function listening(made: Server, where: number | string): Promise<number> {
  server = made;
  await new Promise<void>((resolve) => {
    if (typeof where === 'string') made.listen(where, resolve);
    else made.listen(where, '127.0.0.1', resolve);
  });
  return typeof where === 'string' ? 0 : (made.address() as AddressInfo).port;
}

async function done(request: ClientRequest): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    request.on('error', reject);
    request.on('response', (response: IncomingMessage) => response.resume().on('end', resolve));
    request.end();
  });
}

async function spans(): Promise<{ client: FinishedSpan | undefined; server: FinishedSpan | undefined }> {
  return await vi.waitFor(
    () => {
      const ofKind = (kind: FinishedSpan['kind']): FinishedSpan | undefined =>
        test.spans().find((span) => span.kind === kind);
      expect(test.tracer.stats().live).toBe(0);
      return { client: ofKind('client'), server: ofKind('server') };
    },
    { timeout: 60_000 },
  );
}

it('a socket of the file system is the address of what listens there, and has no port', async () => {
  const socketPath = join(folder, 'socket');
  await listening(createServer(answer), socketPath);
  await done(http.request({ socketPath, path: '/v1/info?all=1', headers: { host: 'docker' } }));
  const both = await spans();
  expect(both.client?.attributes).toMatchObject({
    'url.full': 'http://localhost/v1/info?all=1',
    'server.address': socketPath,
    'network.transport': 'unix',
    'http.response.status_code': 200,
  });
  expect(both.server?.attributes).toMatchObject({ 'url.path': '/v1/info', 'http.response.status_code': 200 });
  expect(both.server?.parentSpanId).toBe(both.client?.spanId);
  for (const name of ['server.port', 'network.peer.port', 'network.peer.address']) {
    expect(both.client?.attributes).not.toHaveProperty(name);
  }
});

it('a socket of the file system that is not there is an error of its request', async () => {
  const socketPath = join(folder, 'none');
  await listening(createServer(answer), 0);
  await expect(done(http.get({ socketPath }))).rejects.toThrow('ENOENT');
  expect((await spans()).client).toMatchObject({
    status: 'error',
    attributes: { 'error.type': 'ENOENT', 'server.address': socketPath },
  });
});

it('https has its own scheme and standard port, and a certificate that is not trusted is an error', async () => {
  const port = await listening(createHttpsServer(tls, answer), 0);
  const url = `https://localhost:${port}`;
  const options = { host: '127.0.0.1', servername: 'localhost' };
  await done(https.request(`${url}/a?b=1`, { ca: tls.cert, lookup: (_, given, found) => toLocal(given, found) }));
  expect((await spans()).client?.attributes).toMatchObject({
    'url.full': `${url}/a?b=1`,
    'server.address': 'localhost',
    'server.port': port,
    'network.peer.address': '127.0.0.1',
    'network.peer.port': port,
  });
  expect((await spans()).server?.attributes).toMatchObject({ 'url.scheme': 'https', 'url.path': '/a' });
  test.reset();
  await expect(done(https.get({ ...options, port, path: '/b' }))).rejects.toThrow(/self.signed/i);
  const { client } = await spans();
  expect(client).toMatchObject({ status: 'error', attributes: { 'url.full': `https://127.0.0.1:${port}/b` } });
  expect(client?.attributes['error.type']).toMatch(/SELF_SIGNED/);
  test.reset();
  // Where nobody named a port, and the agent leads elsewhere.
  const agent = new https.Agent({ ca: tls.cert });
  Object.assign(agent, {
    createConnection: () =>
      https.globalAgent.createConnection({ port, host: '127.0.0.1', ca: tls.cert, servername: 'shop.example' }),
  });
  await done(https.get('https://shop.example/c', { agent }));
  expect((await spans()).client?.attributes).toMatchObject({
    'url.full': 'https://shop.example/c',
    'server.address': 'shop.example',
    'server.port': 443,
  });
});

function toLocal(
  options: { readonly all?: boolean | undefined },
  found: (error: null, address: string | { address: string; family: number }[], family?: number) => void,
): void {
  if (options.all === true) found(null, [{ address: '127.0.0.1', family: 4 }]);
  else found(null, '127.0.0.1', 4);
}
