import { createCipheriv, randomBytes } from 'node:crypto';
import { Counter, type Registry } from 'prom-client';
import { LimitCounter } from '../limit-counter.ts';
import type { IngestLimits } from './limits.ts';
import type { IngestResult } from '../columns/ingest-result.ts';

export interface RecentRequestsOptions {
  readonly registry: Registry;
  readonly limits: Pick<IngestLimits, 'recentRequestsMax' | 'recentRequestMs'>;
  /** Milliseconds, never going back. */
  readonly now?: () => number;
}

type Stored = Extract<IngestResult, { kind: 'stored' }>;

/** The number of spans stands for an answer without rejected spans and without a message: nearly all are such. */
type KnownOutcome = number | Stored;

/**
 * The requests that were stored lately, by a digest of their bytes. An exporter whose answer was lost sends the same
 * bytes again: they get the same answer, and are not stored twice. What is remembered ends with the process.
 */
export class RecentRequests {
  readonly #options: RecentRequestsOptions;
  readonly #now: () => number;
  readonly #limitCounter: LimitCounter;
  readonly #repeats: Counter;
  #repeated = 0;
  readonly #key = randomBytes(16);
  readonly #nonce = randomBytes(12);
  readonly #running = new Map<string, Promise<IngestResult | null>>();
  /** Two generations: to forget the older one whole costs nothing, and no entry needs a time. */
  #newer = new Map<string, KnownOutcome>();
  #older = new Map<string, KnownOutcome>();
  #turnedMs: number;

  constructor(options: RecentRequestsOptions) {
    this.#options = options;
    this.#now = options.now ?? ((): number => performance.now());
    this.#turnedMs = this.#now();
    this.#limitCounter = new LimitCounter(options.registry);
    this.#repeats = new Counter({
      name: 'throughline_repeated_requests_total',
      help: 'Requests that were acknowledged and not stored again, because the same bytes were stored before',
      registers: [options.registry],
    });
  }

  /** How many requests were acknowledged and not stored again. */
  get repeated(): number {
    return this.#repeated;
  }

  get size(): number {
    return this.#newer.size + this.#older.size;
  }

  /**
   * Calls `store` at once and answers what it does, unless the same bytes were stored lately, which answers what they
   * were answered. While they are being stored it waits, and calls `store` if that fails. `parts` are the bytes of a
   * request, decompressed; where they are parted makes no difference. Rejects with what `store` does.
   */
  async once(parts: readonly Uint8Array[], store: () => Promise<IngestResult>): Promise<IngestResult> {
    if (this.#options.limits.recentRequestsMax === 0) return store();
    const digest = this.#digest(parts);
    for (let running = this.#running.get(digest); running !== undefined; running = this.#running.get(digest)) {
      const result = await running;
      if (result?.kind === 'stored') return this.#repeat(result);
    }
    const known = this.#find(digest);
    if (known !== undefined) return this.#repeat(known);
    const storing = store();
    // Who waits for this goes on when it is no longer among those that run: that takes one step more.
    this.#running.set(
      digest,
      storing.catch(() => null),
    );
    try {
      const result = await storing;
      if (result.kind === 'stored' && result.acceptedSpans > 0) this.#remember(digest, result);
      return result;
    } finally {
      this.#running.delete(digest);
    }
  }

  #repeat(result: Stored): Stored {
    this.#repeated += 1;
    this.#repeats.inc();
    return result;
  }

  /**
   * GMAC under a key that nobody else has: 128 bits, and no sender can know which requests share them. Of what Node has
   * it is the cheapest, about 0.1 ns a byte; SHA-1 in hardware takes 0.5 (`bench/ingest/digest.mjs`).
   */
  #digest(parts: readonly Uint8Array[]): string {
    const mac = createCipheriv('aes-128-gcm', this.#key, this.#nonce);
    for (const part of parts) mac.setAAD(part);
    mac.final();
    return mac.getAuthTag().toString('latin1');
  }

  #find(digest: string): Stored | undefined {
    this.#forgetOld();
    const answer = this.#newer.get(digest) ?? this.#older.get(digest);
    if (typeof answer !== 'number') return answer;
    return { kind: 'stored', acceptedSpans: answer, rejectedSpans: 0, message: '' };
  }

  #remember(digest: string, result: Stored): void {
    this.#forgetOld();
    if (this.#newer.size >= Math.ceil(this.#options.limits.recentRequestsMax / 2)) {
      // They are forgotten before their time.
      if (this.#older.size > 0) this.#limitCounter.reached('ingest.recentRequestsMax', this.#older.size);
      this.#turn(this.#newer);
    }
    const isPlain = result.rejectedSpans === 0 && result.message === '';
    this.#newer.set(digest, isPlain ? result.acceptedSpans : result);
  }

  #forgetOld(): void {
    const ageMs = this.#now() - this.#turnedMs;
    const { recentRequestMs } = this.#options.limits;
    if (ageMs >= recentRequestMs) this.#turn(ageMs >= 2 * recentRequestMs ? new Map() : this.#newer);
  }

  #turn(older: Map<string, KnownOutcome>): void {
    this.#older = older;
    this.#newer = new Map();
    this.#turnedMs = this.#now();
  }
}
