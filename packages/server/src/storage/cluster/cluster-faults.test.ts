import { EventEmitter, once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { noFaults } from '../../../../../test/support/clickhouse-http/faults.ts';
import { startClickHouseHttp, type ClickHouseHttp } from '../../../../../test/support/clickhouse-http/server.ts';
import { ClusterEngine } from './cluster-engine.ts';
import type { ClusterLimits } from './cluster-limits.ts';
import { rows, SPANS_PER_FILE, spansFile } from '../engine.contract.ts';
import { eventually, silentLog } from '../testing/start-engine.ts';

/** What a current server and a proxy in front of it do that an embedded engine does not. */
const USERS = { 'some one@%': 'ä:/?#[]@ %41\u0007 ', nothing: '', percent: '100%', 'jürgen-🦊': 'pass' };

let server: ClickHouseHttp;
let directory: string;
const engines: ClusterEngine[] = [];
beforeAll(async () => {
  server = await startClickHouseHttp({ password: 'secret', users: USERS, keepAliveTimeoutMs: 60_000 });
  directory = mkdtempSync(join(tmpdir(), 'throughline-cluster-'));
});
afterAll(async () => {
  await server?.stop();
  rmSync(directory, { recursive: true, force: true });
});
beforeEach(() => {
  Object.assign(server.faults, noFaults());
  server.seen.length = 0;
});
afterEach(async () => {
  for (const engine of engines.splice(0)) await engine.close();
});

async function engineOf(
  limits: Partial<ClusterLimits> = {},
  url = server.urlOf('default', 'secret'),
): Promise<{ engine: ClusterEngine; directory: string; [Symbol.asyncDispose]: () => Promise<void> }> {
  const engine = new ClusterEngine({
    urls: [url],
    log: silentLog,
    registry: new Registry(),
    limits: { pingIntervalMs: 60_000, startRetryMs: 20, ...limits },
  });
  engines.push(engine);
  await engine.start();
  return { engine, directory, [Symbol.asyncDispose]: () => engine.close() };
}

const inserts = (): number => server.seen.filter(({ sql }) => sql.startsWith('INSERT INTO throughline.spans (')).length;

const spans = async (opened: Awaited<ReturnType<typeof engineOf>>): Promise<unknown> =>
  (await rows(opened, 'SELECT count(), uniqExact(span_id) FROM throughline.spans'))[0];

describe('the login', () => {
  test.each(Object.entries({ default: 'secret', ...USERS }))(
    'of %j arrives once, in one form',
    async (user, password) => {
      const opened = await engineOf({}, server.urlOf(user, password));
      expect(await rows(opened, 'SELECT 1')).toEqual([[1]]);
      for (const { rawHeaders, parameters } of server.seen) {
        const logins = rawHeaders.filter(
          (text, index) => index % 2 === 0 && /^(authorization|x-clickhouse-)/i.test(text),
        );
        expect(logins).toHaveLength(1);
        expect([...parameters.keys()].filter((name) => /user|password/.test(name))).toEqual([]);
      }
    },
  );

  test('may have a percent sign that encodes nothing, a user without a password, a password without a user', async () => {
    const [scheme, host] = server.url.split('//');
    for (const login of ['percent:100%', 'nothing', 'nothing:', ':secret']) {
      const opened = await engineOf({}, `${scheme}//${login}@${host}`);
      expect(await rows(opened, 'SELECT 1')).toEqual([[1]]);
    }
  });

  test('that has become wrong is waited for, by a start as well, and the state says so without the password', async () => {
    const opened = await engineOf({ pingIntervalMs: 20 });
    server.users['default'] = 'rotated';
    await eventually(() => opened.engine.state.kind === 'down');
    expect(opened.engine.state).toMatchObject({
      reason: expect.stringContaining('(AUTHENTICATION_FAILED)') as unknown,
    });
    expect(JSON.stringify(opened.engine.state)).not.toContain('secret');
    await expect(rows(opened, 'SELECT 1')).rejects.toMatchObject({ clickhouseCode: 516 });
    const waiting = engineOf();
    await eventually(() => engines.at(-1)?.state.kind === 'down');
    server.users['default'] = 'secret';
    await waiting;
    await eventually(() => opened.engine.state.kind === 'ready');
    expect(await rows(opened, 'SELECT 1')).toEqual([[1]]);
  });

  test('of a user with a colon cannot be sent, and the error says so', async () => {
    await expect(engineOf({}, server.urlOf('a:b', 'x'))).rejects.toThrow('a colon');
  });
});

describe('an answer', () => {
  const broken = { afterBytes: 2_000_000, code: 241, message: '(total) memory limit exceeded' } as const;
  const large = 'SELECT number FROM numbers(1000000)';

  test.each([
    ['tagged', 'JSONCompactEachRow', 241],
    ['tagged', 'Native', 241],
    ['text', 'JSONCompactEachRow', 241],
    ['cut', 'JSONCompactEachRow', 0],
    ['cut', 'Native', 0],
  ] as const)('that ends in an error (%s) in the midst of %s is an error', async (how, format, clickhouseCode) => {
    const { engine } = await engineOf();
    server.faults.breakResponse = { ...broken, how };
    const query = engine.query(large, { format, timeoutMs: 20_000 }).then((bytes) => bytes.length);
    await expect(query).rejects.toMatchObject({ code: 'unavailable', clickhouseCode });
    server.faults.breakResponse = null;
    expect(await engine.query('SELECT 1', { format, timeoutMs: 60_000 })).not.toHaveLength(0);
  });

  test('that breaks off at its begin, or while it is compressed, is an error as well', async () => {
    for (const compressionLevel of [0, 1]) {
      const { engine } = await engineOf({ compressionLevel });
      for (const how of ['tagged', 'cut'] as const) {
        for (const afterBytes of [0, 1, 100]) {
          server.faults.breakResponse = { ...broken, how, afterBytes };
          const query = engine.query(large, { format: 'Native', timeoutMs: 20_000 }).then((bytes) => bytes.length);
          await expect(query).rejects.toMatchObject({ code: 'unavailable' });
        }
      }
      server.faults.breakResponse = null;
    }
  });

  test('may hold the text of an error that somebody has stored', async () => {
    const opened = await engineOf();
    const stored = `\r\n__exception__\r\nabcdefghijklmnop\r\nCode: 241. DB::Exception: stored. (X) (version 1)\n9 abcdefghijklmnop\r\n__exception__\r\n`;
    const sql = `SELECT unhex('${Buffer.from(stored).toString('hex')}') AS text`;
    expect(await rows(opened, sql)).toEqual([[stored]]);
    const native = await opened.engine.query(sql, { format: 'Native', timeoutMs: 60_000 });
    expect(Buffer.from(native).toString()).toContain(stored);
  });

  test('of a proxy is none, and says so in its words', async () => {
    const opened = await engineOf();
    const path = spansFile(opened, 1);
    for (const status of [200, 302, 401, 403, 404, 413, 429, 500, 502, 503]) {
      server.faults.proxy = { status, body: `<html><title>Proxy</title><h1>no ${status}</h1></html>` };
      const problem = {
        code: 'unavailable',
        message: expect.stringMatching(`responded with ${status}.*: Proxy no ${status}$`) as unknown,
      };
      await expect(rows(opened, 'SELECT 1')).rejects.toMatchObject(problem);
      await expect(opened.engine.insertNativeFile('spans', path, 'proxied')).rejects.toMatchObject(problem);
      expect(opened.engine.state).toMatchObject({ kind: 'down' });
    }
    server.faults.proxy = null;
    expect(await rows(opened, "SELECT count() FROM throughline.spans WHERE _part != '' AND 0")).toEqual([[0]]);
    expect(opened.engine.state).toEqual({ kind: 'ready' });
  });

  test('that is compressed is the same, and is bounded by what it is and not by what was sent', async () => {
    const plain = await engineOf();
    const compressed = await engineOf({ compressionLevel: 1, resultBytesMax: 10_000_000 });
    const sql = 'SELECT number, toString(number) FROM numbers(100000)';
    const options = { format: 'Native', timeoutMs: 20_000 } as const;
    expect(Buffer.compare(await plain.engine.query(sql, options), await compressed.engine.query(sql, options))).toBe(0);
    expect(server.seen.at(-1)?.rawHeaders.join('\n')).toMatch(/^accept-encoding\ngzip$/im);
    // A constant is small in the engine's memory.
    const bomb = "SELECT repeat('x', 1000000) FROM numbers(100)";
    await expect(compressed.engine.query(bomb, options).then(() => 'answered')).rejects.toMatchObject({
      code: 'too_large',
    });
  });
});

describe('a connection that the server has closed meanwhile', () => {
  test('costs a query nothing', async () => {
    const opened = await engineOf();
    for (let round = 0; round < 3; round++) {
      expect(await rows(opened, 'SELECT 1')).toEqual([[1]]);
      server.faults.closeReused = 1;
      expect(await rows(opened, 'SELECT 2')).toEqual([[2]]);
      expect(server.faults.closeReused).toBe(0);
    }
    expect(opened.engine.state).toEqual({ kind: 'ready' });
  });

  test('costs a query nothing where the server really closes what is quiet', async () => {
    await using closing = await startClickHouseHttp({ keepAliveTimeoutMs: 20 });
    const opened = await engineOf({}, closing.url);
    for (let query = 0; query < 100; query++) {
      expect(await rows(opened, `SELECT ${query}`)).toEqual([[query]]);
      // Now before the connection is closed, now after it, and now at the moment.
      await new Promise((resolve) => setTimeout(resolve, 10 + (query % 20)));
    }
    expect(opened.engine.state).toEqual({ kind: 'ready' });
    await opened.engine.close();
  });

  test('is none that an insert or a change of the schema goes through', async () => {
    const opened = await engineOf();
    const path = spansFile(opened, 200_001);
    server.seen.length = 0;
    server.faults.closeReused = 1_000;
    await opened.engine.insertNativeFile('spans', path, 'unshared-1');
    await opened.engine.insertNativeFile('spans', path, 'unshared-2');
    await opened.engine.command('CREATE DATABASE IF NOT EXISTS throughline');
    expect(server.faults.closeReused).toBe(1_000);
    expect(new Set(server.seen.map(({ connection }) => connection)).size).toBe(3);
  });

  test('ends a query that is lost a second time', async () => {
    const opened = await engineOf();
    await rows(opened, 'SELECT 1');
    server.faults.loseRequest = () => true;
    await expect(rows(opened, 'SELECT 3')).rejects.toMatchObject({ code: 'unavailable' });
    expect(server.seen.filter(({ sql }) => sql.startsWith('SELECT 3'))).toHaveLength(2);
  });
});

describe('an insert', () => {
  test('that is compressed stores the same, in fewer bytes', async () => {
    const opened = await engineOf({ compressionLevel: 1 });
    await opened.engine.command('TRUNCATE TABLE throughline.spans');
    const path = spansFile(opened, 300_001);
    server.seen.length = 0;
    await opened.engine.insertNativeFile('spans', path, 'compressed');
    await opened.engine.insertNativeFile('spans', path, 'compressed');
    expect(await spans(opened)).toEqual([SPANS_PER_FILE, SPANS_PER_FILE]);
    const [{ rawHeaders, bodyBytes } = { rawHeaders: [], bodyBytes: 0 }] = server.seen;
    expect(rawHeaders.join('\n')).toMatch(/^content-encoding\ngzip$/im);
    expect(bodyBytes).toBeLessThan(100_000);
  });

  test('whose answer is lost is sent once, and stores nothing more when its owner repeats it', async () => {
    const opened = await engineOf();
    await opened.engine.command('TRUNCATE TABLE throughline.spans');
    const path = spansFile(opened, 400_001);
    server.seen.length = 0;
    server.faults.loseResponse = (sql) => sql.startsWith('INSERT');
    await expect(opened.engine.insertNativeFile('spans', path, 'lost')).rejects.toMatchObject({ code: 'unavailable' });
    expect(inserts()).toBe(1);
    server.faults.loseResponse = () => false;
    await opened.engine.insertNativeFile('spans', path, 'lost');
    expect(await spans(opened)).toEqual([SPANS_PER_FILE, SPANS_PER_FILE]);
  });

  test('that takes too long is given up', async () => {
    const opened = await engineOf({ insertTimeoutMs: 200 });
    const path = spansFile(opened, 500_001);
    const gate = new EventEmitter();
    const held = once(gate, 'open');
    server.faults.hold = (sql) => (sql.startsWith('INSERT') ? held : Promise.resolve([]));
    await expect(opened.engine.insertNativeFile('spans', path, 'slow')).rejects.toMatchObject({ code: 'timeout' });
    gate.emit('open');
    await eventually(() => server.running() === 0);
  });
});

test('a query that nobody waits for ends on the server, and so does one that takes too long', async () => {
  const opened = await engineOf();
  const slow = 'SELECT sleepEachRow(0.05) FROM numbers(2000) SETTINGS max_block_size = 1';
  const leaving = new AbortController();
  const left = opened.engine.query(slow, { format: 'Native', timeoutMs: 60_000, signal: leaving.signal });
  const outcome = left.catch((error: unknown) => error);
  await eventually(() => server.running() === 1);
  leaving.abort(new Error('left'));
  expect(await outcome).toMatchObject({ message: 'left' });
  await eventually(() => server.running() === 0);
  await expect(rows(opened, slow, 200)).rejects.toMatchObject({ code: 'timeout' });
  await eventually(() => server.running() === 0);
});

test('a server that shuts down is waited for, with a state that says so', async () => {
  const opened = await engineOf({ pingIntervalMs: 50 });
  const running = rows(opened, 'SELECT sleepEachRow(0.05) FROM numbers(2000) SETTINGS max_block_size = 1').catch(
    (error: unknown) => error,
  );
  await eventually(() => server.running() === 1);
  await server.shutDown();
  expect(await running).toBeInstanceOf(Error);
  await eventually(() => opened.engine.state.kind === 'down');
  await expect(rows(opened, 'SELECT 1')).rejects.toMatchObject({ code: 'unavailable' });
  const waiting = engineOf();
  await server.listenAgain();
  await eventually(() => opened.engine.state.kind === 'ready');
  expect(await rows(opened, 'SELECT 1')).toEqual([[1]]);
  expect(await rows(await waiting, 'SELECT 1')).toEqual([[1]]);
});
