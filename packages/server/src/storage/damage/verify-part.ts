import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isReadFailure } from '../damage-signs.ts';
import type { Engine } from '../engine.ts';
import { sqlString } from '../sql.ts';
import { IN_DATABASE } from '../tables.ts';
import { rowsOf } from '../rows-of.ts';

/**
 * `damaged`: not what was written. `unreadable`: the disk fails to read it, so that the part is taken for neither good
 * nor damaged.
 */
export type PartVerdict =
  | { readonly kind: 'sound' }
  | { readonly kind: 'damaged' | 'unreadable'; readonly reason: string };

export interface PartDoubt {
  /** For the engine to verify the part, and for its files to be read. */
  readonly timeoutMs: number;
  /** What a failed statement said of the part; null where nothing did. */
  readonly accusation?: string | null;
}

const CHUNK_BYTES = 1024 * 1024;
const SOUND: PartVerdict = { kind: 'sound' };

/**
 * Asks the engine's checksums whether a part is what was written. The engine takes a read that fails for the end of a
 * file: what it calls damaged is read here as well, and only where that succeeds, and the engine finds it damaged
 * again, it is. Rejects with `EngineError`.
 */
export async function verifyPart(
  engine: Pick<Engine, 'query' | 'tables'>,
  table: string,
  part: string,
  { timeoutMs, accusation = null }: PartDoubt,
): Promise<PartVerdict> {
  const reason = await damageSaid(engine, table, part, timeoutMs, accusation);
  if (reason === null) return SOUND;
  const [[path] = []] = await rowsOf(
    engine,
    `SELECT path FROM system.parts
WHERE ${IN_DATABASE} AND table = ${sqlString(table)} AND name = ${sqlString(part)} AND active`,
  );
  const readError = typeof path === 'string' ? await findReadError(path, timeoutMs) : null;
  if (readError !== null) return { kind: 'unreadable', reason: readError };
  if (isReadFailure(reason)) return { kind: 'unreadable', reason };
  if (reason === firstLine(accusation ?? '')) return { kind: 'damaged', reason };
  const again = await damageSaid(engine, table, part, timeoutMs, reason);
  return again === null ? SOUND : { kind: 'damaged', reason: again };
}

async function damageSaid(
  engine: Pick<Engine, 'query' | 'tables'>,
  table: string,
  part: string,
  timeoutMs: number,
  accusation: string | null,
): Promise<string | null> {
  try {
    const [[, isSound, message] = []] = await rowsOf(
      engine,
      `CHECK TABLE ${engine.tables.named(table).local} PART ${sqlString(part)} SETTINGS check_query_single_value_result = 0`,
      timeoutMs,
    );
    return Number(isSound) === 1 ? null : firstLine(String(message));
  } catch (error) {
    // A large part takes long to verify; what named it and failed is believed then.
    const isTooSlow = error instanceof Error && 'code' in error && error.code === 'timeout';
    if (isTooSlow && accusation !== null) return firstLine(accusation);
    throw error;
  }
}

/**
 * Why the files of a part cannot be read, by the first one; null where they can, as far as there is time. One that is
 * missing is damage.
 */
export async function findReadError(directory: string, timeoutMs: number): Promise<string | null> {
  const endMs = performance.now() + timeoutMs;
  try {
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    for (const entry of await readdir(directory, { withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const file = await open(join(directory, entry.name), 'r');
      try {
        while (performance.now() < endMs && (await file.read(buffer, 0, CHUNK_BYTES, null)).bytesRead > 0);
      } catch (error) {
        throw new Error(`${join(directory, entry.name)}: ${String(error)}`, { cause: error });
      } finally {
        await file.close();
      }
    }
    return null;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' ? null : firstLine(message);
  }
}

/** Of what the engine says, which may be long. */
export function firstLine(text: string): string {
  return (text.split('\n', 1)[0] ?? '').slice(0, 500);
}
