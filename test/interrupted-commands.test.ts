import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  isSpoolEmpty,
  newDirectory,
  runCommand,
  startCollector,
  type Collector,
  type Command,
} from './support/collector.ts';
import { eventually, isAlive } from './support/processes.ts';
import { aRequest, postJson } from './support/traces.ts';

/** A copy of it does not end: none of the file is on the disk, and more than a disk takes. */
const ENDLESS_BYTES = 2 ** 40;

let dataDirectory = '';
let backup = '';
let collector: Collector | null = null;
beforeEach(async () => {
  dataDirectory = newDirectory();
  backup = join(newDirectory(), 'backup');
  const env = { THROUGHLINE_SPOOL_SEGMENT_AGE_MS: '50', THROUGHLINE_ROLLUPS_INTERVAL_MS: '100' };
  collector = await startCollector({ dataDirectory, env });
  const { ok } = await postJson(collector.otlpUrl, aRequest('kept', 20));
  if (!ok) throw new Error('the collector took no spans');
  await eventually('everything is stored', () => collector !== null && isSpoolEmpty(collector));
});
afterEach(async () => {
  await collector?.stop({ keepData: true });
  collector = null;
  for (const path of [dataDirectory, dirname(backup)]) rmSync(path, { recursive: true, force: true });
});

async function stopCollector(): Promise<void> {
  await collector?.stop({ keepData: true });
  collector = null;
}

/** Begins a process group, as a shell does for what it runs. */
function inTerminal(...args: string[]): Command {
  return runCommand(args, {}, { through: ['setsid'] });
}

/** What a terminal does: the whole group is told. */
async function pressCtrlC(command: Command): Promise<void> {
  process.kill(-command.pid, 'SIGINT');
  expect(await command.exited, command.output()).toEqual({ code: 130, signal: null });
}

/** Their logs are no part of what they say. */
function saidBy(command: Command): string[] {
  return command
    .output()
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('{'));
}

function makeEndless(folder: string): string {
  mkdirSync(join(dataDirectory, folder), { recursive: true });
  const path = join(folder, 'endless.bin');
  writeFileSync(join(dataDirectory, path), '');
  truncateSync(join(dataDirectory, path), ENDLESS_BYTES);
  return path;
}

async function expectWholeBackup(): Promise<void> {
  const again = runCommand(['backup', backup, '--data-dir', dataDirectory]);
  expect(await again.exited, again.output()).toMatchObject({ code: 0 });
  expect(existsSync(join(backup, 'manifest.json'))).toBe(true);
}

describe('a backup of a collector that runs', () => {
  it('is rejected in one line while another one is made, and disturbs it in nothing', async () => {
    const endless = makeEndless('sampling');
    const first = inTerminal('backup', backup, '--data-dir', dataDirectory);
    await eventually('it is copying', () => existsSync(join(backup, 'data', endless)));
    // It need not fill the disk meanwhile.
    process.kill(first.pid, 'SIGSTOP');
    const snapshots = readdirSync(join(dataDirectory, 'snapshot'));
    const second = runCommand(['backup', `${backup}-second`, '--data-dir', dataDirectory]);
    expect(await second.exited).toMatchObject({ code: 1 });
    expect(saidBy(second)).toEqual([expect.stringMatching(/^throughline backup: .*another backup .* since /)]);
    expect(existsSync(`${backup}-second`)).toBe(false);
    expect(readdirSync(join(dataDirectory, 'snapshot'))).toEqual(snapshots);
    process.kill(first.pid, 'SIGCONT');
    await pressCtrlC(first);
    rmSync(join(dataDirectory, endless));
    await expectWholeBackup();
  });

  it('that is started again meanwhile is none, and says so in one line', async () => {
    const endless = makeEndless('sampling');
    const command = runCommand(['backup', backup, '--data-dir', dataDirectory]);
    await eventually('it is copying', () => existsSync(join(backup, 'data', endless)));
    process.kill(command.pid, 'SIGSTOP');
    process.kill(collector?.pid ?? 0, 'SIGKILL');
    await stopCollector();
    collector = await startCollector({ dataDirectory });
    expect(existsSync(join(dataDirectory, 'snapshot'))).toBe(false);
    // What is being copied is the same file under another name.
    truncateSync(join(dataDirectory, endless), 0);
    process.kill(command.pid, 'SIGCONT');
    expect(await command.exited).toMatchObject({ code: 1 });
    expect(saidBy(command)).toEqual([expect.stringMatching(/^throughline backup: .*snapshot is gone: /)]);
    expect(existsSync(backup)).toBe(false);
    await expectWholeBackup();
  });

  it('leaves no snapshot where it was killed', async () => {
    await stopCollector();
    const env = { THROUGHLINE_MAINTENANCE_SNAPSHOT_IDLE_MS: '1000' };
    collector = await startCollector({ dataDirectory, env });
    const endless = makeEndless('sampling');
    const command = runCommand(['backup', backup, '--data-dir', dataDirectory]);
    await eventually('it is copying', () => existsSync(join(backup, 'data', endless)));
    expect(existsSync(join(dataDirectory, 'snapshot'))).toBe(true);
    process.kill(command.pid, 'SIGKILL');
    await command.exited;
    await eventually('the snapshot is removed', () => !existsSync(join(dataDirectory, 'snapshot')));
    const metrics = await (await fetch(`${collector.apiUrl}/metrics`)).text();
    expect(metrics).toContain('throughline_snapshots_total{outcome="abandoned"} 1');
    expect(metrics).toContain('throughline_limit_reached_total{limit="maintenance.snapshotIdleMs"} 1');
  });

  it('goes on for longer than a snapshot of which nothing is heard', async () => {
    await stopCollector();
    const env = { THROUGHLINE_MAINTENANCE_SNAPSHOT_IDLE_MS: '1000' };
    collector = await startCollector({ dataDirectory, env });
    const endless = makeEndless('sampling');
    const command = runCommand(['backup', backup, '--data-dir', dataDirectory]);
    await eventually('it is copying', () => existsSync(join(backup, 'data', endless)));
    const { apiUrl } = collector;
    const kept = /^throughline_api_requests_total\{.*snapshot\/\{token\}.*\} (\d+)$/m;
    await eventually('it was heard of for more than that', async () => {
      const [, times = '0'] = kept.exec(await (await fetch(`${apiUrl}/metrics`)).text()) ?? [];
      return Number(times) > 5;
    });
    expect(existsSync(join(dataDirectory, 'snapshot'))).toBe(true);
    process.kill(command.pid, 'SIGKILL');
    await command.exited;
  });
});

describe('Ctrl-C', () => {
  it('in the middle of a backup of a collector that is stopped leaves nothing of it', async () => {
    await stopCollector();
    const before = readdirSync(dataDirectory).toSorted();
    const endless = makeEndless('store');
    const command = inTerminal('backup', backup, '--data-dir', dataDirectory);
    await eventually('it is copying', () => existsSync(join(backup, 'data', endless)));
    await pressCtrlC(command);
    expect(saidBy(command)).toEqual([expect.stringMatching(/^throughline backup: interrupted; .*removed$/)]);
    expect(readdirSync(dirname(backup))).toEqual([]);
    expect(readdirSync(dataDirectory).toSorted()).toEqual(before);
    const restored = runCommand(['restore', backup, '--data-dir', `${backup}-restored`]);
    expect(await restored.exited).toMatchObject({ code: 1 });
    rmSync(join(dataDirectory, endless));
    await expectWholeBackup();
  });

  it('in the middle of a backup of a collector that runs leaves nothing of it, nor its snapshot', async () => {
    const endless = makeEndless('sampling');
    // Into a directory that is there: it stays, empty.
    mkdirSync(backup);
    const command = inTerminal('backup', backup, '--data-dir', dataDirectory);
    await eventually('it is copying', () => existsSync(join(backup, 'data', endless)));
    expect(existsSync(join(dataDirectory, 'snapshot'))).toBe(true);
    await pressCtrlC(command);
    expect(saidBy(command)).toEqual([expect.stringMatching(/^throughline backup: interrupted; .*removed$/)]);
    expect(readdirSync(backup)).toEqual([]);
    expect(existsSync(join(dataDirectory, 'snapshot'))).toBe(false);
    rmSync(join(dataDirectory, endless));
    await expectWholeBackup();
  });

  it('while the collector takes the snapshot leaves no snapshot', async () => {
    const { enginePid } = collector ?? { enginePid: () => 0 };
    process.kill(enginePid(), 'SIGSTOP');
    const command = inTerminal('backup', backup, '--data-dir', dataDirectory);
    await eventually('the snapshot was begun', () => existsSync(join(dataDirectory, 'snapshot')));
    process.kill(-command.pid, 'SIGINT');
    process.kill(enginePid(), 'SIGCONT');
    expect(await command.exited).toEqual({ code: 130, signal: null });
    expect(saidBy(command)).toEqual([expect.stringMatching(/^throughline backup: interrupted; .*removed$/)]);
    expect(existsSync(join(dataDirectory, 'snapshot'))).toBe(false);
    expect(existsSync(backup)).toBe(false);
  });

  it('in the middle of a check of a collector that is stopped lets go of the store', async () => {
    await stopCollector();
    const before = readdirSync(dataDirectory).toSorted();
    const command = inTerminal('check', '--data-dir', dataDirectory);
    const engine = await eventually('its engine is there', () => {
      const lock = JSON.parse(readFileSync(join(dataDirectory, 'server.lock'), 'utf8')) as { engine?: { pid: number } };
      return lock.engine?.pid;
    });
    await pressCtrlC(command);
    expect(saidBy(command)).toEqual([expect.stringMatching(/^throughline check: interrupted; .*no result$/)]);
    expect(isAlive(engine)).toBe(false);
    expect(readdirSync(dataDirectory).toSorted()).toEqual(before);
    const again = runCommand(['check', '--data-dir', dataDirectory]);
    expect(await again.exited, again.output()).toMatchObject({ code: 0 });
  });

  it('in the middle of a check of a collector that runs does not disturb it', async () => {
    const { enginePid, apiUrl } = collector ?? { enginePid: () => 0, apiUrl: '' };
    // So the check does not end before it is interrupted.
    process.kill(enginePid(), 'SIGSTOP');
    const command = inTerminal('check', '--data-dir', dataDirectory);
    await eventually('it is under way', async () =>
      (await (await fetch(`${apiUrl}/metrics`)).text()).includes('route="/api/v1/check"'),
    );
    await pressCtrlC(command);
    process.kill(enginePid(), 'SIGCONT');
    expect(saidBy(command)).toEqual([expect.stringMatching(/^throughline check: interrupted; .*no result$/)]);
    expect((await fetch(`${apiUrl}/api/v1/services`)).status).toBe(200);
  });
});
