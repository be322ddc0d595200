/**
 * Which span came first with an id. Ids of 16 hexadecimal digits, which is almost all of them, are kept as two numbers
 * in typed arrays: a map from texts costs several times the time and memory.
 */
export class IdTable {
  #size = 0;
  /** For each slot, a span and one; 0 for a free slot. */
  #slots = new Uint32Array(SLOTS_MIN);
  #high = new Uint32Array(SLOTS_MIN);
  #low = new Uint32Array(SLOTS_MIN);
  /** Of ids in another form. */
  readonly #others = new Map<string, number>();

  /** The first span with this id; -1 for none. */
  find(id: string): number {
    if (!parse(id)) return this.#others.get(id) ?? -1;
    return this.#slots[this.#slotOf(parsedHigh, parsedLow)]! - 1;
  }

  /** The first span with this id, which is this one if none has it so far. */
  add(id: string, span: number): number {
    if (!parse(id)) {
      const first = this.#others.get(id);
      if (first === undefined) this.#others.set(id, span);
      return first ?? span;
    }
    const [high, low] = [parsedHigh, parsedLow];
    const slot = this.#slotOf(high, low);
    if (this.#slots[slot] !== 0) return this.#slots[slot]! - 1;
    this.#slots[slot] = span + 1;
    this.#high[slot] = high;
    this.#low[slot] = low;
    if (++this.#size * 2 > this.#slots.length) this.#grow();
    return span;
  }

  #slotOf(high: number, low: number): number {
    const mask = this.#slots.length - 1;
    let slot = hash(high, low) & mask;
    while (this.#slots[slot] !== 0 && (this.#low[slot] !== low || this.#high[slot] !== high)) slot = (slot + 1) & mask;
    return slot;
  }

  #grow(): void {
    const [slots, high, low] = [this.#slots, this.#high, this.#low];
    this.#slots = new Uint32Array(slots.length * 2);
    this.#high = new Uint32Array(slots.length * 2);
    this.#low = new Uint32Array(slots.length * 2);
    for (let from = 0; from < slots.length; from++) {
      if (slots[from] === 0) continue;
      const to = this.#slotOf(high[from]!, low[from]!);
      this.#slots[to] = slots[from]!;
      this.#high[to] = high[from]!;
      this.#low[to] = low[from]!;
    }
  }
}

const SLOTS_MIN = 64;

/** Spreads ids whatever they are made of: some senders count. */
function hash(high: number, low: number): number {
  let mixed = Math.imul(high ^ (high >>> 16), 0x85ebca6b) ^ Math.imul(low ^ (low >>> 15), 0x9e3779b1);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** The value of each digit; 16 for what is none. Letters in lower case alone: ids have been made so. */
const DIGITS = Uint8Array.from({ length: 128 }, (_, code) => {
  const digit = '0123456789abcdef'.indexOf(String.fromCharCode(code));
  return digit < 0 ? 16 : digit;
});

/** The result of `parse`, which every span needs twice: a pair for each would be garbage at once. */
let parsedHigh = 0;
let parsedLow = 0;

/** False for an id that is not of 16 digits. */
function parse(id: string): boolean {
  if (id.length !== 16) return false;
  let [high, low, strange] = [0, 0, 0];
  for (let at = 0; at < 16; at++) {
    const code = id.charCodeAt(at);
    const digit = code < 128 ? DIGITS[code]! : 16;
    strange |= digit;
    if (at < 8) high = (high << 4) | digit;
    else low = (low << 4) | digit;
  }
  if ((strange & 16) !== 0) return false;
  parsedHigh = high >>> 0;
  parsedLow = low >>> 0;
  return true;
}
