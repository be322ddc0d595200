import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { FailingRename } from '../../spool/testing/failing-rename.ts';
import { openDataDirectory } from './data-directory.ts';
import { identifyProcess, isRunning } from './process-identity.ts';
import { eventually, silentLog as log } from '../testing/start-engine.ts';

let parent: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'throughline-data-'));
});
afterEach(() => {
  rmSync(parent, { recursive: true, force: true });
});

const readLock = (path: string): unknown => JSON.parse(readFileSync(join(path, 'server.lock'), 'utf8'));

test('creates the directory, holds its lock, and leaves no lock behind', async () => {
  const path = join(parent, 'data');
  const directory = await openDataDirectory(path, { log });
  directory.notePorts({ api: 4319 });
  directory.noteEngine(process.pid);
  const self = identifyProcess(process.pid);
  const socket: unknown = expect.stringMatching(/^collector-/);
  expect(readLock(path)).toEqual({ holder: self, socket, ports: { api: 4319 }, engine: self });
  await directory.release();
  expect(readdirSync(path)).toEqual([]);
});

test('a second collector gets one line that names the first', async () => {
  const path = join(parent, 'data');
  const first = await openDataDirectory(path, { log });
  first.notePorts({ 'OTLP/HTTP': 4318 });
  const error = await openDataDirectory(path, { log }).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'data_directory_locked' });
  expect(String(error)).toContain(`process id ${process.pid}, listening on 4318 (OTLP/HTTP)`);
  expect(String(error)).not.toContain('\n');
  await first.release();
  await (await openDataDirectory(path, { log })).release();
});

test.each([
  ['of a process that is gone', JSON.stringify({ holder: { pid: 2 ** 22 + 1, startTime: '1' } })],
  ['of another process with the same number', JSON.stringify({ holder: { pid: process.pid, startTime: '1' } })],
  ['that a power failure has left empty', ''],
  ['that is no lock', '{"holder": 7}'],
])('takes over a lock %s', async (_, lock) => {
  writeFileSync(join(parent, 'server.lock'), lock);
  const directory = await openDataDirectory(parent, { log });
  expect(readLock(parent)).toMatchObject({ holder: identifyProcess(process.pid) });
  await directory.release();
  expect(readdirSync(parent)).toEqual([]);
});

test('a lock that cannot be written is a line in the log, and is written as soon as that can be done', async () => {
  const path = join(parent, 'data');
  const lines: unknown[] = [];
  const listening = pino({}, { write: (line: string) => lines.push(JSON.parse(line)) });
  const directory = await openDataDirectory(path, { log: listening, lockRepeatMs: 1 });
  rmSync(join(path, 'server.lock'));
  // Nothing is renamed over a directory.
  mkdirSync(join(path, 'server.lock'));
  directory.noteEngine(process.pid);
  directory.notePorts({ api: 4319 });
  expect(lines).toMatchObject([{ level: 40, msg: expect.stringContaining('could not write') as unknown }]);
  expect(readdirSync(path).filter((name) => name.startsWith('server.lock.'))).toEqual([]);
  rmSync(join(path, 'server.lock'), { recursive: true });
  const self = identifyProcess(process.pid);
  await expect
    .poll(() => (readdirSync(path).includes('server.lock') ? readLock(path) : null))
    .toMatchObject({ holder: self, engine: self, ports: { api: 4319 } });
  expect(lines.slice(1)).toMatchObject([{ level: 30, msg: expect.stringContaining('earlier failure') as unknown }]);
  await directory.release();
  expect(readdirSync(path)).toEqual([]);
});

test('a lock that cannot be written is not written any more when the directory is released', async () => {
  const path = join(parent, 'data');
  const directory = await openDataDirectory(path, { log, lockRepeatMs: 1 });
  rmSync(join(path, 'server.lock'));
  mkdirSync(join(path, 'server.lock'));
  directory.notePorts({ api: 4319 });
  rmSync(join(path, 'server.lock'), { recursive: true });
  await directory.release();
  await delay(5);
  expect(readdirSync(path)).toEqual([]);
});

test('what a process that was killed had not finished writing is removed', async () => {
  writeFileSync(join(parent, 'server.lock.4711-0123abcd'), '{"holder"');
  const directory = await openDataDirectory(parent, { log });
  expect(readdirSync(parent).filter((name) => name.startsWith('server.lock'))).toEqual(['server.lock']);
  await directory.release();
});

test('ends the engine that a killed collector left behind, and nobody else', async () => {
  const leftover = spawn('sleep', ['60'], { stdio: 'ignore' });
  const bystander = spawn('sleep', ['60'], { stdio: 'ignore' });
  const ended = once(leftover, 'exit');
  const engine = identifyProcess(leftover.pid ?? 0);
  const holder = { pid: 2 ** 22 + 1, startTime: '1' };
  writeFileSync(join(parent, 'server.lock'), JSON.stringify({ holder, engine }));
  await (await openDataDirectory(parent, { log })).release();
  expect(await ended).toEqual([null, 'SIGKILL']);

  // The same number with another start time is another process.
  const reused = { pid: bystander.pid, startTime: '1' };
  writeFileSync(join(parent, 'server.lock'), JSON.stringify({ holder, engine: reused }));
  await (await openDataDirectory(parent, { log })).release();
  const identity = identifyProcess(bystander.pid ?? 0);
  expect(identity !== null && isRunning(identity)).toBe(true);
  bystander.kill();
});

/**
 * A process whose first thread has ended, as one that is being killed, while another one lives: a zombie with open
 * files.
 */
const HALF_ENDED = `#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>
static void *live(void *seconds) { return sleep(60), seconds; }
int main(void) {
  pthread_t thread;
  pthread_create(&thread, 0, live, 0);
  syscall(SYS_exit, 0);
}`;

test.skipIf(!FailingRename.isPossible())(
  'an engine runs, with the store open, until its last thread has ended; a start waits for it, but not for ever',
  async () => {
    const program = join(parent, 'half-ended');
    execFileSync('cc', ['-pthread', '-x', 'c', '-o', program, '-'], { input: HALF_ENDED });
    const child = spawn(program, { stdio: 'ignore' });
    const ended = once(child, 'exit');
    const pid = child.pid ?? 0;
    const engine = identifyProcess(pid);
    await eventually(() => readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z '));
    expect(engine !== null && isRunning(engine)).toBe(true);

    const path = join(parent, 'data');
    const lockPath = join(path, 'server.lock');
    const killed = { holder: { pid: 2 ** 22 + 1, startTime: '1' }, engine };
    mkdirSync(path);
    writeFileSync(lockPath, JSON.stringify(killed));
    const kill = vi.spyOn(process, 'kill').mockReturnValue(true);
    const error = await openDataDirectory(path, { log, engineEndTimeoutMs: 50 }).catch((reason: unknown) => reason);
    expect(kill).toHaveBeenCalledWith(pid, 'SIGKILL');
    kill.mockRestore();
    expect(error).toMatchObject({ code: 'data_directory_unusable' });
    expect(String(error)).toContain(`process id ${pid}`);
    expect(String(error)).toContain('try again');
    // Whoever comes next ends it again.
    expect(readLock(path)).toMatchObject({ engine });
    const directory = await openDataDirectory(path, { log });
    expect(engine !== null && isRunning(engine)).toBe(false);
    expect(readLock(path)).not.toHaveProperty('engine');
    await directory.release();
    await ended;
  },
);

test.each([
  ['below a file', 'file/data', 'not a directory'],
  ['that is a file', 'file', 'not a directory'],
  ['with a character that the engine takes for a pattern', 'data{1}', 'one of the characters'],
])('says why a directory %s cannot be used, and where to choose another', async (_, name, why) => {
  writeFileSync(join(parent, 'file'), '');
  const error = await openDataDirectory(join(parent, name), { log }).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'data_directory_unusable' });
  expect(String(error)).toContain(why);
  expect(String(error)).toContain('--data-dir');
});

test('of many collectors that find a stale lock at once, one gets the directory', async () => {
  writeFileSync(join(parent, 'server.lock'), JSON.stringify({ holder: { pid: 2 ** 22 + 1, startTime: '1' } }));
  const tries = await Promise.allSettled(Array.from({ length: 8 }, () => openDataDirectory(parent, { log })));
  expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
});

test('creates a directory with all the folders above it, for its owner alone', async () => {
  const path = join(parent, 'var', 'throughline');
  await (await openDataDirectory(path, { log })).release();
  expect(statSync(path).mode & 0o777).toBe(0o700);
});

test('works in a directory whose path is longer than that of a socket may be', async () => {
  const path = join(parent, 'd'.repeat(200));
  const first = await openDataDirectory(path, { log });
  await expect(openDataDirectory(path, { log })).rejects.toMatchObject({ code: 'data_directory_locked' });
  await first.release();
  expect(readdirSync(path)).toEqual([]);
});
