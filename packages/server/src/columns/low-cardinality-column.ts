import { equalWords, hashWords, viewOf } from './byte-view.ts';
import { ByteBuffer, Uint32Buffer } from './growable-buffers.ts';
import type { DropCounts } from './drop-counts.ts';
import { REPAIRED_TEXTS, repairedText } from './repaired-text.ts';

const FIRST_SLOTS = 64;

/**
 * Probes after which a string is taken for a new one. Strings that were crafted to collide then are in the
 * dictionary more than once, which the engine accepts, and never cost more than this.
 */
const PROBES_MAX = 32;

/**
 * A column of strings of which many are equal: each distinct string once, and a number for each row. Strings are
 * compared as bytes, and decoded only where they are no UTF-8.
 */
export class LowCardinalityColumn {
  /** The distinct strings, each as a length and its bytes. */
  readonly entries = new ByteBuffer();
  readonly indexes = new Uint32Buffer();
  readonly #seed: number;
  readonly #losses: DropCounts;
  /** Where an entry's bytes begin and end in `entries`. */
  readonly #starts = new Uint32Buffer();
  readonly #ends = new Uint32Buffer();
  readonly #hashes = new Uint32Buffer();
  /** The slot of each entry, to take it back; `NO_SLOT` for one that gave up probing. */
  readonly #slotOfEntry = new Uint32Buffer();
  /** Open addressing with linear probes: entry number + 1, 0 for a free slot. */
  #slots = new Uint32Array(FIRST_SLOTS);
  /**
   * A guess for each entry, at its number + 1: the one that came behind it last; and at 0 the one that came first in a
   * row. Spans carry the same keys in the same order.
   */
  readonly #followers = new Uint32Buffer();
  /** Where the guess for the next string stands. */
  #next = 0;

  /** `seed` keeps senders from knowing which strings collide. Texts that are not in UTF-8 are repaired and counted. */
  constructor(seed: number, losses: DropCounts) {
    this.#seed = seed;
    this.#losses = losses;
    this.#followers.push(0);
  }

  get entryCount(): number {
    return this.#starts.length;
  }

  append(source: Uint8Array, start: number, end: number): void {
    this.indexes.push(this.intern(source, start, end));
  }

  /** The number of a string, which becomes an entry if it is not one yet. */
  intern(source: Uint8Array, start: number, end: number): number {
    const next = this.#next;
    let entry = this.#followers.items[next] as number;
    if (entry >= this.entryCount || !this.#equals(entry, source, start, end)) {
      entry = this.#find(source, start, end);
      this.#followers.items[next] = entry;
    }
    this.#next = entry + 1;
    return entry;
  }

  /** The next string is the first of a row. */
  startRow(): void {
    this.#next = 0;
  }

  #find(source: Uint8Array, start: number, end: number): number {
    const hash = this.#hash(source, start, end);
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    for (let probes = 0; probes < PROBES_MAX; probes++) {
      const entry = (this.#slots[slot] as number) - 1;
      if (entry < 0) return this.#add(source, start, end, hash, slot);
      if (this.#hashes.items[entry] === hash && this.#equals(entry, source, start, end)) return entry;
      slot = (slot + 1) & mask;
    }
    return this.#add(source, start, end, hash, NO_SLOT);
  }

  /** A view into `entries`. */
  entry(index: number): Uint8Array {
    return this.entries.bytes.subarray(this.#starts.at(index), this.#ends.at(index));
  }

  /** Forgets all entries from this number on. Rows that use them must be forgotten as well. */
  truncateEntries(entryCount: number): void {
    // The last entry that was added is never in the probe path of an earlier one, so its slot can simply be freed.
    for (let entry = this.entryCount - 1; entry >= entryCount; entry--) {
      const slot = this.#slotOfEntry.at(entry);
      if (slot !== NO_SLOT) this.#slots[slot] = 0;
    }
    this.#next = 0;
    this.#followers.length = entryCount + 1;
    this.#starts.length = this.#ends.length = this.#hashes.length = this.#slotOfEntry.length = entryCount;
    this.entries.length = this.#ends.last();
  }

  clear(): void {
    const { length } = this.entries;
    this.truncateEntries(0);
    this.entries.length = length;
    this.entries.clear();
    this.indexes.clear();
  }

  #add(source: Uint8Array, start: number, end: number, hash: number, slot: number): number {
    const entry = this.entryCount;
    const { length } = this.entries;
    this.entries.varint(end - start);
    const begin = this.entries.length;
    if (this.entries.copy(source, start, end) !== 0) {
      const repaired = repairedText(source, start, end);
      if (repaired !== null) {
        this.entries.length = length;
        this.#losses.add(REPAIRED_TEXTS);
        return this.#find(repaired, 0, repaired.length);
      }
    }
    this.#starts.push(begin);
    this.#ends.push(this.entries.length);
    this.#hashes.push(hash);
    this.#followers.push(entry + 1);
    this.#slotOfEntry.push(slot);
    if (slot !== NO_SLOT) this.#slots[slot] = entry + 1;
    if (this.entryCount * 2 > this.#slots.length) this.#growSlots();
    return entry;
  }

  #growSlots(): void {
    this.#slots = new Uint32Array(this.#slots.length * 2);
    const mask = this.#slots.length - 1;
    for (let entry = 0; entry < this.entryCount; entry++) {
      let slot = this.#hashes.at(entry) & mask;
      let probes = 0;
      while (this.#slots[slot] !== 0 && probes++ < PROBES_MAX) slot = (slot + 1) & mask;
      const found = this.#slots[slot] === 0;
      if (found) this.#slots[slot] = entry + 1;
      this.#slotOfEntry.items[entry] = found ? slot : NO_SLOT;
    }
  }

  /** Of all bytes, from a secret beginning; the last mix is for the low bits, which choose the slot. */
  #hash(source: Uint8Array, start: number, end: number): number {
    const length = end - start;
    let hash = this.#seed;
    if (length >= 4) hash = hashWords(viewOf(source), start, length, hash);
    else for (let index = start; index < end; index++) hash = Math.imul(hash ^ (source[index] as number), 0x01000193);
    hash ^= hash >>> 15;
    hash = Math.imul(hash, 0x2c1b3c6d);
    return (hash ^ (hash >>> 13)) & HASH_MASK;
  }

  #equals(entry: number, source: Uint8Array, start: number, end: number): boolean {
    const entryStart = this.#starts.items[entry] as number;
    const length = end - start;
    if ((this.#ends.items[entry] as number) - entryStart !== length) return false;
    if (length >= 4) return equalWords(this.entries.view, entryStart, viewOf(source), start, length);
    const { bytes } = this.entries;
    for (let index = 0; index < length; index++) {
      if (bytes[entryStart + index] !== source[start + index]) return false;
    }
    return true;
  }
}

const NO_SLOT = 0xffff_ffff;
/** A small integer in V8, which needs no memory of its own. */
const HASH_MASK = 0x3fff_ffff;
