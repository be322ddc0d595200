import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { findClickHouseServer, findZooKeeper } from '../scripts/workspace.mjs';
import { startClickHouseCluster, type ClickHouseCluster } from './support/clickhouse-cluster.ts';
import { startClickHouseServer, type ClickHouseServer } from './support/clickhouse-server.ts';
import { isSpoolEmpty, newDirectory, runCommand, startCollector } from './support/collector.ts';
import { ask, LONG_TRACE, storedSpans, theTraces, TRACES } from './support/questions.ts';
import { eventually } from './support/processes.ts';
import { postJson, spanIdOf } from './support/traces.ts';

/** Servers of 2018 may hang where they are killed: such a test ends, and is run once more. */
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const [program, zooKeeper] = [findClickHouseServer(), findZooKeeper()];

/** May store and read, and make nothing. */
const LIMITED = {
  profiles:
    '<limited><allow_ddl>0</allow_ddl><allow_experimental_low_cardinality_type>1</allow_experimental_low_cardinality_type></limited>',
  users:
    '<limited><password></password><networks><ip>127.0.0.1</ip></networks><profile>limited</profile><quota>default</quota></limited>',
};

const asLimited = (url: string): string => url.replace('//', '//limited@');

interface Ran {
  readonly code: number | null;
  readonly lines: readonly string[];
}

/** Runs a command of `throughline schema` with what selects the store. */
async function schema(action: string, store: readonly string[], ...more: readonly string[]): Promise<Ran> {
  const command = runCommand(['schema', action, ...store, ...more]);
  const { code } = await command.exited;
  return { code, lines: command.output().trimEnd().split('\n') };
}

const statementsOf = ({ lines }: Ran): string[] =>
  lines
    .filter((line) => !line.startsWith('--'))
    .join('\n')
    .split(/;(?:\n|$)/)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '');

/** Runs them one by one in a session, as a program would that knows HTTP and nothing else. */
async function runStatements(url: string, statements: readonly string[]): Promise<void> {
  for (const statement of statements) {
    const response = await fetch(`${url}/?session_id=schema`, { method: 'POST', body: statement });
    const answer = await response.text();
    if (!response.ok) throw new Error(`${answer}\n${statement}`);
  }
}

/** What a collector says that does not start on the store. */
async function refusalOf(store: readonly string[]): Promise<string> {
  const dataDirectory = newDirectory();
  const ports = ['--http-port', '0', '--otlp-http-port', '0', '--otlp-grpc-port', '0'];
  const command = runCommand(['up', ...ports, ...store, '--store-schema', 'external', '--data-dir', dataDirectory]);
  expect((await command.exited).code).toBe(1);
  rmSync(dataDirectory, { recursive: true });
  return command.output();
}

/** Spans in, a trace out. */
async function storesAndAnswers(store: readonly string[]): Promise<void> {
  const collector = await startCollector({ args: [...store, '--store-schema', 'external'] });
  try {
    await postJson(collector.otlpUrl, theTraces());
    await eventually('the traces are stored', async () => (await storedSpans(collector)()) === TRACES * 3);
    await eventually('they are counted', () => isSpoolEmpty(collector));
    const answer = (await ask(collector, `/traces/${LONG_TRACE}`)) as { readonly status: number };
    expect(answer.status).toBe(200);
    const ids = [0, 1, 2].map((depth) => spanIdOf(`span-7-${depth}`));
    for (const id of ids) expect(JSON.stringify(answer)).toContain(`"spanId":"${id}"`);
  } finally {
    await collector.stop();
  }
}

/** `npm run setup` installs them. */
const isMissing = program === undefined || zooKeeper === undefined;

describe.skipIf(isMissing)("a schema that is somebody else's, on a cluster", () => {
  let cluster: ClickHouseCluster;
  let store: readonly string[];
  beforeAll(async () => {
    cluster = await startClickHouseCluster(program ?? '', zooKeeper ?? '');
    store = ['--store', cluster.servers.map(({ url }) => url).join(','), '--store-cluster', cluster.name];
  });
  afterAll(() => cluster?.stop());

  it('is missing at first: nothing is made, and a collector is refused', async () => {
    const printed = await schema('print', store);
    expect(printed.code).toBe(0);
    expect(await schema('check', store)).toMatchObject({ code: 1 });
    expect(await refusalOf(store)).toMatch(/^throughline up: .*schema apply.*schema print.*\n$/);
    for (const { rows } of cluster.servers)
      expect(await rows("SELECT name FROM system.databases WHERE name = 'throughline'")).toEqual([]);
  });

  it('that is older is refused, and printed from there', async () => {
    const after3 =
      /ADD COLUMN rare|toUInt32\([456]\) AS number|\.(?:path_normals|path_resources|call_edges|normal_steps)/;
    const statements = statementsOf(await schema('print', store));
    const [first] = cluster.servers;
    await runStatements(
      first.url,
      statements.filter((statement) => !after3.test(statement)),
    );
    await cluster.settled();
    const older = expect.stringContaining('throughline schema print --from 3') as string;
    expect(await schema('check', store)).toMatchObject({ code: 1, lines: [older, expect.stringMatching(/^1 /)] });
    expect(await refusalOf(store)).toEqual(older);
    // A server that has not fetched the newest notes yet is not taken for an older store.
    const [, , third] = cluster.servers;
    await third.command('SYSTEM STOP FETCHES throughline.schema_migrations');
    await runStatements(first.url, statementsOf(await schema('print', store, '--from', '3')));
    expect(await third.rows('SELECT max(number) FROM throughline.schema_migrations')).toEqual([[3]]);
    expect(await schema('check', store)).toMatchObject({ code: 0 });
    await third.command('SYSTEM START FETCHES throughline.schema_migrations');
    await cluster.settled();
  });

  it('works when the printed statements have been run by HTTP, and is made and altered by nobody else', async () => {
    // An account that may make nothing may not wait for replicas either, on servers of 2018.
    const ddl = "SELECT count() FROM system.zookeeper WHERE path = '/clickhouse/task_queue/ddl'";
    const before = await cluster.servers[0].rows(ddl);
    await storesAndAnswers(store);
    expect(await cluster.servers[0].rows(ddl)).toEqual(before);
    const applied = await schema('apply', store);
    expect(applied).toMatchObject({ code: 0, lines: [expect.stringContaining('nothing')] });
  });

  it('is unknown on a cluster that the servers do not know', async () => {
    const elsewhere = [...store.slice(0, 2), '--store-cluster', 'nowhere'];
    expect(await schema('check', elsewhere)).toMatchObject({
      code: 2,
      lines: [expect.stringMatching(/nowhere.*main/)],
    });
    expect(await schema('print', elsewhere)).toMatchObject({
      code: 1,
      lines: [expect.stringMatching(/nowhere.*main/)],
    });
  });

  it('is compared on each server', async () => {
    const [, second, third] = cluster.servers;
    await third.command('DROP TABLE throughline.long_traces_distributed');
    await second.command('DROP TABLE throughline.spans_distributed');
    await second.command(
      `CREATE TABLE throughline.spans_distributed AS throughline.spans ENGINE = Distributed(${cluster.name}, throughline, spans, rand())`,
    );
    await third.command('ALTER TABLE throughline.trace_times DROP COLUMN rare');
    const { code, lines } = await schema('check', store);
    expect(code).toBe(1);
    const about = (url: string, pattern: RegExp): string[] =>
      lines.filter((line) => line.startsWith(url) && pattern.test(line));
    expect(lines).toHaveLength(4);
    expect(about(third.url, /throughline\.long_traces_distributed/)).toHaveLength(1);
    expect(about(second.url, /throughline\.spans_distributed .*rand\(\)/)).toHaveLength(1);
    expect(about(third.url, /throughline\.trace_times .* rare; run: ALTER TABLE/)).toHaveLength(1);
    expect(await refusalOf(store)).toMatch(/^throughline up: .*schema check.*\n$/);
  });
});

describe.skipIf(program === undefined)("a schema that is somebody else's, on one server", () => {
  let server: ClickHouseServer;
  let store: readonly string[];
  let limited: readonly string[];
  beforeAll(async () => {
    server = await startClickHouseServer(program ?? '', LIMITED);
    store = ['--store', server.url];
    limited = ['--store', asLimited(server.url)];
  });
  afterAll(() => server?.stop());

  it('is not made by an account that may make nothing', async () => {
    const { code, lines } = await schema('apply', limited);
    expect(code).toBe(1);
    expect(lines).toHaveLength(1);
  });

  it('serves a collector whose account may make nothing', async () => {
    const applied = await schema('apply', store);
    expect(applied.code).toBe(0);
    expect(applied.lines.length).toBeGreaterThan(5);
    expect(await schema('check', limited)).toMatchObject({ code: 0 });
    await storesAndAnswers(limited);
  });

  it('is compared: a setting that somebody has changed, and a table that is gone', async () => {
    await server.command('DROP TABLE throughline.spans');
    const { lines } = await schema('print', store);
    const create = statementsOf({ code: 0, lines }).find((sql) =>
      /^CREATE TABLE \w+ \w+ \w+ throughline\.spans /.test(sql),
    );
    expect(create).toContain('index_granularity = 1024');
    await server.command((create ?? '').replace('index_granularity = 1024', 'index_granularity = 8192'));
    await server.command('DROP TABLE throughline.counted_1h');
    const found = await schema('check', store);
    expect(found.code).toBe(1);
    expect(found.lines).toHaveLength(3);
    expect(found.lines.filter((line) => /throughline\.spans .*index_granularity = 8192\b/.test(line))).toHaveLength(1);
    expect(found.lines.filter((line) => line.includes('throughline.counted_1h'))).toHaveLength(1);
  });

  it('is unknown where a server does not answer', async () => {
    const gone = ['--store', `${server.url},http://127.0.0.1:9`];
    expect(await schema('check', gone)).toMatchObject({ code: 2, lines: [expect.stringContaining('127.0.0.1:9')] });
  });
});

describe('throughline schema', () => {
  it.each([
    [[], /print, apply, check/],
    [['prin'], /print\?/],
    [['print', 'more'], /"more"/],
    [['print', '--from', 'x'], /--from: got "x"/],
    [['print', '--from', '99'], /--from: got "99"/],
    [['print', '--server-version', '18.15'], /--server-version: got "18\.15"/],
    [['print', '--server-version', '24.8', '--store', 'http://127.0.0.1:9'], /--server-version .*--store/],
    [['apply', '--from', '1', '--store', 'http://127.0.0.1:9'], /--from .*schema print/],
    [['apply'], /--store/],
    [['check'], /--store/],
    [['check', '--store-schema', 'mine'], /--store-schema: got "mine", .*managed, external/],
    [['print', '--store-schema', 'external'], /--store-schema .*--store URL/],
  ])('refuses %j in one line', async (args, expected) => {
    const command = runCommand(['schema', ...args]);
    expect((await command.exited).code).toBe(2);
    expect(command.output()).toMatch(/^throughline schema[^\n]*\n$/);
    expect(command.output()).toMatch(expected);
  });

  it('says in one line that no server answers, without the password', async () => {
    for (const [action, code] of [
      ['print', 1],
      ['apply', 1],
      ['check', 2],
    ] as const) {
      const ran = await schema(action, ['--store', 'http://ann:s3cret@127.0.0.1:9']);
      expect(ran).toMatchObject({ code, lines: [expect.stringContaining('127.0.0.1:9')] });
      expect(ran.lines[0]).not.toContain('s3cret');
    }
  });

  it.each(['print', 'apply', 'check'])(
    'ends at once when %s is interrupted while a server is silent',
    async (action) => {
      const silent = createServer().listen(0, '127.0.0.1');
      await once(silent, 'listening');
      const { port } = silent.address() as AddressInfo;
      const asked = once(silent, 'connection') as Promise<[Socket]>;
      const command = runCommand(['schema', action, '--store', `http://127.0.0.1:${port}`]);
      const [socket] = await asked;
      process.kill(command.pid, 'SIGINT');
      expect((await command.exited).code).toBe(130);
      expect(command.output()).toMatch(new RegExp(`^throughline schema ${action}: interrupted; [^\\n]*\\n$`));
      socket.destroy();
      silent.close();
    },
  );
});
