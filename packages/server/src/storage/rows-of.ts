import type { Engine } from './engine.ts';

/** A statement over the metadata takes milliseconds; the limit is for a machine that is busy. */
const QUERY_TIMEOUT_MS = 60_000;

/** Runs one SELECT without a FORMAT clause; a row is an array of JSON values. Rejects with `EngineError`. */
export async function rowsOf(
  engine: Pick<Engine, 'query'>,
  sql: string,
  timeoutMs = QUERY_TIMEOUT_MS,
): Promise<unknown[][]> {
  return rowsIn(await engine.query(sql, { format: 'JSONCompactEachRow', timeoutMs }));
}

/** The rows of a result in JSONCompactEachRow. */
export function rowsIn(result: Uint8Array): unknown[][] {
  const text = Buffer.from(result.buffer, result.byteOffset, result.byteLength).toString('utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown[]);
}
