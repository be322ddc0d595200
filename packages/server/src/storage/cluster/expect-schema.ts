import type { Logger } from 'pino';
import type { Capabilities } from '../capabilities.ts';
import { EngineError, type Engine } from '../engine.ts';
import { appliedMigrations } from '../migrations/migrate.ts';
import { findSchemaDifferences, type SchemaDifference } from '../migrations/schema-differences.ts';
import type { SchemaOptions } from '../migrations/schema-steps.ts';
import { STORE_ID_TABLE } from '../store-id.ts';
import type { StoragePolicy, Tables } from '../tables.ts';
import { policyProblem } from './check-storage-policy.ts';
import { FLEET_TABLE } from './fleet-table.ts';
import { LEASE_TABLE, type LeaseEngine } from './lease-claims.ts';

/** A store on ClickHouse servers that answer, whether it has tables or not. */
export interface ReachedStore {
  readonly engine: LeaseEngine;
  readonly capabilities: Capabilities;
  /** Of the rows that every server has; 0 where there is one server. */
  readonly quorum: number;
  /** Each of them alone. */
  readonly servers: readonly ReachedServer[];
}

export interface ReachedServer {
  readonly origin: string;
  readonly engine: Pick<Engine, 'query' | 'command' | 'tables'>;
}

/** A difference, and the servers that have it. */
export interface FoundDifference extends SchemaDifference {
  readonly origins: readonly string[];
}

/** What is to be in a store on ClickHouse servers. */
export function schemaOfServers(capabilities: Capabilities, tables: Tables): SchemaOptions {
  return {
    capabilities,
    tables,
    ownTables: [
      ['collector_leases', LEASE_TABLE],
      ['store_id', STORE_ID_TABLE],
      // Of several collectors, which only a cluster has.
      ...(tables.isOnEveryServer('collectors') ? ([['collectors', FLEET_TABLE]] as const) : []),
    ],
  };
}

/**
 * Looks at each server, and whether it has the policy that the tables are to be kept by. `unreachable`: what is said of
 * those that do not answer, whose tables are not known.
 */
export async function differencesOnServers(
  { engine, capabilities, servers }: ReachedStore,
  policy?: StoragePolicy,
): Promise<{
  readonly differences: readonly FoundDifference[];
  readonly unreachable: readonly string[];
}> {
  const options = schemaOfServers(capabilities, engine.tables);
  const unreachable: string[] = [];
  const found = new Map<string, { isInTheWay: boolean; origins: string[] }>();
  for (const server of servers) {
    try {
      const others = engine.tables.isOnEveryServer('schema_migrations') ? servers.filter((one) => one !== server) : [];
      const noted = (): Promise<ReadonlyMap<number, string>> => notedOn(server, others);
      const problem = policy === undefined ? null : await policyProblem(server.engine, policy);
      const ofPolicy = problem === null ? [] : [{ message: problem, isInTheWay: true }];
      for (const { message, isInTheWay } of [
        ...ofPolicy,
        ...(await findSchemaDifferences(server.engine, options, noted)),
      ]) {
        const known = found.get(message) ?? { isInTheWay, origins: [] };
        known.origins.push(server.origin);
        found.set(message, known);
      }
    } catch (error) {
      if (!(error instanceof EngineError) || error.code === 'rejected') throw error;
      unreachable.push(error.message);
    }
  }
  return { differences: [...found].map(([message, rest]) => ({ message, ...rest })), unreachable };
}

/**
 * What the store notes. Each server of a cluster has the same rows, and one that has not fetched the newest yet is no
 * other store.
 */
async function notedOn(server: ReachedServer, others: readonly ReachedServer[]): Promise<ReadonlyMap<number, string>> {
  const noted = await appliedMigrations(server.engine);
  for (const other of others) {
    // What is wrong with that one is found when it is looked at itself.
    const more = await appliedMigrations(other.engine).catch(() => new Map<number, string>());
    for (const [number, checksum] of more) noted.set(number, noted.get(number) ?? checksum);
  }
  return noted;
}

/** As the line that people read. */
export function differenceText({ message, origins }: FoundDifference): string {
  return `${origins.join(', ')}: ${message}`;
}

/**
 * For a store whose schema is somebody else's: rejects with `EngineError` (`rejected`) where a collector cannot work
 * with it, and logs what only makes it slower or less safe. A server that does not answer is left out.
 */
export async function expectSchema(store: ReachedStore, log: Logger): Promise<void> {
  const { differences } = await differencesOnServers(store);
  const [first, ...more] = differences.filter(({ isInTheWay }) => isInTheWay);
  if (first !== undefined) {
    const rest = more.length === 0 ? '' : ` (and ${more.length} more: "throughline schema check" lists them)`;
    throw new EngineError('rejected', `--store-schema is external, and ${differenceText(first)}${rest}`);
  }
  for (const difference of differences) log.warn(`${differenceText(difference)}; see "throughline schema check"`);
}
