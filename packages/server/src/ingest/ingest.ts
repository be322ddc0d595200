import { randomInt } from 'node:crypto';
import { Counter, type Registry } from 'prom-client';
import { LimitCounter } from '../limit-counter.ts';
import type { Seconds } from '../storage/span-visibility.ts';
import { ArrivalClock } from './arrival-clock.ts';
import { stampBlockArrival } from './block-arrival.ts';
import type { Present } from '../storage/known-time.ts';
import type { DecodedSpans, RefusalSummary } from './decoded-spans.ts';
import { ByteBuffer } from './growable.ts';
import { INGEST_LIMITS, type BlockLimits, type IngestLimits } from './limits.ts';
import { writeNativeBlock } from './native-block.ts';
import {
  REFUSAL_CODES,
  MalformedRequestError,
  RequestTooLargeError,
  type IngestResult,
  type SpanRefusal,
} from './result.ts';
import { RollupBounds, type RollupLimits } from './rollup-bounds.ts';
import { SpanBlock } from './span-block.ts';
import type { Spool } from './spool.ts';
import { REPAIRED_TEXTS } from './utf8.ts';

export interface IngestOptions {
  readonly spool: Spool;
  /** One of its own by default. */
  readonly arrivals?: Pick<ArrivalClock, 'next' | 'landed'>;
  readonly registry: Registry;
  readonly limits?: Partial<IngestLimits>;
  readonly rollupLimits?: RollupLimits;
  /** Spans that started earlier are refused; by default none is. */
  readonly retentionDays?: number;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** What the time is, where the clock is in doubt; by default it never is. */
  readonly present?: () => Present;
}

/** The spans of a request that a decoder refused, while it appended the others. */
export class Refusals {
  readonly counts = new Map<SpanRefusal['code'], number>();
  /** How many were beyond each limit. */
  readonly limits = new Map<string, number>();
  #first = '';
  #total = 0;

  get total(): number {
    return this.#total;
  }

  add({ code, limit, message }: SpanRefusal): void {
    if (this.#total === 0) this.#first = message;
    this.#total += 1;
    this.counts.set(code, (this.counts.get(code) ?? 0) + 1);
    if (limit !== undefined) this.limits.set(limit, (this.limits.get(limit) ?? 0) + 1);
  }

  clear(): void {
    this.counts.clear();
    this.limits.clear();
    this.#first = '';
    this.#total = 0;
  }

  /** As it may be handed to another thread. */
  get summary(): RefusalSummary {
    return { total: this.#total, counts: this.counts, limits: this.limits, message: this.message };
  }

  get message(): string {
    if (this.#total === 0) return '';
    return this.#total === 1
      ? `1 span was refused: ${this.#first}`
      : `${this.#total} spans were refused, the first because: ${this.#first}`;
  }
}

/** Appends a request's spans. Throws `MalformedRequestError` or `RequestTooLargeError`. */
export type Decode = (block: SpanBlock, refusals: Refusals) => void;

/**
 * What receivers call. Requests that arrive while a block is on its way to the disk share the next one: one commit is in
 * flight at any time, and no request waits for a timer.
 */
export class Ingest {
  readonly #spool: Spool;
  readonly #arrivals: Pick<ArrivalClock, 'next' | 'landed'>;
  readonly #limits: IngestLimits;
  readonly #accepted: Counter;
  readonly #rejected: Counter<'reason'>;
  readonly #repairedTexts: Counter;
  readonly #limitCounter: LimitCounter;
  readonly #retentionMs: number;
  readonly #present: () => Present;
  readonly #native = new ByteBuffer();
  readonly #rollupBounds: RollupBounds;
  /** What the rollups of spans that were decoded elsewhere count as others. */
  #otherSpansElsewhere = 0;
  /** Requests append to it; the commit in flight writes the other one. */
  #open: SpanBlock;
  #spare: SpanBlock;
  /** Decoded elsewhere; they share the next commit with the block. */
  #decoded: DecodedSpans[] = [];
  #decodedBytes = 0;
  #waiting: ((result: CommitResult) => void)[] = [];
  #committing: Promise<void> | null = null;

  constructor({
    spool,
    arrivals,
    registry,
    limits,
    rollupLimits,
    retentionDays,
    now = Date.now,
    present,
  }: IngestOptions) {
    this.#rollupBounds = new RollupBounds(rollupLimits);
    this.#spool = spool;
    this.#arrivals = arrivals ?? new ArrivalClock();
    this.#limits = { ...INGEST_LIMITS, ...limits };
    this.#limitCounter = new LimitCounter(registry);
    this.#retentionMs = retentionDays === undefined ? Number.POSITIVE_INFINITY : retentionDays * 86_400_000;
    this.#present = present ?? (() => ({ earliestMs: now(), latestMs: now() }));
    const seed = randomInt(2 ** 32);
    this.#open = new SpanBlock(seed, this.#limits);
    this.#spare = new SpanBlock(seed, this.#limits);
    this.#accepted = new Counter({
      name: 'throughline_accepted_spans_total',
      help: 'Spans that were made durable and acknowledged',
      registers: [registry],
    });
    const otherSpans: Counter = new Counter({
      name: 'throughline_rollup_other_spans_total',
      help: 'Spans that were counted as (other), because the day has too many services or operations',
      registers: [],
      collect: (): void => {
        otherSpans.reset();
        otherSpans.inc(this.#rollupBounds.otherSpans + this.#otherSpansElsewhere);
      },
    });
    registry.registerMetric(otherSpans);
    this.#rejected = new Counter({
      name: 'throughline_rejected_spans_total',
      help: 'Spans that were refused one by one, by reason',
      labelNames: ['reason'],
      registers: [registry],
    });
    for (const reason of REFUSAL_CODES) this.#rejected.inc({ reason }, 0);
    this.#repairedTexts = new Counter({
      name: 'throughline_repaired_texts_total',
      help: 'Texts of accepted spans that were not in UTF-8; each broken part became U+FFFD',
      registers: [registry],
    });
  }

  /** What one request and one span may hold. */
  get limits(): BlockLimits {
    return this.#limits;
  }

  get rollupLimits(): RollupLimits {
    return this.#rollupBounds.limits;
  }

  /** Why a request would be answered `busy` now, whatever it holds; null while it would not. */
  get busyBecause(): string | null {
    if (this.#isPendingFull) return 'too many spans wait for the disk';
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
    return this.#open.byteLength + this.#decodedBytes >= this.#limits.pendingBytesMax;
  }

  /** Runs the decoder at once and resolves when its spans are durable. */
  async decode(decode: Decode): Promise<IngestResult> {
    const busyBecause = this.admit();
    if (busyBecause !== null) return this.#busy(busyBecause);
    const block = this.#open;
    const rows = block.rowCount;
    const refusals = new Refusals();
    const { earliestSecond, latestSecond } = this.startWindow;
    block.mark(earliestSecond, latestSecond);
    try {
      decode(block, refusals);
    } catch (error) {
      block.rollback();
      if (error instanceof MalformedRequestError) return { kind: 'malformed', message: error.message };
      if (error instanceof RequestTooLargeError)
        return { kind: 'tooLarge', limit: error.limit, message: error.message };
      throw error;
    }
    const acceptedSpans = block.rowCount - rows;
    // Of this request: the block goes on with the next one.
    const losses = new Map(block.losses.counts);
    const { message } = block.losses;
    if (acceptedSpans === 0) block.rollback();
    return this.#store({ rows: acceptedSpans, refused: refusals.summary, losses, message });
  }

  /** The seconds at or between which a span must start now. */
  get startWindow(): { readonly earliestSecond: number; readonly latestSecond: number } {
    const { earliestMs, latestMs } = this.#present();
    return {
      earliestSecond: Math.max(0, Math.ceil((earliestMs - this.#retentionMs) / 1_000)),
      latestSecond: Math.floor((latestMs + this.#limits.futureMsMax) / 1_000),
    };
  }

  /** Takes spans that were decoded elsewhere, and resolves when they are durable. */
  async append(spans: DecodedSpans): Promise<IngestResult> {
    const busyBecause = this.admit();
    if (busyBecause !== null) return this.#busy(busyBecause);
    if (spans.rows > 0) {
      this.#decoded.push(spans);
      this.#otherSpansElsewhere += spans.otherSpans;
      this.#decodedBytes += spans.native.length;
    }
    return this.#store(spans);
  }

  async #store({
    rows,
    refused,
    losses,
    message,
  }: Omit<DecodedSpans, 'native' | 'otherSpans' | 'seconds'>): Promise<IngestResult> {
    if (rows > 0) {
      const commit = await this.#commit();
      if (commit.kind === 'blocked') return this.#busy(commit.reason);
    }
    this.#accepted.inc(rows);
    for (const [reason, count] of refused.counts) this.#rejected.inc({ reason }, count);
    for (const [limit, count] of refused.limits) this.#limitCounter.reached(limit, count);
    const warning = rows > 0 ? message : '';
    if (warning !== '') this.#countLosses(losses);
    const words = [refused.message, warning].filter((part) => part !== '').join('; ');
    return { kind: 'stored', acceptedSpans: rows, rejectedSpans: refused.total, message: words };
  }

  #countLosses(losses: ReadonlyMap<string, number>): void {
    for (const [what, count] of losses) {
      if (what === REPAIRED_TEXTS) this.#repairedTexts.inc(count);
      else this.#limitCounter.reached(what, count);
    }
  }

  /** Resolves when everything that was decoded before has been answered. */
  async flush(): Promise<void> {
    while (this.#committing !== null) await this.#committing;
  }

  #busy(message: string): IngestResult {
    return { kind: 'busy', retryAfterMs: this.#limits.retryAfterMs, message };
  }

  #commit(): Promise<CommitResult> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#committing ??= this.#commitAll();
    });
  }

  async #commitAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      await this.#spool.hold();
      // What else arrived together with this request is decoded before the block is closed.
      await new Promise((resolve) => setImmediate(resolve));
      const block = this.#open;
      const waiting = this.#waiting;
      const decoded = this.#decoded;
      this.#open = this.#spare;
      this.#waiting = [];
      this.#decoded = [];
      this.#decodedBytes = 0;
      const result = await this.#write(block, decoded);
      block.clear();
      this.#spare = block;
      for (const resolve of waiting) resolve(result);
    }
    // In the same turn as the last look at the list: whoever comes next starts a new run.
    this.#committing = null;
  }

  async #write(block: SpanBlock, decoded: readonly DecodedSpans[]): Promise<CommitResult> {
    try {
      this.#native.clear();
      const arrival = this.#arrivals.next();
      if (block.rowCount > 0) writeNativeBlock(block, this.#native, this.#rollupBounds, arrival);
      for (const { native } of decoded) {
        stampBlockArrival(native, arrival);
        this.#native.copy(native, 0, native.length);
      }
      const rows = decoded.reduce((sum, spans) => sum + spans.rows, block.rowCount);
      const seconds = secondsOf(block, decoded);
      return await this.#spool.append(this.#native.content(), rows, { arrival, seconds });
    } catch (error) {
      return { kind: 'blocked', reason: error instanceof Error ? error.message : String(error) };
    } finally {
      this.#arrivals.landed();
    }
  }
}

/** When the spans of a commit start. */
function secondsOf(block: SpanBlock, decoded: readonly DecodedSpans[]): Seconds {
  const all = [block.startRange, ...decoded.map(({ seconds }) => seconds)];
  return {
    first: Math.min(...all.map(({ first }) => first)),
    last: Math.max(...all.map(({ last }) => last)),
  };
}

type CommitResult = Awaited<ReturnType<Spool['append']>>;
