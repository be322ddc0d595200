import { EngineError } from '../engine.ts';
import { rowsOf } from '../rows-of.ts';
import { DATABASE, IN_DATABASE } from '../tables.ts';
import type { ReachedServer, ReachedStore } from './expect-schema.ts';

/** A server that has joined the cluster, and the tables that it has got. */
export interface JoinedServer {
  readonly origin: string;
  readonly tables: readonly string[];
}

const TIMEOUT_MS = 10_000;

/**
 * Gives servers that were added to the cluster the tables that others have: as they are there, since a replica must be
 * made as its shard is now. Nobody stores into such a server yet, so that collectors may run meanwhile. A server that
 * does not answer is left out. Rejects with `EngineError`.
 */
export async function joinServers({ servers }: ReachedStore): Promise<readonly JoinedServer[]> {
  const asked = await Promise.all(servers.map(async (server) => ({ server, made: await madeTables(server.engine) })));
  const found = asked.flatMap(({ server, made }) => (made === null ? [] : [{ server, made }]));
  // One that has all is the pattern; where no server has any, the store is new.
  const [pattern] = found.toSorted((a, b) => b.made.size - a.made.size);
  if (pattern === undefined || pattern.made.size === 0) return [];
  const joined: JoinedServer[] = [];
  for (const { server, made } of found) {
    const missing = [...pattern.made].filter(([name]) => !made.has(name));
    if (missing.length === 0) continue;
    if (made.size === 0) await createDatabase(server);
    // Those over all shards name the others, and come behind them.
    for (const [, create] of missing.toSorted(([, a], [, b]) => Number(isOverShards(a)) - Number(isOverShards(b)))) {
      await server.engine.command(create);
    }
    joined.push({ origin: server.origin, tables: missing.map(([name]) => name) });
  }
  return joined;
}

async function createDatabase({ engine }: ReachedServer): Promise<void> {
  const there = await rowsOf(engine, `SELECT 1 FROM system.databases WHERE name = '${DATABASE}'`, TIMEOUT_MS);
  if (there.length === 0) await engine.command(`CREATE DATABASE ${DATABASE}`);
}

/** What makes each of our tables, by name; null where the server does not answer. */
async function madeTables(engine: ReachedServer['engine']): Promise<ReadonlyMap<string, string> | null> {
  const sql = `SELECT name, create_table_query FROM system.tables WHERE ${IN_DATABASE} AND (engine LIKE 'Replicated%' OR engine = 'Distributed') ORDER BY name`;
  try {
    const rows = await rowsOf(engine, sql, TIMEOUT_MS);
    return new Map(rows.map(([name, query]) => [String(name), createOf(String(name), String(query))]));
  } catch (error) {
    if (!(error instanceof EngineError) || error.code === 'rejected') throw error;
    return null;
  }
}

function createOf(name: string, query: string): string {
  const [head] = /^CREATE TABLE `?\w+`?\.`?\w+`?/.exec(query) ?? [];
  if (head === undefined) throw new EngineError('rejected', `no table is made by ${query.slice(0, 80)}`);
  // A server may give each of its tables an id, which no other server has.
  const rest = query.slice(head.length).replace(/^ UUID '[^']*'/, '');
  return `CREATE TABLE ${DATABASE}.${name}${rest}`;
}

function isOverShards(create: string): boolean {
  return /\) ENGINE = Distributed\(/.test(create);
}
