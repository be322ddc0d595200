import type { CountsMessage, Total } from '../exchange/exchange-message.ts';
import type { HeardProcess } from './counted-until.ts';
import { readTotals, saveTotals, type ProcessTotals } from './saved-totals.ts';
import { minus, totalKey, type KnownTotal } from './known-total.ts';

/** What a message added. Its requests started to be counted at `fromMs` and ended by `toMs`, since the epoch. */
export interface CountsRecord {
  /** Grows by one with each record. */
  readonly number: number;
  readonly service: string;
  readonly instance: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** Set where nothing was known of the process before. */
  readonly begins?: true;
  /** False for what another collector counts, which has handed the message on, and for what is too long ago. */
  readonly isCounted: boolean;
  readonly added: readonly Total[];
}

export interface TotalsLimits {
  readonly totalsMax: number;
  readonly processesMax: number;
  readonly processLiveMs: number;
}

/** `rejected`: the message contradicts an earlier one of its process; nothing of it counts. */
export type Advance =
  | {
      readonly kind: 'advanced';
      /** Null where the message adds nothing. */
      readonly record: CountsRecord | null;
      /** Totals that were deferred to a later message, and the limit that is reached. */
      readonly deferred: number;
      readonly limit: 'totalsMax' | 'processesMax';
    }
  | { readonly kind: 'rejected'; readonly message: string };

/** The longest time that counts are spread over, and that a process may have counted before its first message. */
const SPREAD_MS_MAX = 3_600_000;
/** A single window says little, since some are short on purpose: a longer one that was known shrinks to this share. */
const WINDOW_SHRINKS = 0.8;
/**
 * The first message of a process comes so many times sooner than later ones: `HURRY_FACTOR` of the SDK, a second
 * instead of five.
 */
const FIRST_SOONER = 5;
/** Where there is no room for a new process, who has been silent for so long is forgotten; looked for so often. */
const ROOM_LIVE_MS = 3_600_000;
const ROOM_INTERVAL_MS = 10_000;

/**
 * What every process has reported last, from which follows what its next message adds: a message that is lost or
 * repeated changes no sum. Totals beyond the limits are deferred, whole, until there is room.
 */
export class Totals {
  readonly #limits: TotalsLimits;
  readonly #processes = new Map<string, ProcessTotals>();
  #size = 0;
  #lastNumber = 0;
  #madeRoomMs = -Infinity;

  constructor(limits: TotalsLimits) {
    this.#limits = limits;
  }

  /** How many totals are remembered. */
  get size(): number {
    return this.#size;
  }

  get processes(): number {
    return this.#processes.size;
  }

  heard(): Iterable<HeardProcess> {
    return this.#processes.values();
  }

  /**
   * `nowMs` is since the epoch. Of a message that was handed on, totals that are behind are old news and no
   * contradiction.
   */
  advance(message: CountsMessage, nowMs: number, isCounted: boolean): Advance {
    const { service, instance } = message;
    const known = this.#processes.get(processKey(service, instance));
    if (this.#isFull) this.#makeRoom(nowMs);
    const added: Total[] = [];
    const isTooMany = known === undefined && this.#processes.size >= this.#limits.processesMax;
    const limit = isTooMany ? 'processesMax' : 'totalsMax';
    let deferred = isTooMany ? message.totals.length : 0;
    let size = this.#size;
    for (const total of isTooMany ? [] : message.totals) {
      const before = known?.byKey.get(totalKey(total));
      if (before === undefined && size >= this.#limits.totalsMax) {
        deferred++;
        continue;
      }
      if (before === undefined) size++;
      const difference = before === undefined ? total : minus(total, before);
      if (difference === null) {
        if (!isCounted) continue;
        return { kind: 'rejected', message: `the totals of ${JSON.stringify(total.name)} are less than they were` };
      }
      if (difference.requests > 0) added.push(difference);
    }
    const { windowMs: toldWindowMs, uptimeMs = toldWindowMs } = message;
    const windowMs = known === undefined ? uptimeMs : nowMs - known.toldMs;
    const isFirst = known === undefined && message.uptimeMs === toldWindowMs;
    const atLeastMs = isFirst ? toldWindowMs * FIRST_SOONER : (known?.windowMs ?? 0) * WINDOW_SHRINKS;
    const usualMs = Math.min(SPREAD_MS_MAX, Math.max(toldWindowMs, atLeastMs));
    if (known !== undefined) {
      known.heardMs = nowMs;
      known.windowMs = usualMs;
    }
    if (added.length === 0) {
      // What comes next was counted after this.
      if (known !== undefined) known.toldMs = nowMs;
      return { kind: 'advanced', record: null, deferred, limit };
    }
    const fromMs = nowMs - Math.min(SPREAD_MS_MAX, Math.max(0, windowMs));
    // What a process did long before it is heard of may have been counted and forgotten: it counts from now on.
    const isOld = known === undefined && uptimeMs > SPREAD_MS_MAX;
    const number = ++this.#lastNumber;
    const isKnown = { isCounted: isCounted && !isOld, ...(known === undefined && { begins: true as const }) };
    const record = { number, service, instance, fromMs, toMs: nowMs, ...isKnown, added };
    this.#apply(record, usualMs);
    return { kind: 'advanced', record, deferred, limit };
  }

  /**
   * Adds what a record says, as far as it is not known already. Records come in the order of their numbers, each any
   * number of times.
   */
  apply(record: CountsRecord): void {
    this.#apply(record, record.toMs - record.fromMs);
  }

  /** Counts records on from this number at least. */
  skipTo(number: number): void {
    this.#lastNumber = Math.max(this.#lastNumber, number);
  }

  #apply(record: CountsRecord, windowMs: number): void {
    const { number, service, toMs } = record;
    this.skipTo(number);
    const key = processKey(service, record.instance);
    let process = this.#processes.get(key);
    if (process !== undefined && number < process.begin) return;
    if (process !== undefined && record.begins === true && number > process.begin) {
      this.#forget(key, process);
      process = undefined;
    }
    if (process === undefined) {
      process = { service, begin: number, toldMs: toMs, heardMs: toMs, windowMs, byKey: new Map() };
      this.#processes.set(key, process);
    }
    process.toldMs = Math.max(process.toldMs, toMs);
    for (const total of record.added) this.#add(process, total, number);
  }

  /** Takes back a record that could not be made durable. */
  undo(record: CountsRecord): void {
    const process = this.#processes.get(processKey(record.service, record.instance));
    if (process === undefined) return;
    process.toldMs = record.fromMs;
    for (const total of record.added) {
      const key = totalKey(total);
      const known = process.byKey.get(key);
      if (known === undefined) continue;
      addTo(known, total, -1);
      // All records before it are there, and it was the last one.
      known.number = record.number - 1;
      if (known.requests === 0 && process.byKey.delete(key)) this.#size--;
    }
    if (process.byKey.size === 0) this.#processes.delete(processKey(record.service, record.instance));
  }

  get #isFull(): boolean {
    return this.#processes.size >= this.#limits.processesMax || this.#size >= this.#limits.totalsMax;
  }

  /** A look at all processes: not for each message. */
  #makeRoom(nowMs: number): void {
    if (nowMs - this.#madeRoomMs < ROOM_INTERVAL_MS) return;
    this.#madeRoomMs = nowMs;
    this.forget(nowMs, Math.min(this.#limits.processLiveMs, ROOM_LIVE_MS));
  }

  /** Forgets who has been silent for so long. */
  forget(nowMs: number, liveMs = this.#limits.processLiveMs): void {
    for (const [key, process] of this.#processes) if (nowMs - process.toldMs > liveMs) this.#forget(key, process);
  }

  #forget(key: string, { byKey }: ProcessTotals): void {
    this.#processes.delete(key);
    this.#size -= byKey.size;
  }

  /**
   * All of it as text for `restore`, in pieces that are soon made. Between two pieces records may be added, forgotten
   * and taken back: the text holds every record up to the one that was the last at the first piece, and says of each
   * total which later ones it holds.
   */
  save(pieceWork?: number): Generator<string, void> {
    return saveTotals({ lastNumber: this.#lastNumber, processes: this.#processes }, pieceWork);
  }

  /**
   * Takes what `save` has made, or what older collectors have, while nothing is known. Returns the number up to which
   * all records are in it. Throws `SyntaxError` or `TypeError` for anything else.
   */
  restore(text: string): number {
    const { lastNumber, processes } = readTotals(text);
    for (const [key, process] of processes) {
      this.#processes.set(key, process);
      this.#size += process.byKey.size;
    }
    this.#lastNumber = lastNumber;
    return lastNumber;
  }

  #add(process: ProcessTotals, total: Total, number: number): void {
    const key = totalKey(total);
    let known = process.byKey.get(key);
    if (known === undefined) {
      process.byKey.set(key, (known = { number, requests: 0, durationSumNs: 0, counts: new Map() }));
      this.#size++;
    } else if (number <= known.number) return;
    known.number = number;
    addTo(known, total, 1);
  }
}

function addTo(known: KnownTotal, { requests, durationSumNs, offset, counts }: Total, sign: 1 | -1): void {
  known.requests += sign * requests;
  known.durationSumNs += sign * durationSumNs;
  for (const [index, count] of counts.entries()) {
    if (count > 0) known.counts.set(offset + index, (known.counts.get(offset + index) ?? 0) + sign * count);
  }
}

function processKey(service: string, instance: string): string {
  return JSON.stringify([service, instance]);
}
