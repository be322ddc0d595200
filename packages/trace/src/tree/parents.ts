import { SpanKind } from '../otlp.ts';
import type { ReceivedSpans } from './received-spans.ts';

export interface Parents {
  /** In the order received; -1 for none. Free of cycles. */
  readonly parentIndex: Int32Array;
  /** 1 where a parent is named that has not been received. */
  readonly missingParent: Uint8Array;
}

/**
 * Finds each span's parent by its id. Where a client and a server span share one id (Zipkin's way), the server span
 * is the client's child, and what names this id as its parent belongs to the span of its own service, or else to the
 * server span. Of several that are alike in this, as a call that is tried again may leave, it is the last that had
 * begun by then. A cycle is cut above its earliest span. The order of arrival decides nothing.
 */
export function resolveParents(received: ReceivedSpans): Parents {
  const { count, spanIds, parentSpanIds, firstById } = received;
  const parentIndex = new Int32Array(count).fill(-1);
  const missingParent = new Uint8Array(count);
  const sharers = new Map<string, Sharers>();
  const sharersOf = (spanId: string): Sharers | undefined => {
    // Most traces have none.
    if (received.sharers.size === 0) return undefined;
    const known = sharers.get(spanId);
    const spans = known === undefined ? received.sharers.get(spanId) : undefined;
    if (spans === undefined) return known;
    const found = new Sharers(received, spans);
    sharers.set(spanId, found);
    return found;
  };
  for (let index = 0; index < count; index++) {
    const caller = sharersOf(spanIds[index]!)?.callerOf(index) ?? -1;
    if (caller >= 0) {
      parentIndex[index] = caller;
      continue;
    }
    const parentSpanId = parentSpanIds[index]!;
    if (parentSpanId === '') continue;
    const parent = sharersOf(parentSpanId)?.parentOf(index) ?? firstById.find(parentSpanId);
    if (parent < 0) missingParent[index] = 1;
    else parentIndex[index] = parent;
  }
  cutCycles(received, parentIndex);
  return { parentIndex, missingParent };
}

const CALLER_KIND: ReadonlyMap<number, number> = new Map([
  [SpanKind.server, SpanKind.client],
  [SpanKind.consumer, SpanKind.producer],
]);

/** The spans that share an id. However many they are, each of them is found by binary search. */
class Sharers {
  readonly #received: ReceivedSpans;
  /** Those that are alike, the earliest first. */
  readonly #alike: ReadonlyMap<string, readonly number[]>;

  constructor(received: ReceivedSpans, spans: readonly number[]) {
    const { kind, serviceIndex } = received;
    const alike = new Map<string, number[]>();
    for (const span of spans.toSorted((a, b) => compareSpans(received, a, b))) {
      const service = serviceIndex[span]!;
      const keys = ['any', `of ${service}`, `kind ${kind[span]!}`];
      if (CALLER_KIND.has(kind[span]!)) keys.push('called', `called of ${service}`);
      for (const key of keys) {
        const known = alike.get(key);
        if (known === undefined) alike.set(key, [span]);
        else known.push(span);
      }
    }
    this.#received = received;
    this.#alike = alike;
  }

  /** The client span of a server span with the same id; -1 where there is none, or where the span is no server. */
  callerOf(span: number): number {
    const callerKind = CALLER_KIND.get(this.#received.kind[span]!);
    return callerKind === undefined ? -1 : (this.#begunBefore(span, `kind ${callerKind}`) ?? -1);
  }

  /** The one that a span means which names this id as its parent. */
  parentOf(span: number): number | undefined {
    const service = this.#received.serviceIndex[span]!;
    return (
      this.#begunBefore(span, `called of ${service}`) ??
      this.#begunBefore(span, `of ${service}`) ??
      this.#begunBefore(span, 'called') ??
      this.#begunBefore(span, 'any')
    );
  }

  /**
   * The first of those that began last by the span's start; the first of all where none had begun, as by another clock.
   */
  #begunBefore(span: number, key: string): number | undefined {
    const spans = this.#alike.get(key);
    if (spans === undefined) return undefined;
    const { startNs } = this.#received;
    const last = countWhile(spans, (other) => startNs[other]! <= startNs[span]!) - 1;
    if (last < 0) return spans[0];
    return spans[countWhile(spans, (other) => startNs[other]! < startNs[spans[last]!]!)];
  }
}

/** How many spans at the begin of a list hold a condition that none after them holds. */
function countWhile(spans: readonly number[], holds: (span: number) => boolean): number {
  let low = 0;
  let high = spans.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(spans[middle]!)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * The order of siblings: by start, then end, then span id as bytes. Names do not decide, so that a renamed
 * trace looks the same, but between spans that share id, kind and times: then all that they hold does, so that the
 * order of arrival never does.
 */
export function compareSpans(received: ReceivedSpans, a: number, b: number): number {
  const { startNs, endNs, spanIds, kind, names, twinOrdinals } = received;
  const byTime = startNs[a]! - startNs[b]! || endNs[a]! - endNs[b]!;
  if (byTime !== 0) return byTime;
  // Ids are lower-case hex: the order of their characters is that of their bytes.
  if (spanIds[a]! !== spanIds[b]!) return spanIds[a]! < spanIds[b]! ? -1 : 1;
  if (kind[a]! !== kind[b]!) return kind[b]! - kind[a]!;
  if (names[a]! !== names[b]!) return names[a]! < names[b]! ? -1 : 1;
  return twinOrdinals[a]! - twinOrdinals[b]! || a - b;
}

const UNSEEN = 0;
const ON_THIS_WALK = 1;
const DONE = 2;

function cutCycles(received: ReceivedSpans, parentIndex: Int32Array): void {
  const state = new Uint8Array(parentIndex.length);
  const walk: number[] = [];
  for (let start = 0; start < parentIndex.length; start++) {
    let at = start;
    while (at >= 0 && state[at] === UNSEEN) {
      state[at] = ON_THIS_WALK;
      walk.push(at);
      at = parentIndex[at]!;
    }
    if (at >= 0 && state[at] === ON_THIS_WALK) {
      const cycle = walk.slice(walk.indexOf(at));
      const earliest = cycle.reduce((best, span) => (compareSpans(received, span, best) < 0 ? span : best));
      parentIndex[earliest] = -1;
    }
    for (const span of walk) state[span] = DONE;
    walk.length = 0;
  }
}
