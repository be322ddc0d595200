import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isWithin } from './is-within.ts';

test('a path lies within a directory by whatever links, whether it is there or not', () => {
  const directory = mkdtempSync(join(tmpdir(), 'throughline-within-'));
  try {
    const data = join(directory, 'data');
    mkdirSync(join(data, 'store'), { recursive: true });
    symlinkSync(data, join(directory, 'link'));
    const within = ['data', 'data/', 'data/store', 'data/new/er', 'data/..odd', 'link', 'link/new', 'none/../data'];
    const beside = ['', 'data2', 'data-backup', '..', 'none', 'data/../backup'];
    for (const path of within) expect([path, isWithin(`${directory}/${path}`, data)]).toEqual([path, true]);
    for (const path of beside) expect([path, isWithin(`${directory}/${path}`, data)]).toEqual([path, false]);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
