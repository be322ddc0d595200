import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { createConnection } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startClickHouseHttp, type ClickHouseHttp } from './support/clickhouse-http/server.ts';
import { noFaults } from './support/clickhouse-http/faults.ts';
import { eventually } from './support/processes.ts';

/** The server that stands for a current ClickHouse in other tests is as strict as one. What it answers is ClickHouse's documentation. */
let server: ClickHouseHttp;
beforeAll(async () => {
  server = await startClickHouseHttp({ password: 'pass:wörd', users: { other: '' }, timeZone: 'America/New_York' });
  await ask({}, 'CREATE TABLE t (a UInt64, s String) ENGINE = MergeTree ORDER BY a');
});
afterAll(async () => {
  await server?.stop();
});
beforeEach(() => {
  Object.assign(server.faults, noFaults());
});

interface Said {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
}

async function ask(
  parameters: Record<string, string>,
  body?: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
): Promise<Said> {
  const login = { Authorization: `Basic ${Buffer.from('default:pass:wörd').toString('base64')}` };
  const response = await fetch(`${server.url}/?${new URLSearchParams(parameters)}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { 'Accept-Encoding': 'identity', ...('X-ClickHouse-User' in headers ? {} : login), ...headers },
    ...(body !== undefined && { body }),
  });
  return { status: response.status, text: await response.text(), headers: response.headers };
}

const code = ({ status, headers, text }: Said): unknown[] => [
  status,
  Number(headers.get('x-clickhouse-exception-code')),
  /^Code: (\d+)\. DB::Exception: [^]*\(([A-Z_]+)\) \(version 26\.[0-9.]+ \(official build\)\)\n$/.exec(text)?.[2],
];

const only = async (headers: Record<string, string>, parameters = ''): Promise<unknown> => {
  const response = await fetch(`${server.url}/?query=SELECT%201${parameters}`, { headers });
  const text = await response.text();
  return response.status === 200 ? text : [response.status, response.headers.get('x-clickhouse-exception-code'), text];
};
const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;
const latin1 = (text: string): string => Buffer.from(text).toString('latin1');

const count = async (): Promise<unknown> => (await server.rows('SELECT count(), max(s) FROM t'))[0];

/** The answer's bytes as they were sent, and how they are encoded. */
async function get(query: string): Promise<[string | undefined, Buffer]> {
  const request = httpRequest(`${server.url}/?user=other&${query}`, { headers: { 'Accept-Encoding': 'gzip' } }).end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return [response.headers['content-encoding'], await buffer(response)];
}

describe('the login', () => {
  it('takes one of three forms', async () => {
    expect(await only({ Authorization: basic('default:pass:wörd') })).toBe('1\n');
    expect(await only({ 'X-ClickHouse-User': 'default', 'X-ClickHouse-Key': latin1('pass:wörd') })).toBe('1\n');
    expect(await only({}, `&user=default&password=${encodeURIComponent('pass:wörd')}`)).toBe('1\n');
    expect(await only({ Authorization: basic('other:') })).toBe('1\n');
    expect(await only({ 'X-ClickHouse-User': 'other' })).toBe('1\n');
  });

  it('rejects two of them at once, a key without a user, and what is wrong', async () => {
    const refused: [Record<string, string>, string?][] = [
      [{ Authorization: basic('other:'), 'X-ClickHouse-User': 'other' }],
      [{ 'X-ClickHouse-User': 'other' }, '&user=other'],
      [{ Authorization: basic('other:') }, '&user=other'],
      [{ 'X-ClickHouse-Key': latin1('pass:wörd') }],
      [{ Authorization: basic('default:wrong') }],
      [{ Authorization: 'Bearer token' }],
      [{}],
      [{}, '&user=nobody'],
    ];
    for (const [headers, parameters] of refused) {
      expect(await only(headers, parameters)).toEqual([403, '516', expect.stringContaining('(AUTHENTICATION_FAILED)')]);
    }
  });
});

describe('a statement', () => {
  it('stands in the URL, in the body, or begins in the one and ends in the other', async () => {
    expect((await ask({ query: 'SELECT 1' })).text).toBe('1\n');
    expect((await ask({}, 'SELECT 1')).text).toBe('1\n');
    expect((await ask({ query: 'SELECT' }, '1')).text).toBe('1\n');
    expect(code(await ask({ query: 'SEL' }, 'ECT 1'))).toEqual([400, 62, 'SYNTAX_ERROR']);
    expect(code(await ask({}, 'SELECT 1; SELECT 2'))).toEqual([400, 62, 'SYNTAX_ERROR']);
    expect((await ask({}, "SELECT ';' -- ; SELECT 2\n;\n")).text).toBe(';\n');
  });

  it('answers errors by their kind', async () => {
    expect(code(await ask({}, 'SELECT nothing'))).toEqual([404, 47, 'UNKNOWN_IDENTIFIER']);
    expect(code(await ask({}, 'SELECT 1 FROM nowhere'))).toEqual([404, 60, 'UNKNOWN_TABLE']);
    expect(code(await ask({}, 'SELECT throwIf(1)'))).toEqual([500, 395, 'FUNCTION_THROW_IF_VALUE_IS_NON_ZERO']);
    expect(
      code(await ask({ max_memory_usage: '10000000' }, 'SELECT length(groupArray(number)) FROM numbers(100000000)')),
    ).toEqual([500, 241, 'MEMORY_LIMIT_EXCEEDED']);
    expect(
      code(
        await ask(
          { max_execution_time: '1' },
          'SELECT sleepEachRow(0.1) FROM numbers(100) SETTINGS max_block_size = 1',
        ),
      ),
    ).toEqual([408, 159, 'TIMEOUT_EXCEEDED']);
    expect(code(await ask({}, "SELECT 1 INTO OUTFILE '/tmp/x'"))).toEqual([500, 344, 'INTO_OUTFILE_NOT_ALLOWED']);
    expect(code(await ask({}, "INSERT INTO t FROM INFILE '/etc/passwd' FORMAT TSV"))).toEqual([
      404,
      78,
      'UNKNOWN_TYPE_OF_QUERY',
    ]);
  });

  it('may be as long as the server is set up for', async () => {
    const long = `SELECT length('${'x'.repeat(100_000)}')`;
    expect((await ask({ query: long })).text).toBe('100000\n');
    expect(code(await ask({ query: `SELECT '${'x'.repeat(140_000)}'` }))).toEqual([500, 1000, 'POCO_EXCEPTION']);
    expect(code(await ask({}, `SELECT '${'x'.repeat(300_000)}'`))).toEqual([400, 62, 'SYNTAX_ERROR']);
  });

  it('has settings of its own, which there must be', async () => {
    expect((await ask({ max_threads: '1' }, "SELECT getSetting('max_threads')")).text).toBe('1\n');
    expect((await ask({}, "SELECT getSetting('max_threads')")).text).toBe('2\n');
    expect(code(await ask({ no_such_setting: '1' }, 'SELECT 1'))).toEqual([404, 115, 'UNKNOWN_SETTING']);
    expect((await ask({ param_x: "it's" }, 'SELECT {x:String}')).text).toBe("it\\'s\n");
  });

  it('changes nothing in a GET, or where it is readonly', async () => {
    expect(code(await ask({ query: 'CREATE TABLE u (a Int8) ENGINE = Memory' }))).toEqual([500, 164, 'READONLY']);
    expect(code(await ask({ readonly: '2' }, 'CREATE TABLE u (a Int8) ENGINE = Memory'))).toEqual([
      500,
      164,
      'READONLY',
    ]);
    expect((await ask({ query: 'SELECT 1', max_threads: '1' })).text).toBe('1\n');
    expect(code(await ask({ query: 'SELECT 1', readonly: '0' }))).toEqual([500, 164, 'READONLY']);
    expect((await ask({ query: 'SELECT 1', readonly: '2' })).text).toBe('1\n');
  });

  it('runs in the server’s zone, and says so', async () => {
    const { text, headers } = await ask({}, 'SELECT timezone(), toString(toDateTime(0))');
    expect(text).toBe('America/New_York\t1969-12-31 19:00:00\n');
    expect(headers.get('x-clickhouse-timezone')).toBe('America/New_York');
    expect(headers.get('x-clickhouse-format')).toBe('TabSeparated');
    expect(headers.get('x-clickhouse-query-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect(JSON.parse(headers.get('x-clickhouse-summary') ?? '')).toMatchObject({ read_rows: '1' });
  });

  it('is ended by KILL QUERY, and by a client that leaves where it was told so', async () => {
    const slow = 'SELECT sleepEachRow(0.05) FROM numbers(2000) SETTINGS max_block_size = 1';
    const killed = ask({ query_id: 'mine' }, slow);
    await eventually('it runs', () => server.running() === 1);
    expect(code(await ask({ query_id: 'mine' }, 'SELECT 1'))).toEqual([
      500,
      216,
      'QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING',
    ]);
    expect((await ask({}, "KILL QUERY WHERE query_id = 'mine'")).text).toContain('mine');
    expect(code(await killed)).toEqual([500, 394, 'QUERY_WAS_CANCELLED']);
    const leaving = new AbortController();
    const url = `${server.url}/?${new URLSearchParams({ query: slow, user: 'other', readonly: '2', cancel_http_readonly_queries_on_client_close: '1' })}`;
    const left = fetch(url, { method: 'POST', body: '', signal: leaving.signal }).catch(() => 'left');
    await eventually('it runs', () => server.running() === 1);
    leaving.abort();
    expect(await left).toBe('left');
    await eventually('it has ended', () => server.running() === 0);
  });
});

describe('data', () => {
  const insert = { query: 'INSERT INTO t FORMAT TSV' };

  it('is a body, whatever bytes are in it', async () => {
    await ask({}, 'TRUNCATE TABLE t');
    expect((await ask(insert, '1\tone\n2\ttwo\n')).status).toBe(200);
    expect((await ask({}, 'INSERT INTO t (a, s) FORMAT TSV\n3\ta\\n\\nDROP TABLE t\n')).status).toBe(200);
    expect((await ask({}, "INSERT INTO t VALUES (4, '\n\nDROP TABLE t')")).status).toBe(200);
    expect((await ask({ query: 'INSERT INTO t VALUES' }, "(5, 'x')")).status).toBe(200);
    expect((await ask({}, "INSERT INTO t SELECT 6, 'y'")).status).toBe(200);
    expect(await count()).toEqual([6, 'y']);
    expect(code(await ask(insert, 'x\ty\n'))[0]).toBe(400);
    expect(code(await ask({ query: 'INSERT INTO u FORMAT TSV' }, '1\t2\n'))).toEqual([404, 60, 'UNKNOWN_TABLE']);
  });

  it('is encoded as the header says, and nothing of it is stored where it is damaged', async () => {
    await ask({}, 'TRUNCATE TABLE t');
    const rows = Array.from({ length: 10_000 }, (_, index) => `${index}\tx\n`).join('');
    const gzip = { 'Content-Encoding': 'gzip' };
    expect((await ask(insert, gzipSync(rows), gzip)).status).toBe(200);
    expect(await count()).toEqual([10_000, 'x']);
    const [damaged, again] = [gzipSync(rows), await ask(insert, gzipSync(rows).subarray(0, 5_000), gzip)];
    damaged.fill(0, 3_000, 3_100);
    expect(code(again)).toEqual([500, 354, 'ZLIB_INFLATE_FAILED']);
    expect(code(await ask(insert, damaged, gzip))).toEqual([500, 354, 'ZLIB_INFLATE_FAILED']);
    expect(code(await ask(insert, 'x', { 'Content-Encoding': 'none-such' }))).toEqual([501, 48, 'NOT_IMPLEMENTED']);
    expect(await count()).toEqual([10_000, 'x']);
  });

  it('is answered in an encoding where both sides want it', async () => {
    expect(await get('query=SELECT+1')).toEqual([undefined, Buffer.from('1\n')]);
    const [encoding, body] = await get('query=SELECT+1&enable_http_compression=1');
    expect(encoding).toBe('gzip');
    expect(gunzipSync(body).toString()).toBe('1\n');
  });
});

describe('beside statements', () => {
  it('says how it is', async () => {
    for (const path of ['/ping', '/replicas_status', '/']) {
      expect(await (await fetch(server.url + path)).text()).toBe('Ok.\n');
    }
    expect((await fetch(`${server.url}/elsewhere`)).status).toBe(404);
  });

  it('lets a client wait for leave to send its body', async () => {
    const headers = { Expect: '100-continue', 'Content-Length': 8 };
    const request = httpRequest(`${server.url}/?user=other`, { method: 'POST', headers });
    request.flushHeaders();
    await once(request, 'continue');
    request.end('SELECT 1');
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    expect((await buffer(response)).toString()).toBe('1\n');
  });

  it('rejects a POST without a length', async () => {
    const { hostname, port } = new URL(server.url);
    const socket = createConnection(Number(port), hostname);
    socket.write('POST /?user=other HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    expect(answer.toString()).toContain('HTTP/1.1 411');
  });

  it('does wrong what it is told to', async () => {
    server.faults.refuse = { code: 201, message: 'Quota for user `default` has been exceeded' };
    expect(code(await ask({}, 'SELECT 1'))).toEqual([500, 201, 'QUOTA_EXCEEDED']);
    server.faults.proxy = { status: 502 };
    expect(await ask({}, 'SELECT 1')).toMatchObject({
      status: 502,
      text: expect.stringContaining('<html>') as unknown,
    });
    Object.assign(server.faults, noFaults());
    const broken = { afterBytes: 5, code: 241, message: 'Memory limit exceeded' } as const;
    server.faults.breakResponse = { ...broken, how: 'text' };
    expect((await ask({}, 'SELECT number FROM numbers(10)')).text).toMatch(/^0\n1\n2Code: 241\. DB::Exception/);
    server.faults.breakResponse = { ...broken, how: 'tagged' };
    await expect(ask({}, 'SELECT number FROM numbers(10)')).rejects.toThrow('terminated');
    server.faults.breakResponse = { ...broken, how: 'cut' };
    await expect(ask({}, 'SELECT number FROM numbers(10)')).rejects.toThrow('terminated');
  });

  it('shuts down with what runs, and comes back on its port', async () => {
    const running = ask({}, 'SELECT sleepEachRow(0.05) FROM numbers(2000) SETTINGS max_block_size = 1');
    await eventually('it runs', () => server.running() === 1);
    await Promise.all([server.shutDown(), expect(running.then(code)).resolves.toEqual([500, 236, 'ABORTED'])]);
    await expect(fetch(server.url)).rejects.toThrow('fetch failed');
    await server.listenAgain();
    expect((await ask({}, 'SELECT 1')).text).toBe('1\n');
  });
});
