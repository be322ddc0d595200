import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { findClickHouseServer, findZooKeeper } from '../scripts/workspace.mjs';
import { whereOf } from '../packages/server/src/moving/slices.ts';
import { DIGEST_OF } from '../packages/server/src/moving/spans-by-second.ts';
import { startEngine } from '../packages/server/src/storage/testing/start-engine.ts';
import { startClickHouseCluster, type ClickHouseCluster } from './support/clickhouse-cluster.ts';
import { startClickHouseHttp } from './support/clickhouse-http/server.ts';
import { startClickHouseServer, type ClickHouseServer } from './support/clickhouse-server.ts';
import {
  commandPath,
  isSpoolEmpty,
  newDirectory,
  runCommand,
  startCollector,
  type Collector,
  type Command,
} from './support/collector.ts';
import { eventually, isAlive } from './support/processes.ts';
import { NOTHING_WRONG, SpanLedger } from './support/span-ledger.ts';
import { isCounted, isCountedOn, wrongTables } from './support/wrong-tables.ts';

/** So few that attribute values are counted, not estimated, also where a day is counted again. */
const SPANS_PER_REQUEST = 5;
const REQUESTS = 40;
const LEASES = { THROUGHLINE_CLUSTER_LEASE_MS: '6s', THROUGHLINE_CLUSTER_LEASE_RENEW_MS: '500ms' };

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

/** Servers of 2018 that hang and go on may take minutes to be themselves again. */
const isLong = process.env['THROUGHLINE_TEST_LONG'] === 'true';

const [server, zooKeeper] = [findClickHouseServer(), findZooKeeper()];
/** `npm run setup` installs them. */
const isMissing = server === undefined || zooKeeper === undefined;

/** Behind it stands where a disk of 48 KiB is to be, for the program that follows alone. */
const ON_SMALL_DISK = ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs -o size=48k tmpfs "$0" && exec "$@"'];
const canMount =
  process.platform === 'linux' &&
  spawnSync('unshare', ['--mount', 'sh', '-c', 'mount -t tmpfs tmpfs /tmp']).status === 0;

interface Summary {
  readonly ok: boolean;
  readonly spans: number;
  readonly inserted: number;
  readonly missing: number;
  readonly isRunning: boolean;
  readonly isCounted: boolean;
}

describe.skipIf(isMissing)('an embedded store is moved to a cluster while both have a collector', () => {
  let cluster: ClickHouseCluster;
  let embedded: Collector;
  let onCluster: Collector;
  const ledger = new SpanLedger(SPANS_PER_REQUEST);

  beforeAll(async () => {
    cluster = await startClickHouseCluster(server ?? '', zooKeeper ?? '');
    onCluster = await startCollector({ args: storeArgs(), env: LEASES });
    embedded = await startCollector();
  });
  afterAll(async () => {
    await embedded?.stop();
    await onCluster?.stop();
    await cluster?.stop();
  });

  function storeArgs(): string[] {
    return ['--store', cluster.servers.map(({ url }) => url).join(','), '--store-cluster', cluster.name];
  }

  function migrate(...args: string[]) {
    const own = ['--data-dir', embedded.dataDirectory, '--piece-spans', '20', '--json', ...args];
    return runCommand(['migrate', ...storeArgs(), ...own], LEASES);
  }

  /** What it says of itself, where it has succeeded. */
  async function migrated(...args: string[]): Promise<Summary> {
    const command = migrate(...args);
    const { code } = await command.exited;
    const summary = summaryIn(command.output());
    if (code !== 0 || summary === null) throw new Error(`migrate ended with ${code}:\n${command.output()}`);
    return summary;
  }

  async function send(to: Collector, requests = REQUESTS): Promise<void> {
    for (let request = 0; request < requests; request++) {
      expect(await ledger.send(to.otlpUrl)).toBe(200);
      await delay(5);
    }
  }

  async function expectAllOnce(): Promise<void> {
    await eventually('the spool is empty', () => isSpoolEmpty(onCluster));
    await cluster.settled();
    await eventually('everything is counted', () => isCountedOn(cluster));
    await cluster.settled();
    expect(await ledger.auditRows(cluster.rows, () => wrongTables(cluster.rows))).toMatchObject(NOTHING_WRONG);
  }

  const journal = (): string => join(embedded.dataDirectory, 'migration', 'journal');

  /** Inserts that have begun, or ended, as far as the journal has them. */
  function inserts(kind: 'begun' | 'ended'): string[] {
    if (!existsSync(journal())) return [];
    return Array.from(
      readFileSync(journal(), 'utf8').matchAll(new RegExp(`"${kind}":"(move-[^"]+)"`, 'g')),
      ([, token]) => token ?? '',
    );
  }

  /** Starts it, and resolves when it has inserted so many pieces. */
  async function migrateUntil(pieces: number, spansPerSecond: number): Promise<Command> {
    const before = new Set(inserts('ended'));
    const command = migrate('--spans-per-second', String(spansPerSecond));
    const isReached = await eventually('so many pieces are in the cluster', () => {
      if (inserts('ended').filter((token) => !before.has(token)).length >= pieces) return 'reached';
      return isAlive(command.pid) ? undefined : 'ended';
    });
    if (isReached === 'ended') throw new Error(`it ended before:\n${command.output()}`);
    return command;
  }

  it('copies nothing in a dry run, and says how much it would', async () => {
    await send(embedded);
    const { ok, spans, toMove } = (await migrated('--dry-run')) as Summary & { toMove: number };
    const sent = ledger.acknowledged.size * SPANS_PER_REQUEST;
    expect({ ok, spans, toMove }).toEqual({ ok: true, spans: sent, toMove: sent });
    expect(await cluster.rows("SELECT count() FROM throughline.spans WHERE service = 'ledger'")).toEqual([['0']]);
  });

  it('has everything in the cluster once, and by another run what came meanwhile', async () => {
    const sending = send(embedded);
    const first = await migrated();
    await sending;
    await send(embedded, 5);
    const second = await migrated();
    const sent = ledger.acknowledged.size * SPANS_PER_REQUEST;
    expect(first).toMatchObject({ ok: true, isRunning: true, isCounted: true });
    expect(first.inserted).toBe(first.spans);
    // What was there is not inserted again.
    expect(second).toMatchObject({ ok: true, spans: sent, inserted: sent - first.spans });
    expect(await migrated()).toMatchObject({ spans: sent, inserted: 0, missing: 0 });
    await expectAllOnce();
  });

  it.each([1, 6])('goes on where it was killed after piece %i', async (pieces) => {
    await send(embedded);
    const command = await migrateUntil(pieces, 100);
    process.kill(command.pid, 'SIGKILL');
    expect(await command.exited).toMatchObject({ signal: 'SIGKILL' });
    const { spans, inserted } = await migrated();
    expect(spans).toBe(ledger.acknowledged.size * SPANS_PER_REQUEST);
    expect(inserted).toBeLessThan(REQUESTS * SPANS_PER_REQUEST);
    await expectAllOnce();
  });

  it.runIf(isLong)(
    'goes on where it was killed while an insert hung, which its servers carry out afterwards',
    async () => {
      await send(embedded);
      const command = await migrateUntil(1, 40);
      for (const each of cluster.servers) each.hang();
      await eventually('an insert hangs', async () => {
        const [begun] = inserts('begun').slice(-1);
        await delay(500);
        return begun !== undefined && inserts('begun').at(-1) === begun && !inserts('ended').includes(begun);
      });
      process.kill(command.pid, 'SIGKILL');
      await command.exited;
      for (const each of cluster.servers) each.resume();
      expect(await migrated()).toMatchObject({ ok: true, missing: 0 });
      await expectAllOnce();
    },
  );

  it('is refused beside another one, leaves no snapshot behind when it is interrupted, and goes on', async () => {
    await send(embedded);
    const command = await migrateUntil(1, 10);
    const elsewhere = newDirectory();
    const second = migrate('--work-dir', elsewhere);
    expect({ ...(await second.exited), said: second.output() }).toMatchObject({
      code: 1,
      said: expect.stringMatching(/^[^\n]*snapshot[^\n]*\n$/),
    });
    rmSync(elsewhere, { recursive: true });
    process.kill(command.pid, 'SIGINT');
    expect(await command.exited).toMatchObject({ code: 130 });
    expect(existsSync(join(embedded.dataDirectory, 'snapshot'))).toBe(false);
    expect(await migrated()).toMatchObject({ ok: true, missing: 0 });
    await expectAllOnce();
  });

  it('waits for a shard that is away, and goes on when it is back', async () => {
    await send(embedded);
    const command = await migrateUntil(1, 40);
    await cluster.servers[2].kill();
    await eventually('it says that it waits', () => command.output().includes('waiting'));
    await send(embedded, 5);
    await cluster.servers[2].restart();
    expect(await command.exited).toMatchObject({ code: 0 });
    expect(await migrated()).toMatchObject({ ok: true, missing: 0 });
    await expectAllOnce();
  });

  it('keeps spans that share an id, and those that were sent twice', async () => {
    const [traceId, nowMs] = ['7'.repeat(32), Date.now()];
    const twin = (name: string, spanId: string) => ({
      traceId,
      spanId,
      name,
      kind: 3,
      startTimeUnixNano: `${nowMs}000000`,
      endTimeUnixNano: `${nowMs + 5}000000`,
    });
    const [one, two] = ['1'.repeat(16), '2'.repeat(16)];
    await post(embedded, twin('client', one), twin('server', one));
    // Not the same request, but the same span in it.
    await post(embedded, twin('client', one), twin('other', two));
    expect(await migrated()).toMatchObject({ inserted: 4 });
    expect(await twinsIn(cluster)).toEqual({ [`${one} client`]: 2, [`${one} server`]: 1, [`${two} other`]: 1 });
    await post(embedded, twin('server', one), twin('other', two), twin('late', two));
    // What is stored already, the same in every field, is taken for done while it waits: the next run would bring it.
    await eventually('nothing waits in the spool', () => isSpoolEmpty(embedded));
    expect(await migrated()).toMatchObject({ inserted: 3, missing: 0 });
    expect(await twinsIn(cluster)).toEqual({
      [`${one} client`]: 2,
      [`${one} server`]: 2,
      [`${two} other`]: 2,
      [`${two} late`]: 1,
    });
    await expectAllOnce();
  });

  it('takes the rest when senders have moved and the old collector has stopped', async () => {
    await Promise.all([send(embedded), send(onCluster)]);
    await embedded.stop({ keepData: true });
    await send(onCluster, 5);
    expect(await migrated()).toMatchObject({ isRunning: false, missing: 0, inserted: REQUESTS * SPANS_PER_REQUEST });
    await expectAllOnce();
    expect(await migrated()).toMatchObject({ inserted: 0, missing: 0 });
  });

  it('copies again what the cluster has lost, after it has said so', async () => {
    const day = await cluster.rows('SELECT toString(min(toDate(start_s))) FROM throughline.spans');
    const partition = String(day[0]?.[0]).replaceAll('-', '');
    await eventually('the shard has dropped a day', () =>
      cluster.servers[2].command(`ALTER TABLE throughline.spans DROP PARTITION ID '${partition}'`).then(
        () => true,
        () => false,
      ),
    );
    const command = migrate();
    expect(await command.exited).toMatchObject({ code: 1 });
    const summary = summaryIn(command.output());
    expect(summary?.missing).toBeGreaterThan(0);
    expect(await migrated()).toMatchObject({ inserted: summary?.missing, missing: 0 });
  });
});

describe.skipIf(server === undefined)('throughline migrate on one server', () => {
  let clickHouse: ClickHouseServer;
  const dataDirectory = newDirectory();
  const elsewhere = newDirectory();
  const started: Collector[] = [];
  const ledger = new SpanLedger(SPANS_PER_REQUEST);

  beforeAll(async () => {
    clickHouse = await startClickHouseServer(server ?? '');
    const embedded = await startCollector({ dataDirectory });
    for (let request = 0; request < REQUESTS; request++) await ledger.send(embedded.otlpUrl);
    await embedded.stop({ keepData: true });
  });
  afterAll(async () => {
    await Promise.all(started.map((collector) => collector.stop()));
    for (const directory of [dataDirectory, elsewhere]) rmSync(directory, { recursive: true, force: true });
    await clickHouse?.stop();
  });

  async function startOnServer(): Promise<Collector> {
    const collector = await startCollector({ args: ['--store', clickHouse.url], env: LEASES });
    started.push(collector);
    return collector;
  }

  async function migrate(...args: string[]): Promise<{ code: number | null; output: string }> {
    const all = ['migrate', '--store', clickHouse.url, '--data-dir', dataDirectory, ...args];
    const command = runCommand(all, LEASES);
    const { code } = await command.exited;
    return { code, output: command.output() };
  }

  /** One line, which is the whole output. */
  async function expectRefusal(words: RegExp, ...args: string[]): Promise<void> {
    const { code, output } = await migrate(...args);
    expect({ code, lines: output.trimEnd().split('\n').length, output }).toMatchObject({
      lines: 1,
      output: expect.stringMatching(words),
    });
    expect([1, 2]).toContain(code);
  }

  it('has digests and parts that a server of 2018 computes as the embedded engine does', async () => {
    const digits = "substring(concat('0000000000', toString(number * 7919)), -8)";
    const spans = `SELECT toFixedString(concat('a trace ', ${digits}), 16) AS trace_id, toFixedString(${digits}, 8) AS span_id,
  toDateTime(1795000000) AS start_s FROM numbers(1000)`;
    const part = whereOf({ from: 1_795_000_000, seconds: 1, part: 3, parts: 8 });
    const sql = `SELECT toString(sum(cityHash64(${DIGEST_OF.ids}))), toString(count()) FROM (${spans}) WHERE ${part}`;
    await using store = await startEngine();
    const rows = await store.rows(sql);
    expect(Number(rows[0]?.[1])).toBeGreaterThan(50);
    expect(await clickHouse.rows(sql)).toEqual(rows);
  });

  it('refuses with one line what it cannot copy from, or to', async () => {
    await expectRefusal(/schema apply/);
    await expectRefusal(/--data-dir/, '--data-dir', elsewhere);
    await expectRefusal(/--data-dir/, '--data-dir', join(elsewhere, 'nothing'));
    await expectRefusal(/--store/, '--store', 'embedded');
    await expectRefusal(/127\.0\.0\.1:1\b/, '--store', 'http://127.0.0.1:1');
    await expectRefusal(/cluster nowhere/, '--store-cluster', 'nowhere');
    await expectRefusal(/--piece-spans/, '--piece-spans', '0');
  });

  it.skipIf(!canMount)('says that the disk of its working folder is full', async () => {
    await runCommand(['schema', 'apply', '--store', clickHouse.url]).exited;
    const work = newDirectory();
    try {
      const args = ['--store', clickHouse.url, '--data-dir', dataDirectory, '--work-dir', work];
      const command = runCommand(['migrate', ...args], LEASES, { through: [...ON_SMALL_DISK, work] });
      const { code } = await command.exited;
      expect({ code, output: command.output() }).toEqual({
        code: 1,
        output: expect.stringMatching(/^[^\n]*--work-dir[^\n]*\n$/),
      });
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  });

  it('moves everything to a server of today in another zone, and by what that has where its notes are lost', async () => {
    const today = await startClickHouseHttp({ timeZone: 'America/New_York' });
    try {
      const apply = runCommand(['schema', 'apply', '--store', today.url]);
      expect(await apply.exited).toMatchObject({ code: 0 });
      const sent = REQUESTS * SPANS_PER_REQUEST;
      for (const [index, inserted] of [sent, 0].entries()) {
        const work = join(elsewhere, `work-${index}`);
        const { output } = await migrate('--store', today.url, '--work-dir', work, '--piece-spans', '10', '--json');
        expect({ output, ...summaryIn(output) }).toMatchObject({ ok: true, spans: sent, inserted, missing: 0 });
      }
      expect(await ledger.auditRows(today.rows, () => Promise.resolve([]))).toMatchObject(NOTHING_WRONG);
    } finally {
      await today.stop();
    }
  });

  it('moves everything, and refuses to while a collector has the server, or to another store', async () => {
    const onServer = await startOnServer();
    await expectRefusal(/in use/);
    await onServer.stop();
    await expectRefusal(/--work-dir/, '--work-dir', join(commandPath, 'below-a-file'));
    const killed = runCommand(
      [
        'migrate',
        '--store',
        clickHouse.url,
        '--data-dir',
        dataDirectory,
        '--piece-spans',
        '10',
        '--spans-per-second',
        '50',
      ],
      LEASES,
    );
    const journal = join(dataDirectory, 'migration', 'journal');
    await eventually('a piece is there', () => existsSync(journal) && readFileSync(journal, 'utf8').includes('ended'));
    await expectRefusal(/in use/);
    process.kill(killed.pid, 'SIGKILL');
    await killed.exited;
    const { code, output } = await migrate('--json', '--piece-spans', '10');
    expect({ code, output }).toMatchObject({ code: 0 });
    expect(summaryIn(output)).toMatchObject({ spans: REQUESTS * SPANS_PER_REQUEST, missing: 0, isCounted: false });

    const again = await startOnServer();
    await eventually('the spool is empty', () => isSpoolEmpty(again));
    await eventually('everything is counted', () => isCounted(clickHouse.rows));
    await again.stop();
    expect(await ledger.auditRows(clickHouse.rows, () => wrongTables(clickHouse.rows))).toMatchObject(NOTHING_WRONG);

    // Another store in its place.
    await clickHouse.command('DROP TABLE throughline.store_id');
    await (await startOnServer()).stop();
    await expectRefusal(/--work-dir/);
    await clickHouse.command("INSERT INTO throughline.schema_migrations (number, checksum) VALUES (999, '')");
    await expectRefusal(/schema/);
  });
});

async function post({ otlpUrl }: Collector, ...spans: readonly object[]): Promise<void> {
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'twins' } }] };
  const body = JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans }] }] });
  const headers = { 'content-type': 'application/json' };
  const { status } = await fetch(`${otlpUrl}/v1/traces`, { method: 'POST', headers, body });
  if (status !== 200) throw new Error(`the collector answered ${status}`);
}

/** How many spans have which id and name. */
async function twinsIn({ rows }: ClickHouseCluster): Promise<unknown> {
  const sql = `SELECT concat(hex(span_id), ' ', toString(name)) AS twin, toUInt32(count()) FROM throughline.spans
WHERE service = 'twins' GROUP BY twin`;
  return Object.fromEntries((await rows(sql)) as [string, number][]);
}

/** The last line of JSON. */
function summaryIn(output: string): Summary | null {
  const line = output.split('\n').findLast((one) => one.startsWith('{'));
  return line === undefined ? null : (JSON.parse(line) as Summary);
}
