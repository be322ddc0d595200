import { setTimeout as delay } from 'node:timers/promises';
import { EngineError, type Engine } from './engine.ts';
import { sqlString } from './sql.ts';
import { IN_DATABASE, type TableName } from './tables.ts';
import { rowsOf } from './rows-of.ts';

/** ClickHouse's own for a statement that it cannot read: old servers take no settings here. */
const SYNTAX_ERROR = 62;
const POLL_MS = 50;
const TIMEOUT_MS = 120_000;

/** Resolves when the rows are gone. Rejects with `EngineError`. */
export async function deleteRows(
  engine: Pick<Engine, 'query' | 'command' | 'tables'>,
  table: TableName,
  condition: string,
): Promise<void> {
  const sql = `ALTER TABLE ${engine.tables[table].everywhere} DELETE WHERE ${condition}`;
  try {
    await engine.command(`${sql} SETTINGS mutations_sync = 1`);
  } catch (error) {
    if (!(error instanceof EngineError) || error.clickhouseCode !== SYNTAX_ERROR) throw error;
    await engine.command(sql);
    await mutated(engine, table);
  }
}

/** Old servers delete in the background. */
async function mutated(engine: Pick<Engine, 'query' | 'tables'>, table: TableName): Promise<void> {
  const sql = `SELECT count() FROM ${engine.tables.system('mutations')}
WHERE ${IN_DATABASE} AND table = ${sqlString(table)} AND is_done = 0`;
  for (let waitedMs = 0; waitedMs < TIMEOUT_MS; waitedMs += POLL_MS) {
    const [[left] = []] = await rowsOf(engine, sql, 10_000);
    if (Number(left) === 0) return;
    await delay(POLL_MS);
  }
  throw new EngineError('timeout', `rows of ${table} were not deleted within ${TIMEOUT_MS} ms`);
}
