import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import { ClusterEngine, type ClusterEngineOptions } from '../storage/cluster/cluster-engine.ts';
import type { ClusterLimits } from '../storage/cluster/cluster-limits.ts';
import { MIGRATIONS, pendingMigrations } from '../storage/migrations/migrate.ts';
import { findStoreId } from '../storage/store-id.ts';
import { MigrationError } from './migration-error.ts';

export interface TargetOptions extends Pick<ClusterEngineOptions, 'files' | 'policy' | 'schema'> {
  readonly urls: readonly string[];
  /** '' where one server keeps all rows itself. */
  readonly cluster: string;
  readonly limits: ClusterLimits;
  readonly log: Logger;
  /** Ends the work, which then rejects with its reason. */
  readonly signal: AbortSignal;
}

/**
 * The id of the store on these servers. Changes nothing. Rejects with `EngineError`, with `MigrationError` where a
 * collector has to make or alter its tables first, or with the signal's reason.
 */
export async function findTarget(options: TargetOptions): Promise<string> {
  // What fails is reported by the error that ends the work.
  const engine = engineOf({ ...options, log: options.log.child({}, { level: 'silent' }) });
  const leave = (): void => void engine.close();
  options.signal.addEventListener('abort', leave, { once: true });
  try {
    const { engine: reached } = await engine.reach();
    const pending = await pendingMigrations(reached);
    const id = pending.length === MIGRATIONS.length ? null : await findStoreId(reached);
    const how = 'start a collector of this version on it, or run "throughline schema apply"';
    if (id === null) throw new MigrationError(`--store has no tables of Throughline yet: ${how}`);
    if (pending.length > 0) {
      const has = MIGRATIONS.length - pending.length;
      throw new MigrationError(`--store has schema ${has}, and this version needs ${MIGRATIONS.length}: ${how}`);
    }
    return id;
  } catch (error) {
    options.signal.throwIfAborted();
    throw error;
  } finally {
    options.signal.removeEventListener('abort', leave);
    await engine.close();
  }
}

export function engineOf(
  { urls, cluster, limits, files, policy, schema, log }: TargetOptions,
  more: Pick<ClusterEngineOptions, 'lease' | 'fleet' | 'check' | 'onAway'> = {},
): ClusterEngine {
  return new ClusterEngine({
    urls,
    log,
    registry: new Registry(),
    limits,
    ...(cluster !== '' && { cluster }),
    ...(files !== undefined && { files }),
    ...(policy !== undefined && { policy }),
    ...(schema !== undefined && { schema }),
    ...more,
  });
}
