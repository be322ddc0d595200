import { cpSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import type { Engine } from '../engine.ts';
import { rowsOf } from '../rows-of.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Undefined where nothing has been built, and in projects that make none. */
    readyStore: string | undefined;
  }
}

/** A directory of its own with an empty store, or with nothing where the run has none that is ready. */
export async function newStore(prefix = 'throughline-store-'): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), prefix));
  const ready = inject('readyStore');
  if (ready !== undefined) cpSync(ready, directory, { recursive: true, verbatimSymlinks: true });
  return directory;
}

/** Empties every table but that of the migrations, so that the next test of a file need not start an engine. */
export async function emptyStore(engine: Pick<Engine, 'query' | 'command'>): Promise<void> {
  const tables = await rowsOf(
    engine,
    `SELECT name FROM system.tables
WHERE database = 'throughline' AND engine LIKE '%MergeTree' AND name != 'schema_migrations'`,
  );
  for (const [table] of tables) await engine.command(`TRUNCATE TABLE throughline.${String(table)}`);
}
