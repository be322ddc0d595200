import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand, type Command, type CommandOptions, type Exit } from './support/collector.ts';
import { descendantsOf, eventually, isAlive } from './support/processes.ts';

const isRoot = process.getuid?.() === 0;
const canMount = isRoot && spawnSync('unshare', ['-m', 'true']).status === 0;

/** A user without an entry in /etc/passwd, as containers are started under. */
const NOBODY_KNOWS = 54_321;

const FREE_PORTS = {
  THROUGHLINE_HTTP_PORT: '0',
  THROUGHLINE_OTLP_HTTP_PORT: '0',
  THROUGHLINE_OTLP_GRPC_PORT: '0',
};

describe.skipIf(!isRoot)('a user whom nobody knows (needs root)', () => {
  let root: string;
  /** Belongs to root, and to the group of the user; a collector of the user has been at work in it. */
  let shared: string;
  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'throughline-users-'));
    chmodSync(root, 0o755);
    shared = join(root, 'shared');
    mkdirSync(shared);
    chownSync(shared, 0, NOBODY_KNOWS);
    chmodSync(shared, 0o2775);
    // As on a disk of its own.
    mkdirSync(join(shared, 'lost+found'), { mode: 0o700 });
    const readOnly = join(root, 'read-only');
    mkdirSync(readOnly, { mode: 0o555 });
    const command = up(shared, { unset: ['HOME'] }, { TMPDIR: readOnly, HOME: '' });
    await eventually('the collector is ready', () => {
      if (!isAlive(command.pid)) throw new Error(`the collector ended:\n${command.output()}`);
      return command.output().includes('Ready');
    });
    const below = descendantsOf(command.pid);
    process.kill(command.pid, 'SIGTERM');
    ended = await command.exited;
    output = command.output();
    await eventually('every process has ended', () => !below.some((pid) => isAlive(pid)));
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));
  let ended: Exit;
  let output: string;

  it('runs the collector in a directory of their group, without a home or a place for temporary files', () => {
    expect(ended).toEqual({ code: 0, signal: null });
    expect(output).not.toMatch(/WARN|ERROR|"level"/);
    expect(readdirSync(shared).toSorted()).toEqual([
      'collector-id',
      'counts',
      'fresh',
      'lost+found',
      'sampling',
      'spool',
      'store',
      'store-id',
      'stored-days',
    ]);
  });

  it('is reported in one line when there is no home directory', async () => {
    const command = runCommand(['up'], FREE_PORTS, { uid: NOBODY_KNOWS, unset: ['HOME'] });
    expect(await command.exited).toEqual({ code: 2, signal: null });
    const refusal = /^throughline up: .*no home directory.*--data-dir or THROUGHLINE_DATA_DIR\n$/;
    expect(command.output()).toMatch(refusal);
    for (const HOME of ['', '.']) {
      const odd = runCommand(['up'], { ...FREE_PORTS, HOME });
      expect(await odd.exited).toEqual({ code: 2, signal: null });
      expect(odd.output()).toMatch(refusal);
    }
    const help = runCommand(['up', '--help'], {}, { uid: NOBODY_KNOWS, unset: ['HOME'] });
    expect(await help.exited).toEqual({ code: 0, signal: null });
  });

  it('is reported in one line when the home directory is none, or may not be written', async () => {
    const command = runCommand(['up'], { ...FREE_PORTS, HOME: '/nonexistent' }, { uid: NOBODY_KNOWS });
    expect(await refusalOf(command)).toMatch(
      /^throughline up: .*\/nonexistent\/\.throughline .*used: permission denied; /,
    );
    const locked = join(root, 'locked');
    mkdirSync(locked, { mode: 0o755 });
    expect(await refusalOf(up(locked))).toMatch(new RegExp(`${locked} .*user 0, .*user ${NOBODY_KNOWS} may not `));
  });

  it.each(['counts', 'fresh', 'sampling', 'spool', 'store'])(
    'is told in one line what an earlier collector of another user left in the way: %s',
    async (room) => {
      const directory = join(root, `foreign-${room}`);
      cpSync(shared, directory, { recursive: true });
      chownAll(directory, NOBODY_KNOWS);
      chownAll(join(directory, room), 0);
      chmodSync(join(directory, room), 0o700);
      expect(await refusalOf(up(directory))).toMatch(
        new RegExp(`permission denied: ${join(directory, room)} .*user 0, .*user ${NOBODY_KNOWS} may not `),
      );
      expect(existsSync(join(directory, 'server.lock'))).toBe(false);
    },
  );

  it.each([
    ['check', '--data-dir', 'of-root'],
    ['spool', 'list', '--data-dir', 'of-root'],
    ['backup', 'new', '--data-dir', 'of-root'],
    ['restore', 'of-root', '--data-dir', 'new'],
  ])('reports that permission is denied, and not that nothing is there: %s', async (...args) => {
    const ofRoot = join(root, 'of-root');
    mkdirSync(join(ofRoot, 'store'), { recursive: true });
    chmodSync(ofRoot, 0o700);
    const named = args.map((arg) => (arg === 'of-root' || arg === 'new' ? join(root, arg) : arg));
    const refusal = await refusalOf(runCommand(named, {}, { uid: NOBODY_KNOWS }));
    expect(refusal).toContain('permission denied');
    expect(refusal).not.toMatch(/ no (?:store|spool|backup|manifest)/);
    expect(refusal).toContain(ofRoot);
  });

  it.skipIf(!canMount)('is reported in one line when the file system is read-only', async () => {
    const mounted = [
      'unshare',
      '-m',
      'sh',
      '-c',
      `mount --bind ${shared} ${shared} && mount -o remount,ro,bind ${shared} && exec "$@"`,
    ];
    const command = runCommand(['up', '--data-dir', shared], FREE_PORTS, { through: [...mounted, 'sh'] });
    expect(await refusalOf(command)).toMatch(
      new RegExp(`^throughline up: .*${shared} cannot be used: .*read-only; .*--data-dir or THROUGHLINE_DATA_DIR\n$`),
    );
  });

  it('is reported in one line when a file of settings or of a password may not be read', async () => {
    const secret = join(root, 'secret');
    mkdirSync(secret, { mode: 0o700 });
    const flags = ['--store', 'http://127.0.0.1:1', '--store-password-file', join(secret, 'password')];
    const command = runCommand(['up', '--data-dir', shared, ...flags], FREE_PORTS, { uid: NOBODY_KNOWS });
    expect(await command.exited).toEqual({ code: 2, signal: null });
    expect(command.output()).toMatch(
      new RegExp(`^throughline up: .*${join(secret, 'password')} \\(--store-password-file\\) .*permission denied\n$`),
    );
  });
});

/** All that a collector says that cannot start. */
async function refusalOf(command: Command): Promise<string> {
  expect(await command.exited).toEqual({ code: 1, signal: null });
  expect(command.output()).toMatch(/^throughline [a-z ]+: [^\n]+\n$/);
  return command.output();
}

function chownAll(path: string, uid: number): void {
  lchownSync(path, uid, uid);
  for (const entry of readdirSync(path, { recursive: true, withFileTypes: true })) {
    lchownSync(join(entry.parentPath, entry.name), uid, uid);
  }
}

function up(directory: string, options: CommandOptions = {}, env: Readonly<Record<string, string>> = {}): Command {
  return runCommand(['up', '--data-dir', directory], { ...FREE_PORTS, ...env }, { uid: NOBODY_KNOWS, ...options });
}
