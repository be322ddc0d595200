import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import { silentLog } from '../../storage/testing/start-engine.ts';
import { Ingest } from '../../ingest/ingest.ts';
import type { SpoolLimits } from '../limits.ts';
import { Spool } from '../spool.ts';

export interface TestSpool {
  readonly spool: Spool;
  readonly ingest: Ingest;
  readonly registry: Registry;
  readonly log: Logger;
}

/** A spool without a collector; `now` in milliseconds since the epoch. */
export async function openTestSpool(
  directory: string,
  limits: Partial<SpoolLimits> = {},
  now = Date.now,
): Promise<TestSpool> {
  const registry = new Registry();
  const spool = new Spool({ directory, log: silentLog, registry, limits });
  await spool.open();
  return { spool, ingest: new Ingest({ spool, registry, now }), registry, log: silentLog };
}
