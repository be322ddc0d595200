import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { ClickHouseHttp, HttpStatement } from './clickhouse-http.ts';
import { EngineError } from '../engine.ts';
import { spansFile, SPANS_PER_FILE } from '../engine.contract.ts';
import { ShardedInserts } from './sharded-inserts.ts';
import { Shards } from './shards.ts';
import { UnreachableError } from './unreachable-error.ts';

/** Servers by what they do, one for each shard. */
let directory: string;
let path: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'throughline-shards-'));
  path = spansFile({ directory }, 1);
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const errors = new Map<number, Error>();
const down = new Set<number>();
/** Tokens of the parts that were asked for, with the shard. */
const sent: string[] = [];
beforeEach(() => {
  errors.clear();
  down.clear();
  sent.length = 0;
});

async function inserts(count = 2): Promise<ShardedInserts> {
  const shards = new Shards('main');
  const servers = Array.from({ length: count }, (_, index) => {
    const run = async ({ sql }: HttpStatement): Promise<Uint8Array> => {
      sent.push(sql);
      const error = errors.get(index + 1);
      if (error !== undefined) throw error;
      return await Promise.resolve(new Uint8Array());
    };
    return { origin: `http://server-${index + 1}`, run } as ClickHouseHttp;
  });
  for (const [index, server] of servers.entries()) {
    const rows = servers.map((_, other) => JSON.stringify([other + 1, 1, other === index ? 1 : 0])).join('\n');
    await shards.ask(server, { query: () => Promise.resolve(Buffer.from(rows)) });
  }
  return new ShardedInserts({
    shards,
    servers,
    admit: () => Promise.resolve(),
    rank: (server) => (down.has(servers.indexOf(server) + 1) ? 2 : 0),
    noteFailed: () => {},
    isPlain: () => false,
    statement: (token) => ({ sql: token, settings: {}, isRepeatable: false, timeoutMs: 1_000 }),
  });
}

const away = new UnreachableError('nobody is there', true);

test('a segment waits for the shard that is away, and the others are sent their parts once', async () => {
  const sharded = await inserts(3);
  errors.set(2, away);
  const attempt = (): Promise<boolean> => sharded.insert(path, 'segment');
  // Something of it is stored: it is not unseen.
  await expect(attempt()).rejects.toMatchObject({ code: 'unavailable', waitsFor: 'shard 2', isUnseen: false });
  expect(sent.toSorted()).toEqual(['segment-1of3', 'segment-2of3', 'segment-3of3']);
  await expect(attempt()).rejects.toMatchObject({ waitsFor: 'shard 2' });
  errors.clear();
  expect(await attempt()).toBe(true);
  expect(sent.slice(3)).toEqual(['segment-2of3', 'segment-2of3']);
  // Nothing is remembered of one that is stored: it may be handed back.
  expect(await attempt()).toBe(true);
  expect(sent.slice(5).toSorted()).toEqual(['segment-1of3', 'segment-2of3', 'segment-3of3']);
  expect(SPANS_PER_FILE).toBeGreaterThan(3);
});

test('a shard whose servers are known to be down is not asked', async () => {
  const sharded = await inserts();
  down.add(1);
  await expect(sharded.insert(path, 'segment')).rejects.toMatchObject({ waitsFor: 'shard 1' });
  expect(sent).toEqual(['segment-2of2']);
});

test('where every shard is away a segment waits for none of them', async () => {
  const sharded = await inserts();
  errors.set(1, away).set(2, new EngineError('timeout', 'too late'));
  await expect(sharded.insert(path, 'segment')).rejects.toMatchObject({ waitsFor: null });
});

test('what a shard rejects is rejected, whatever the others do', async () => {
  const sharded = await inserts();
  errors.set(1, away).set(2, new EngineError('rejected', 'no such column', { clickhouseCode: 16 }));
  await expect(sharded.insert(path, 'segment')).rejects.toMatchObject({ clickhouseCode: 16, waitsFor: null });
});
