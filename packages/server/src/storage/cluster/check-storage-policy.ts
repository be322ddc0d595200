import type { Capabilities } from '../capabilities.ts';
import { EngineError, type Engine } from '../engine.ts';
import { rowsOf } from '../rows-of.ts';
import { IN_DATABASE, type StoragePolicy } from '../tables.ts';

const TIMEOUT_MS = 10_000;

/**
 * Rejects with `EngineError` (`rejected`) where the server that is asked cannot keep the tables by the policy, or has
 * made them by another one: a table gets its policy when it is made.
 */
export async function checkStoragePolicy(
  engine: Pick<Engine, 'query'>,
  capabilities: Capabilities,
  policy: StoragePolicy,
): Promise<void> {
  checkPolicySupport(capabilities);
  const problem = await policyProblem(engine, policy);
  if (problem !== null) refuse(problem);
  const { name, cold } = policy;
  const [table] = await rowsOf(
    engine,
    `SELECT storage_policy, create_table_query FROM system.tables WHERE ${IN_DATABASE} AND name = 'spans'`,
    TIMEOUT_MS,
  );
  if (table === undefined) return;
  const [actual, query] = table.map(String) as [policy: string, query: string];
  if (actual !== name) {
    refuse(
      `the tables have the storage policy ${actual}, not ${name}; set --store-policy ${actual}, or run the ALTER TABLE statements that "throughline schema check" prints with these settings`,
    );
  }
  const [, days, volume = ''] = /\btoIntervalDay\((\d+)\) TO VOLUME '([\w-]+)'/.exec(query) ?? [];
  const made = inWords(days === undefined ? null : { afterDays: Number(days), volume });
  const wanted = inWords(cold);
  if (made === wanted) return;
  refuse(
    `days of the tables ${made}, and by the settings they ${wanted}; correct --store-cold-after and --store-cold-volume, or run the ALTER TABLE statements that "throughline schema check" prints with these settings`,
  );
}

/** Throws an `EngineError` (`rejected`) for a version that knows no policies. */
export function checkPolicySupport({ version, storagePolicies }: Capabilities): void {
  if (!storagePolicies) refuse(`ClickHouse ${version} cannot move old days; --store-policy needs 20.3 or later`);
}

/** Why a server cannot keep tables by the policy, in words; null where it can. Rejects with `EngineError`. */
export async function policyProblem(
  engine: Pick<Engine, 'query'>,
  { name, cold }: StoragePolicy,
): Promise<string | null> {
  const volumes = await rowsOf(engine, 'SELECT policy_name, volume_name FROM system.storage_policies', TIMEOUT_MS);
  const known = [...new Set(volumes.map(([policy]) => String(policy)))].toSorted();
  if (!known.includes(name)) {
    return `the server has no storage policy ${name} (it has ${known.join(', ')}); correct --store-policy`;
  }
  const own = volumes.filter(([policy]) => policy === name).map(([, volume]) => String(volume));
  if (cold === null || own.includes(cold.volume)) return null;
  return `the storage policy ${name} has no volume ${cold.volume} (it has ${own.join(', ')}); correct --store-cold-volume`;
}

function refuse(message: string): never {
  throw new EngineError('rejected', message);
}

function inWords(cold: StoragePolicy['cold']): string {
  return cold === null ? 'do not move' : `move to the volume ${cold.volume} after ${cold.afterDays} days`;
}
