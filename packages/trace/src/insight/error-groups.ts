import { normalMessage } from './normal-message.ts';

/** A failed span, or what is known of one. */
export interface FailedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** '' for a root. */
  readonly parentSpanId: string;
  readonly service: string;
  readonly operation: string;
  /** `error`: it failed by itself. `timeout`: its time was up. `cancelled`: its caller stopped it. */
  readonly kind: FailureKind;
  /** The type of the error, or the status of the response; '' where the span does not say. */
  readonly type: string;
  /** '' where the span does not say. */
  readonly message: string;
  /** `service.version`; '' where there is none. */
  readonly version: string;
  readonly startUnixNano: bigint;
  /** How many spans it represents, 1 or more. */
  readonly weight: number;
}

/** What became of a span that failed. */
export type FailureKind = 'error' | 'timeout' | 'cancelled';

/** What tells the groups of failures apart; of all spans of a group the same, but for what differs in the message. */
export type FailureIdentity = Pick<FailedSpan, 'service' | 'operation' | 'kind' | 'type' | 'message'>;

/**
 * `new`: it was not seen in all the time before that was looked at · `ongoing`: it was there in the window before,
 * too · `back`: it was not, but earlier · `gone`: it was there in the window before, and is not now.
 */
export type ErrorGroupState = 'new' | 'ongoing' | 'back' | 'gone';

/** Failures that began at the same place for the same reason. */
export interface ErrorGroup {
  /** The same for the same failure in every window: 14 hexadecimal digits. */
  readonly id: string;
  readonly service: string;
  /** The name of its newest span. */
  readonly operation: string;
  readonly kind: FailureKind;
  /** The type of the error, or the status of the response; '' where no span says. */
  readonly type: string;
  /** The message without what differs: see `normalMessage`. '' where no span says. */
  readonly message: string;
  /** The message of its newest span. */
  readonly example: string;
  readonly state: ErrorGroupState;
  /** Failures of the window that were looked at. */
  readonly count: number;
  /** How many failures of the window they represent. */
  readonly estimatedCount: number;
  /** The same of the window before. */
  readonly estimatedCountBefore: number;
  /** Start of the first one that was seen: in both windows, and for one that is back before them. */
  readonly firstUnixNano: bigint;
  /** Start of the last one. */
  readonly lastUnixNano: bigint;
  /** How many failures each part of the window represents, from its begin on. */
  readonly trend: readonly number[];
  /** Versions of the service, those with the most failures first; at most five. */
  readonly versions: readonly { readonly version: string; readonly count: number }[];
  /** The newest ones, each of another trace; at most three. */
  readonly samples: readonly { readonly traceId: string; readonly spanId: string; readonly startUnixNano: bigint }[];
}

/** What is grouped. */
export interface ErrorGroupsInput {
  /** All failed spans of some traces, from the begin of the window before to a while after the window, in any order. */
  readonly spans: readonly FailedSpan[];
  /** The window: from its first nanosecond to the one after its last. That before it is as long. */
  readonly fromUnixNano: bigint;
  readonly toUnixNano: bigint;
  /** Share of all traces that `spans` are of, above 0 up to 1. */
  readonly share: number;
}

/** Of the window. */
export const TREND_PARTS = 24;
const MESSAGE_MAX = 200;
const TYPE_MAX = 200;
const EXAMPLE_MAX = 500;
const VERSIONS_MAX = 5;
const SAMPLES_MAX = 3;

/**
 * Groups failures by where they began (service, operation) and why (type, message without what differs), the most
 * frequent first, and says which are new, go on or are gone; `withEarlier` finds those that are back. A failure began
 * in a failed span without a failed child; what was cancelled in a trace in which something else failed is a
 * consequence.
 */
export function groupErrors(input: ErrorGroupsInput): ErrorGroup[] {
  const { fromUnixNano, toUnixNano, spans, share } = input;
  const beforeUnixNano = fromUnixNano - (toUnixNano - fromUnixNano);
  const keys = new Keys();
  const groups = new Map<string, Gathered>();
  for (const span of originsOf(spans)) {
    if (span.startUnixNano < beforeUnixNano || span.startUnixNano >= toUnixNano) continue;
    const key = keys.of(span);
    let group = groups.get(key);
    if (group === undefined) groups.set(key, (group = { during: [], before: [] }));
    (span.startUnixNano >= fromUnixNano ? group.during : group.before).push(span);
  }
  return [...groups]
    .map(([key, group]) => describe(key, group, { fromUnixNano, toUnixNano, share }))
    .toSorted(
      (a, b) =>
        b.estimatedCount - a.estimatedCount ||
        b.estimatedCountBefore - a.estimatedCountBefore ||
        (a.id < b.id ? -1 : Number(a.id > b.id)),
    );
}

/**
 * Groups that seem new, and were seen before the window that comes before theirs, are back.
 *
 * @param seen start of the first such failure, by the `id` of its group; see `errorGroupId`.
 */
export function withEarlier(groups: readonly ErrorGroup[], seen: ReadonlyMap<string, bigint>): ErrorGroup[] {
  return groups.map((group) => {
    const firstUnixNano = group.state === 'new' ? seen.get(group.id) : undefined;
    return firstUnixNano === undefined ? group : { ...group, state: 'back', firstUnixNano };
  });
}

/** The failed spans that no failed child explains, and that are no consequence of another failure of their trace. */
export function originsOf(spans: readonly FailedSpan[]): FailedSpan[] {
  const cut = cutLinks(spans);
  const parents = new Set<string>();
  const failing = new Set<string>();
  for (const span of spans) {
    const { traceId, parentSpanId, kind } = span;
    if (namesAnother(span) && !cut.has(linkOf(span))) parents.add(`${traceId}${parentSpanId}`);
    if (kind !== 'cancelled') failing.add(traceId);
  }
  const seen = new Set<string>();
  return spans.filter(({ traceId, spanId, kind, startUnixNano }) => {
    if (parents.has(`${traceId}${spanId}`) || (kind === 'cancelled' && failing.has(traceId))) return false;
    // A sender that repeats a request stores its spans twice.
    const id = `${traceId}${spanId}${startUnixNano}`;
    if (seen.has(id)) return false;
    seen.add(id);
    return true;
  });
}

/** One that names itself as its parent explains nothing. */
function namesAnother({ spanId, parentSpanId }: FailedSpan): boolean {
  return parentSpanId !== '' && parentSpanId !== spanId;
}

function linkOf({ traceId, spanId, parentSpanId }: FailedSpan): string {
  return `${traceId}${spanId} ${parentSpanId}`;
}

/**
 * Links to parents without which no span is its own ancestor: else a cycle of failed spans would have no origin. Of a
 * cycle that nothing else hangs on the last span to start is the deepest one.
 */
function cutLinks(spans: readonly FailedSpan[]): ReadonlySet<string> {
  const linked = spans.filter(namesAnother).toSorted((a, b) => {
    return newestFirst(a, b) || (linkOf(a) < linkOf(b) ? 1 : -Number(linkOf(a) > linkOf(b)));
  });
  const first = new Map<string, FailedSpan>();
  for (const span of linked) {
    const id = `${span.traceId}${span.spanId}`;
    if (!first.has(id)) first.set(id, span);
  }
  const cut = new Set<string>();
  // A walk that meets itself has found a cycle.
  const walkOf = new Map<FailedSpan, FailedSpan>();
  for (const start of first.values()) {
    let span: FailedSpan | undefined = start;
    while (span !== undefined && !walkOf.has(span)) {
      walkOf.set(span, start);
      const parent = first.get(`${span.traceId}${span.parentSpanId}`);
      if (parent !== undefined && walkOf.get(parent) === start) cut.add(linkOf(span));
      span = parent;
    }
  }
  return cut;
}

/** The text that two failures have in common exactly when they are of one group. */
export function errorGroupKey({ service, operation, kind, type, message }: FailureIdentity): string {
  return JSON.stringify([
    service,
    normalMessage(operation, MESSAGE_MAX),
    kind,
    cutText(type, TYPE_MAX),
    normalMessage(message, MESSAGE_MAX),
  ]);
}

/** The `id` of the group that a failure is of. */
export function errorGroupId(failure: FailureIdentity): string {
  return hashOf(errorGroupKey(failure));
}

/** Most failures are like one before. */
class Keys {
  readonly #known = new Map<string, string>();

  of({ service, operation, kind, type, message }: FailureIdentity): string {
    const exact = `${service}\0${operation}\0${kind}\0${type}\0${message}`;
    let key = this.#known.get(exact);
    if (key === undefined) this.#known.set(exact, (key = errorGroupKey({ service, operation, kind, type, message })));
    return key;
  }
}

interface Gathered {
  readonly during: FailedSpan[];
  readonly before: FailedSpan[];
}

function describe(
  key: string,
  { during, before }: Gathered,
  { fromUnixNano, toUnixNano, share }: Pick<ErrorGroupsInput, 'fromUnixNano' | 'toUnixNano' | 'share'>,
): ErrorGroup {
  const shown = (during.length > 0 ? during : before).toSorted(newestFirst);
  const newest = shown[0]!;
  const first = [...during, ...before].reduce(
    (least, { startUnixNano }) => minOf(least, startUnixNano),
    newest.startUnixNano,
  );
  const trend = Array.from({ length: TREND_PARTS }, () => 0);
  const length = toUnixNano - fromUnixNano;
  for (const { startUnixNano, weight } of during) {
    trend[Number(((startUnixNano - fromUnixNano) * BigInt(TREND_PARTS)) / length)]! += weight / share;
  }
  return {
    id: hashOf(key),
    service: newest.service,
    operation: newest.operation,
    kind: newest.kind,
    type: cutText(newest.type, TYPE_MAX),
    message: normalMessage(newest.message, MESSAGE_MAX),
    example: cutText(newest.message, EXAMPLE_MAX),
    state: during.length === 0 ? 'gone' : before.length > 0 ? 'ongoing' : 'new',
    count: during.length,
    estimatedCount: weightOf(during) / share,
    estimatedCountBefore: weightOf(before) / share,
    firstUnixNano: first,
    lastUnixNano: newest.startUnixNano,
    trend,
    versions: versionsOf(shown),
    samples: samplesOf(shown),
  };
}

function newestFirst(a: FailedSpan, b: FailedSpan): number {
  if (a.startUnixNano !== b.startUnixNano) return a.startUnixNano > b.startUnixNano ? -1 : 1;
  return a.traceId < b.traceId ? -1 : Number(a.traceId > b.traceId);
}

function minOf(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function weightOf(spans: readonly FailedSpan[]): number {
  return spans.reduce((sum, { weight }) => sum + weight, 0);
}

function versionsOf(spans: readonly FailedSpan[]): ErrorGroup['versions'] {
  const counts = new Map<string, number>();
  for (const { version } of spans) if (version !== '') counts.set(version, (counts.get(version) ?? 0) + 1);
  return Array.from(counts, ([version, count]) => ({ version, count }))
    .toSorted((a, b) => b.count - a.count || (a.version < b.version ? -1 : 1))
    .slice(0, VERSIONS_MAX);
}

function samplesOf(newestFirstSpans: readonly FailedSpan[]): ErrorGroup['samples'] {
  const byTrace = new Map<string, FailedSpan>();
  for (const span of newestFirstSpans) {
    if (byTrace.size === SAMPLES_MAX) break;
    if (!byTrace.has(span.traceId)) byTrace.set(span.traceId, span);
  }
  return Array.from(byTrace.values(), ({ traceId, spanId, startUnixNano }) => ({ traceId, spanId, startUnixNano }));
}

function cutText(text: string, unitsMax: number): string {
  return text.slice(0, unitsMax).replaceAll(/\p{Surrogate}/gu, '\uFFFD');
}

/** 53 bits by two multiplicative hashes: a name that nobody has a reason to forge. */
function hashOf(text: string): string {
  let [high, low] = [0xdeadbeef, 0x41c6ce57];
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    high = Math.imul(high ^ unit, 2654435761);
    low = Math.imul(low ^ unit, 1597334677);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  return (4294967296 * (2097151 & low) + (high >>> 0)).toString(16).padStart(14, '0');
}
