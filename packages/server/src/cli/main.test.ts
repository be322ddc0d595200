import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SETTINGS } from '../config/settings.ts';
import { VERSION } from '../version.ts';

const PROGRAM = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

interface Run {
  readonly child: ChildProcess;
  /** Resolves when standard output holds the text. */
  readonly printed: (text: string) => Promise<string>;
  readonly ended: Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>;
}

function run(...args: readonly string[]): Run {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      THROUGHLINE_HTTP_PORT: '0',
      THROUGHLINE_OTLP_HTTP_PORT: '0',
      THROUGHLINE_OTLP_GRPC_PORT: '0',
    },
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  return {
    child,
    ended: once(child, 'close').then(([code]: unknown[]) => ({ code: code as number | null, ...output })),
    printed: async (text) => {
      while (!output.stdout.includes(text)) await once(child.stdout, 'data');
      return output.stdout;
    },
  };
}

describe('throughline', () => {
  it('shows its commands when called without one', async () => {
    const { code, stdout } = await run().ended;
    expect(code).toBe(0);
    expect(stdout).toContain('throughline <command>');
    expect(await run('--help').ended).toMatchObject({ code: 0, stdout });
  });

  it('shows its version', async () => {
    expect(await run('--version').ended).toMatchObject({ code: 0, stdout: `${VERSION}\n` });
  });

  it('hides the password of a store that stands where a command should', async () => {
    const { code, stderr } = await run('--store=http://ann:s3cret@host:8123').ended;
    expect(code).toBe(2);
    expect(stderr).toContain('"--store=http://ann:***@host:8123" is not');
  });

  it.each([['check'], ['backup', 'new'], ['restore', 'backup']])('has no %s of a store elsewhere', async (...args) => {
    const { code, stdout, stderr } = await run(...args, '--store', 'http://ann:s3cret@host:8123').ended;
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(new RegExp(`^throughline ${args[0]}: .*--store .*CHECK TABLE, BACKUP and RESTORE\n$`));
  });

  it('names the command that was meant', async () => {
    const { code, stderr } = await run('upp').ended;
    expect(code).toBe(2);
    expect(stderr).toMatch(/^throughline: "upp" .* up\?\n$/);
  });

  it('shows every flag of up', async () => {
    const { stdout } = await run('up', '--help').ended;
    for (const { flag, env } of Object.values(SETTINGS)) {
      expect(stdout).toContain(flag);
      expect(stdout).toContain(env);
    }
  });
});

describe('throughline up', () => {
  let directory: string;
  beforeAll(async () => void (directory = await mkdtemp(join(tmpdir(), 'throughline-cli-'))));
  afterAll(() => rm(directory, { recursive: true, force: true }));

  it('says where it listens, then that it is ready, and stops in order when it is told to', async () => {
    const running = run('up', '--data-dir', directory);
    const stdout = await running.printed('Ready');
    const uiUrl = /UI and API +(\S+)/.exec(stdout)?.[1];
    expect((await fetch(`${uiUrl}/readyz`)).status).toBe(200);
    expect(stdout).toMatch(/OTLP\/HTTP +http:\/\/127\.0\.0\.1:\d+\/v1\/traces/);
    expect(stdout).toContain(`Data         ${directory}`);
    expect(stdout).not.toContain('\u001b');
    running.child.kill('SIGTERM');
    expect(await running.ended).toMatchObject({ code: 0, stderr: '' });
  });

  it('prints its settings with their sources, and starts nothing', async () => {
    const { code, stdout, stderr } = await run('up', '--print-config', '--spool-segment-age-ms', '50').ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^ {2}segmentAgeMs: 50ms +# --spool-segment-age-ms$/m);
    expect(stdout).toMatch(/^ {2}port: 0 +# THROUGHLINE_HTTP_PORT$/m);
  });

  it('ends with one line and a code that is not zero when it cannot start', async () => {
    const rejected: readonly (readonly [readonly string[], number, string])[] = [
      [['--store', 'clickhouse://localhost'], 2, 'expected embedded, '],
      [['--host', '0.0.0.0'], 2, '--no-auth'],
      [['--http-port', 'x'], 2, '--http-port: got "x"'],
      [['--config', '/nowhere/throughline.yaml'], 2, 'not found'],
      [['--data-dir', PROGRAM], 1, 'cannot be used'],
      [['--data-dir', '/proc/throughline'], 1, 'cannot be used'],
    ];
    for (const [flags, code, message] of rejected) {
      const ended = await run('up', ...flags).ended;
      expect(ended).toMatchObject({ code, stdout: '' });
      expect(ended.stderr).toMatch(/^throughline up: [^\n]+\n$/);
      expect(ended.stderr).toContain(message);
    }
  });

  it('makes no backup that would be lost with the data directory, or in the folder that one is in by chance', async () => {
    await mkdir(join(directory, 'stopped', 'store'), { recursive: true });
    const dataDirectory = join(directory, 'stopped');
    const inside = await run('backup', join(dataDirectory, 'store', 'backup'), '--data-dir', dataDirectory).ended;
    expect(inside).toMatchObject({ code: 1, stdout: '' });
    expect(inside.stderr).toContain(`data directory ${dataDirectory}`);
    expect(await readdir(join(dataDirectory, 'store'))).toEqual([]);
    const unset = await run('backup', '', '--data-dir', dataDirectory).ended;
    expect(unset).toMatchObject({ code: 2, stdout: '' });
    expect(unset.stderr).toMatch(/argument DIR .*is empty/);
  });

  it.skipIf(process.getuid?.() === 0)('names a data directory that it may not write', async () => {
    await chmod(directory, 0o500);
    const { code, stderr } = await run('up', '--data-dir', directory).ended;
    await chmod(directory, 0o700);
    expect(code).toBe(1);
    expect(stderr).toContain('permission denied');
  });
});
