import type { RollupName } from '../storage/rollups/rollup-names.ts';
import type { Total } from '../exchange/exchange-message.ts';
import type { CountsRecord } from './totals.ts';
import { DAY_SECONDS } from '../storage/utc-day.ts';

const MINUTE_MS = 60_000;
/** Seconds of a step. */
const STEPS = { counted_1m: 60, counted_1h: 3_600 } as const;

export type CountedTable = keyof typeof STEPS;

/** Requests of one minute or hour, in one bucket of durations. */
export interface CountedRow {
  /** When it begins, in seconds since the epoch. */
  readonly time: number;
  readonly service: RollupName;
  readonly operation: RollupName;
  readonly kind: number;
  readonly status: number;
  readonly bucket: number;
  requests: number;
  durationSumNs: number;
}

/** What the store takes at once or not at all: the rows of a table that belong to one day. */
export interface CountedPart {
  readonly table: CountedTable;
  /** UTC, in days since the epoch. */
  readonly day: number;
  /** One or more, each with one request or more. */
  readonly rows: ReadonlyMap<string, CountedRow>;
}

/**
 * Sums records up by minute and by hour, operation, kind, status and duration. What a record counts falls to the
 * minutes between its begin and its end in the proportion of time; each request to one of them.
 */
export class CountedMinutes {
  readonly #parts = new Map<string, CountedPart & { readonly rows: Map<string, CountedRow> }>();
  readonly #nameOf: (service: string, operation: string) => readonly [service: RollupName, operation: RollupName];

  constructor(nameOf: (service: string, operation: string) => readonly [service: RollupName, operation: RollupName]) {
    this.#nameOf = nameOf;
  }

  get parts(): readonly CountedPart[] {
    return [...this.#parts.values()];
  }

  add(record: CountsRecord): void {
    if (!record.isCounted) return;
    for (const total of record.added) {
      const [service, operation] = this.#nameOf(record.service, total.name);
      const { kind, status } = total;
      spread(record, total, (minute, bucket, requests, durationSumNs) => {
        const what = { service, operation, kind, status, bucket, requests, durationSumNs };
        const key = JSON.stringify([service, operation, kind, status, bucket]);
        this.#add('counted_1m', minute, key, what);
        this.#add('counted_1h', minute, key, what);
      });
    }
  }

  #add(table: CountedTable, second: number, what: string, counted: Omit<CountedRow, 'time'>): void {
    const time = second - (second % STEPS[table]);
    const day = Math.floor(time / DAY_SECONDS);
    const name = `${table} ${day}`;
    let part = this.#parts.get(name);
    if (part === undefined) this.#parts.set(name, (part = { table, day, rows: new Map() }));
    const key = `${time} ${what}`;
    const row = part.rows.get(key);
    if (row === undefined) {
      part.rows.set(key, { time, ...counted });
    } else {
      row.requests += counted.requests;
      row.durationSumNs += counted.durationSumNs;
    }
  }
}

function spread(
  { fromMs, toMs }: CountsRecord,
  { offset, counts, requests, durationSumNs }: Total,
  add: (minute: number, bucket: number, requests: number, durationSumNs: number) => void,
): void {
  const shares = minuteShares(fromMs, toMs);
  // Whole requests: what is left of one bucket's part goes on to the next, so that neither fast nor slow ones gather in
  // a minute.
  const taken = shares.map(() => 0);
  let before = 0;
  for (const [index, count] of counts.entries()) {
    if (count === 0) continue;
    before += count;
    let rest = count;
    for (const [at, { minute, upTo }] of shares.entries()) {
      const isLast = at === shares.length - 1;
      const wanted = isLast ? rest : Math.floor(before * upTo) - taken.slice(0, at + 1).reduce((sum, n) => sum + n, 0);
      const part = Math.max(0, Math.min(rest, wanted));
      if (part === 0) continue;
      taken[at] = (taken[at] ?? 0) + part;
      rest -= part;
      add(minute, offset + index, part, (durationSumNs * part) / requests);
    }
  }
}

/** The minutes between two moments, with the share of the time that has passed by the end of each. */
function minuteShares(fromMs: number, toMs: number): { readonly minute: number; readonly upTo: number }[] {
  // A message counts what ended before it: at the very begin of a minute, nothing of that minute.
  const last = Math.max(Math.floor(fromMs / MINUTE_MS), Math.ceil(toMs / MINUTE_MS) - 1);
  const shares: { minute: number; upTo: number }[] = [];
  for (let minute = Math.floor(fromMs / MINUTE_MS); minute <= last; minute++) {
    const passedMs = Math.min(toMs, (minute + 1) * MINUTE_MS) - fromMs;
    shares.push({ minute: minute * 60, upTo: toMs > fromMs ? passedMs / (toMs - fromMs) : 1 });
  }
  return shares;
}
