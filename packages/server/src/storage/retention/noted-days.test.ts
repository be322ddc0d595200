import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { NotedDays } from './noted-days.ts';
import { silentLog } from '../testing/start-engine.ts';

it('days are known again after a start, and what is no day is not', () => {
  const directory = mkdtempSync(join(tmpdir(), 'throughline-days-'));
  const path = join(directory, 'stored-days');
  expect(new NotedDays(path, silentLog).days).toEqual([]);
  new NotedDays(path, silentLog).note(['2026-11-09', '2026-11-10']);
  expect(new NotedDays(path, silentLog).days).toEqual(['2026-11-09', '2026-11-10']);
  expect(readdirSync(directory)).toEqual(['stored-days']);
  writeFileSync(path, '2026-11-09\n\0\0\0\n2026-11');
  expect(new NotedDays(path, silentLog).days).toEqual(['2026-11-09']);
  // A directory that cannot be written is no reason to end.
  new NotedDays(join(directory, 'missing', 'stored-days'), silentLog).note(['2026-11-09']);
  rmSync(directory, { recursive: true });
});
