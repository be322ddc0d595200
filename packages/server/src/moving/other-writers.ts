import { setTimeout as delay } from 'node:timers/promises';
import type { ClusterEngine } from '../storage/cluster/cluster-engine.ts';
import { LeaseClaims, type LeaseClaimsOptions } from '../storage/cluster/lease-claims.ts';
import { rowsOf } from '../storage/rows-of.ts';
import { MigrationError } from './migration-error.ts';

/** Begins the sessions of all migrations of a store. */
export function sessionsOf(sourceId: string): string {
  return `migrate ${sourceId} `;
}

/**
 * Whether a collector runs the jobs of the store. Rejects with `MigrationError` where another migration of the same
 * store is under way, or a collector has the store that counts its own spans alone.
 */
export async function expectNoStranger(engine: ClusterEngine, own: LeaseClaimsOptions): Promise<boolean> {
  const endMs = performance.now() + own.limits.leaseMs;
  for (;;) {
    const leader = await findLeader(engine, own);
    if (leader === null || leader.isMember) return leader !== null;
    // One that has just taken the lease joins within moments.
    if (performance.now() > endMs) {
      throw new MigrationError(
        `--store is in use by a collector that does not share it (${leader.description}): stop it, or start it with --store-cluster`,
      );
    }
    await delay(LOOK_MS);
  }
}

const LOOK_MS = 500;

async function findLeader(
  engine: ClusterEngine,
  own: LeaseClaimsOptions,
): Promise<{ readonly description: string; readonly isMember: boolean } | null> {
  const sql = `SELECT session, argMax(collector, renewal), argMax(description, renewal), argMax(toUInt32(expires_at), renewal) AS ends
FROM ${engine.tables.collectors.read} GROUP BY session HAVING ends > toUInt32(now())`;
  const members = (await rowsOf(engine, sql)).map((row) => row.map(String));
  const migrations = own.session.slice(0, own.session.lastIndexOf(' ') + 1);
  const other = members.find(([session = '', of]) => session.startsWith(migrations) && of !== own.collector);
  if (other !== undefined) {
    throw new MigrationError(
      `another migration of this store into --store is under way (${String(other[2])}): wait for it, or stop it`,
    );
  }
  const claims = new LeaseClaims(engine, own);
  const leader = (await claims.others()).find(({ isHeld }) => isHeld);
  if (leader === undefined) return null;
  const { session, description } = leader;
  return { description, isMember: members.some(([of]) => of === session) };
}
