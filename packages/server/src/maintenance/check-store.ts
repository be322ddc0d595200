import type { Engine } from '../storage/engine.ts';
import { EngineError } from '../storage/engine.ts';
import {
  dayOfPartition,
  findLostParts,
  keyOf,
  NOT_FRESH,
  rowsOf,
  type LostPart,
  type PartName,
} from '../storage/lost-parts.ts';
import { IS_REQUEST } from '../storage/rollups.ts';
import { sqlString, sqlUInt64 } from '../storage/sql.ts';
import { verifyPart } from '../storage/verify-part.ts';

type Asked = Pick<Engine, 'query'>;

export interface StoreReport {
  /** Parts that were verified. */
  readonly parts: number;
  /** Those that are still in use. */
  readonly damagedParts: readonly DamagedPart[];
  /** Parts that were damaged, and are in use again; where that was asked for. */
  readonly repairedParts: readonly DamagedPart[];
  /** Parts that the disk fails to read: whether they are damaged is not known. */
  readonly unreadableParts: readonly DamagedPart[];
  /** Parts that are in `detached/` already. */
  readonly lostParts: readonly LostPart[];
  /** Days of derived tables that do not hold what the spans say. */
  readonly wrongDays: readonly WrongDay[];
  /** Days that could not be compared, and why. */
  readonly notCompared: readonly { readonly day: string; readonly reason: string }[];
}

interface DamagedPart {
  readonly table: string;
  readonly part: string;
  readonly day: string | null;
  readonly reason: string;
}

interface WrongDay {
  readonly day: string;
  readonly table: string;
  /** What the table has counted, and what it should have. */
  readonly found: number;
  readonly expected: number;
}

export interface StoreCheckup {
  /** Runs work while nothing is added to the derived tables. */
  readonly whileStill: <T>(work: () => Promise<T>) => Promise<T>;
  readonly signal: AbortSignal;
  /** Sets these aside, repairs what can be, and answers that; null where nothing is to be changed. */
  readonly mend: ((parts: readonly PartName[]) => Promise<readonly PartName[]>) | null;
}

const STATEMENT_TIMEOUT_MS = 3_600_000;
/** Parts that are merged meanwhile are looked for again. */
const ROUNDS_MAX = 3;
const NO_SUCH_PART = 232;
/** Ids of so many spans are told apart at a time. */
const SPANS_AT_ONCE = 5_000_000;

/** Verifies every part by the engine's checksums, and the derived tables by the spans, day by day. Changes nothing but by `mend`. */
export async function checkStore(engine: Asked, { whileStill, signal, mend }: StoreCheckup): Promise<StoreReport> {
  const cancelled: Asked = { query: (sql, options) => engine.query(sql, { ...options, signal }) };
  const { parts, damagedParts: found, unreadableParts } = await checkParts(cancelled);
  const { repairedParts, damagedParts } = await mendFound(cancelled, found, mend);
  const lostParts = await findLostParts(cancelled);
  const days = await rowsOf(
    cancelled,
    `SELECT partition, sumIf(rows, table = 'spans') FROM system.parts
WHERE database = 'throughline' AND active AND table IN ('spans', 'trace_times', 'operation_15m', 'request_1m', 'request_1h')
GROUP BY partition ORDER BY partition`,
  );
  const wrongDays: WrongDay[] = [];
  const notCompared: { day: string; reason: string }[] = [];
  for (const [day, spans] of days) {
    try {
      wrongDays.push(...(await whileStill(() => compareDay(cancelled, String(day), Number(spans)))));
    } catch (error) {
      signal.throwIfAborted();
      notCompared.push({ day: String(day), reason: firstLine(error) });
    }
  }
  return { parts, damagedParts, repairedParts, unreadableParts, lostParts, wrongDays, notCompared };
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
      `SELECT table, name, partition_id FROM system.parts WHERE database = 'throughline' AND active AND ${NOT_FRESH} ORDER BY table, name`,
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

async function compareDay(engine: Asked, day: string, storedSpans: number): Promise<WrongDay[]> {
  const [[counted, pending] = [0, 0]] = await rowsOf(
    engine,
    'SELECT argMax(counted_until, version), argMax(pending_until, version) FROM throughline.rollup_progress',
  );
  if (Number(pending) > 0) throw new Error('the derived tables are being filled; start the collector and check again');
  const ofDay = `toDate(start_s) = toDate(${sqlString(day)}) AND arrival <= ${sqlUInt64(Number(counted))}`;
  const [[spans = 0, requests = 0] = []] = await rowsOf(
    engine,
    `SELECT count(), countIf(${IS_REQUEST}) FROM throughline.spans WHERE ${ofDay}`,
    STATEMENT_TIMEOUT_MS,
  );
  const traces = await countDistinct(engine, 'spans', ofDay, storedSpans);
  const found = async (table: string, expected: unknown): Promise<WrongDay[]> => {
    const [[sum = 0] = []] = await rowsOf(
      engine,
      `SELECT sum(spans) FROM throughline.${table} WHERE toDate(time) = toDate(${sqlString(day)})`,
    );
    return Number(sum) === Number(expected) ? [] : [{ day, table, found: Number(sum), expected: Number(expected) }];
  };
  const times = await countDistinct(engine, 'trace_times', `toDate(first_s) = toDate(${sqlString(day)})`, storedSpans);
  return [
    ...(times === traces ? [] : [{ day, table: 'trace_times', found: times, expected: traces }]),
    ...(await found('operation_15m', spans)),
    ...(await found('request_1m', requests)),
    ...(await found('request_1h', requests)),
  ];
}

/** Traces, counted exactly in as many steps as keep the memory of each bounded. */
async function countDistinct(engine: Asked, table: string, where: string, rows: number): Promise<number> {
  const steps = Math.max(1, Math.ceil(rows / SPANS_AT_ONCE));
  let traces = 0;
  for (let step = 0; step < steps; step++) {
    const [[count = 0] = []] = await rowsOf(
      engine,
      `SELECT uniqExact(trace_id) FROM throughline.${table} WHERE ${where} AND cityHash64(trace_id) % ${steps} = ${step}`,
      STATEMENT_TIMEOUT_MS,
    );
    traces += Number(count);
  }
  return traces;
}

function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return (message.split('\n', 1)[0] ?? '').slice(0, 300);
}
