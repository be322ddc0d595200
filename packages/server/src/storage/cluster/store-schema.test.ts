import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startClickHouseHttp, type ClickHouseHttp } from '../../../../../test/support/clickhouse-http/server.ts';
import { capabilitiesOf } from '../capabilities.ts';
import { SPAN_COLUMNS } from '../schema.ts';
import { silentLog } from '../testing/start-engine.ts';
import { ClusterEngine } from './cluster-engine.ts';
import { CLUSTER_LIMITS } from './cluster-limits.ts';
import { clusterTables } from './cluster-tables.ts';
import { differenceText, schemaOfServers } from './expect-schema.ts';
import { StoreLease } from './lease.ts';
import {
  applySchema,
  checkSchema,
  NEWEST_SCHEMA,
  printSchema,
  printSchemaFor,
  schemaText,
  type StoreSchemaOptions,
} from './store-schema.ts';

const snapshot = (name: string): string => `../snapshots/printed-${name}.sql`;

/** The statements of what is printed. */
const statementsOf = (text: string): string[] =>
  text
    .split(/;\n/)
    .map((statement) => statement.replaceAll(/^--.*\n/gm, '').trim())
    .filter((statement) => statement !== '' && !statement.startsWith('--'));

const DDL = /^\s*(?:CREATE|ALTER|DROP|TRUNCATE|RENAME)\b/;

describe('the printed schema', () => {
  it.each(['18.16', '26.7'])('of a single ClickHouse %s', async (version) => {
    const text = printSchemaFor(version, { isEmbedded: false, from: 0 });
    await expect(text).toMatchFileSnapshot(snapshot(`single-${version}`));
  });

  it.each(['18.16', '26.7'])('of a cluster of ClickHouse %s', async (version) => {
    const schema = schemaOfServers(capabilitiesOf(version), clusterTables('main'));
    const text = schemaText(schema, { from: 0, quorum: 2, where: ' on the cluster main' });
    await expect(text).toMatchFileSnapshot(snapshot(`cluster-${version}`));
  });

  it('of the embedded store has no leases', () => {
    const text = printSchemaFor('26.7.1.1', { isEmbedded: true, from: 0 });
    expect(text).not.toContain('collector_leases');
    expect(text).toContain('throughline.store_id');
  });

  it('from a schema on has what comes after it', () => {
    const all = statementsOf(printSchemaFor('26.7.1.1', { isEmbedded: false, from: 0 }));
    for (let from = 1; from < NEWEST_SCHEMA; from++) {
      const statements = statementsOf(printSchemaFor('26.7.1.1', { isEmbedded: false, from }));
      const notes = statements.filter((statement) => statement.startsWith('INSERT INTO throughline.schema_migrations'));
      expect(notes).toHaveLength(NEWEST_SCHEMA - from);
      expect(statements.length).toBeLessThan(all.length);
    }
    expect(statementsOf(printSchemaFor('26.7.1.1', { isEmbedded: false, from: NEWEST_SCHEMA }))).toEqual([]);
  });
});

describe('the schema on a current ClickHouse', { timeout: 240_000 }, () => {
  let server: ClickHouseHttp;
  let options: StoreSchemaOptions;
  beforeEach(async () => {
    server = await startClickHouseHttp();
    const signal = new AbortController().signal;
    options = { urls: [server.url], cluster: '', log: silentLog, limits: CLUSTER_LIMITS, signal };
  });
  afterEach(() => server.stop());

  const run = async (sql: string): Promise<void> => {
    const response = await fetch(server.url, { method: 'POST', body: sql });
    if (!response.ok) throw new Error(await response.text());
  };
  const differences = async (): Promise<string[]> => (await checkSchema(options)).map(differenceText);
  const externalEngine = (): ClusterEngine =>
    new ClusterEngine({ urls: [server.url], log: silentLog, registry: new Registry(), schema: 'external' });
  const asked = (): string[] => server.seen.map(({ sql }) => sql);

  it('is printed and changes nothing, and what is printed is what a start makes, twice', async () => {
    const text = await printSchema(options, 0);
    expect(asked().filter((sql) => !sql.startsWith('SELECT'))).toEqual([]);
    expect(await differences()).toHaveLength(1);
    for (let times = 0; times < 2; times++) for (const statement of statementsOf(text)) await run(statement);
    expect(await differences()).toEqual([]);
    expect(await applySchema(options)).toEqual({ joined: [], applied: [], isChanged: false });
    expect(await server.rows('SELECT number FROM throughline.schema_migrations ORDER BY number')).toHaveLength(
      NEWEST_SCHEMA,
    );
  });

  it('is applied once', async () => {
    const { applied, isChanged } = await applySchema(options);
    expect(applied.map(({ number }) => number)).toEqual(Array.from({ length: NEWEST_SCHEMA }, (_, index) => index + 1));
    expect(isChanged).toBe(true);
    expect(await differences()).toEqual([]);
    expect(await applySchema(options)).toEqual({ joined: [], applied: [], isChanged: false });
  });

  it('is compared: each difference names what it is about, and what it says to run mends it', async () => {
    await applySchema(options);
    const changes = [
      ['ALTER TABLE throughline.trace_times DROP COLUMN rare', /throughline\.trace_times .* rare/],
      ['ALTER TABLE throughline.operation_15m MODIFY COLUMN errors UInt32', /errors .*UInt32.*UInt64/],
      ['ALTER TABLE throughline.spans MODIFY COLUMN rollup_other REMOVE DEFAULT', /rollup_other/],
      ['ALTER TABLE throughline.spans DROP INDEX arrival_range', /arrival_range/],
      [
        'ALTER TABLE throughline.spans MODIFY SETTING non_replicated_deduplication_window = 10',
        /non_replicated_deduplication_window = 10\b/,
      ],
    ] as const;
    for (const [change, expected] of changes) {
      await run(change);
      const found = await differences();
      expect(found).toEqual([expect.stringMatching(expected)]);
      const [, mend = ''] = /; run: (.*)$/.exec(found[0] ?? '') ?? [];
      await run(mend);
      expect(await differences()).toEqual([]);
    }
  });

  it('is made and compared by a storage policy, and what the comparison says to run mends it', async () => {
    await server.stop();
    server = await startClickHouseHttp({ hasColdDisk: true });
    const policy = { name: 'tiered', cold: { afterDays: 7, volume: 'cold' } };
    options = { ...options, urls: [server.url], policy };
    const text = await printSchema(options, 0);
    expect(text.split('\n')[0]).toContain('tiered');
    for (const statement of statementsOf(text)) await run(statement);
    expect(await differences()).toEqual([]);
    expect(await applySchema(options)).toEqual({ joined: [], applied: [], isChanged: false });
    const policies = await server.rows(
      "SELECT storage_policy, count() > 5 FROM system.tables WHERE database = 'throughline' AND partition_key != '' GROUP BY 1",
    );
    expect(policies).toEqual([['tiered', 1]]);

    // By settings that say nothing of it, it is nobody's business.
    const { policy: _, ...without } = options;
    expect(await checkSchema(without)).toEqual([]);

    for (const next of [
      { name: 'tiered', cold: { afterDays: 9, volume: 'cold' } },
      { name: 'tiered', cold: null },
    ]) {
      options = { ...options, policy: next };
      const found = await differences();
      expect(found.length).toBeGreaterThan(5);
      expect(found.filter((line) => line.includes('throughline.spans '))).toHaveLength(1);
      await expect(applySchema(options)).rejects.toMatchObject({ code: 'rejected' });
      for (const line of found) await run(/; run: (.*)$/.exec(line)?.[1] ?? '');
      expect(await differences()).toEqual([]);
    }

    options = { ...options, policy: { name: 'glacier', cold: null } };
    expect(await differences()).toContainEqual(expect.stringMatching(/glacier.*default, tiered/));
    await expect(applySchema(options)).rejects.toThrow(/glacier/);
  });

  it('of tables without a policy says how they get it', async () => {
    await server.stop();
    server = await startClickHouseHttp({ hasColdDisk: true });
    options = { ...options, urls: [server.url] };
    await applySchema(options);
    options = { ...options, policy: { name: 'widened', cold: { afterDays: 7, volume: 'cold' } } };
    for (const line of await differences()) await run(/; run: (.*)$/.exec(line)?.[1] ?? '');
    expect(await differences()).toEqual([]);
    expect(await applySchema(options)).toEqual({ joined: [], applied: [], isChanged: false });
  });

  it('is compared: tables that cannot be altered', async () => {
    await applySchema(options);
    await run('DROP TABLE throughline.long_traces SYNC');
    await run('DROP TABLE throughline.counted_1m SYNC');
    await run('DROP TABLE throughline.request_1h SYNC');
    await run('CREATE TABLE throughline.counted_1m AS throughline.counted_1h ENGINE = MergeTree ORDER BY tenant');
    await run(
      `CREATE TABLE throughline.request_1h AS throughline.request_1m
ENGINE = SummingMergeTree((spans, weight)) PARTITION BY toYYYYMM(time) ORDER BY (tenant, time)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1`,
    );
    const found = (await differences()).toSorted();
    expect(found).toEqual([
      expect.stringMatching(/throughline\.long_traces/),
      expect.stringMatching(/throughline\.counted_1m .*MergeTree.*SummingMergeTree/),
      expect.stringMatching(/throughline\.request_1h .*toYYYYMM\(time\).*toDate\(time\)/),
      expect.stringMatching(/throughline\.request_1h .*tenant, time, .*tenant, time, service_name/),
    ]);
    expect(found.every((line) => line.includes('throughline schema print'))).toBe(true);
  });

  it('leaves alone what somebody has added', async () => {
    await applySchema(options);
    await run('ALTER TABLE throughline.spans ADD COLUMN mine String, ADD INDEX mine_filter mine TYPE bloom_filter');
    await run('CREATE TABLE throughline.mine (a UInt8) ENGINE = Memory');
    expect(await differences()).toEqual([]);
  });

  it('is compared by its notes: an older, a newer and another schema', async () => {
    await applySchema(options);
    await run(`ALTER TABLE throughline.schema_migrations DELETE WHERE number > 3 SETTINGS mutations_sync = 1`);
    await run('ALTER TABLE throughline.trace_times DROP COLUMN rare');
    const [older = '', ...others] = await differences();
    expect(others).toEqual([]);
    expect(older).toContain('throughline schema print --from 3');
    for (const statement of statementsOf(await printSchema(options, 3))) await run(statement);
    expect(await differences()).toEqual([]);
    await run(`INSERT INTO throughline.schema_migrations SELECT 99, now(), 'x'`);
    expect(await differences()).toEqual([expect.stringMatching(/schema 99/)]);
    await expect(applySchema(options)).rejects.toMatchObject({ code: 'rejected' });
    await run(`ALTER TABLE throughline.schema_migrations DELETE WHERE number = 99 SETTINGS mutations_sync = 1`);
    await run(`INSERT INTO throughline.schema_migrations SELECT 2, now() + 60, 'x'`);
    expect(await differences()).toEqual([expect.stringMatching(/schema 2\b/)]);
  });

  it('that is external is made by nobody, and refused where it is missing', async () => {
    const refused = externalEngine();
    await expect(refused.start()).rejects.toMatchObject({
      code: 'rejected',
      message: expect.stringMatching(/external.*schema apply.*schema print/) as string,
    });
    await refused.close();
    await applySchema(options);
    const before = server.seen.length;
    server.faults.refuse = { code: 497, message: 'not enough privileges', of: (sql) => DDL.test(sql) };
    const engine = externalEngine();
    await engine.start();
    await engine.close();
    expect(
      asked()
        .slice(before)
        .filter((sql) => DDL.test(sql)),
    ).toEqual([]);
    server.faults.refuse = null;
    await run('DROP TABLE throughline.long_traces SYNC');
    await run('ALTER TABLE throughline.trace_times DROP COLUMN rare');
    const broken = externalEngine();
    await expect(broken.start()).rejects.toMatchObject({ code: 'rejected' });
    await broken.close();
  });

  it('is not applied while a collector uses the store', async () => {
    const leasing = new AbortController();
    const lease = new StoreLease({
      collector: 'its',
      description: 'another host',
      log: silentLog,
      limits: { leaseMs: 30_000, leaseRenewMs: 100 },
      signal: leasing.signal,
    });
    await applySchema(options);
    const engine = new ClusterEngine({ urls: [server.url], log: silentLog, registry: new Registry(), lease });
    await engine.start();
    await run(
      `ALTER TABLE throughline.schema_migrations DELETE WHERE number = ${NEWEST_SCHEMA} SETTINGS mutations_sync = 1`,
    );
    await expect(applySchema(options)).rejects.toMatchObject({
      code: 'rejected',
      message: expect.stringContaining('another host') as string,
    });
    expect(await differences()).toHaveLength(1);
    await lease.release();
    leasing.abort();
    await engine.close();
    expect((await applySchema(options)).applied.map(({ number }) => number)).toEqual([NEWEST_SCHEMA]);
  });

  it('that was being applied is free for the next one when somebody interrupts it', async () => {
    const stop = new AbortController();
    server.faults.hold = async (sql) => {
      if (!/ADD COLUMN rare/.test(sql)) return;
      server.faults.hold = null;
      stop.abort(new Error('interrupted'));
      await Promise.resolve();
    };
    await expect(applySchema({ ...options, signal: stop.signal })).rejects.toThrow('interrupted');
    expect(
      await server.rows(`SELECT session FROM throughline.collector_leases
GROUP BY session HAVING argMax(expires_at, renewal) > now()`),
    ).toEqual([]);
    const { applied } = await applySchema(options);
    expect(applied.map(({ number }) => number)).toEqual(expect.arrayContaining([4, NEWEST_SCHEMA]));
    expect(await differences()).toEqual([]);
  });

  it('that is external stores a segment in doubt once, by its token, and makes no table for it', async () => {
    await applySchema(options);
    await run("INSERT INTO throughline.spans (service, name) SELECT 'a', 'b'");
    const columns = SPAN_COLUMNS.map(([name]) => name).join(', ');
    const body = `SELECT ${columns} FROM throughline.spans FORMAT Native`;
    const native = await (await fetch(server.url, { method: 'POST', body })).arrayBuffer();
    const folder = mkdtempSync(join(tmpdir(), 'throughline-schema-'));
    const path = join(folder, 'segment.native');
    writeFileSync(path, Buffer.from(native));
    await run('TRUNCATE TABLE throughline.spans');
    const before = server.seen.length;
    const engine = externalEngine();
    await engine.start();
    await engine.insertNativeFile('spans', path, 'segment-1');
    await engine.insertMissingSpans(path, 'segment-1');
    await engine.insertMissingSpans(path, 'segment-2');
    await engine.close();
    rmSync(folder, { recursive: true });
    expect(await server.rows('SELECT toUInt32(count()) FROM throughline.spans')).toEqual([[2]]);
    expect(
      asked()
        .slice(before)
        .filter((sql) => DDL.test(sql)),
    ).toEqual([]);
  });
});
