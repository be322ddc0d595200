import { randomInt } from 'node:crypto';
import type { Seconds } from '../storage/span-visibility.ts';
import type { ArrivalClock } from './arrival-clock.ts';
import { stampBlockArrival } from '../spool/block-arrival.ts';
import { BlockParts } from '../columns/block-parts.ts';
import type { DecodedSpans } from '../columns/decoded-spans.ts';
import { ByteBuffer } from '../columns/growable-buffers.ts';
import type { BlockLimits } from '../columns/limits.ts';
import { writeNativeBlock } from '../columns/write-native-block.ts';
import type { RollupBounds } from '../columns/rollup-bounds.ts';
import { SpanBlock } from '../columns/span-block.ts';
import type { AppendResult, Spool } from '../spool/spool.ts';

export interface GroupCommitOptions {
  readonly spool: Pick<Spool, 'append' | 'throttle'>;
  readonly arrivals: Pick<ArrivalClock, 'next' | 'landed'>;
  readonly limits: BlockLimits;
  readonly rollupBounds: RollupBounds;
  /** Something failed that should not have, in words for the log. */
  readonly onFailure: (kind: CommitFailure, error: unknown, words: string) => void;
  /** `writeNativeBlock` by default. */
  readonly write?: typeof writeNativeBlock;
}

/**
 * What failed: to write a block, to write one request alone, to append to the spool, to wait for the store, to use
 * memory again.
 */
export const COMMIT_FAILURES = ['block', 'request', 'spool', 'hold', 'reset'] as const;

export type CommitFailure = (typeof COMMIT_FAILURES)[number];

/** `failed`: this request can never be written; nothing of it was kept. */
export type CommitResult = AppendResult | { readonly kind: 'failed' };

/** A request: the next rows of the block, or spans that were decoded elsewhere. */
type Part = { readonly rows: number } | DecodedSpans;

interface Waiting {
  readonly part: Part;
  readonly resolve: (result: CommitResult) => void;
}

/**
 * Makes spans durable. Requests that arrive while a block is on its way to the disk share the next one: one commit is
 * in flight at any time, and no request waits for a timer. A request that cannot be written fails alone.
 */
export class GroupCommit {
  readonly #options: GroupCommitOptions;
  readonly #write: typeof writeNativeBlock;
  readonly #seed = randomInt(2 ** 32);
  readonly #native = new ByteBuffer();
  /** Requests append to it; the commit in flight writes the other one. */
  #open: SpanBlock;
  #spare: SpanBlock;
  #decodedBytes = 0;
  #waiting: Waiting[] = [];
  #committing: Promise<void> | null = null;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
    this.#write = options.write ?? writeNativeBlock;
    this.#open = this.#newBlock();
    this.#spare = this.#newBlock();
  }

  /** Append to it and call `commit` in the same turn. */
  get block(): SpanBlock {
    return this.#open;
  }

  /** About the memory of what waits for the next commit. */
  get pendingBytes(): number {
    return this.#open.byteLength + this.#decodedBytes;
  }

  /**
   * Resolves when the request is durable, or is not. `rows`: those that have just been appended to `block`. Never
   * rejects.
   */
  commit(part: Part): Promise<CommitResult> {
    return new Promise((resolve) => {
      if ('native' in part) this.#decodedBytes += part.native.length;
      this.#waiting.push({ part, resolve });
      this.#committing ??= this.#commitAll();
    });
  }

  /** Resolves when everything that was decoded before has been answered. */
  async flush(): Promise<void> {
    while (this.#committing !== null) await this.#committing;
  }

  async #commitAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      try {
        await this.#options.spool.throttle();
      } catch (error) {
        this.#options.onFailure('hold', error, 'could not throttle ingest; continuing unthrottled');
      }
      // What else arrived together with this request is decoded before the block is closed.
      await new Promise((resolve) => setImmediate(resolve));
      const block = this.#open;
      const waiting = this.#waiting;
      this.#open = this.#spare;
      this.#waiting = [];
      this.#decodedBytes = 0;
      const arrival = this.#options.arrivals.next();
      const failed = this.#encode(block, waiting, arrival);
      const written = waiting.filter(({ resolve }) => !failed.has(resolve));
      const result = await this.#append(written, { arrival, seconds: secondsOf(block, written) });
      this.#options.arrivals.landed();
      this.#spare = this.#cleared(block);
      for (const { resolve } of waiting) resolve(failed.get(resolve) ?? result);
    }
    // In the same turn as the last look at the list: whoever comes next starts a new run.
    this.#committing = null;
  }

  /** Writes everything into `#native`; answers what could not be written. */
  #encode(
    block: SpanBlock,
    waiting: readonly Waiting[],
    arrival: number,
  ): ReadonlyMap<Waiting['resolve'], CommitResult> {
    try {
      this.#native.clear();
      if (block.rowCount > 0) this.#write(block, this.#native, this.#options.rollupBounds, arrival);
      for (const { part } of waiting) if ('native' in part) this.#copy(part, arrival);
      return new Map();
    } catch (error) {
      const words = 'could not write a block of spans; writing its requests one by one';
      this.#options.onFailure('block', error, words);
      return this.#encodeOneByOne(block, waiting, arrival);
    }
  }

  #encodeOneByOne(
    block: SpanBlock,
    waiting: readonly Waiting[],
    arrival: number,
  ): ReadonlyMap<Waiting['resolve'], CommitResult> {
    const failed = new Map<Waiting['resolve'], CommitResult>();
    const parts = new BlockParts(block, this.#seed, this.#options.limits);
    const native = this.#native;
    native.length = 0;
    for (const { part, resolve } of waiting) {
      const { length } = native;
      try {
        if ('native' in part) this.#copy(part, arrival);
        else this.#write(parts.take(part.rows), native, this.#options.rollupBounds, arrival);
      } catch (error) {
        native.length = length;
        const isMemory = isAllocationFailure(error);
        failed.set(resolve, isMemory ? { kind: 'blocked', reason: 'memory is short' } : { kind: 'failed' });
        const answer = isMemory ? 'responded 503, the sender will retry' : 'responded 500';
        this.#options.onFailure('request', error, `could not write a request; ${answer}`);
      }
    }
    return failed;
  }

  #copy({ native }: DecodedSpans, arrival: number): void {
    stampBlockArrival(native, arrival);
    this.#native.copy(native, 0, native.length);
  }

  async #append(waiting: readonly Waiting[], block: { arrival: number; seconds: Seconds }): Promise<AppendResult> {
    if (waiting.length === 0) return { kind: 'durable' };
    try {
      const rows = waiting.reduce((sum, { part }) => sum + part.rows, 0);
      return await this.#options.spool.append(this.#native.content(), rows, block);
    } catch (error) {
      this.#options.onFailure('spool', error, 'could not append to the spool; responded 503, the senders will retry');
      return { kind: 'blocked', reason: "the spool failed; see the collector's log" };
    }
  }

  #cleared(block: SpanBlock): SpanBlock {
    try {
      block.clear();
      return block;
    } catch (error) {
      this.#options.onFailure('reset', error, 'could not reuse the memory of a block; allocating new memory');
      return this.#newBlock();
    }
  }

  #newBlock(): SpanBlock {
    return new SpanBlock(this.#seed, this.#options.limits);
  }
}

/** When the spans of a commit start; where some of them failed it may say more. */
function secondsOf(block: SpanBlock, waiting: readonly Waiting[]): Seconds {
  const decoded = waiting.flatMap(({ part }) => ('native' in part ? [part.seconds] : []));
  const all = [block.startRange, ...decoded];
  return {
    first: Math.min(...all.map(({ first }) => first)),
    last: Math.max(...all.map(({ last }) => last)),
  };
}

/** Not the fault of what was to be written: the same may succeed later. */
function isAllocationFailure(error: unknown): boolean {
  return error instanceof RangeError && error.message.includes('allocation failed');
}
