import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Registry } from 'prom-client';
import { afterEach, expect, test } from 'vitest';
import { ClickHouseHttp } from './clickhouse-http.ts';
import { ClusterEngine } from './cluster-engine.ts';
import type { ClusterLimits } from './cluster-limits.ts';
import { checksumOf, MIGRATIONS } from '../migrations/migrate.ts';
import { eventually, silentLog } from '../testing/start-engine.ts';

/**
 * What a server or a proxy in front of it does wrong, played by a server of ours. The real thing is in
 * `test/clickhouse-server.test.ts`.
 */
interface Played {
  readonly url: string;
  /** What is recorded of migrations; all of them by default. */
  recorded: unknown[][];
  readonly seen: { sql: string; parameters: URLSearchParams; headers: IncomingMessage['headers'] }[];
  /** Returns what is no query of the migrations; 200 and nothing by default. */
  answer: (sql: string, response: ServerResponse) => void;
}

const open: { close: () => unknown }[] = [];
afterEach(async () => {
  for (const opened of open.splice(0).toReversed()) await opened.close();
});

async function play(version = '26.7.1.1'): Promise<Played> {
  const recorded = MIGRATIONS.map((migration, index) => [index + 1, checksumOf(migration)]);
  const played: Played = { url: '', recorded, seen: [], answer: (_, response) => response.end() };
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const parameters = new URL(request.url ?? '', 'http://played').searchParams;
      const sql = parameters.get('query') ?? Buffer.concat(chunks).toString();
      played.seen.push({ sql, parameters, headers: request.headers });
      if (sql.startsWith('SELECT version()')) rows(sql, response, [[version]]);
      else if (sql.startsWith('SELECT number, checksum')) {
        rows(sql, response, played.recorded);
      } else if (sql.includes('system.columns')) rows(sql, response, columnsFor(sql));
      else if (sql.startsWith('SELECT 1\n')) rows(sql, response, [[1]]);
      else if (sql.startsWith('SELECT name FROM system.tables')) rows(sql, response, []);
      else if (sql.startsWith('CREATE')) response.end();
      else played.answer(sql, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push({ close: () => (server.closeAllConnections(), server.close()) });
  return Object.assign(played, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

/** Of a store that is as it should be. */
function columnsFor(sql: string): string[][] {
  if (sql.includes("'schema_migrations'")) return [['checksum']];
  return sql.includes("table = 'spans'") ? [['arrival']] : [];
}

function rows(sql: string, response: ServerResponse, data: unknown[][]): void {
  const inLines = sql.endsWith('JSONCompactEachRow');
  response.end(inLines ? data.map((row) => `${JSON.stringify(row)}\n`).join('') : JSON.stringify({ data }));
}

async function engineAt(urls: string[], limits: Partial<ClusterLimits> = {}, startAt = 0): Promise<ClusterEngine> {
  const engine = new ClusterEngine({ urls, startAt, log: silentLog, registry: new Registry(), limits });
  await engine.start();
  open.push(engine);
  return engine;
}

const ask = (engine: ClusterEngine, timeoutMs = 5_000): Promise<Uint8Array> =>
  engine.query('SELECT 2', { format: 'Native', timeoutMs });

/** Each server is pinged, whichever is in use. */
const statementsOf = ({ seen }: Played): string[] =>
  seen.map(({ sql }) => sql).filter((sql) => !sql.startsWith('SELECT toUInt32(now())'));

test('an insert sends the file with its token, and user and password in one header alone', async () => {
  const server = await play();
  const engine = await engineAt([server.url.replace('//', '//some%40user:secret@')]);
  const directory = mkdtempSync(join(tmpdir(), 'throughline-cluster-'));
  const path = join(directory, 'segment.native');
  writeFileSync(path, 'bytes');
  await engine.insertNativeFile('spans', path, 'segment-1');
  const [{ sql, parameters, headers } = { sql: '', parameters: new URLSearchParams(), headers: {} }] =
    server.seen.slice(-1);
  expect(sql).toMatch(/^INSERT INTO throughline\.spans \(arrival, trace_id, .*\) FORMAT Native$/);
  expect(Object.fromEntries(parameters)).toMatchObject({
    insert_deduplication_token: 'segment-1',
    min_insert_block_size_rows: '4000000',
  });
  expect(headers).toMatchObject({
    authorization: `Basic ${Buffer.from('some@user:secret').toString('base64')}`,
    'content-length': '5',
  });
  expect(Object.keys(headers).filter((name) => name.startsWith('x-clickhouse'))).toEqual([]);
  expect(parameters.toString()).not.toContain('secret');
  // No view is filled by an insert.
  expect(parameters.toString()).not.toContain('view');
  rmSync(directory, { recursive: true, force: true });
});

test('a server without tokens gets none', async () => {
  const server = await play('18.16.1');
  const engine = await engineAt([server.url]);
  await engine.insertNativeFile('spans', fileURLToPath(import.meta.url), 'segment-1');
  expect([...(server.seen.at(-1)?.parameters.keys() ?? [])]).not.toContain('insert_deduplication_token');
});

test('errors are told apart, as of the embedded engine', async () => {
  const server = await play();
  const engine = await engineAt([server.url]);
  const answers: [status: number, body: string, code: string][] = [
    [500, 'Code: 62, e.displayText() = DB::Exception: Syntax error', 'rejected'],
    [500, 'Code: 241. DB::Exception: (total) memory limit exceeded: would use 1.00 GiB', 'unavailable'],
    [500, 'Code: 241. DB::Exception: Query memory limit exceeded: would use 641.42 MiB', 'too_large'],
    [500, 'Code: 241, e.displayText() = DB::Exception: Memory limit (for query) exceeded', 'too_large'],
    [500, 'Code: 159. DB::Exception: Timeout exceeded', 'timeout'],
    [403, 'Code: 516. DB::Exception: Authentication failed', 'rejected'],
    [502, 'Bad Gateway', 'unavailable'],
  ];
  for (const [status, body, code] of answers) {
    server.answer = (_, response) => response.writeHead(status).end(body);
    await expect(ask(engine)).rejects.toMatchObject({ code });
  }
});

test('a server that takes too long, and one whose answer is too large, hold nobody', async () => {
  const server = await play();
  const engine = await engineAt([server.url], { resultBytesMax: 1_000 });
  server.answer = () => {};
  await expect(ask(engine, 100)).rejects.toMatchObject({ code: 'timeout' });
  server.answer = (_, response) => response.end(Buffer.alloc(2_000));
  await expect(ask(engine)).rejects.toThrow('larger than 1000 bytes');
});

test('the next server takes over from one that cannot be reached', async () => {
  const [first, second] = [await play(), await play()];
  const engine = await engineAt(['http://127.0.0.1:9', first.url, second.url], { pingIntervalMs: 20 });
  await ask(engine);
  expect(statementsOf(second)).toEqual([]);
  await open.shift()?.close();
  await ask(engine);
  expect(statementsOf(second)).toHaveLength(1);
  expect(engine.state).toEqual({ kind: 'ready' });
});

test('collectors side by side begin with different servers, and go on with the others behind it', async () => {
  const [first, second] = [await play(), await play()];
  await ask(await engineAt([first.url, second.url], {}, 3));
  expect(statementsOf(first)).toEqual([]);
  expect(statementsOf(second)).not.toEqual([]);
  await open.splice(1, 1)[0]?.close();
  await ask(await engineAt([first.url, second.url], {}, 3));
  expect(statementsOf(first)).not.toEqual([]);
});

test('the next server takes over from one that is there and answers nothing, or refuses everybody', async () => {
  for (const answer of [
    () => {},
    (_: string, response: ServerResponse) => void response.writeHead(403).end('Code: 516. DB::Exception: no'),
  ]) {
    const [first, second] = [await play(), await play()];
    const engine = await engineAt([first.url, second.url], { pingIntervalMs: 20, pingTimeoutMs: 100 });
    first.answer = answer;
    await ask(engine);
    expect(statementsOf(second)).toEqual([expect.stringContaining('SELECT 2')]);
    await eventually(() => engine.nodes.nodes[0]?.state === 'down');
    expect(engine.state.kind).toBe('ready');
  }
});

test('a server that answers before it has read an insert is sent no more of it', async () => {
  let received = 0;
  const sockets: Socket[] = [];
  const early = createTcpServer((socket) => {
    sockets.push(socket);
    socket.on('data', (chunk: Buffer) => (received += chunk.length)).on('error', () => {});
    socket.once('data', () => {
      socket.pause();
      socket.write('HTTP/1.1 413 Payload Too Large\r\nContent-Type: text/html\r\nContent-Length: 8\r\n\r\ntoo much');
    });
  });
  await new Promise<void>((resolve) => early.listen(0, '127.0.0.1', resolve));
  open.push({ close: () => early.close() });
  const directory = mkdtempSync(join(tmpdir(), 'throughline-cluster-'));
  const path = join(directory, 'segment.native');
  writeFileSync(path, randomBytes(64 * 1024 * 1024));
  for (const compressionLevel of [0, 1]) {
    const { port } = early.address() as AddressInfo;
    const http = new ClickHouseHttp(`http://127.0.0.1:${port}`, {
      resultBytesMax: 1_000,
      compressionLevel,
      connectTimeoutMs: 60_000,
    });
    const insert = { sql: 'INSERT', file: path, settings: {}, isRepeatable: false, timeoutMs: 20_000 };
    const problem = { code: 'unavailable', message: expect.stringContaining('responded with 413') as unknown };
    await expect(http.run(insert)).rejects.toMatchObject(problem);
    sockets.at(-1)?.resume();
    await eventually(() => sockets.at(-1)?.closed === true);
  }
  // What the system had taken of it already.
  expect(received).toBeLessThan(64 * 1024 * 1024);
  rmSync(directory, { recursive: true, force: true });
});

test('an insert whose answer is lost is not sent a second time by the engine itself', async () => {
  const [first, second] = [await play(), await play()];
  const engine = await engineAt([first.url, second.url], { pingIntervalMs: 60_000 });
  first.answer = (_, response) => response.destroy();
  await expect(engine.insertNativeFile('spans', fileURLToPath(import.meta.url), 'token')).rejects.toMatchObject({
    code: 'unavailable',
  });
  expect(first.seen.filter(({ sql }) => sql.startsWith('INSERT'))).toHaveLength(1);
  expect(statementsOf(second)).toEqual([]);
});

test('where no server answers, the state says so', async () => {
  const server = await play();
  const engine = await engineAt([server.url], { pingIntervalMs: 20 });
  await open.shift()?.close();
  await eventually(() => engine.state.kind === 'down');
  expect(engine.state).toMatchObject({ reason: expect.stringContaining(`${server.url} cannot be reached`) as string });
  await engine.close();
  await expect(ask(engine)).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining('closed') as string,
  });
});

test('a start waits for unreachable servers, and ends when it is stopped', async () => {
  const server = await play();
  const options = { log: silentLog, registry: new Registry(), limits: { startRetryMs: 10 } };
  const engine = new ClusterEngine({ ...options, urls: [server.url] });
  open.push(engine);
  const away = play().then(async (other) => (await open.pop()?.close(), other.url));
  const waiting = new ClusterEngine({ ...options, registry: new Registry(), urls: [await away] });
  const started = waiting.start();
  await eventually(() => waiting.state.kind === 'down');
  await expect(ask(waiting)).rejects.toThrow('cannot be reached');
  await waiting.close();
  await started;
  expect(waiting.state).toEqual({ kind: 'closed' });
  await engine.start();
  expect(engine.state).toEqual({ kind: 'ready' });
});

test('a store of a newer version ends a start', async () => {
  const server = await play();
  const engine = new ClusterEngine({ urls: [server.url], log: silentLog, registry: new Registry() });
  open.push(engine);
  server.recorded = [[99, '']];
  await expect(engine.start()).rejects.toThrow('schema 99');
});

/** It accepts connections, reads what comes, and answers nothing. */
async function hang(): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).resume();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push({
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('a start goes on with the next server where the first one hangs, and waits where there is none', async () => {
  const hanging = await hang();
  const second = await play();
  const engine = await engineAt([hanging, second.url], { pingTimeoutMs: 100, pingIntervalMs: 20 });
  expect(engine.nodes.nodes.map(({ state }) => state)).toEqual(['down', 'up']);
  await ask(engine);
  const registry = new Registry();
  const options = { log: silentLog, registry, limits: { pingTimeoutMs: 100, pingIntervalMs: 20, startRetryMs: 10 } };
  const waiting = new ClusterEngine({ ...options, urls: [hanging] });
  open.push(waiting);
  const started = waiting.start();
  await eventually(() => waiting.nodes.nodes[0]?.troubles[0]?.code === 'store_node_away');
  expect(waiting.state.kind).toBe('down');
  const metrics = await registry.metrics();
  expect(metrics).toContain(`throughline_store_node_up{node="${new URL(hanging).host}"} 0`);
  await waiting.close();
  await started;
});

test('a query at a server that stops responding goes to the next one, and is counted as given up', async () => {
  const [first, second] = [await play(), await play()];
  const registry = new Registry();
  const limits = { pingTimeoutMs: 100, pingIntervalMs: 20 };
  const engine = new ClusterEngine({ urls: [first.url, second.url], log: silentLog, registry, limits });
  open.push(engine);
  await engine.start();
  await eventually(() => engine.nodes.nodes.every(({ state }) => state === 'up'));
  first.answer = () => {};
  await ask(engine, 60_000);
  expect(statementsOf(first).at(-1)).toContain('SELECT 2');
  expect(statementsOf(second)).toEqual([expect.stringContaining('SELECT 2')]);
  const label = `node="${new URL(first.url).host}",reason="given_up"`;
  expect(await registry.metrics()).toContain(`throughline_store_node_failed_statements_total{${label}} 1`);
  first.answer = (_, response) => response.end();
  await eventually(() => engine.nodes.nodes[0]?.state === 'up');
  expect(engine.nodes.nodes[0]?.troubles).toEqual([]);
});

test('a version that lacks what every statement needs ends a start', async () => {
  const server = await play('1.1.54390');
  const engine = new ClusterEngine({ urls: [server.url], log: silentLog, registry: new Registry() });
  open.push(engine);
  await expect(engine.start()).rejects.toMatchObject({
    code: 'rejected',
    message: expect.stringMatching(/1\.1\.54390.*18\.16/) as unknown,
  });
});
