import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { claimDirectory } from './directory-claim.ts';

let directory: string;
let holder: ChildProcess | null = null;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'throughline-claim-'));
});
afterEach(() => {
  holder?.kill('SIGKILL');
  holder = null;
  rmSync(directory, { recursive: true, force: true });
});

/** The built module: another process runs what `tsc -b packages/server` has made of it. */
const DATA_DIRECTORY = new URL('../../../dist/storage/directory/data-directory.js', import.meta.url).href;
const PROGRAM = `
  const { openDataDirectory } = await import(${JSON.stringify(DATA_DIRECTORY)});
  try {
    await openDataDirectory(process.argv[1], { log: { warn() {} } });
    process.stdout.write('held\\n');
    setInterval(() => {}, 1000);
  } catch (error) {
    process.stdout.write(error.code + '\\n');
  }`;

const UNSHARE = ['--pid', '--fork', '--kill-child', '--mount-proc'];
const canUnshare = spawnSync('unshare', [...UNSHARE, 'true']).status === 0;

function inNamespaceOfItsOwn(): ChildProcess {
  const program = ['node', '--input-type=module', '-e', PROGRAM, directory];
  return spawn('unshare', [...UNSHARE, ...program], { stdio: ['ignore', 'pipe', 'inherit'] });
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('no stdout');
  const [chunk] = (await once(child.stdout, 'data')) as [Buffer];
  return chunk.toString().trim();
}

describe.skipIf(!canUnshare)('between PID namespaces, which only root can make', () => {
  test('a collector is rejected while another holds the directory, whose lock stays', async () => {
    holder = inNamespaceOfItsOwn();
    expect(await firstLine(holder)).toBe('held');
    const lock = readFileSync(join(directory, 'server.lock'), 'utf8');
    expect(await firstLine(inNamespaceOfItsOwn())).toBe('data_directory_locked');
    expect(readFileSync(join(directory, 'server.lock'), 'utf8')).toBe(lock);
  });

  test('one that was killed leaves the directory free at once', async () => {
    holder = inNamespaceOfItsOwn();
    expect(await firstLine(holder)).toBe('held');
    const ended = once(holder, 'exit');
    holder.kill('SIGKILL');
    await ended;
    holder = inNamespaceOfItsOwn();
    expect(await firstLine(holder)).toBe('held');
  });
});

test('a holder that answers nobody, since it is stopped, still holds', async () => {
  holder = spawn('node', ['--input-type=module', '-e', PROGRAM, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
  expect(await firstLine(holder)).toBe('held');
  holder.kill('SIGSTOP');
  expect(await claimDirectory(directory, () => true)).toBeNull();
});

test('of several that start at once, one gets the directory', async () => {
  let held = '';
  const claims = await Promise.all(
    Array.from({ length: 6 }, async () => {
      const claim = await claimDirectory(directory, (socket) => socket === held);
      if (claim !== null) held = claim.socket;
      return claim;
    }),
  );
  const winners = claims.filter((claim) => claim !== null);
  expect(winners).toHaveLength(1);
  expect(readdirSync(directory)).toEqual([winners[0]?.socket]);
  await winners[0]?.release();
  expect(existsSync(join(directory, held))).toBe(false);
});
