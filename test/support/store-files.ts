import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROLLUP_AUDITS } from '../../packages/server/src/storage/testing/rollup-audit.ts';
import { startEngine } from '../../packages/server/src/storage/testing/start-engine.ts';

/** The directories of a table's parts of one UTC day (`20261123`), in the store of a data directory. */
export function partsOf(dataDirectory: string, table: string, day: string): string[] {
  const store = join(dataDirectory, 'store');
  const definition = readFileSync(join(store, 'metadata', 'throughline', `${table}.sql`), 'utf8');
  const [, uuid = ''] = /UUID '([0-9a-f-]+)'/.exec(definition) ?? [];
  const directory = join(store, 'store', uuid.slice(0, 3), uuid);
  return readdirSync(directory)
    .filter((name) => new RegExp(`^${day}_\\d+_\\d+_\\d+`).test(name))
    .map((name) => join(directory, name));
}

/** Turns the bits of one byte in the middle of the file. */
export function flipByte(path: string, at = statSync(path).size >> 1): void {
  const bytes = readFileSync(path);
  bytes[at] = (bytes[at] ?? 0) ^ 0xff;
  writeFileSync(path, bytes);
}

export function halve(path: string): void {
  truncateSync(path, statSync(path).size >> 1);
}

/** What the store of a collector that has ended holds: the ids of all spans, and the derived tables that do not agree with them. */
export async function auditStore(
  dataDirectory: string,
): Promise<{ spanIds: Set<string>; rows: number; wrongTables: string[] }> {
  await using store = await startEngine({}, join(dataDirectory, 'store'));
  const ids = (await store.rows('SELECT lower(hex(span_id)) FROM throughline.spans')).map(([id]) => String(id));
  const wrongTables: string[] = [];
  for (const { name, table, spans } of ROLLUP_AUDITS) {
    const [held, said] = [await store.rows(table), await store.rows(spans)];
    if (JSON.stringify(held) !== JSON.stringify(said)) wrongTables.push(name);
  }
  return { spanIds: new Set(ids), rows: ids.length, wrongTables };
}
