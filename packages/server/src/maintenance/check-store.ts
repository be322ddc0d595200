import type { Engine } from '../storage/engine.ts';
import { EngineError } from '../storage/engine.ts';
import {
  dayOfPartition,
  findLostParts,
  keyOf,
  NOT_FRESH,
  type LostPart,
  type PartName,
} from '../storage/damage/lost-parts.ts';
import { ROLLUPS } from '../storage/rollups/rollup-rebuild.ts';
import { sqlString } from '../storage/sql.ts';
import { verifyPart } from '../storage/damage/verify-part.ts';
import { compareDay, type WrongDay } from './compare-day.ts';
import { IN_DATABASE } from '../storage/tables.ts';
import { rowsOf } from '../storage/rows-of.ts';

type Asked = Pick<Engine, 'query' | 'tables'>;

export interface StoreReport {
  /** Parts that were verified. */
  readonly parts: number;
  /** Those that are still in use. */
  readonly damagedParts: readonly DamagedPart[];
  /** Parts that were damaged, and are in use again, if that was requested. */
  readonly repairedParts: readonly DamagedPart[];
  /** Parts that the disk fails to read: whether they are damaged is not known. */
  readonly unreadableParts: readonly DamagedPart[];
  /** Parts that are in `detached/` already. */
  readonly lostParts: readonly LostPart[];
  /** Days of derived tables that do not hold what the spans say. */
  readonly wrongDays: readonly WrongDay[];
  /** Days whose derived tables were wrong and have been rebuilt, if that was requested. */
  readonly rebuiltDays: readonly string[];
  /** Days that could not be compared, and why. */
  readonly notCompared: readonly { readonly day: string; readonly reason: string }[];
}

interface DamagedPart {
  readonly table: string;
  readonly part: string;
  readonly day: string | null;
  readonly reason: string;
}

export interface StoreCheckup {
  /** Runs work while nothing is added to the derived tables. */
  readonly whileStill: <T>(work: () => Promise<T>) => Promise<T>;
  readonly signal: AbortSignal;
  /** Detaches these, repairs what can be, and returns that; null where nothing is to be changed. */
  readonly mend: ((parts: readonly PartName[]) => Promise<readonly PartName[]>) | null;
  /** Rebuilds the derived tables of these days; null where nothing is to be changed. */
  readonly rebuild: ((days: readonly string[]) => Promise<void>) | null;
}

const STATEMENT_TIMEOUT_MS = 3_600_000;
/** Parts that are merged meanwhile are looked for again. */
const ROUNDS_MAX = 3;
const NO_SUCH_PART = 232;

/**
 * Verifies every part by the engine's checksums, and the derived tables by the spans, day by day. Changes nothing but
 * by `mend` and `rebuild`.
 */
export async function checkStore(engine: Asked, checkup: StoreCheckup): Promise<StoreReport> {
  const { signal, mend, rebuild } = checkup;
  const cancelled: Asked = {
    tables: engine.tables,
    query: (sql, options) => engine.query(sql, { ...options, signal }),
  };
  const { parts, damagedParts: found, unreadableParts } = await checkParts(cancelled);
  const { repairedParts, damagedParts } = await mendFound(cancelled, found, mend);
  const lostParts = await findLostParts(cancelled);
  const compared = await compareDays(cancelled, await daysIn(cancelled), checkup);
  const verified = { parts, damagedParts, repairedParts, unreadableParts, lostParts };
  const wrong = [...new Set(compared.wrongDays.map(({ day }) => day))];
  if (rebuild === null || wrong.length === 0) return { ...verified, ...compared, rebuiltDays: [] };
  await rebuild(wrong);
  signal.throwIfAborted();
  const again = await compareDays(
    cancelled,
    (await daysIn(cancelled)).filter(({ day }) => wrong.includes(day)),
    checkup,
  );
  const isRebuilt = (day: string): boolean =>
    ![...again.wrongDays, ...again.notCompared].some((other) => other.day === day);
  return {
    ...verified,
    wrongDays: again.wrongDays,
    rebuiltDays: wrong.filter(isRebuilt),
    notCompared: [...compared.notCompared, ...again.notCompared],
  };
}

interface StoredDay {
  readonly day: string;
  readonly spans: number;
}

async function daysIn(engine: Asked): Promise<StoredDay[]> {
  const tables = ['spans', ...ROLLUPS.map(({ table }) => table)].map(sqlString).join(', ');
  const found = await rowsOf(
    engine,
    `SELECT partition, sumIf(rows, table = 'spans') FROM ${engine.tables.system('parts')}
WHERE ${IN_DATABASE} AND active AND table IN (${tables}) GROUP BY partition ORDER BY partition`,
  );
  return found.map(([day, spans]) => ({ day: String(day), spans: Number(spans) }));
}

async function compareDays(
  engine: Asked,
  days: readonly StoredDay[],
  { whileStill, signal }: StoreCheckup,
): Promise<Pick<StoreReport, 'wrongDays' | 'notCompared'>> {
  const wrongDays: WrongDay[] = [];
  const notCompared: { day: string; reason: string }[] = [];
  for (const { day, spans } of days) {
    try {
      wrongDays.push(...(await whileStill(() => compareDay(engine, day, spans))));
    } catch (error) {
      signal.throwIfAborted();
      notCompared.push({ day, reason: firstLine(error) });
    }
  }
  return { wrongDays, notCompared };
}

async function mendFound(
  engine: Asked,
  found: readonly DamagedPart[],
  mend: StoreCheckup['mend'],
): Promise<{ repairedParts: readonly DamagedPart[]; damagedParts: readonly DamagedPart[] }> {
  if (mend === null || found.length === 0) return { repairedParts: [], damagedParts: found };
  const repaired = await mend(found.map(({ table, part: name }) => ({ table, name })));
  const again = new Set(repaired.map(keyOf));
  const lost = new Set((await findLostParts(engine)).map(keyOf));
  const key = ({ table, part: name }: DamagedPart): string => keyOf({ table, name });
  return {
    repairedParts: found.filter((part) => again.has(key(part))),
    damagedParts: found.filter((part) => !again.has(key(part)) && !lost.has(key(part))),
  };
}

async function checkParts(
  engine: Asked,
): Promise<{ parts: number; damagedParts: DamagedPart[]; unreadableParts: DamagedPart[] }> {
  const verified = new Set<string>();
  const damagedParts: DamagedPart[] = [];
  const unreadableParts: DamagedPart[] = [];
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const listed = await rowsOf(
      engine,
      `SELECT table, name, partition_id FROM system.parts WHERE ${IN_DATABASE} AND active AND ${NOT_FRESH} ORDER BY table, name`,
    );
    const left = listed.filter(([table, name]) => !verified.has(`${String(table)}/${String(name)}`));
    if (left.length === 0) break;
    for (const [table, name, partitionId] of left) {
      try {
        const verdict = await verifyPart(engine, String(table), String(name), { timeoutMs: STATEMENT_TIMEOUT_MS });
        if (verdict.kind !== 'sound') {
          const day = dayOfPartition(String(partitionId));
          const found = verdict.kind === 'damaged' ? damagedParts : unreadableParts;
          found.push({ table: String(table), part: String(name), day, reason: verdict.reason });
        }
        verified.add(`${String(table)}/${String(name)}`);
      } catch (error) {
        // It has been merged meanwhile.
        if (!(error instanceof EngineError) || error.clickhouseCode !== NO_SUCH_PART) throw error;
      }
    }
  }
  return { parts: verified.size, damagedParts, unreadableParts };
}

function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return (message.split('\n', 1)[0] ?? '').slice(0, 300);
}
