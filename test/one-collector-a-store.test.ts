import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { findClickHouseServer } from '../scripts/workspace.mjs';
import { startClickHouseServer, type ClickHouseServer } from './support/clickhouse-server.ts';
import { isSpoolEmpty, newDirectory, runCommand, startCollector, type Collector } from './support/collector.ts';
import { eventually, isAlive } from './support/processes.ts';
import { aRequest, postJson, spanIdOf } from './support/traces.ts';

const program = findClickHouseServer();
const why =
  program === undefined
    ? ' (skipped: clickhouse-server is not installed; on Debian: apt-get install clickhouse-server)'
    : '';

const SHORT_LEASE = ['--cluster-lease-ms', '4s', '--cluster-lease-renew-ms', '300ms'];
const LONG_LEASE = ['--cluster-lease-ms', '20s', '--cluster-lease-renew-ms', '300ms'];

interface Finding {
  readonly code: string;
  readonly message: string;
}

async function findings({ apiUrl }: Collector): Promise<{ problems: Finding[]; warnings: Finding[] }> {
  return (await (await fetch(`${apiUrl}/readyz`)).json()) as { problems: Finding[]; warnings: Finding[] };
}

async function send(collector: Collector, name: string): Promise<void> {
  const response = await postJson(collector.otlpUrl, aRequest(name, 10));
  expect([response.status, await response.text()]).toEqual([200, '{}']);
}

describe.skipIf(program === undefined)(`collectors on one ClickHouse server${why}`, () => {
  let server: ClickHouseServer;
  const directories: string[] = [];
  const begun: { readonly pid: number }[] = [];

  beforeAll(async () => {
    server = await startClickHouseServer(program ?? '');
  });
  afterEach(() => {
    for (const { pid } of begun.splice(0)) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
  });
  afterAll(() => server?.stop());

  function aDirectory(): string {
    const directory = newDirectory();
    directories.push(directory);
    return directory;
  }

  /** On the server, unless other URLs are given; its directory is removed after the test. */
  async function aCollector(
    dataDirectory = aDirectory(),
    store = server.url,
    lease: readonly string[] = SHORT_LEASE,
  ): Promise<Collector> {
    const collector = await startCollector({ dataDirectory, args: ['--store', store, ...lease] });
    begun.push(collector);
    return collector;
  }

  /** Of which it is not known that it will be ready. */
  function anAttempt(dataDirectory = aDirectory(), store = server.url, env: Readonly<Record<string, string>> = {}) {
    const ports = ['--http-port', '0', '--otlp-http-port', '0', '--otlp-grpc-port', '0'];
    const attempt = runCommand(['up', ...ports, '--data-dir', dataDirectory, '--store', store, ...SHORT_LEASE], env);
    begun.push(attempt);
    return attempt;
  }

  /** How many of the ten spans of each request the server has, by their ids; and how many rows. */
  async function stored(names: readonly string[], on = server): Promise<[distinct: number, rows: number][]> {
    return Promise.all(
      names.map(async (name): Promise<[number, number]> => {
        const ids = Array.from({ length: 10 }, (_, index) => `unhex('${spanIdOf(`${name}-${index}`)}')`);
        const [[distinct, rows] = [0, 0]] = await on.rows(
          `SELECT toUInt32(uniqExact(span_id)), toUInt32(count()) FROM throughline.spans WHERE span_id IN (${ids.join(', ')})`,
        );
        return [Number(distinct), Number(rows)];
      }),
    );
  }

  it('rejects a second one in one line that names the first, whatever its clock says', async () => {
    const first = await aCollector();
    await send(first, 'of the first');
    const clock = new URL('./support/jumping-clock.mjs', import.meta.url);
    const ahead = { NODE_OPTIONS: `--import=${clock.href}`, CLOCK_OFFSETS_MS: String(86_400_000) };
    for (const env of [{}, ahead]) {
      const second = anAttempt(aDirectory(), server.url, env);
      expect(await second.exited).toMatchObject({ code: 1 });
      expect(second.output()).not.toContain('UI and API');
      const lines = second
        .output()
        .split('\n')
        .filter((line) => line.startsWith('throughline up: '));
      expect(lines).toEqual([
        expect.stringMatching(
          `^throughline up: .*in use by .* [0-9a-f-]{36} \\(host .*, process ${first.pid}, data directory ${first.dataDirectory}\\): .*--store`,
        ),
      ]);
    }
    expect(await findings(first)).toEqual({ ready: true, problems: [], warnings: [] });
    expect(await (await fetch(`${first.apiUrl}/metrics`)).text()).toContain('throughline_store_lease_held 1');
    await eventually('all is stored', () => isSpoolEmpty(first));
    expect(await stored(['of the first'])).toEqual([[10, 10]]);
    await first.stop();
  });

  it('lets one in of three that start at the same moment', async () => {
    const attempts = [anAttempt(), anAttempt(), anAttempt()];
    const isReady = (attempt: (typeof attempts)[number]): boolean => attempt.output().includes('Ready');
    const ends = attempts.map(async ({ exited }) => (await exited).code);
    await eventually('two have ended', () => attempts.filter(({ pid }) => !isAlive(pid)).length === 2);
    await eventually('one is ready', () => attempts.filter(isReady).length === 1);
    expect(attempts.filter(({ pid }) => isAlive(pid)).every(isReady)).toBe(true);
    for (const { pid } of attempts) if (isAlive(pid)) process.kill(pid, 'SIGTERM');
    expect((await Promise.all(ends)).toSorted((a, b) => Number(a) - Number(b))).toEqual([0, 1, 1]);
  });

  it('lets the next one in when the lease of one that was killed has run out, and says that it waits', async () => {
    // So long that it has not run out when the next one has started, on a busy machine either.
    const first = await aCollector(aDirectory(), server.url, LONG_LEASE);
    process.kill(first.pid, 'SIGKILL');
    await first.exited;
    const second = await aCollector();
    expect(second.output()).toContain('waiting up to');
    expect(second.output()).toContain(first.dataDirectory);
    // One of the same data directory does not wait.
    process.kill(second.pid, 'SIGKILL');
    await second.exited;
    const again = await aCollector(second.dataDirectory);
    expect(again.output()).not.toContain('waiting up to');
    await again.stop();
  });

  it('takes the store from one that was stopped for too long, which keeps its spans until it may write again', async () => {
    const first = await aCollector();
    await send(first, 'before');
    process.kill(first.pid, 'SIGSTOP');
    const second = await aCollector();
    process.kill(first.pid, 'SIGCONT');
    const lost = await eventually('the first one knows', async () => {
      const { problems } = await findings(first);
      return problems.find(({ message }) => message.includes(second.dataDirectory));
    });
    expect(lost.code).toBe('store_not_leased');
    await send(first, 'meanwhile, first');
    await send(second, 'meanwhile, second');
    await eventually('the second one has stored', async () => (await stored(['meanwhile, second']))[0]?.[0] === 10);
    expect(await findings(second)).toMatchObject({ problems: [] });
    expect(await stored(['meanwhile, first'])).toEqual([[0, 0]]);
    await second.stop();
    await eventually('the first one goes on', async () => (await findings(first)).problems.length === 0);
    await eventually('all is stored', () => isSpoolEmpty(first));
    expect(await stored(['before', 'meanwhile, first', 'meanwhile, second'])).toEqual([
      [10, 10],
      [10, 10],
      [10, 10],
    ]);
    await first.stop();
  });

  it('does not use a second URL that is another store, and says so in one line', async () => {
    const other = await startClickHouseServer(program ?? '');
    try {
      const dataDirectory = aDirectory();
      const collector = await aCollector(dataDirectory, `${server.url},${other.url}`);
      await send(collector, 'both');
      await eventually('all is stored', () => isSpoolEmpty(collector));
      await server.kill();
      await eventually('the collector has noticed', async () => (await findings(collector)).problems.length > 0);
      await send(collector, 'one is away');
      await eventually('the other one is named', () => collector.output().includes(`${other.url} has no store`));
      expect(await other.rows("SELECT count() FROM system.tables WHERE database = 'throughline'")).toEqual([['0']]);
      await server.restart();
      await eventually('all is stored', () => isSpoolEmpty(collector));
      expect(await stored(['both', 'one is away'])).toEqual([
        [10, 10],
        [10, 10],
      ]);
      expect(
        collector
          .output()
          .split('\n')
          .filter((line) => line.includes('all URLs in --store')),
      ).toHaveLength(1);
      await collector.stop({ keepData: true });
      // Nor does it begin there.
      await server.kill();
      const attempt = anAttempt(dataDirectory, `${server.url},${other.url}`);
      await eventually('the other one is named again', () => attempt.output().includes('no store id'));
      expect(await other.rows("SELECT count() FROM system.tables WHERE database = 'throughline'")).toEqual([['0']]);
      await server.restart();
      await eventually('it is ready', () => attempt.output().includes('Ready'));
      process.kill(attempt.pid, 'SIGTERM');
      await attempt.exited;
    } finally {
      await other.stop();
    }
  });

  it('loads no spool into another store, unless it is told to', async () => {
    const dataDirectory = aDirectory();
    const collector = await aCollector(dataDirectory);
    await server.kill();
    await eventually('the collector has noticed', async () => (await findings(collector)).problems.length > 0);
    await send(collector, 'in the spool');
    await collector.stop({ keepData: true });
    const other = await startClickHouseServer(program ?? '');
    try {
      const refused = anAttempt(dataDirectory, other.url);
      expect(await refused.exited).toMatchObject({ code: 1 });
      const lines = refused
        .output()
        .split('\n')
        .filter((line) => line.startsWith('throughline up: '));
      expect(lines).toEqual([
        expect.stringMatching(
          `^throughline up: .*belong to another store: ${other.url} .*no store id, .*${dataDirectory}/store-id`,
        ),
      ]);
      expect(await other.rows("SELECT count() FROM system.tables WHERE database = 'throughline'")).toEqual([['0']]);
      rmSync(join(dataDirectory, 'store-id'));
      const told = await aCollector(dataDirectory, other.url);
      await eventually('all is stored', () => isSpoolEmpty(told));
      expect(await stored(['in the spool'], other)).toEqual([[10, 10]]);
      await told.stop({ keepData: true });
      await server.restart();
      // Nothing waits: the first store may be used again.
      const again = await aCollector(dataDirectory);
      expect(again.output()).toContain('with another store');
      const [[id] = []] = await server.rows('SELECT id FROM throughline.store_id');
      expect(readFileSync(join(dataDirectory, 'store-id'), 'utf8')).toBe(`${String(id)}\n`);
      await again.stop();
    } finally {
      await other.stop();
    }
  });
});
