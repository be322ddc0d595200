import { SpanKind } from './otlp.ts';
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
 * server span. A cycle is cut above its earliest span.
 */
export function resolveParents(received: ReceivedSpans): Parents {
  const { count, spanIds, parentSpanIds, firstById, sharers } = received;
  const parentIndex = new Int32Array(count).fill(-1);
  const missingParent = new Uint8Array(count);
  for (let index = 0; index < count; index++) {
    const caller = findCallerOfSameId(received, index, sharers.get(spanIds[index]!));
    if (caller >= 0) {
      parentIndex[index] = caller;
      continue;
    }
    const parentSpanId = parentSpanIds[index]!;
    if (parentSpanId === '') continue;
    const candidates = sharers.get(parentSpanId);
    const parent = candidates ? chooseSharer(received, index, candidates) : firstById.get(parentSpanId);
    if (parent === undefined) missingParent[index] = 1;
    else parentIndex[index] = parent;
  }
  cutCycles(received, parentIndex);
  return { parentIndex, missingParent };
}

function findCallerOfSameId(received: ReceivedSpans, index: number, sharers: readonly number[] | undefined): number {
  if (sharers === undefined) return -1;
  const callerKind = CALLER_KIND.get(received.kind[index]!);
  return sharers.find((other) => received.kind[other] === callerKind) ?? -1;
}

const CALLER_KIND: ReadonlyMap<number, number> = new Map([
  [SpanKind.server, SpanKind.client],
  [SpanKind.consumer, SpanKind.producer],
]);

function chooseSharer(received: ReceivedSpans, child: number, sharers: readonly number[]): number {
  const { kind, serviceIndex } = received;
  let best = sharers[0]!;
  let bestScore = -1;
  for (const sharer of sharers) {
    const sameService = serviceIndex[sharer] === serviceIndex[child] ? 2 : 0;
    const score = sameService + (CALLER_KIND.has(kind[sharer]!) ? 1 : 0);
    if (score > bestScore) {
      best = sharer;
      bestScore = score;
    }
  }
  return best;
}

/**
 * The order in which siblings stand: by start, then end, then span id as bytes. Names never decide, so that a renamed
 * trace looks the same.
 */
export function compareSpans(received: ReceivedSpans, a: number, b: number): number {
  const { startNs, endNs, spanIds, kind } = received;
  const byTime = startNs[a]! - startNs[b]! || endNs[a]! - endNs[b]!;
  if (byTime !== 0) return byTime;
  // Ids are lower-case hex: the order of their characters is that of their bytes.
  if (spanIds[a]! !== spanIds[b]!) return spanIds[a]! < spanIds[b]! ? -1 : 1;
  return kind[b]! - kind[a]! || a - b;
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
