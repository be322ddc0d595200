import type { KnownTotal } from './known-total.ts';
import { countOf } from '../count-of.ts';

/** The totals of one process as they are known. */
export interface ProcessTotals {
  readonly service: string;
  /** The number of its first record: one that is forgotten and comes back begins again. */
  readonly begin: number;
  /** Milliseconds since the epoch. */
  toldMs: number;
  heardMs: number;
  windowMs: number;
  readonly byKey: Map<string, KnownTotal>;
}

interface KnownTotals {
  /** The number of the last record. */
  readonly lastNumber: number;
  /** Keys are JSON of service and instance. */
  readonly processes: ReadonlyMap<string, ProcessTotals>;
}

const VERSION = 2;
/** Of a piece: about 1 ms. A line costs as much as so many counts. */
const PIECE_WORK = 5_000;
const WORK_PER_LINE = 16;

/**
 * Lines of JSON for `readTotals`: a head, each process with its totals behind it, an end. What they are made of may
 * change between two pieces.
 */
export function* saveTotals(
  { lastNumber, processes }: KnownTotals,
  pieceWork: number = PIECE_WORK,
): Generator<string, void> {
  let piece = line({ version: VERSION, lastNumber } satisfies Head);
  let work = 0;
  let lines = 1;
  for (const [key, { begin, toldMs, windowMs, byKey }] of processes) {
    piece += line({ key, begin, toldMs, windowMs } satisfies SavedProcess);
    lines++;
    work += WORK_PER_LINE;
    for (const [total, { number, requests, durationSumNs, counts }] of byKey) {
      const saved: SavedTotal = [total, number, requests, durationSumNs, [...counts.keys()], [...counts.values()]];
      piece += line(saved);
      lines++;
      work += WORK_PER_LINE + counts.size;
      if (work < pieceWork) continue;
      yield piece;
      piece = '';
      work = 0;
    }
  }
  yield piece + line({ lines } satisfies End);
}

/** Throws `SyntaxError` or `TypeError` for what is no text of `saveTotals`, nor of an older collector. */
export function readTotals(text: string): KnownTotals {
  const lines = text.split('\n');
  const head = JSON.parse(lines[0] ?? '') as Head;
  if (head.version === 1) return readBefore(head as Before);
  if (head.version !== VERSION) throw new TypeError(`version ${String(head.version)} of totals is not supported`);
  const { lines: lineCount } = JSON.parse(lines.at(-2) ?? '') as End;
  if (lineCount !== lines.length - 2)
    throw new TypeError(`the totals have ${lines.length - 2} of ${countOf(lineCount, 'line')}`);
  const processes = new Map<string, ProcessTotals>();
  let byKey = new Map<string, KnownTotal>();
  for (const each of lines.slice(1, lineCount)) {
    const saved = JSON.parse(each) as SavedProcess | SavedTotal;
    if ('key' in saved) {
      const { key, begin, toldMs, windowMs } = saved;
      byKey = new Map();
      // One that was forgotten and came back while it was being saved stands there twice: the later one is true.
      processes.set(key, { service: serviceOf(key), begin, toldMs, heardMs: toldMs, windowMs, byKey });
    } else {
      const [total, number, ...counted] = saved;
      byKey.set(total, knownTotal(number, counted));
    }
  }
  return { lastNumber: head.lastNumber, processes };
}

function readBefore({ lastNumber, processes }: Before): KnownTotals {
  return {
    lastNumber,
    processes: new Map(
      processes.map(([key, toldMs, totals, windowMs = 0]) => {
        const byKey = new Map(totals.map(([total, ...counted]) => [total, knownTotal(lastNumber, counted)]));
        return [key, { service: serviceOf(key), begin: 0, toldMs, heardMs: toldMs, windowMs, byKey }];
      }),
    ),
  };
}

interface Head {
  readonly version: number;
  readonly lastNumber: number;
}

interface SavedProcess {
  readonly key: string;
  readonly begin: number;
  readonly toldMs: number;
  readonly windowMs: number;
}

type SavedTotal = readonly [total: string, number: number, ...SavedCounts];

type SavedCounts = readonly [
  requests: number,
  durationSumNs: number,
  buckets: readonly number[],
  counts: readonly number[],
];

/** How many lines come before it. */
interface End {
  readonly lines: number;
}

/** What older collectors have saved, on one line. */
interface Before extends Head {
  readonly processes: readonly (readonly [
    key: string,
    toldMs: number,
    totals: readonly (readonly [total: string, ...SavedCounts])[],
    windowMs?: number,
  ])[];
}

function line(saved: Head | SavedProcess | SavedTotal | End): string {
  return `${JSON.stringify(saved)}\n`;
}

function knownTotal(number: number, [requests, durationSumNs, buckets, counts]: SavedCounts): KnownTotal {
  const byBucket = new Map(buckets.map((bucket, index) => [bucket, counts[index] ?? 0]));
  return { number, requests, durationSumNs, counts: byBucket };
}

function serviceOf(key: string): string {
  const [service] = JSON.parse(key) as [service: string, instance: string];
  return service;
}
