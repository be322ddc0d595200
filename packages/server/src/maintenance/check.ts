import { join } from 'node:path';
import { checkSpool, type SpoolReport } from '../spool/check-spool.ts';
import type { Engine } from '../storage/engine.ts';
import { checkStore, type StoreCheckup, type StoreReport } from './check-store.ts';

/** What `throughline check` has found. */
export interface CheckReport extends StoreReport {
  /** Nothing is damaged, lost or wrong. */
  readonly ok: boolean;
  readonly spool: SpoolReport;
  /** Definitions of tables that are not what the engine has written; its next start puts them back. */
  readonly damagedDefinitions: readonly string[];
}

export interface Checkup extends StoreCheckup {
  readonly findDamagedDefinitions: () => Promise<readonly string[]>;
}

/** Verifies the store and the spools of a data directory. Rejects with `EngineError`, or with the signal's reason. */
export async function check(
  engine: Pick<Engine, 'query' | 'tables'>,
  dataDirectory: string,
  checkup: Checkup,
): Promise<CheckReport> {
  const spools = await Promise.all(
    ['spool', join('counts', 'spool')].map((below) => checkSpool(join(dataDirectory, below), checkup.signal)),
  );
  const spool = {
    blocks: spools.reduce((sum, { blocks }) => sum + blocks, 0),
    damagedSegments: spools.flatMap(({ damagedSegments }) => damagedSegments),
  };
  const store = await checkStore(engine, checkup);
  const { damagedParts, unreadableParts, lostParts, wrongDays, notCompared } = store;
  const damagedDefinitions = await checkup.findDamagedDefinitions();
  const findings = [
    damagedDefinitions,
    damagedParts,
    unreadableParts,
    lostParts,
    wrongDays,
    notCompared,
    spool.damagedSegments,
  ];
  return { ok: findings.every(({ length }) => length === 0), ...store, spool, damagedDefinitions };
}
