import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import type { DamageLimits } from '../storage/damage-limits.ts';
import { DataDirectoryError, openDataDirectory } from '../storage/data-directory.ts';
import { EngineError } from '../storage/engine.ts';
import type { EngineLimits } from '../storage/engine-limits.ts';
import { EmbeddedEngine } from '../storage/embedded.ts';
import type { PartName } from '../storage/lost-parts.ts';
import { damageFiles, StoreDamage } from '../storage/store-damage.ts';
import { check, type CheckReport } from './check.ts';

export interface CheckOptions {
  readonly signal: AbortSignal;
  /** Sets damaged parts aside, and repairs what can be. The next start of the collector makes the derived tables of their days anew. */
  readonly repairs: boolean;
}

/** What of a configuration is asked for here. */
export interface OfStopped {
  readonly dataDirectory: string;
  readonly limits: { readonly engine: EngineLimits; readonly damage: DamageLimits };
}

/**
 * Opens the store of a collector that is stopped, and verifies it. Null where a collector has the data directory. Rejects with `EngineError`,
 * or with the signal's reason.
 */
export async function checkStopped(
  config: OfStopped,
  log: Logger,
  { signal, repairs }: CheckOptions,
): Promise<CheckReport | null> {
  const directory = await openUnlessTaken(config, log);
  if (directory === null) return null;
  try {
    const registry = new Registry();
    const engine = new EmbeddedEngine({
      directory: directory.storePath,
      log,
      registry,
      limits: config.limits.engine,
      onProcess: (pid) => directory.noteEngine(pid),
      // A check changes no schema.
      beforeMigration: () =>
        Promise.reject(
          new EngineError(
            'refused',
            'the store is of an earlier version: start the collector, which changes it, and check then',
          ),
        ),
    });
    try {
      signal.throwIfAborted();
      await engine.start();
      if (!repairs) return await check(engine, directory.path, { signal, whileStill, mend: null });
      const damage = new StoreDamage({ log, registry, limits: config.limits.damage, ...damageFiles(directory.path) });
      await damage.findAtStart(engine);
      const mend = (parts: readonly PartName[]): Promise<readonly PartName[]> => damage.mend(engine, parts);
      return await check(engine, directory.path, { signal, whileStill, mend });
    } finally {
      await engine.close();
    }
  } finally {
    await directory.release();
  }
}

/** Nobody else works on the store. */
function whileStill<T>(work: () => Promise<T>): Promise<T> {
  return work();
}

/** The data directory under its lock; null where a collector has it. */
export async function openUnlessTaken(
  config: Pick<OfStopped, 'dataDirectory'>,
  log: Logger,
): Promise<Awaited<ReturnType<typeof openDataDirectory>> | null> {
  try {
    return await openDataDirectory(config.dataDirectory, { log });
  } catch (error) {
    if (error instanceof DataDirectoryError && error.code === 'data_directory_locked') return null;
    throw error;
  }
}
