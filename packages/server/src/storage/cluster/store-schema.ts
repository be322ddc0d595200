import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import { capabilitiesOf, type Capabilities } from '../capabilities.ts';
import { EngineError } from '../engine.ts';
import { migrate, MIGRATIONS, pendingMigrations, type AppliedMigration } from '../migrations/migrate.ts';
import { missingTables } from '../migrations/schema-differences.ts';
import { schemaSteps, type SchemaOptions } from '../migrations/schema-steps.ts';
import { ensureStoreId, STORE_ID_TABLE } from '../store-id.ts';
import { singleServerTables, type StoragePolicy } from '../tables.ts';
import { checkPolicySupport, checkStoragePolicy } from './check-storage-policy.ts';
import { ClusterEngine } from './cluster-engine.ts';
import type { ClusterLimits } from './cluster-limits.ts';
import { differencesOnServers, schemaOfServers, type FoundDifference, type ReachedStore } from './expect-schema.ts';
import { joinServers, type JoinedServer } from './join-servers.ts';
import { StoreLease, underLease } from './lease.ts';
import { SchemaAnnouncement } from './schema-announcement.ts';
import type { StoreFiles } from './store-files.ts';

export interface StoreSchemaOptions {
  /** `http(s)://[user[:password]@]host[:port]`. */
  readonly urls: readonly string[];
  /** '' where each server keeps all rows itself. */
  readonly cluster: string;
  /** Where the servers keep what grows; by their default otherwise. */
  readonly policy?: StoragePolicy;
  /** Files with the password and the certificates. */
  readonly files?: StoreFiles;
  readonly log: Logger;
  readonly limits: Partial<ClusterLimits> & Pick<ClusterLimits, 'leaseMs' | 'leaseRenewMs'>;
  /** Ends the work, which then rejects. */
  readonly signal: AbortSignal;
}

/** The number of the newest migration. */
export const NEWEST_SCHEMA = MIGRATIONS.length;

/** What a version prints where nobody is asked: the newest that is known. */
export const NEWEST_VERSION = '26.7';

/** The statements for a store on these servers, as SQL for clickhouse-client. Rejects with `EngineError`. */
export async function printSchema(options: StoreSchemaOptions, from: number): Promise<string> {
  return await onServers(options, ({ engine, capabilities, quorum }) => {
    const { cluster, policy } = options;
    const where = [
      cluster === '' ? '' : ` on the cluster ${cluster}`,
      policy === undefined ? '' : `, under the storage policy ${policy.name}`,
    ].join('');
    const schema = schemaOfServers(capabilities, engine.tables);
    return Promise.resolve(schemaText(schema, { from, quorum, where }));
  });
}

/**
 * The same without a server: for one of the version that is given, or for the embedded one. Throws a `RangeError` for
 * what is no version.
 */
export function printSchemaFor(version: string, { isEmbedded, from }: { isEmbedded: boolean; from: number }): string {
  const capabilities = capabilitiesOf(version);
  const tables = singleServerTables();
  const schema: SchemaOptions = isEmbedded
    ? { capabilities, tables, ownTables: [['store_id', STORE_ID_TABLE]] }
    : schemaOfServers(capabilities, tables);
  return schemaText(schema, { from, quorum: 0, where: isEmbedded ? ', the embedded store' : '' });
}

interface SchemaText {
  readonly from: number;
  readonly quorum: number;
  /** Behind the version. */
  readonly where: string;
}

/** Ends with a line break; each statement ends with `;` at the end of a line, and no other line does. */
export function schemaText(options: SchemaOptions, { from, quorum, where }: SchemaText): string {
  const { capabilities } = options;
  const begin = from === 0 ? `A new store with schema ${NEWEST_SCHEMA}` : `From schema ${from} to ${NEWEST_SCHEMA}`;
  const steps = schemaSteps(options, { from });
  const settings = steps.length === 0 ? [] : sessionSettings(capabilities, quorum);
  const lines = [
    `-- ${begin}, for ClickHouse ${capabilities.version}${where}.`,
    '-- Run all of it in one session, in this order: clickhouse-client --multiquery < schema.sql',
    ...(capabilities.alterClauses ? [] : ['-- A second run ends at the first column that is there already.']),
    ...(settings.length === 0 ? [] : ['', '-- The session', ...settings.map((setting) => `SET ${setting};`)]),
    ...steps.flatMap(({ title, statements }) => [
      '',
      `-- ${title}`,
      statements.map((statement) => `${statement};`).join('\n\n'),
    ]),
  ];
  return `${lines.join('\n')}\n`;
}

function sessionSettings({ lowCardinality, parallelQuorum }: Capabilities, quorum: number): string[] {
  return [
    ...(lowCardinality ? [] : ['allow_experimental_low_cardinality_type = 1']),
    // What is noted on one server must be there when another one is asked.
    ...(quorum > 1 ? [`insert_quorum = ${quorum}`] : []),
    ...(quorum > 1 && parallelQuorum ? ['insert_quorum_parallel = 0'] : []),
  ];
}

/**
 * Brings the schema of the store up to date, as the start of a collector does, and under the same lease. Returns what
 * this took, and whether there was anything to do. Servers that were added to the cluster get the tables of the others,
 * whether a collector runs or not. Rejects with `EngineError`: while a collector uses the store, or
 * where a newer version has written it (`rejected`), and where no server answers (`unavailable`).
 */
export async function applySchema(options: StoreSchemaOptions): Promise<AppliedSchema> {
  return await onServers(options, async (store) => {
    const { engine, capabilities, servers } = store;
    const { policy } = options;
    if (policy !== undefined) {
      for (const server of servers) await checkStoragePolicy(server.engine, capabilities, policy);
    }
    const joined = options.cluster === '' ? [] : await unlessAborted(joinServers(store), options.signal);
    const { ownTables } = schemaOfServers(capabilities, engine.tables);
    const missing = await missingTables(
      engine,
      ownTables.map(([name]) => name),
    );
    // A collector may be running where there is nothing to do.
    if (missing.length === 0 && (await pendingMigrations(engine)).length === 0)
      return { joined, applied: [], isChanged: joined.length > 0 };
    const session = randomUUID();
    const identity = {
      collector: session,
      session,
      description: `throughline schema apply, host ${hostname()}, process ${process.pid}`,
    };
    const lease = new StoreLease({ ...options, ...identity });
    // A collector that starts meanwhile, and knows nothing of the schema that comes, stores nothing either.
    const announcement =
      options.cluster === '' ? null : new SchemaAnnouncement({ ...options, ...identity, schema: NEWEST_SCHEMA });
    const held = underLease(engine, lease);
    const bringUpToDate = async (): Promise<readonly AppliedMigration[]> => {
      await lease.take(engine);
      const members = (await announcement?.members(engine)) ?? [];
      if (members.length > 0) {
        throw new EngineError('rejected', `the store is in use by ${members.join('; ')}: stop them first`);
      }
      await ensureStoreId(held);
      for (const [name, definition] of ownTables) {
        for (const statement of engine.tables.create(name, definition)) await held.command(statement);
      }
      return await migrate(held);
    };
    try {
      return { joined, applied: await unlessAborted(bringUpToDate(), options.signal), isChanged: true };
    } finally {
      // Whoever is interrupted keeps nobody from the store, and sends no further statement.
      await Promise.all([lease.release(), announcement?.end(engine)]);
    }
  });
}

export interface AppliedSchema {
  readonly joined: readonly JoinedServer[];
  readonly applied: readonly AppliedMigration[];
  readonly isChanged: boolean;
}

/** Compares what each server has with what it should have. Rejects with `EngineError` where one does not answer. */
export async function checkSchema(options: StoreSchemaOptions): Promise<readonly FoundDifference[]> {
  return await onServers(options, async (store) => {
    const { differences, unreachable } = await unlessAborted(
      differencesOnServers(store, options.policy),
      options.signal,
    );
    if (unreachable.length > 0) throw new EngineError('unavailable', unreachable.join('; '));
    return differences;
  });
}

async function onServers<T>(options: StoreSchemaOptions, work: (store: ReachedStore) => Promise<T>): Promise<T> {
  const { urls, cluster, policy, files, log, limits, signal } = options;
  signal.throwIfAborted();
  const engine = new ClusterEngine({
    urls,
    // What fails is reported by the error that ends the work.
    log: log.child({}, { level: 'silent' }),
    registry: new Registry(),
    limits,
    ...(files !== undefined && { files }),
    ...(policy !== undefined && { policy }),
    ...(cluster !== '' && { cluster }),
  });
  try {
    const reached = await unlessAborted(engine.reach(), signal);
    if (policy !== undefined) checkPolicySupport(reached.capabilities);
    return await work(reached);
  } finally {
    await engine.close();
  }
}

/** Rejects with the signal's reason as soon as it is aborted; the work is left to itself then. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return await new Promise<T>((resolve, reject) => {
    const leave = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', leave, { once: true });
    if (signal.aborted) leave();
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
  });
}
