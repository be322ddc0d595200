import type { RejectionSummary } from './decoded-spans.ts';
import type { SpanRejection } from './ingest-result.ts';
import type { SpanBlock } from './span-block.ts';
import { countOf } from '../count-of.ts';

/** The spans of a request that a decoder rejected, while it appended the others. */
export class RejectedSpans {
  readonly counts = new Map<SpanRejection['code'], number>();
  /** How many were beyond each limit. */
  readonly limits = new Map<string, number>();
  #first = '';
  #total = 0;

  get total(): number {
    return this.#total;
  }

  add({ code, limit, message }: SpanRejection): void {
    if (this.#total === 0) this.#first = message;
    this.#total += 1;
    this.counts.set(code, (this.counts.get(code) ?? 0) + 1);
    if (limit !== undefined) this.limits.set(limit, (this.limits.get(limit) ?? 0) + 1);
  }

  clear(): void {
    this.counts.clear();
    this.limits.clear();
    this.#first = '';
    this.#total = 0;
  }

  /** As it may be handed to another thread. */
  get summary(): RejectionSummary {
    return { total: this.#total, counts: this.counts, limits: this.limits, message: this.message };
  }

  get message(): string {
    if (this.#total === 0) return '';
    const rejected = `${countOf(this.#total, 'span was', 'spans were')} rejected`;
    return this.#total === 1 ? `${rejected}: ${this.#first}` : `${rejected}, the first because: ${this.#first}`;
  }
}

/** Appends a request's spans. Throws `MalformedRequestError`, `RequestTooLargeError` or `TooLongHereError`. */
export type Decode = (block: SpanBlock, rejected: RejectedSpans) => void;
