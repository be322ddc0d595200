import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { findClickHouseServer } from '../scripts/workspace.mjs';
import { startClickHouseServer, type ClickHouseServer } from './support/clickhouse-server.ts';
import { newDirectory, readyz, runCommand, startCollector, type Collector } from './support/collector.ts';
import { eventually } from './support/processes.ts';
import { metricOf } from './support/prometheus.ts';
import { aRequest, postJson, spanIdOf } from './support/traces.ts';

/** Servers of 2018 take their time to start, and to read their users again. */
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const program = findClickHouseServer();
const SPANS = 20;

const isReady = async (collector: Collector): Promise<boolean> => (await readyz(collector)).ready;

const takenFiles = (collector: Collector): Promise<number> =>
  metricOf(collector, 'throughline_store_file_reads_total', { file: 'password', outcome: 'taken' });

/**
 * What an operator gets wrong: one clear line each, and the spool holds what came. Elsewhere: a name of a cluster that the
 * servers do not know, a macro or a shard that is missing (`clickhouse-cluster`), two URLs of two stores
 * (`one-collector-a-store`), a full disk of one server (`clickhouse-nodes`), a server that is too old
 * (`cluster-engine`), a database that nobody has made where the schema is external (`clickhouse-schema`).
 */
describe.skipIf(program === undefined)('a ClickHouse server that cannot be used as it is', () => {
  let server: ClickHouseServer;
  let folder: string;
  const collectors: Collector[] = [];
  const sent = new Set<string>();

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'throughline-secrets-'));
    server = await startClickHouseServer(program ?? '', { password: 'f1rst', limitedTo: '<readonly>1</readonly>' });
  });
  beforeEach(async () => {
    await server.setPassword('f1rst');
    sent.clear();
  });
  afterEach(async () => {
    for (const collector of collectors.splice(0)) await collector.stop();
  });
  afterAll(async () => {
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** As an orchestrator does it: at once. */
  function writePassword(password: string): string {
    const path = join(folder, 'password');
    writeFileSync(`${path}.new`, password);
    renameSync(`${path}.new`, path);
    return path;
  }

  async function start(args: readonly string[], startsDown = false): Promise<Collector> {
    const quick = ['--cluster-ping-interval-ms', '200', '--cluster-start-retry-ms', '100'];
    const collector = await startCollector({ args: [...args, ...quick, '--log-level', 'info'], startsDown });
    collectors.push(collector);
    return collector;
  }

  const withFile = (path: string): string[] => ['--store', server.url, '--store-password-file', path];

  async function send(collector: Collector, name: string): Promise<void> {
    expect((await postJson(collector.otlpUrl, aRequest(name, SPANS))).status).toBe(200);
    for (let index = 0; index < SPANS; index++) sent.add(spanIdOf(`${name}-${index}`));
  }

  async function everythingIsStoredOnce(): Promise<void> {
    const sql = 'SELECT lower(hex(span_id)) AS id, toUInt32(count()) FROM throughline.spans GROUP BY id ORDER BY id';
    const found = async (): Promise<unknown[][]> => (await server.rows(sql)).filter(([id]) => sent.has(String(id)));
    await eventually('the spans are stored', async () => (await found()).length >= sent.size);
    expect(await found()).toEqual([...sent].toSorted().map((id) => [id, 1]));
  }

  it('waits for the right password, and reads it from its file without a restart', async () => {
    const collector = await start(withFile(writePassword('wr0ng')), true);
    const [problem] = await eventually('it says why it waits', async () => {
      const { problems } = await readyz(collector);
      return problems.some(({ code }) => code === 'engine_down') ? problems : undefined;
    });
    expect(problem?.message).toMatch(/^Code: 193[^\n]*; [^\n]*password of --store$/);
    await send(collector, 'before the password');
    writePassword('f1rst');
    await eventually('it is ready', () => isReady(collector));
    await everythingIsStoredOnce();
    expect(await takenFiles(collector)).toBe(1);
    expect(collector.output()).not.toMatch(/wr0ng|f1rst/);
  });

  it('goes on with a password that is rotated, first on the server and then in the file', async () => {
    const collector = await start(withFile(writePassword('f1rst')));
    await server.setPassword('s3cond');
    await eventually('it says why it waits', async () =>
      (await readyz(collector)).problems.some(({ code }) => code === 'engine_down'),
    );
    await send(collector, 'between the passwords');
    writePassword('s3cond');
    await eventually('it is ready', () => isReady(collector));
    await everythingIsStoredOnce();
    expect(await takenFiles(collector)).toBe(1);
    expect(collector.output().match(/read the password file/g)).toHaveLength(1);
    expect(collector.output()).not.toMatch(/f1rst|s3cond/);
  });

  it('keeps the password that works while its file is broken, and says so', async () => {
    const collector = await start(withFile(writePassword('f1rst')));
    const path = writePassword('');
    const broken = await eventually('it says so', async () => {
      const { ready, warnings } = await readyz(collector);
      return ready ? warnings.find(({ code }) => code === 'store_file_broken') : undefined;
    });
    expect(broken.message).toContain(path);
    rmSync(path);
    await send(collector, 'while the file is broken');
    await everythingIsStoredOnce();
    expect(collector.output().match(/stays in use/g)).toHaveLength(1);
    writePassword('f1rst');
    await eventually('it is content', async () => (await readyz(collector)).warnings.length === 0);
    expect(await takenFiles(collector)).toBe(0);
    expect(
      await metricOf(collector, 'throughline_store_file_reads_total', { file: 'password', outcome: 'broken' }),
    ).toBe(1);
  });

  it('refuses a user who may only read, in one line', async () => {
    const path = writePassword('f1rst');
    const store = ['--store', server.url.replace('//', '//limited@'), '--store-password-file', path];
    const dataDirectory = newDirectory();
    const ports = ['--http-port', '0', '--otlp-http-port', '0', '--otlp-grpc-port', '0'];
    const command = runCommand(['up', ...ports, ...store, '--data-dir', dataDirectory]);
    expect((await command.exited).code).toBe(1);
    expect(command.output()).toMatch(/^throughline up: Code: 164[^\n]*; [^\n]*INSERT\n$/);
    rmSync(dataDirectory, { recursive: true });
  });

  it('says that somebody has dropped the database, and keeps what waits from a store that is not known', async () => {
    const path = writePassword('f1rst');
    const collector = await start(withFile(path));
    await server.command('DROP DATABASE throughline');
    sent.clear();
    await send(collector, 'without a database');
    const down = await eventually('it says so', async () =>
      (await readyz(collector)).problems.find(({ code }) => code === 'engine_down'),
    );
    expect(down.message).toMatch(/^[^\n]* no store id[^\n]*$/);
    const { dataDirectory } = collector;
    await collector.stop({ keepData: true });
    collectors.length = 0;
    const ports = ['--http-port', '0', '--otlp-http-port', '0', '--otlp-grpc-port', '0'];
    const refused = runCommand(['up', ...ports, ...withFile(path), '--data-dir', dataDirectory]);
    expect((await refused.exited).code).toBe(1);
    const noted = join(dataDirectory, 'store-id');
    expect(refused.output()).toMatch(new RegExp(`throughline up: [^\n]*remove ${noted} [^\n]*\n$`));
    rmSync(noted);
    collectors.push(await startCollector({ args: withFile(path), dataDirectory }));
    await everythingIsStoredOnce();
  });

  it('says of a server whose clock is another one, and stores the spans', async () => {
    const clock = new URL('./support/jumping-clock.mjs', import.meta.url);
    const env = { NODE_OPTIONS: `--import=${clock.href}`, CLOCK_OFFSETS_MS: '-60000' };
    const args = [...withFile(writePassword('f1rst')), '--cluster-ping-interval-ms', '200'];
    const collector = await startCollector({ args, env });
    collectors.push(collector);
    const apart = await eventually('it says so', async () =>
      (await readyz(collector)).warnings.find(({ code }) => code === 'store_node_clock'),
    );
    expect(apart.message).toMatch(/ (59|60|61) s ahead of /);
    const { host } = new URL(server.url);
    expect(
      Math.abs((await metricOf(collector, 'throughline_store_node_clock_offset_seconds', { node: host })) - 60),
    ).toBeLessThan(2);
    await send(collector, 'another clock');
    await everythingIsStoredOnce();
  });
});
