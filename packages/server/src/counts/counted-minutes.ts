import type { Total } from './total.ts';
import type { CountsRecord } from './totals.ts';

const MINUTE_MS = 60_000;

/** Requests of one minute, in one bucket of durations. */
export interface CountedMinute {
  /** Seconds since the epoch. */
  readonly minute: number;
  readonly service: string;
  readonly operation: string;
  readonly kind: number;
  readonly status: number;
  readonly bucket: number;
  requests: number;
  durationSumNs: number;
}

/**
 * Sums records up by minute, operation, kind, status and duration. What a record counts falls to the minutes between its begin and its
 * end in the proportion of time; each request to one of them.
 */
export class CountedMinutes {
  readonly #rows = new Map<string, CountedMinute>();
  readonly #nameOf: (service: string, operation: string) => readonly [service: string, operation: string];

  constructor(nameOf: (service: string, operation: string) => readonly [service: string, operation: string]) {
    this.#nameOf = nameOf;
  }

  get rows(): Iterable<CountedMinute> {
    return this.#rows.values();
  }

  add(record: CountsRecord): void {
    if (!record.isCounted) return;
    for (const total of record.added) {
      const [service, operation] = this.#nameOf(record.service, total.name);
      const { kind, status } = total;
      spread(record, total, (minute, bucket, requests, durationSumNs) => {
        const key = JSON.stringify([minute, service, operation, kind, status, bucket]);
        const row = this.#rows.get(key);
        if (row === undefined) {
          this.#rows.set(key, { minute, service, operation, kind, status, bucket, requests, durationSumNs });
        } else {
          row.requests += requests;
          row.durationSumNs += durationSumNs;
        }
      });
    }
  }
}

function spread(
  { fromMs, toMs }: CountsRecord,
  { offset, counts, requests, durationSumNs }: Total,
  add: (minute: number, bucket: number, requests: number, durationSumNs: number) => void,
): void {
  const shares = minuteShares(fromMs, toMs);
  // Whole requests: what is left of one bucket's part goes on to the next, so that neither fast nor slow ones gather in a minute.
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
