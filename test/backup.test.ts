import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { startEngine } from '../packages/server/src/storage/testing/start-engine.ts';
import { commandPath, isSpoolEmpty, newDirectory, runCommand, startCollector } from './support/collector.ts';
import { eventually } from './support/processes.ts';
import { auditStore, flipByte } from './support/store-files.ts';
import { aRequest, postJson, spanIdOf } from './support/traces.ts';

const SPANS_PER_REQUEST = 20;
const DAY_MS = 86_400_000;

const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

function aPath(): string {
  const directory = newDirectory();
  rmSync(directory, { recursive: true });
  directories.push(directory);
  return directory;
}

async function run(...args: string[]): Promise<{ code: number | null; output: string }> {
  const command = runCommand(args);
  const { code } = await command.exited;
  return { code, output: command.output() };
}

/** Sends requests for spans of several days; what was acknowledged is known by id. */
class Sender {
  readonly sent = new Set<string>();
  readonly acknowledged = new Set<string>();
  #next = 0;

  async send(otlpUrl: string): Promise<void> {
    const number = this.#next++;
    const name = `request-${number}`;
    const ids = Array.from({ length: SPANS_PER_REQUEST }, (_, index) => spanIdOf(`${name}-${index}`));
    for (const id of ids) this.sent.add(id);
    const { ok } = await postJson(
      otlpUrl,
      aRequest(name, SPANS_PER_REQUEST, 'shop', Date.now() - (number % 3) * DAY_MS),
    );
    if (ok) for (const id of ids) this.acknowledged.add(id);
  }
}

/** Tells of an operation a message, each of them called once. */
class Counting {
  readonly noted = new Set<string>();
  #next = 0;

  async tell(otlpUrl: string): Promise<void> {
    const name = `operation-${this.#next++}`;
    const durations = { offset: 160, counts: [1] };
    const recent = { started: 0, decided: 0, requests: 0, errors: 0 };
    const totals = [{ name, status: 0, requests: 1, durationSumNs: 1e6, durations }];
    const operations = [{ name: 'GET', kind: 1, recent, totals }];
    const body = JSON.stringify({ version: 1, service: 'shop', instance: 'i1', windowMs: 1_000, operations });
    const answer = await fetch(`${otlpUrl}/v1/sampling`, { method: 'POST', body });
    const { totalsNoted = true } = (await answer.json()) as { totalsNoted?: boolean };
    if (answer.ok && totalsNoted) this.noted.add(name);
  }
}

/** The operations that a table of request metrics has, and those that it has counted other than once. */
async function auditCounts(dataDirectory: string, table: string): Promise<{ once: Set<string>; wrong: unknown[] }> {
  await using store = await startEngine({}, join(dataDirectory, 'store'));
  const rows = await store.rows(`SELECT operation, sum(requests) FROM throughline.${table} GROUP BY 1`);
  const wrong = rows.filter(([, requests]) => Number(requests) !== 1);
  return { once: new Set(rows.filter((row) => !wrong.includes(row)).map(([name]) => String(name))), wrong };
}

/** Starts a collector on it, until everything is stored, and looks into the store then. */
async function loadAndAudit(dataDirectory: string): ReturnType<typeof auditStore> {
  const collector = await startCollector({ dataDirectory });
  await eventually('everything is stored', () => isSpoolEmpty(collector));
  await collector.stop({ keepData: true });
  // What was stored last is counted by a start.
  await (await startCollector({ dataDirectory })).stop({ keepData: true });
  return auditStore(dataDirectory);
}

/** Runs a script with mounts of its own, which end with it. Its arguments are `$1`, …. */
function runWithMounts(script: string, ...args: string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync('unshare', ['--mount', 'sh', '-ec', script, 'sh', ...args], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] },
  });
  return { status, output: `${stdout}${stderr}` };
}

/** Only root may, and not in every container. */
const canMount =
  process.platform === 'linux' && runWithMounts('mount -t tmpfs -o size=1m tmpfs "$1"', tmpdir()).status === 0;

describe('a backup', () => {
  it('of a collector that runs has everything that was acknowledged before, once, when the disk is lost', async () => {
    const dataDirectory = aPath();
    const backup = aPath();
    const collector = await startCollector({
      dataDirectory,
      env: {
        THROUGHLINE_SPOOL_SEGMENT_AGE_MS: '300',
        THROUGHLINE_ROLLUPS_INTERVAL_MS: '200',
        THROUGHLINE_COUNTS_SEGMENT_AGE_MS: '50',
        THROUGHLINE_ROLLUPS_OPERATIONS_PER_SERVICE_MAX: '100000',
      },
    });
    const sender = new Sender();
    const done = new AbortController();
    const counting = new Counting();
    const sending = Promise.all(
      [sender.send.bind(sender), counting.tell.bind(counting)].map(async (next) => {
        while (!done.signal.aborted) await next(collector.otlpUrl);
      }),
    );
    await eventually('much is acknowledged', () => sender.acknowledged.size > 2_000);
    const before = new Set(sender.acknowledged);
    const noted = new Set(counting.noted);
    const { code, output } = await run('backup', backup, '--data-dir', dataDirectory, '--json');
    expect(output + (code === 0 ? '' : collector.output())).toContain('"files"');
    expect(code).toBe(0);
    done.abort();
    await sending;
    expect(existsSync(join(dataDirectory, 'snapshot'))).toBe(false);
    process.kill(collector.pid, 'SIGKILL');
    await collector.stop();
    expect(existsSync(dataDirectory)).toBe(false);

    expect(await run('restore', backup, '--data-dir', dataDirectory)).toMatchObject({ code: 0 });
    const { spanIds, rows, wrongTables } = await loadAndAudit(dataDirectory);
    expect([...before].filter((id) => !spanIds.has(id))).toEqual([]);
    expect([...spanIds].filter((id) => !sender.sent.has(id))).toEqual([]);
    expect({ rows, wrongTables }).toEqual({ rows: spanIds.size, wrongTables: [] });
    for (const table of ['counted_1m', 'counted_1h']) {
      const { once, wrong } = await auditCounts(dataDirectory, table);
      expect([table, wrong]).toEqual([table, []]);
      expect([table, [...noted].filter((name) => !once.has(name))]).toEqual([table, []]);
    }
  });

  it('of a collector that is stopped has what waits in its spool as well', async () => {
    const dataDirectory = aPath();
    const backup = aPath();
    const collector = await startCollector({ dataDirectory });
    const sender = new Sender();
    for (let request = 0; request < 6; request++) await sender.send(collector.otlpUrl);
    process.kill(collector.pid, 'SIGKILL');
    await collector.stop({ keepData: true });
    expect(await run('backup', backup, '--data-dir', dataDirectory)).toMatchObject({ code: 0 });
    rmSync(dataDirectory, { recursive: true });
    expect(await run('restore', backup, '--data-dir', dataDirectory)).toMatchObject({ code: 0 });
    const { spanIds, rows, wrongTables } = await loadAndAudit(dataDirectory);
    expect([...spanIds].toSorted()).toEqual([...sender.acknowledged].toSorted());
    expect({ rows, wrongTables }).toEqual({ rows: spanIds.size, wrongTables: [] });
  });

  it('is taken before a migration changes a store with spans, and kept until the next start', async () => {
    const dataDirectory = aPath();
    const first = await startCollector({ dataDirectory });
    const sender = new Sender();
    for (let request = 0; request < 6; request++) await sender.send(first.otlpUrl);
    await first.stop({ keepData: true });
    const { spanIds } = await loadAndAudit(dataDirectory);
    expect(spanIds.size).toBe(sender.acknowledged.size);
    const before = join(dataDirectory, 'before-migration');
    expect(existsSync(before)).toBe(false);
    {
      await using store = await startEngine({}, join(dataDirectory, 'store'));
      await store.engine.command('TRUNCATE TABLE throughline.schema_migrations');
    }
    await (await startCollector({ dataDirectory })).stop({ keepData: true });
    const { spanIds: kept, wrongTables } = await auditStore(before);
    expect([...kept].toSorted()).toEqual([...sender.acknowledged].toSorted());
    expect(wrongTables).toEqual([]);
    await (await startCollector({ dataDirectory })).stop({ keepData: true });
    expect(existsSync(before)).toBe(false);
  });

  it.runIf(canMount)(
    'is restored onto a new disk in the place of the lost one, which may be all that can be written',
    async () => {
      const dataDirectory = aPath();
      const backup = aPath();
      const root = newDirectory();
      directories.push(root);
      const collector = await startCollector({ dataDirectory });
      await new Sender().send(collector.otlpUrl);
      await collector.stop({ keepData: true });
      expect(await run('backup', backup, '--data-dir', dataDirectory)).toMatchObject({ code: 0 });
      const script = `mount -t tmpfs -o size=1m tmpfs "$1"
mkdir "$1/data"
mount -t tmpfs -o size=300m tmpfs "$1/data"
mkdir -m 700 "$1/data/lost+found"
mount -o remount,ro "$1"
"$2" "$3" restore "$4" --data-dir "$1/data"
"$2" "$3" check --data-dir "$1/data"
ls "$1/data"`;
      const restored = runWithMounts(script, root, process.execPath, commandPath, backup);
      expect(restored.output).toContain('no problems found');
      expect(restored.output).toContain('lost+found');
      expect(restored.status).toBe(0);
    },
  );

  it('that is damaged, or incomplete, makes no data directory; nor does one go over another', async () => {
    const dataDirectory = aPath();
    const backup = aPath();
    const restored = aPath();
    const collector = await startCollector({ dataDirectory });
    await new Sender().send(collector.otlpUrl);
    await collector.stop({ keepData: true });
    expect(await run('backup', backup, '--data-dir', dataDirectory)).toMatchObject({ code: 0 });
    const again = await run('backup', backup, '--data-dir', dataDirectory);
    expect(again).toMatchObject({ code: 1 });
    expect(again.output).toContain('is not empty');
    const over = await run('restore', backup, '--data-dir', dataDirectory);
    expect(over).toMatchObject({ code: 1 });
    expect(over.output).toContain('is not empty');

    const { files } = JSON.parse(readFileSync(join(backup, 'manifest.json'), 'utf8')) as { files: { path: string }[] };
    const harmed = files.find(({ path }) => path.endsWith('/data.bin'))?.path ?? '';
    flipByte(join(backup, 'data', harmed));
    const damaged = await run('restore', backup, '--data-dir', restored);
    expect(damaged).toMatchObject({ code: 1 });
    expect(damaged.output).toMatch(new RegExp(`${harmed} .*damaged`));
    expect(existsSync(restored)).toBe(false);

    rmSync(join(backup, 'manifest.json'));
    const incomplete = await run('restore', backup, '--data-dir', restored);
    expect(incomplete).toMatchObject({ code: 1 });
    expect(incomplete.output).toContain('incomplete');
    expect(readdirSync(join(backup))).toEqual(['data']);
  });
});
