import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import type { Config } from '../config/config.ts';
import { DataDirectoryError, openDataDirectory } from '../storage/data-directory.ts';
import { EngineError } from '../storage/engine.ts';
import { EmbeddedEngine } from '../storage/embedded.ts';
import { check, type CheckReport } from './check.ts';

/**
 * Opens the store of a collector that is stopped, and verifies it. Null where a collector has the data directory. Rejects with `EngineError`,
 * or with the signal's reason.
 */
export async function checkStopped(config: Config, log: Logger, signal: AbortSignal): Promise<CheckReport | null> {
  const directory = await openUnlessTaken(config, log);
  if (directory === null) return null;
  try {
    const engine = new EmbeddedEngine({
      directory: directory.storePath,
      log,
      registry: new Registry(),
      limits: config.limits.engine,
      onProcess: (pid) => directory.noteEngine(pid),
      // A check changes nothing.
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
      return await check(engine, directory.path, { signal, whileStill: (work) => work() });
    } finally {
      await engine.close();
    }
  } finally {
    await directory.release();
  }
}

/** The data directory under its lock; null where a collector has it. */
export async function openUnlessTaken(
  config: Pick<Config, 'dataDirectory'>,
  log: Logger,
): Promise<Awaited<ReturnType<typeof openDataDirectory>> | null> {
  try {
    return await openDataDirectory(config.dataDirectory, { log });
  } catch (error) {
    if (error instanceof DataDirectoryError && error.code === 'data_directory_locked') return null;
    throw error;
  }
}
