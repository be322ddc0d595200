import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Seeded } from '../../packages/server/src/columns/testing/seeded.ts';
import { newDirectory } from './collector.ts';
import { canInjectFaults, FaultInjection } from './fault-injection.ts';
import { RecordedDisk, type DiskModel } from './recorded-disk.ts';

type Step = readonly [what: string, path: string, other?: string | number];

const script = fileURLToPath(new URL('./disk-steps.mjs', import.meta.url));

/** What each step ended in, up to the one that was the last. */
function run(faults: FaultInjection, folder: string, steps: readonly Step[]): string[] {
  const { stdout, stderr } = spawnSync(process.execPath, [script, folder, JSON.stringify(steps)], {
    env: { ...process.env, ...faults.env },
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  return stdout.split('\n').slice(0, -1);
}

describe.skipIf(!canInjectFaults)('the library for faults', () => {
  it('lets chosen calls fail, in all processes together, and counts those that it would have been for', () => {
    const folder = newDirectory();
    const faults = new FaultInjection([
      { process: 'collector', kind: 'sync', pattern: '*/a', first: 2, times: 2, action: 'fail EIO' },
      { process: 'engine', kind: 'sync', pattern: '*', action: 'fail EIO' },
    ]);
    const once: Step[] = [
      ['write', 'a', 'x'],
      ['write', 'b', 'x'],
      ['sync', 'a'],
      ['sync', 'b'],
      ['sync', 'a'],
    ];
    expect(run(faults, folder, once)).toEqual(['ok', 'ok', 'ok', 'ok', 'EIO']);
    expect(run(faults, folder, once)).toEqual(['ok', 'ok', 'EIO', 'ok', 'ok']);
    expect([faults.seen(0), faults.applied(0), faults.seen(1)]).toEqual([4, 2, 0]);
    expect(faults.trace()).toEqual(Array.from({ length: 2 }, () => `0 collector sync ${join(folder, 'a')}`));
    rmSync(folder, { recursive: true });
  });

  it.each<[string, Step, string, string]>([
    ['rename', ['rename', 'there', 'new'], 'rename', '*/new'],
    ['unlink', ['unlink', 'there'], 'unlink', '*/there'],
    ['rmdir', ['rmdir', 'folder'], 'unlink', '*/folder'],
    ['open with O_CREAT', ['write', 'new', 'x'], 'create', '*/new'],
    ['write', ['append', 'there', 'x'], 'write', '*/there'],
    ['a copy', ['copy', 'there', 'new'], 'write', '*/new'],
    ['ftruncate', ['truncate', 'there', 0], 'truncate', '*/there'],
    ['read', ['read', 'there'], 'read', '*/there'],
    ['link', ['link', 'there', 'new'], 'link', '*/new'],
    ['mkdir', ['mkdir', 'new'], 'mkdir', '*/new'],
  ])('stands in the way of %s', (_, step, kind, pattern) => {
    const folder = newDirectory();
    const faults = new FaultInjection();
    run(faults, folder, [
      ['write', 'there', 'text'],
      ['mkdir', 'folder'],
    ]);
    faults.plan([{ process: 'any', kind: kind as 'rename', pattern, action: 'fail ENOSPC' }]);
    expect(run(faults, folder, [step])).toEqual(['ENOSPC']);
    expect(readdirSync(folder).filter((name) => name !== 'new' || step[0] !== 'write')).toEqual(['folder', 'there']);
    expect(readFileSync(join(folder, 'there'), 'utf8')).toBe('text');
    faults.plan([{ process: 'any', kind: kind as 'rename', pattern, action: 'kill-before self' }]);
    expect(run(faults, folder, [step])).toEqual([]);
    rmSync(folder, { recursive: true });
  });
});

describe.skipIf(!canInjectFaults)('a disk that was recorded', () => {
  it('keeps a file when its bytes and its name were synced, and its folder with it', () => {
    const steps: Step[] = [
      ['mkdir', 'f'],
      ['write', 'f/a', 'text'],
      ['sync', 'f/a'],
      ['sync', 'f'],
      ['sync', '.'],
    ];
    expect(afterCut(steps, 'posix')).toEqual(new Set(['f/ f/a=text kept=kept old/']));
  });

  it('may forget bytes that were not synced, and has zeros in their place, or a part of them', () => {
    const found = afterCut(
      [
        ['write', 'a', 'text'],
        ['sync', '.'],
      ],
      'posix',
    );
    expect(found).toContain('a= kept=kept old/');
    expect(found).toContain('a=0000 kept=kept old/');
    expect(found).toContain('a=text kept=kept old/');
  });

  it('may forget each name that was not synced: what was created, renamed, removed', () => {
    const found = afterCut(
      [
        ['write', 'a', 'text'],
        ['sync', 'a'],
        ['rename', 'a', 'b'],
        ['unlink', 'kept'],
      ],
      'posix',
    );
    expect(found).toEqual(new Set(['kept=kept old/', 'a=text kept=kept old/', 'b=text kept=kept old/', 'b=text old/']));
  });

  it('forgets in order, and nothing that came before a sync, where the file system does so', () => {
    const steps: Step[] = [
      ['write', 'a', 'text'],
      ['rename', 'a', 'old/b'],
      ['write', 'c', 'c'],
      ['sync', 'c'],
      ['unlink', 'kept'],
      ['unlink', 'c'],
    ];
    const trees = [...afterCut(steps, 'ordered')].map((tree) => tree.replace(/b=[text0]*/, 'b'));
    expect(new Set(trees)).toEqual(new Set(['c=c kept=kept old/ old/b', 'c=c old/ old/b', 'old/ old/b']));
  });

  it('is recorded again after a cut', () => {
    const root = newDirectory();
    const faults = new FaultInjection();
    const disk = new RecordedDisk(root, faults);
    const random = new Seeded(1);
    run(faults, root, [
      ['write', 'a', 'text'],
      ['sync', 'a'],
      ['sync', '.'],
    ]);
    disk.cut(random, () => 'posix');
    run(faults, root, [['append', 'a', ' and more']]);
    disk.cut(random, () => 'posix');
    expect(readFileSync(join(root, 'a'), 'latin1')).toMatch(/^text/);
    expect(existsSync(join(faults.directory, 'journal'))).toBe(false);
    rmSync(root, { recursive: true });
  });
});

function treeOf(folder: string, prefix = ''): string[] {
  return readdirSync(folder)
    .toSorted()
    .flatMap((name) => {
      const path = join(folder, name);
      if (statSync(path).isDirectory()) return [`${prefix}${name}/`, ...treeOf(path, `${prefix}${name}/`)];
      return [`${prefix}${name}=${readFileSync(path, 'latin1').replaceAll('\0', '0')}`];
    });
}

/** What comes back, in a dozen cuts: each tree as its paths and contents, without doubles. */
function afterCut(steps: readonly Step[], model: DiskModel): Set<string> {
  const found = new Set<string>();
  for (let seed = 0; seed < 12; seed++) {
    const root = newDirectory();
    mkdirSync(join(root, 'old'));
    const faults = new FaultInjection();
    writeFileSync(join(root, 'kept'), 'kept');
    const disk = new RecordedDisk(root, faults);
    expect(new Set(run(faults, root, steps))).toEqual(new Set(['ok']));
    disk.cut(new Seeded(seed), () => model);
    found.add(treeOf(root).join(' '));
    for (const directory of [root, faults.directory]) rmSync(directory, { recursive: true });
  }
  return found;
}
