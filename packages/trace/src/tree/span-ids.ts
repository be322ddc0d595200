import { IdTable } from './id-table.ts';
import type { Span } from '../otlp.ts';

/**
 * Which spans have an id together, and which are repeats. Looks at the whole of a span only where both id and times
 * come twice.
 */
export class SpanIds {
  repeats = 0;
  readonly firstById = new IdTable();
  /** The ids that more than one span has, with all of these, in the order in which they came. */
  readonly sharers = new Map<string, number[]>();
  readonly #spans: readonly Span[];
  readonly #content: (index: number) => string;
  /** Of ids that came a second time: the first span of this shape, or all of that shape by what they hold. */
  readonly #seen = new Map<string, number | Map<string, number>>();

  /**
   * @param spans those added so far; the caller appends to it.
   * @param content all that was received of one of them.
   */
  constructor(spans: readonly Span[], content: (index: number) => string) {
    this.#spans = spans;
    this.#content = content;
  }

  /** Adds the span that `spans` ends with. False for a repeat, which is counted. */
  addLast(spanId: string): boolean {
    if (spanId === '') return true;
    const index = this.#spans.length - 1;
    const first = this.firstById.add(spanId, index);
    if (first === index) return true;
    const sharers = this.sharers.get(spanId);
    if (sharers === undefined) {
      const shape = this.#shape(spanId, first);
      if (!this.#seen.has(shape)) this.#seen.set(shape, first);
    }
    if (this.#isRepeat(this.#shape(spanId, index), index)) {
      this.repeats++;
      return false;
    }
    if (sharers === undefined) this.sharers.set(spanId, [first, index]);
    else sharers.push(index);
    return true;
  }

  #isRepeat(shape: string, index: number): boolean {
    const seen = this.#seen.get(shape);
    if (seen === undefined) {
      this.#seen.set(shape, index);
      return false;
    }
    const contents = typeof seen === 'number' ? new Map([[this.#content(seen), seen]]) : seen;
    this.#seen.set(shape, contents);
    const content = this.#content(index);
    if (contents.has(content)) return true;
    contents.set(content, index);
    return false;
  }

  /**
   * For each span its place among those with the same id, kind, times and name, by what they hold; 0 for one without
   * such.
   */
  twinOrdinals(): Uint32Array {
    const ordinals = new Uint32Array(this.#spans.length);
    for (const contents of this.#seen.values()) {
      if (typeof contents === 'number') continue;
      const sorted = Array.from(contents).toSorted(([a], [b]) => (a < b ? -1 : 1));
      for (const [ordinal, [, index]] of sorted.entries()) ordinals[index] = ordinal;
    }
    return ordinals;
  }

  #shape(spanId: string, index: number): string {
    const { kind = 0, startTimeUnixNano, endTimeUnixNano, name } = this.#spans[index]!;
    return `${spanId} ${kind} ${startTimeUnixNano} ${endTimeUnixNano} ${name}`;
  }
}
