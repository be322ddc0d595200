/** More than a usual segment and its parts take is not kept. */
const KEPT_BYTES_MAX = 128 * 1024 * 1024;
/** Nor is what nobody has used for so long … */
const KEPT_MS = 10_000;
/** … or less than a quarter of, so many times in a row. */
const SMALL_USES = 16;

const NOTHING: Buffer = Buffer.alloc(0);

/** Returns memory that is not zeroed, for as long as the use lasts that it is part of. */
export type TakeMemory = (length: number) => Buffer;

/**
 * Memory for a segment and its parts, which the next segment gets again. New memory for each takes as long as splitting
 * it: its pages are touched for the first time, and garbage is collected for it.
 */
export class SegmentMemory {
  #kept: Buffer = NOTHING;
  #smallUses = 0;
  #abandoned = 0;
  #forgetting: NodeJS.Timeout | undefined;

  /** Bytes that are held while nothing uses them. */
  get keptBytes(): number {
    return this.#kept.length;
  }

  /** A socket that was given up may still read what is lent now: that is not lent again. */
  abandon(): void {
    this.#abandoned += 1;
  }

  /**
   * Lends memory until `use` has settled. Where it rejects, a socket may still send what it was given: that memory is
   * not used again. Uses at the same time have nothing in common.
   */
  async lend<T>(use: (take: TakeMemory) => Promise<T>): Promise<T> {
    const slab = this.#kept;
    this.#kept = NOTHING;
    clearTimeout(this.#forgetting);
    const abandoned = this.#abandoned;
    let taken = 0;
    const result = await use((length) => {
      const begin = taken;
      taken += length;
      return taken <= slab.length ? slab.subarray(begin, taken) : Buffer.allocUnsafeSlow(length);
    });
    if (abandoned === this.#abandoned) this.#keep(slab, taken);
    return result;
  }

  #keep(slab: Buffer, taken: number): void {
    this.#smallUses = taken < slab.length / 4 ? this.#smallUses + 1 : 0;
    const isWasted = this.#smallUses === SMALL_USES;
    const fits = taken <= slab.length && !isWasted;
    if (isWasted) this.#smallUses = 0;
    // Another use may have left its own meanwhile.
    if (fits) this.#kept = slab;
    else this.#kept = taken > KEPT_BYTES_MAX ? NOTHING : Buffer.allocUnsafeSlow(taken);
    clearTimeout(this.#forgetting);
    this.#forgetting = setTimeout(() => (this.#kept = NOTHING), KEPT_MS).unref();
  }
}
