const SLOTS = 256;
const SLOT_MASK = SLOTS - 1;

/** Strings that are looked for in the bytes of a body, at most 32 of them. */
export class MemberNames {
  /** The position in `names` for each spelling, and its bytes. */
  readonly #members: number[] = [];
  readonly #spellings: Uint8Array[] = [];
  /** The spelling's number + 1 by its hash, 0 for none. */
  readonly #slots = new Uint8Array(SLOTS);

  constructor(names: readonly string[], spellings = bothCases) {
    for (const [member, name] of names.entries()) {
      for (const spelling of spellings(name)) this.#add(member, Buffer.from(spelling));
    }
  }

  /** The position of the name that stands there, in either spelling; −1 for any other. */
  find(bytes: Uint8Array, start: number, end: number): number {
    const length = end - start;
    const slots = this.#slots;
    for (let slot = hash(bytes, start, length); slots[slot] !== 0; slot = (slot + 1) & SLOT_MASK) {
      const spelling = (slots[slot] as number) - 1;
      if (isAt(bytes, start, this.#spellings[spelling] as Uint8Array, length)) return this.#members[spelling] as number;
    }
    return -1;
  }

  #add(member: number, spelling: Uint8Array): void {
    let slot = hash(spelling, 0, spelling.length);
    while (this.#slots[slot] !== 0) slot = (slot + 1) & SLOT_MASK;
    this.#members.push(member);
    this.#slots[slot] = this.#spellings.push(spelling);
  }
}

/** A member's name in camelCase and in snake_case. */
function bothCases(name: string): Iterable<string> {
  return new Set([name, name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)]);
}

/** OTLP's names have three bytes and more. What follows a shorter one may be the end of the body: then it is 0. */
function hash(bytes: Uint8Array, start: number, length: number): number {
  const first = bytes[start] as number;
  const third = bytes[start + 2] as number;
  return (length * 31 + first * 7 + third) & SLOT_MASK;
}

function isAt(bytes: Uint8Array, start: number, name: Uint8Array, length: number): boolean {
  if (name.length !== length) return false;
  for (let index = 0; index < length; index++) {
    if (bytes[start + index] !== name[index]) return false;
  }
  return true;
}
