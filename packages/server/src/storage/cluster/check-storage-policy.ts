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
  { version, storagePolicies }: Capabilities,
  { name, cold }: StoragePolicy,
): Promise<void> {
  if (!storagePolicies) refuse(`ClickHouse ${version} cannot move old days; --store-policy needs 20.3 or later`);
  const volumes = await rowsOf(engine, 'SELECT policy_name, volume_name FROM system.storage_policies', TIMEOUT_MS);
  const known = [...new Set(volumes.map(([policy]) => String(policy)))].toSorted();
  if (!known.includes(name)) {
    refuse(`the server has no storage policy ${name} (it has ${known.join(', ')}); correct --store-policy`);
  }
  const own = volumes.filter(([policy]) => policy === name).map(([, volume]) => String(volume));
  if (cold !== null && !own.includes(cold.volume)) {
    refuse(
      `the storage policy ${name} has no volume ${cold.volume} (it has ${own.join(', ')}); correct --store-cold-volume`,
    );
  }
  const [table] = await rowsOf(
    engine,
    `SELECT storage_policy, create_table_query FROM system.tables WHERE ${IN_DATABASE} AND name = 'spans'`,
    TIMEOUT_MS,
  );
  if (table === undefined) return;
  const [policy, query] = table.map(String) as [policy: string, query: string];
  if (policy !== name) {
    refuse(
      `the tables have the storage policy ${policy}, not ${name}; set --store-policy ${policy}, or give each table of the database the other one by ALTER TABLE … MODIFY SETTING storage_policy`,
    );
  }
  const [, days, volume = ''] = /\btoIntervalDay\((\d+)\) TO VOLUME '([\w-]+)'/.exec(query) ?? [];
  const made = inWords(days === undefined ? null : { afterDays: Number(days), volume });
  const wanted = inWords(cold);
  if (made === wanted) return;
  refuse(
    `days of the tables ${made}, and by the settings they ${wanted}; correct --store-cold-after and --store-cold-volume, or change each table of the database by ALTER TABLE … MODIFY TTL`,
  );
}

function refuse(message: string): never {
  throw new EngineError('rejected', message);
}

function inWords(cold: StoragePolicy['cold']): string {
  return cold === null ? 'do not move' : `move to the volume ${cold.volume} after ${cold.afterDays} days`;
}
