import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { DiskReserve, diskSpace, type DiskSpace } from './disk-reserve.ts';
import { SPOOL_LIMITS, type SpoolLimits } from './limits.ts';
import { type BlockFacts, OpenSegment } from './open-segment.ts';
import { DAMAGED_SUFFIX, findWithoutData, noteReason, quarantineSegment, takeRetries } from './quarantined-segments.ts';
import { listQuarantined, listSegments, newestSegment, readSegment, removeSegment } from './segment-files.ts';
import { syncDirectory } from '../durable-file.ts';
import { createDurableDirectory } from '../storage/directory/durable-directory.ts';
import { RemovalSync } from './removal-sync.ts';
import { recoverSegment, type Segment } from './segment-recovery.ts';
import { SpoolMetrics } from './spool-metrics.ts';
import type { SpoolStatus } from './spool-status.ts';

export interface SpoolOptions {
  readonly directory: string;
  readonly log: Logger;
  readonly registry: Registry;
  readonly limits?: Partial<SpoolLimits>;
  /** The space of its disk; what the file system says by default. */
  readonly space?: () => Promise<DiskSpace | null>;
  /** What is spooled, for the log. */
  readonly holds?: string;
  /** What its metrics begin with. */
  readonly metrics?: string;
  /** How long after its first block a segment of this name is sealed, in milliseconds; `segmentAgeMs` by default. */
  readonly sealAfterMs?: (segment: string) => number;
  /** Told every block that is durable, before `append` resolves. */
  readonly onDurable?: (block: DurableBlock) => void;
}

/** A block that survives the death of any process. */
export interface DurableBlock {
  /** The segment that holds it, and where in its file. */
  readonly segment: string;
  readonly offset: number;
  readonly length: number;
  readonly rows: number;
  readonly arrival: number;
}

/** What makes a segment whole. */
type SealReason = 'bytes' | 'rows' | 'age' | 'close';

export type AppendResult =
  | { readonly kind: 'durable' }
  /** Nothing of the block was kept. */
  | { readonly kind: 'blocked'; readonly reason: string };

/** Of the largest backlog: with so much of it the store has caught up, as the log has it. */
const CAUGHT_UP_SHARE = 0.75;

/** The store is inserting the first of them, and has the second one when it is done. */
const SEGMENTS_AHEAD = 2;
/** A store that has taken nothing for so long is not waited for: the spool is what takes spans meanwhile. */
const STORE_UNAVAILABLE_MS = 2_000;

/**
 * The write-ahead log. Blocks are appended to the open segment; sealed segments wait in order for the loader. What has
 * been answered with `durable` survives.
 */
export class Spool {
  readonly #options: SpoolOptions;
  readonly #limits: SpoolLimits;
  readonly #metrics: SpoolMetrics;
  readonly #holds: string;
  readonly #reserve: DiskReserve;
  readonly #removals: RemovalSync;
  readonly #sealed: Segment[] = [];
  /** Names of sealed segments that the loader lets others pass. */
  #passed: ReadonlySet<string> = new Set();
  #quarantined: readonly string[] = [];
  #open: OpenSegment | null = null;
  /**
   * The next one: to create its files durably takes longer than to write a block, and nobody shall wait for it. Null
   * inside where that failed: the next block gives the reason.
   */
  #prepared: Promise<OpenSegment | null> | null = null;
  /** No longer open, and not sealed before its files are closed, or recovered where a write to it failed. */
  #sealing: OpenSegment | null = null;
  /** A write to them failed; what was acknowledged in them is still to be sealed. */
  readonly #unrecovered: OpenSegment[] = [];
  #recoverTimer: NodeJS.Timeout | null = null;
  /** The last one that was logged. */
  #toldGivenUp = '';
  #backlogBytes = 0;
  #nextNumber = 1;
  #sealTimer: NodeJS.Timeout | null = null;
  #retryTimer: NodeJS.Timeout | null = null;
  #looking: Promise<void> | null = null;
  #lookFailure = '';
  #writeFailure: { readonly reason: string; readonly retryAtMs: number } | null = null;
  #closed = false;
  /** Closed, and its last segment sealed: the loader has to wait for that one as well. */
  #isEnded = false;
  #isFullLogged = false;
  /** Appending and sealing take turns. */
  #turn: Promise<unknown> = Promise.resolve();
  #wakeLoader: (() => void) | null = null;
  #wakeHeld: (() => void) | null = null;
  /** When the store last took a segment. */
  #releasedAtMs = -Infinity;

  constructor(options: SpoolOptions) {
    this.#options = options;
    this.#limits = { ...SPOOL_LIMITS, ...options.limits };
    this.#holds = options.holds ?? 'spans';
    this.#reserve = new DiskReserve({
      bytes: this.#limits.diskReserveBytes,
      space: options.space ?? ((): Promise<DiskSpace | null> => diskSpace(options.directory)),
      now: () => performance.now(),
    });
    this.#removals = new RemovalSync(
      () => syncDirectory(options.directory),
      (error) => options.log.warn({ err: error }, 'syncing the spool directory failed; stored segments may come back'),
    );
    this.#metrics = new SpoolMetrics(options.registry, () => this.status, options.metrics);
  }

  get status(): SpoolStatus {
    const unsealed = this.#sealing ?? this.#open;
    const oldest = (this.#sealed[0] ?? this.#unrecovered[0] ?? unsealed)?.firstBlockAtMs;
    return {
      backlogSegments: this.#sealed.length + this.#unrecovered.length + (unsealed === null ? 0 : 1),
      backlogBytes: this.#backlogBytes,
      backlogAgeMs: oldest === undefined ? 0 : Math.max(0, Date.now() - oldest),
      blockedBy: this.blockedBy,
      quarantinedSegments: this.#quarantined,
    };
  }

  /**
   * When the oldest block came that the store has not taken; null where it has taken all. Of an older version's segment
   * 0.
   */
  get firstArrival(): number | null {
    const waiting = this.#sealed.map(({ arrivals }) => arrivals?.first ?? 0);
    const unsealed = [...this.#unrecovered, this.#sealing, this.#open].flatMap(
      (segment) => segment?.firstArrival ?? [],
    );
    const all = [...waiting, ...unsealed];
    return all.length === 0 ? null : Math.min(...all);
  }

  /** The segment that blocks are appended to; null while none is. */
  get openName(): string | null {
    return this.#open?.name ?? null;
  }

  /** Bytes of a segment's blocks that are durable. Rejects where the segment has been removed. */
  read(segment: string, offset: number, length: number): Promise<Uint8Array> {
    return readSegment(this.#options.directory, segment, offset, length);
  }

  /** Seals the segment when it is so old, if it is still open. */
  sealBy(segment: string, ageMs: number): void {
    const open = this.#open;
    if (open?.name !== segment) return;
    if (this.#sealTimer !== null) clearTimeout(this.#sealTimer);
    this.#sealTimer = null;
    this.#scheduleSeal(open, ageMs);
  }

  /** Seals the open segment at once when it is so old, whatever waits before it. */
  async sealOlderThan(ageMs: number): Promise<void> {
    const open = this.#open;
    if (open === null || Date.now() < open.firstBlockAtMs + ageMs) return;
    await this.#inTurn(async () => {
      if (this.#open === open) await this.#seal('age');
    });
  }

  /** Segments that wait for the loader, the oldest first. */
  get sealed(): readonly Segment[] {
    return this.#sealed;
  }

  /** How many segments wait that are not passed by others. */
  get #ahead(): number {
    return this.#sealed.filter(({ name }) => !this.#passed.has(name)).length;
  }

  /** Why `append` would take nothing now; null while it would. */
  get blockedBy(): string | null {
    if (this.#closed) return 'the collector is shutting down';
    if (this.isBacklogFull) {
      return `the backlog is full: ${this.#backlogBytes} bytes are not stored yet`;
    }
    const failure = this.#writeFailure;
    return failure !== null && performance.now() < failure.retryAtMs ? failure.reason : null;
  }

  get isBacklogFull(): boolean {
    return this.#backlogBytes >= this.#limits.backlogBytesMax;
  }

  /** Creates the directory and recovers what an earlier process left. Call it before anything else. */
  async open(): Promise<void> {
    const { directory } = this.#options;
    await createDurableDirectory(directory);
    const names = await listSegments(directory);
    const withoutData = await findWithoutData(directory);
    const all = [...names, ...withoutData].toSorted();
    const newest = await newestSegment(directory, all);
    // Files are there, durably, before anything is written to them: one that is gone is not torn.
    for (const name of all) await this.#recover(name, name === newest && !withoutData.includes(name));
    await this.#lookForRetries();
    const numbers = [...this.#sealed.map(({ name }) => name), ...this.#quarantined].map(
      (name) => parseInt(name, 10) || 0,
    );
    this.#nextNumber = Math.max(0, ...numbers) + 1;
    this.#prepare();
    await this.#prepared;
    this.#retryTimer = setInterval(() => {
      this.#looking ??= this.#lookForRetries().finally(() => (this.#looking = null));
    }, this.#limits.retryLookMs).unref();
  }

  async #recover(name: string, mayBeTorn: boolean): Promise<void> {
    const { directory, log } = this.#options;
    const onDamage = (blocks: number): Promise<void> => this.#tellDamaged(name, blocks);
    const { segment, tornBlocks } = await recoverSegment(directory, name, { mayBeTorn, mayBeStored: true, onDamage });
    if (tornBlocks > 0)
      log.warn({ segment: name }, 'dropped a block that had not reached the disk when the process ended');
    if (segment !== null) this.#addSealed(segment);
  }

  /** Of blocks that may have been acknowledged. */
  async #tellDamaged(name: string, damagedBlocks: number): Promise<void> {
    const { directory, log } = this.#options;
    this.#metrics.damagedBlocks.inc(damagedBlocks);
    log.error({ segment: name, damagedBlocks }, 'spool segment is damaged; keeping its intact blocks');
    const reason = `${damagedBlocks} damaged blocks; the intact ones were kept for the store`;
    await noteReason(directory, `${name}${DAMAGED_SUFFIX}`, reason).catch(() => {});
  }

  /**
   * Takes quarantined segments back that somebody wants to be loaded again, and sees which are left. Never
   * rejects.
   */
  async #lookForRetries(): Promise<void> {
    const { directory, log } = this.#options;
    try {
      const isHeld = (name: string): boolean => this.#sealed.some((segment) => segment.name === name);
      for await (const name of takeRetries(directory, isHeld)) {
        await this.#recover(name, false);
        log.info({ segment: name }, 'retrying a quarantined segment');
      }
      this.#quarantined = await listQuarantined(directory);
      this.#lookFailure = '';
    } catch (error) {
      const failure = error instanceof Error ? error.message : String(error);
      if (failure !== this.#lookFailure)
        log.error({ err: error }, 'could not look for segments to retry; will look again');
      this.#lookFailure = failure;
    }
    if (this.#sealed.length > 0) this.#wakeLoader?.();
  }

  /**
   * Waits while the store takes segments and has enough of them before it, until it has taken one, and no longer than
   * `holdMs`. One call at a time, before `append`. Senders that wait for their answers then send as fast as the store
   * takes, and what they sent can be found soon, instead of a backlog that grows while they are sending.
   */
  async throttle(): Promise<void> {
    const isUnavailable = performance.now() - this.#releasedAtMs > STORE_UNAVAILABLE_MS;
    if (this.#ahead < SEGMENTS_AHEAD || isUnavailable || this.#limits.holdMs === 0 || this.#closed) return;
    this.#metrics.heldCommits.inc();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, this.#limits.holdMs);
      this.#wakeHeld = (): void => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wakeHeld = null;
  }

  /** One call at a time: what arrives meanwhile belongs into the next block. The bytes are free when it resolves. */
  append(block: Uint8Array, rows: number, facts?: BlockFacts): Promise<AppendResult> {
    return this.#inTurn(async () => {
      const reason = this.blockedBy;
      if (reason !== null) return this.#blocked(reason);
      const lack = await this.#reserve.lackFor(block.length);
      if (lack !== null) {
        this.#fail(lack, null);
        return this.#blocked(lack);
      }
      await this.#makeRoom(block.length, rows);
      try {
        this.#open ??= await this.#nextSegment();
        const endTimer = this.#metrics.commitSeconds.startTimer();
        await this.#open.append(block, rows, facts);
        endTimer();
      } catch (error) {
        return this.#blocked(await this.#recoverOpenSegment(error));
      }
      if (this.#writeFailure !== null) this.#options.log.warn(`spool writable again: accepting ${this.#holds}`);
      this.#writeFailure = null;
      if (this.#prepared === null) this.#prepare();
      this.#backlogBytes += block.length;
      if (this.isBacklogFull) this.#logFull(true);
      this.#metrics.bytes.inc(block.length);
      if (facts !== undefined) {
        const { name: segment, bytes } = this.#open;
        const { length } = block;
        this.#options.onDurable?.({ segment, offset: bytes - length, length, rows, arrival: facts.arrival });
      }
      const full = this.#fullBecause(this.#open);
      if (full !== null) await this.#seal(full);
      else this.#scheduleSeal(this.#open);
      return { kind: 'durable' };
    });
  }

  /**
   * The oldest sealed segment but for those that are passed; waits for one. Null when the signal aborts, or none is
   * left after `close`.
   */
  async nextSealed(signal: AbortSignal, passed: ReadonlySet<string> = new Set()): Promise<Segment | null> {
    this.#passed = passed;
    while (!signal.aborted) {
      const segment = this.#sealed.find(({ name }) => !passed.has(name));
      if (segment !== undefined) return segment;
      if (this.#isEnded) return null;
      // It was left to grow while it would have had to wait.
      if (this.#open !== null) this.#scheduleSeal(this.#open);
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          signal.removeEventListener('abort', wake);
          resolve();
        };
        this.#wakeLoader = wake;
        signal.addEventListener('abort', wake);
      });
    }
    return null;
  }

  /** The engine has the segment: its files go. Soon afterwards no power failure brings them back. */
  async release(segment: Segment): Promise<void> {
    await removeSegment(this.#options.directory, segment.name);
    this.#removals.request();
    this.#releasedAtMs = performance.now();
    this.#forget(segment);
  }

  /**
   * The engine rejected the segment for good: it goes to `rejected/`. Where that fails it stays, and may be quarantined
   * again.
   */
  async quarantine(segment: Segment, reason: string): Promise<void> {
    const { directory } = this.#options;
    // For people only: on a full disk there is no room for it, while files can be moved.
    await noteReason(directory, segment.name, reason).catch(() => {});
    await quarantineSegment(directory, segment.name);
    this.#quarantined = [...this.#quarantined, segment.name];
    this.#forget(segment);
  }

  /** Seals the open segment; takes nothing after it. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#wakeHeld?.();
    if (this.#retryTimer !== null) clearInterval(this.#retryTimer);
    await this.#looking;
    await this.#inTurn(async () => {
      await this.#seal('close');
      await this.#recoverAll();
    });
    this.#isEnded = true;
    this.#wakeLoader?.();
    await (await this.#prepared)?.discard();
    this.#prepared = null;
    await this.#removals.settled();
  }

  #prepare(): void {
    this.#prepared = OpenSegment.create(this.#options.directory, this.#nextName()).catch(() => null);
  }

  async #nextSegment(): Promise<OpenSegment> {
    const prepared = await this.#prepared;
    this.#prepared = null;
    const isThere = prepared !== null && (await prepared.isThere());
    if (prepared !== null && !isThere) await prepared.close();
    const segment = isThere ? prepared : await OpenSegment.create(this.#options.directory, this.#nextName());
    segment.firstBlockAtMs = Date.now();
    return segment;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return result;
  }

  #blocked(reason: string): AppendResult {
    this.#metrics.blocked.inc();
    return { kind: 'blocked', reason };
  }

  #fullBecause({ bytes, rows }: Pick<OpenSegment, 'bytes' | 'rows'>): SealReason | null {
    const { segmentBytesMax, segmentRowsMax, segmentRowsIdle } = this.#limits;
    if (bytes >= segmentBytesMax) return 'bytes';
    const isIdle = this.#sealed.length === 0;
    return rows >= (isIdle ? Math.min(segmentRowsIdle, segmentRowsMax) : segmentRowsMax) ? 'rows' : null;
  }

  /**
   * A line where the state changes, not one a refusal. At the limit a backlog may be full and not several times a
   * second.
   */
  #logFull(isFull: boolean): void {
    if (isFull === this.#isFullLogged) return;
    if (!isFull && this.#backlogBytes > this.#limits.backlogBytesMax * CAUGHT_UP_SHARE) return;
    this.#isFullLogged = isFull;
    if (isFull) this.#options.log.error(`spool full, rejecting ${this.#holds}: ${this.blockedBy}`);
    else this.#options.log.warn(`accepting ${this.#holds} again: the store has caught up`);
  }

  /** A segment goes beyond its size only by a single block that is larger itself. */
  async #makeRoom(bytes: number, rows: number): Promise<void> {
    const open = this.#open;
    if (open === null) return;
    const { segmentBytesMax, segmentRowsMax } = this.#limits;
    if (open.bytes + bytes > segmentBytesMax) await this.#seal('bytes');
    else if (open.rows + rows > segmentRowsMax) await this.#seal('rows');
  }

  #scheduleSeal({ firstBlockAtMs, name }: OpenSegment, byAgeMs?: number): void {
    // While the engine is busy the segment may grow: larger ones cost it less.
    if (this.#sealTimer !== null || this.#ahead > 0) return;
    const ageMs = byAgeMs ?? this.#options.sealAfterMs?.(name) ?? this.#limits.segmentAgeMs;
    const delayMs = Math.max(0, firstBlockAtMs + ageMs - Date.now());
    this.#sealTimer = setTimeout(
      () => {
        this.#sealTimer = null;
        this.#inTurn(() => this.#seal('age')).catch((error: unknown) => {
          this.#options.log.error(
            { err: error },
            'could not seal a spool segment; it will be loaded at the next start',
          );
        });
      },
      Math.min(delayMs, ageMs),
    );
  }

  async #seal(because: SealReason): Promise<void> {
    if (this.#sealTimer !== null) clearTimeout(this.#sealTimer);
    this.#sealTimer = null;
    const open = this.#open;
    if (open === null) return;
    this.#open = null;
    this.#sealing = open;
    const segment = await open.close();
    this.#sealing = null;
    this.#metrics.sealed.inc({ because });
    this.#sealed.push(segment);
    this.#wakeLoader?.();
  }

  #addSealed(segment: Segment): void {
    this.#sealed.push(segment);
    this.#backlogBytes += segment.bytes;
  }

  #forget(segment: Segment): void {
    this.#sealed.splice(this.#sealed.indexOf(segment), 1);
    this.#backlogBytes -= segment.bytes;
    if (!this.isBacklogFull) this.#logFull(false);
    if (this.#open !== null) this.#scheduleSeal(this.#open);
    this.#wakeHeld?.();
  }

  /** Takes nothing for a while. One line where the state changes, not one a failure. */
  #fail(reason: string, error: unknown, detail = reason): void {
    const { log } = this.#options;
    const words = `spool write failed, rejecting ${this.#holds}: ${detail}`;
    if (this.#writeFailure?.reason !== reason) log.error(error === null ? {} : { err: error }, words);
    this.#writeFailure = { reason, retryAtMs: performance.now() + this.#limits.writeRetryMs };
  }

  /** After a failed write: what was acknowledged in the open segment is sealed, the rest is cut off. */
  async #recoverOpenSegment(failure: unknown): Promise<string> {
    const reason = isDiskFull(failure) ? 'the disk is full' : `the spool cannot be written: ${messageOf(failure)}`;
    this.#fail(reason, failure, isDiskFull(failure) ? reason : messageOf(failure));
    const open = this.#open;
    this.#open = null;
    if (open === null) return reason;
    if (this.#sealTimer !== null) clearTimeout(this.#sealTimer);
    this.#sealTimer = null;
    this.#unrecovered.push(open);
    // Whatever that ends in, its files are closed.
    await Promise.allSettled([open.close()]);
    await this.#recoverAll();
    return reason;
  }

  /**
   * The disk that has failed a write may fail this as well: it is tried again until it succeeds, or the next start does
   * it.
   */
  async #recoverAll(): Promise<void> {
    const { directory, log } = this.#options;
    if (this.#recoverTimer !== null) clearTimeout(this.#recoverTimer);
    this.#recoverTimer = null;
    for (let open = this.#unrecovered[0]; open !== undefined; open = this.#unrecovered[0]) {
      try {
        const { segment, damagedBlocks } = await recoverSegment(directory, open.name, {
          mayBeTorn: true,
          blocksMax: open.blocks,
          mayBeStored: false,
          onDamage: async (blocks) => {
            if (this.#toldGivenUp !== open.name) await this.#tellDamaged(open.name, blocks);
          },
        });
        this.#backlogBytes -= open.bytes;
        if (segment !== null) this.#addSealed(segment);
        this.#unrecovered.shift();
        this.#wakeLoader?.();
        if (damagedBlocks > 0) this.#quarantined = await listQuarantined(directory).catch(() => this.#quarantined);
      } catch (error) {
        if (this.#toldGivenUp !== open.name) {
          log.error({ err: error, segment: open.name }, 'recovering a spool segment failed; will retry');
        }
        this.#toldGivenUp = open.name;
        if (!this.#closed) {
          const again = (): void => void this.#inTurn(() => this.#recoverAll());
          this.#recoverTimer = setTimeout(again, this.#limits.writeRetryMs);
        }
        return;
      }
    }
  }

  #nextName(): string {
    return `${String(this.#nextNumber++).padStart(12, '0')}-${randomBytes(6).toString('hex')}`;
  }
}

function isDiskFull(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ENOSPC' || code === 'EDQUOT';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
