import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import type { DamageLimits } from '../storage/damage/damage-limits.ts';
import { DataDirectoryError, openDataDirectory } from '../storage/directory/data-directory.ts';
import type { EngineLimits } from '../storage/engine-limits.ts';
import { EmbeddedEngine } from '../storage/embedded/embedded-engine.ts';
import type { LostPart, PartName } from '../storage/damage/lost-parts.ts';
import { rebuildDays } from '../storage/rollups/rebuild-days.ts';
import type { RollupJobLimits } from '../storage/rollups/rollup-limits.ts';
import { damageFiles, StoreDamage } from '../storage/damage/store-damage.ts';
import { check, type CheckReport } from './check.ts';
import { findProgress } from './compare-day.ts';
import { CHECKED_COPY, linkStore } from './link-store.ts';
import { ofEarlierVersion, refuseOtherSchema } from './stored-schema.ts';
import { DATABASE } from '../storage/tables.ts';

export interface CheckOptions {
  readonly signal: AbortSignal;
  /**
   * Detaches damaged parts, repairs what can be, and rebuilds derived tables; those of lost parts are left to the
   * next start of the collector.
   */
  readonly repairs: boolean;
}

/** What of a configuration is needed here. */
export interface OfStopped {
  readonly dataDirectory: string;
  readonly limits: { readonly engine: EngineLimits; readonly damage: DamageLimits; readonly rollups: RollupJobLimits };
}

/**
 * Opens the store of a collector that is stopped, and verifies it. Nothing is changed unless it repairs. Null where a
 * collector has the data directory. Rejects with `EngineError`, or with the signal's reason.
 */
export async function checkStopped(
  config: OfStopped,
  log: Logger,
  { signal, repairs }: CheckOptions,
): Promise<CheckReport | null> {
  const directory = await openUnlessTaken(config, log);
  if (directory === null) return null;
  try {
    return repairs
      ? await checkAndRepair(config, log, directory, signal)
      : await checkCopy(config, log, directory, signal);
  } finally {
    await directory.release();
  }
}

type OpenDirectory = Awaited<ReturnType<typeof openDataDirectory>>;

/**
 * The engine moves parts, merges and creates tables as soon as it has a store open: it gets one that shares nothing but
 * files that never change.
 */
async function checkCopy(
  config: OfStopped,
  log: Logger,
  directory: OpenDirectory,
  signal: AbortSignal,
): Promise<CheckReport> {
  const store = join(directory.path, CHECKED_COPY);
  // What a check that was killed has left.
  await rm(store, { recursive: true, force: true });
  try {
    await linkStore(directory.storePath, store, signal);
    const engine = new EmbeddedEngine({
      directory: store,
      log,
      registry: new Registry(),
      limits: config.limits.engine,
      isForReading: true,
      onProcess: (pid) => directory.noteEngine(pid),
    });
    try {
      signal.throwIfAborted();
      await engine.start();
      await refuseOtherSchema(engine);
      const findDamagedDefinitions = (): Promise<readonly string[]> => Promise.resolve(engine.damagedDefinitions);
      const unchanged = { signal, whileStill, mend: null, rebuild: null };
      const report = await check(engine, directory.path, { ...unchanged, findDamagedDefinitions });
      return withoutTheCopy(report, directory.storePath);
    } finally {
      await engine.close();
    }
  } finally {
    await rm(store, { recursive: true, force: true });
  }
}

/** What the engine has detached in the copy is still in its place; its next start will do the same. */
function withoutTheCopy(report: CheckReport, store: string): CheckReport {
  const isThere = ({ table, name }: LostPart): boolean =>
    existsSync(join(store, 'data', DATABASE, table, 'detached', name));
  const atTheStart = report.lostParts
    .filter((part) => !isThere(part))
    .map(({ table, name, day, reason }) => ({
      table,
      part: name.replace(/^[a-z-]+_(?=\d{8}_|all_)/, ''),
      day,
      reason: `the engine cannot use it (${reason || 'broken'})`,
    }));
  return {
    ...report,
    damagedParts: [...report.damagedParts, ...atTheStart],
    lostParts: report.lostParts.filter(isThere),
  };
}

async function checkAndRepair(
  config: OfStopped,
  log: Logger,
  directory: OpenDirectory,
  signal: AbortSignal,
): Promise<CheckReport> {
  const registry = new Registry();
  const damage = new StoreDamage({ log, registry, limits: config.limits.damage, ...damageFiles(directory.path) });
  const engine = new EmbeddedEngine({
    directory: directory.storePath,
    log,
    registry,
    limits: config.limits.engine,
    onProcess: (pid) => directory.noteEngine(pid),
    aroundDamage: (opened) => damage.forWork(opened),
    beforeMigration: () => Promise.reject(ofEarlierVersion()),
  });
  try {
    signal.throwIfAborted();
    await engine.start();
    await damage.findAtStart(engine);
    const mend = (parts: readonly PartName[]): Promise<readonly PartName[]> => damage.mend(engine, parts);
    const rebuild = async (days: readonly string[]): Promise<void> => {
      const { counted } = await findProgress(engine);
      await rebuildDays(damage.forWork(engine), days, counted, config.limits.rollups.batchRowsMax);
    };
    return await check(engine, directory.path, {
      signal,
      whileStill,
      mend,
      rebuild,
      findDamagedDefinitions: noneIsLeft,
    });
  } finally {
    await engine.close();
  }
}

/** Definitions are put back when the engine is started. */
function noneIsLeft(): Promise<readonly string[]> {
  return Promise.resolve([]);
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
