import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Registry } from 'prom-client';
import { afterEach, expect, test } from 'vitest';
import { ClusterEngine } from './cluster-engine.ts';
import type { ClusterLimits } from './cluster-limits.ts';
import { checksumOf, MIGRATIONS } from '../migrations/migrate.ts';
import { silentLog } from '../testing/start-engine.ts';

const FILE = fileURLToPath(import.meta.url);

const open: { close: () => unknown }[] = [];
afterEach(async () => {
  for (const opened of open.splice(0).toReversed()) await opened.close();
});

interface Statement {
  readonly sql: string;
  readonly parameters: URLSearchParams;
}

/** A server with all migrations; what else it is asked, the function answers, or leaves open with null. */
async function play(answer: (statement: Statement) => string | null): Promise<{ url: string; close: () => void }> {
  const recorded = MIGRATIONS.map((migration, index) => [index + 1, checksumOf(migration)]);
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const parameters = new URL(request.url ?? '', 'http://played').searchParams;
      const sql = parameters.get('query') ?? Buffer.concat(chunks).toString();
      if (sql.startsWith('SELECT version()')) response.end(rows(sql, [['26.7.1.1']]));
      else if (sql.startsWith('SELECT number, checksum')) response.end(rows(sql, recorded));
      else if (/system\.columns|^SELECT 1\n/.test(sql)) response.end(rows(sql, [['checksum']]));
      else {
        const text = answer({ sql, parameters });
        if (text !== null) response.end(text);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = (): void => {
    server.closeAllConnections();
    server.close();
  };
  open.push({ close });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close };
}

function rows(sql: string, data: unknown[][]): string {
  const inLines = sql.endsWith('JSONCompactEachRow');
  return inLines ? data.map((row) => `${JSON.stringify(row)}\n`).join('') : JSON.stringify({ data });
}

async function engineAt(urls: string[], limits: Partial<ClusterLimits> = {}): Promise<ClusterEngine> {
  const engine = new ClusterEngine({ urls, log: silentLog, registry: new Registry(), limits });
  await engine.start();
  open.push(engine);
  return engine;
}

function nothingIsMissing({ sql }: Statement): string {
  if (sql.includes('system.processes')) return '0';
  return sql.includes('NOT IN') ? '[3,0]\n' : otherwise(sql);
}

/** Of the start nothing is to be found. */
function otherwise(sql: string): string {
  return sql.startsWith('SELECT') ? rows(sql, []) : '';
}

test('what is missing is not looked for while the first insert may still run', async () => {
  const running = new Set<string>();
  const looked: string[] = [];
  const server = await play(({ sql, parameters }) => {
    const id = parameters.get('query_id');
    if (sql.startsWith('INSERT INTO throughline.spans (')) {
      running.add(id ?? '');
      return null;
    }
    if (sql.includes('system.processes')) {
      const [, prefix = ''] = /position\(query_id, '([^']+)'\) = 1/.exec(sql) ?? [];
      return String([...running].filter((name) => name.startsWith(prefix)).length);
    }
    if (sql.includes('NOT IN')) looked.push(sql);
    return sql.includes('NOT IN') ? '[3,0]\n' : otherwise(sql);
  });
  const engine = await engineAt([server.url], { insertTimeoutMs: 100 });
  await expect(engine.insertNativeFile('spans', FILE, 'segment-1')).rejects.toMatchObject({ code: 'timeout' });
  // The same for the collector that comes after one that was killed: the segment's name is all that it knows.
  const next = await engineAt([server.url]);
  for (const each of [engine, next]) {
    await expect(each.insertMissingSpans(FILE, 'segment-1')).rejects.toThrow('is still running');
  }
  expect(looked).toEqual([]);
  expect(await next.insertMissingSpans(FILE, 'segment-2')).toBe(0);
  running.clear();
  expect(await next.insertMissingSpans(FILE, 'segment-1')).toBe(0);
  expect(looked).toHaveLength(2);
});

test('a server that does not answer may still be inserting, until its time for that is over', async () => {
  const first = await play(nothingIsMissing);
  const second = await play(nothingIsMissing);
  const engine = await engineAt([first.url, second.url], { insertTimeoutMs: 300 });
  first.close();
  await expect(engine.insertMissingSpans(FILE, 'segment-1')).rejects.toThrow('still be running');
  await expect(engine.insertMissingSpans(FILE, 'segment-1')).rejects.toThrow('still be running');
  await expect.poll(() => engine.insertMissingSpans(FILE, 'segment-1').catch(() => null)).toBe(0);
});

test('a copy of the segment that the server has lost, or has not whole, is no proof that nothing is missing', async () => {
  const counts = ['[0,0]\n', '[3,2]\n', '[0,0]\n', '[3,2]\n', '[3,1]\n', '[3,2]\n', '[3,0]\n'];
  const inserts: Statement[] = [];
  const server = await play((statement) => {
    const { sql } = statement;
    if (sql.includes('system.processes')) return '0';
    if (sql.startsWith('INSERT INTO throughline.spans (')) inserts.push(statement);
    if (sql.startsWith('SELECT') && sql.includes('NOT IN')) return counts.shift() ?? '';
    return otherwise(sql);
  });
  const engine = await engineAt([server.url]);
  const insert = (): Promise<number> => engine.insertMissingSpans(FILE, 'segment-1');
  await expect(insert()).rejects.toThrow('is empty');
  await expect(insert()).rejects.toThrow(/copy .* 3 spans .* 0$/);
  await expect(insert()).rejects.toThrow('left out 1 of 3');
  expect(await insert()).toBe(2);
  expect(counts).toEqual([]);
  expect(inserts).toHaveLength(3);
  // No token: it may be the very one that was noted for nothing.
  for (const { parameters } of inserts) {
    expect(parameters.get('insert_deduplicate')).toBe('0');
    expect(parameters.has('insert_deduplication_token')).toBe(false);
  }
});
