import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { Registry } from 'prom-client';
import type { TestProject } from 'vitest/node';
import { EmbeddedEngine } from '../embedded/embedded-engine.ts';

/**
 * Makes one empty store before the tests of a run, which they copy: the engine takes as long to create its tables as to
 * open them, and most tests start with them.
 */
export default async function makeReadyStore({ provide }: TestProject): Promise<(() => Promise<void>) | undefined> {
  const processPath = new URL('../../../dist/storage/process/embedded-process.js', import.meta.url);
  if (!existsSync(processPath)) return undefined;
  const directory = await mkdtemp(join(tmpdir(), 'throughline-ready-'));
  const log = pino({ level: 'silent' });
  const engine = new EmbeddedEngine({ directory, log, registry: new Registry(), processPath });
  await engine.start();
  await engine.close();
  provide('readyStore', directory);
  return () => rm(directory, { recursive: true, force: true });
}
