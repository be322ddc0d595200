import { signOfDamage } from '../storage/damage-signs.ts';
import { EngineError, type Engine } from '../storage/engine.ts';
import { checksumOf, MIGRATIONS } from '../storage/migrations/migrate.ts';
import { rowsOf } from '../storage/rows-of.ts';

/**
 * Rejects with `EngineError` (`rejected`) for a store whose schema a collector would refuse, or change. A record that
 * is damaged is found as a part.
 */
export async function refuseOtherSchema(engine: Pick<Engine, 'query' | 'tables'>): Promise<void> {
  const record = `SELECT number, checksum FROM ${engine.tables.schema_migrations.read} ORDER BY number, applied_at`;
  const rows = await rowsOf(engine, record).catch((error: unknown) => {
    if (signOfDamage(error) === null && !(error instanceof EngineError && error.code === 'rejected')) throw error;
    return null;
  });
  if (rows === null) return;
  const checksums = new Map(rows.map(([number, checksum]) => [Number(number), String(checksum)]));
  if (![...checksums].every(isKnown)) {
    throw new EngineError(
      'rejected',
      'the store has a schema that this Throughline does not support: use the version that wrote it',
    );
  }
  if (Math.max(0, ...checksums.keys()) < MIGRATIONS.length) throw ofEarlierVersion();
}

function isKnown([number, checksum]: readonly [number, string]): boolean {
  const migration = MIGRATIONS[number - 1];
  return migration !== undefined && (checksum === '' || checksum === checksumOf(migration));
}

export function ofEarlierVersion(): EngineError {
  return new EngineError(
    'rejected',
    'the store is of an earlier version: start the collector, which upgrades it, and run this again',
  );
}
