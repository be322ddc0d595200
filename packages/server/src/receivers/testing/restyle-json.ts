import type { Seeded } from '../../columns/testing/seeded.ts';

/** How one body is written; each is the chance of one place to be written so. */
interface Style {
  readonly space: number;
  readonly shuffled: number;
  readonly snakeCase: number;
  readonly escaped: number;
  readonly plainNumber: number;
  readonly absent: number;
  readonly twice: number;
}

const CHANCES = [0, 0, 0, 0.02, 0.3, 1];
const RARE_CHANCES = [0, 0, 0, 0.01];

/** Writes a request as JSON in one of the many ways that are JSON, most of which mean the same request. */
export function restyledJson(request: unknown, random: Seeded): Buffer {
  const style: Style = {
    space: random.pick(CHANCES),
    shuffled: random.pick(CHANCES),
    snakeCase: random.pick(CHANCES),
    escaped: random.pick(CHANCES),
    plainNumber: random.pick(CHANCES),
    absent: random.pick(RARE_CHANCES),
    twice: random.pick(RARE_CHANCES),
  };
  return Buffer.from(new Writer(random, style).value(request));
}

class Writer {
  readonly #random: Seeded;
  readonly #style: Style;

  constructor(random: Seeded, style: Style) {
    this.#random = random;
    this.#style = style;
  }

  value(value: unknown): string {
    const random = this.#random;
    if (random.chance(this.#style.absent)) return this.#spaced(random.pick(ODD_VALUES));
    if (typeof value === 'string') {
      const isNumber = /^-?\d+$/.test(value) && random.chance(this.#style.plainNumber);
      return this.#spaced(isNumber ? value : this.#string(value));
    }
    if (Array.isArray(value))
      return this.#spaced(`[${value.map((item) => this.value(item)).join(',')}${this.#space()}]`);
    if (typeof value !== 'object' || value === null) return this.#spaced(JSON.stringify(value));
    return this.#object(Object.entries(value));
  }

  #object(entries: [name: string, value: unknown][]): string {
    const random = this.#random;
    const members = random.chance(this.#style.shuffled)
      ? entries.toSorted(() => (random.chance(0.5) ? 1 : -1))
      : [...entries];
    if (members.length > 0 && random.chance(this.#style.twice)) members.push(random.pick(members));
    if (random.chance(this.#style.twice)) members.splice(random.below(members.length + 1), 0, random.pick(UNKNOWN));
    const texts = members.map(([name, value]) => {
      const written = random.chance(this.#style.snakeCase) ? snakeCase(name) : name;
      return `${this.#spaced(JSON.stringify(written))}:${this.value(value)}`;
    });
    return this.#spaced(`{${texts.join(',')}${this.#space()}}`);
  }

  /** Surrogates, which come in pairs, are escaped where anything is. */
  #string(text: string): string {
    const escapes = Array.from({ length: text.length }, () => this.#random.chance(this.#style.escaped));
    if (!escapes.includes(true)) return JSON.stringify(text);
    const parts = escapes.map((isEscaped, index) => {
      const unit = text.charCodeAt(index);
      const isSurrogate = unit >= 0xd800 && unit < 0xe000;
      if (!isEscaped && !isSurrogate) return JSON.stringify(text[index]).slice(1, -1);
      return text[index] === '/' ? String.raw`\/` : String.raw`\u${unit.toString(16).padStart(4, '0')}`;
    });
    return `"${parts.join('')}"`;
  }

  #spaced(text: string): string {
    return this.#space() + text + this.#space();
  }

  #space(): string {
    return this.#random.chance(this.#style.space) ? this.#random.pick([' ', '\n', '\t', '\r\n  ']) : '';
  }
}

const UNKNOWN: readonly [string, unknown][] = [
  ['unknown', { deep: [[{ a: '}]"\\' }], null, -1.5e-7, true] }],
  ['attribute', 7],
  ['', 'nothing'],
  ['Name', null],
];

const ODD_VALUES = [
  'null null null 0 -0 1.5 1e3 -7 1e400 0.1234567890123456789 12345678901234567890 18446744073709551615',
  '9223372036854775808 4294967296 true {} [] [null] "" "1" "00" "0012" "1.0" "NaN" "-1" "SPAN_KIND_CLIENT" {"a":1}',
  '00 01 +1 1. .5 1e nul tru "\\x" "\\ud800" "\\n\\\\" "a\u0001" {"a"} [1,] {"a":1,}',
].flatMap((line) => line.split(' '));

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
