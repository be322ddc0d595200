import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { LimitCounter } from '../limit-counter.ts';
import type { Present } from '../storage/retention/known-time.ts';
import { DAY_MS } from '../storage/utc-day.ts';
import { ArrivalClock } from './arrival-clock.ts';
import type { DecodedSpans } from '../columns/decoded-spans.ts';
import { GroupCommit } from './group-commit.ts';
import { IngestMetrics, type IngestFailure } from './ingest-metrics.ts';
import { INGEST_LIMITS, type IngestLimits } from './limits.ts';
import { type BlockLimits } from '../columns/limits.ts';
import { isBadPart } from '../columns/drop-counts.ts';
import type { writeNativeBlock } from '../columns/write-native-block.ts';
import { RecentRequests } from './recent-requests.ts';
import {
  MalformedRequestError,
  RequestTooLargeError,
  TooLongHereError,
  type IngestResult,
  type SpanRejection,
} from '../columns/ingest-result.ts';
import { RejectedSpans, type Decode } from '../columns/rejected-spans.ts';
import { RollupBounds, type RollupLimits } from '../columns/rollup-bounds.ts';
import type { Spool } from '../spool/spool.ts';
import { REPAIRED_TEXTS } from '../columns/repaired-text.ts';

export interface IngestOptions {
  readonly spool: Spool;
  /** One of its own by default. */
  readonly arrivals?: Pick<ArrivalClock, 'next' | 'landed'>;
  readonly registry: Registry;
  /** Told of what failed that should not have; nobody is by default. */
  readonly log?: Pick<Logger, 'error'>;
  readonly limits?: Partial<IngestLimits>;
  readonly rollupLimits?: RollupLimits;
  /** Spans that started earlier are rejected; by default none is. */
  readonly retentionDays?: number;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** What the time is, where the clock is in doubt; by default it never is. */
  readonly present?: () => Present;
  /** `writeNativeBlock` by default. */
  readonly write?: typeof writeNativeBlock;
}

/** Since the start. */
export interface IngestStatus {
  /** Durable and acknowledged. */
  readonly acceptedSpans: number;
  /** Rejected one by one, by the reason; one that never occurred is absent. */
  readonly rejectedSpans: ReadonlyMap<SpanRejection['code'], number>;
  /** Requests that came again and were not stored again. */
  readonly repeatedRequests: number;
  /** What failed that should not have; the log has a line for each. */
  readonly failures: number;
  /** Why a request would be answered `busy` now; null while it would not. */
  readonly busyBecause: string | null;
}

/** What receivers call: takes requests in and makes them durable. */
export class Ingest {
  readonly #spool: Spool;
  readonly #log: Pick<Logger, 'error'> | null;
  readonly #limits: IngestLimits;
  readonly #metrics: IngestMetrics;
  readonly #limitCounter: LimitCounter;
  readonly #retentionMs: number;
  readonly #present: () => Present;
  readonly #rollupBounds: RollupBounds;
  readonly #recentRequests: RecentRequests;
  readonly #commits: GroupCommit;
  /** What the rollups of spans that were decoded elsewhere count as others. */
  #otherSpansElsewhere = 0;
  #acceptedSpans = 0;
  readonly #rejectedSpans = new Map<SpanRejection['code'], number>();
  #failures = 0;

  constructor({
    spool,
    arrivals,
    registry,
    log,
    limits,
    rollupLimits,
    retentionDays,
    now = Date.now,
    present,
    write,
  }: IngestOptions) {
    this.#rollupBounds = new RollupBounds(rollupLimits);
    this.#spool = spool;
    this.#log = log ?? null;
    this.#limits = { ...INGEST_LIMITS, ...limits };
    this.#limitCounter = new LimitCounter(registry);
    this.#retentionMs = retentionDays === undefined ? Number.POSITIVE_INFINITY : retentionDays * DAY_MS;
    this.#present = present ?? (() => ({ earliestMs: now(), latestMs: now() }));
    this.#metrics = new IngestMetrics(registry, () => this.#rollupBounds.otherSpans + this.#otherSpansElsewhere);
    this.#recentRequests = new RecentRequests({ registry, limits: this.#limits });
    this.#commits = new GroupCommit({
      spool,
      arrivals: arrivals ?? new ArrivalClock(),
      limits: this.#limits,
      rollupBounds: this.#rollupBounds,
      onFailure: (kind, error, words) => this.#fail(kind, error, words),
      ...(write !== undefined && { write }),
    });
  }

  /** What one request and one span may hold. */
  get limits(): BlockLimits {
    return this.#limits;
  }

  get rollupLimits(): RollupLimits {
    return this.#rollupBounds.limits;
  }

  get status(): IngestStatus {
    return {
      acceptedSpans: this.#acceptedSpans,
      rejectedSpans: this.#rejectedSpans,
      repeatedRequests: this.#recentRequests.repeated,
      failures: this.#failures,
      busyBecause: this.busyBecause,
    };
  }

  /** Why a request would be answered `busy` now, whatever it holds; null while it would not. */
  get busyBecause(): string | null {
    if (this.#isPendingFull) return 'ingest queue full (ingest.pendingBytesMax)';
    return this.#spool.blockedBy;
  }

  /** As `busyBecause`, for a request that is answered so: it is counted. */
  admit(): string | null {
    const reason = this.busyBecause;
    if (reason === null) return null;
    if (this.#isPendingFull) this.#limitCounter.reached('ingest.pendingBytesMax');
    else if (this.#spool.isBacklogFull) this.#limitCounter.reached('spool.backlogBytesMax');
    return reason;
  }

  get #isPendingFull(): boolean {
    return this.#commits.pendingBytes >= this.#limits.pendingBytesMax;
  }

  /**
   * Takes a request once: calls `take`, which decodes and stores it, unless the same bytes were stored lately
   * (`RecentRequests.once`).
   */
  once(parts: readonly Uint8Array[], take: () => Promise<IngestResult>): Promise<IngestResult> {
    return this.#recentRequests.once(parts, take);
  }

  /**
   * Runs the decoder at once and resolves when its spans are durable. Rejects with its `TooLongHereError`; then nothing
   * is kept.
   */
  async decode(decode: Decode): Promise<IngestResult> {
    const busyBecause = this.admit();
    if (busyBecause !== null) return this.#busy(busyBecause);
    const { block } = this.#commits;
    const rows = block.rowCount;
    const rejected = new RejectedSpans();
    const { earliestSecond, latestSecond } = this.startWindow;
    block.mark(earliestSecond, latestSecond);
    try {
      decode(block, rejected);
    } catch (error) {
      block.rollback();
      if (error instanceof MalformedRequestError) return { kind: 'malformed', message: error.message };
      if (error instanceof RequestTooLargeError)
        return { kind: 'tooLarge', limit: error.limit, message: error.message };
      if (error instanceof TooLongHereError) throw error;
      this.#fail('decode', error, 'could not decode a request; responded 500');
      return FAILED;
    }
    const acceptedSpans = block.rowCount - rows;
    // Of this request: the block goes on with the next one.
    const losses = new Map(block.losses.counts);
    const { message } = block.losses;
    if (acceptedSpans === 0) block.rollback();
    return this.#store({ rows: acceptedSpans, rejected: rejected.summary, losses, message });
  }

  /** The seconds at or between which a span must start now. */
  get startWindow(): { readonly earliestSecond: number; readonly latestSecond: number } {
    const { earliestMs, latestMs } = this.#present();
    return {
      earliestSecond: Math.max(0, Math.ceil((earliestMs - this.#retentionMs) / 1_000)),
      latestSecond: Math.floor((latestMs + this.#limits.futureMsMax) / 1_000),
    };
  }

  /**
   * Takes spans that were decoded elsewhere, and resolves when they are durable. `spans.native` belongs to ingest until
   * then, which writes the arrival into it; afterwards it is the caller's again, and nothing refers to it.
   */
  async append(spans: DecodedSpans): Promise<IngestResult> {
    const busyBecause = this.admit();
    if (busyBecause !== null) return this.#busy(busyBecause);
    if (spans.rows > 0) this.#otherSpansElsewhere += spans.otherSpans;
    return this.#store(spans);
  }

  async #store(spans: Omit<DecodedSpans, 'native' | 'otherSpans' | 'seconds'> | DecodedSpans): Promise<IngestResult> {
    const { rows, rejected, losses, message } = spans;
    if (rows > 0) {
      const commit = await this.#commits.commit(spans);
      if (commit.kind === 'blocked') return this.#busy(commit.reason);
      if (commit.kind === 'failed') return FAILED;
    }
    this.#acceptedSpans += rows;
    this.#metrics.accepted.inc(rows);
    for (const [reason, count] of rejected.counts) {
      this.#rejectedSpans.set(reason, (this.#rejectedSpans.get(reason) ?? 0) + count);
      this.#metrics.rejected.inc({ reason }, count);
    }
    for (const [limit, count] of rejected.limits) this.#limitCounter.reached(limit, count);
    // Of spans that were all rejected nobody misses a part.
    const warning = rows > 0 || rejected.total === 0 ? message : '';
    if (warning !== '') this.#countLosses(losses);
    const words = [rejected.message, warning].filter((part) => part !== '').join('; ');
    return { kind: 'stored', acceptedSpans: rows, rejectedSpans: rejected.total, message: words };
  }

  #countLosses(losses: ReadonlyMap<string, number>): void {
    for (const [what, count] of losses) {
      if (what === REPAIRED_TEXTS) this.#metrics.repairedTexts.inc(count);
      else if (isBadPart(what)) this.#metrics.badParts.inc({ part: what }, count);
      else this.#limitCounter.reached(what, count);
    }
  }

  /** Resolves when everything that was decoded before has been answered. */
  flush(): Promise<void> {
    return this.#commits.flush();
  }

  #busy(message: string): IngestResult {
    return { kind: 'busy', retryAfterMs: this.#limits.retryAfterMs, message };
  }

  #fail(kind: IngestFailure, error: unknown, words: string): void {
    this.#failures += 1;
    this.#metrics.failures.inc({ kind });
    this.#log?.error({ err: error }, words);
  }
}

const FAILED: IngestResult = { kind: 'failed', message: 'internal error' };
