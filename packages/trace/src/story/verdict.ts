import type { ErrorOrigin } from '../analysis/error-origins.ts';
import { endOf, findFailedSpans } from '../analysis/failed-spans.ts';
import { isBareTimeoutMessage, isSayingType, isVagueMessage } from '../analysis/failure.ts';
import type { StoryOutcome } from './story.ts';
import type { Trace } from '../tree/trace.ts';
import { childlessNs } from './childless.ts';
import type { Contribution } from './contributions.ts';
import type { Evidence } from './evidence.ts';
import { entryOf } from './labels.ts';
import type { Pattern } from './patterns.ts';

/** What a trace comes to: the one thing to be stated first, and what else is worth a word. */
export interface Verdict {
  readonly outcome: StoryOutcome;
  /** The operation that the trace is about; -1 for an empty trace. */
  readonly entry: number;
  /** The failure that decided the outcome. */
  readonly origin?: ErrorOrigin;
  readonly reason: Reason;
  /** The attempts that the failure is one of. */
  readonly retry?: Pattern;
  /** The first failure in work that nobody waited for. */
  readonly background?: ErrorOrigin;
  /** Failures that did not matter, where they are many. */
  readonly harmlessFailures: number;
  /** What the time went to, where that has a name. */
  readonly pattern?: Pattern;
  /** What most of the time went to. */
  readonly dominant?: Contribution;
}

/** In words, with the type of the error; '' where nothing is said. */
export interface Reason {
  readonly message: string;
  readonly type: string;
}

/** From here on a request that did not fail is called slow. */
const SLOW_NS = 1_000_000_000;

/** A trace that is shorter, or is one span, is its own story. */
const TOLD_MIN_NS = 1_000_000;

/** More failures than these that were got over are the ordinary noise of a large trace. */
const RECOVERED_MAX = 5;

const DOMINANT_SHARE_MIN = 0.5;
const LOOP_SHARE_MIN = 0.3;

export function judge(evidence: Evidence): Verdict {
  const { trace, root, durationNs } = evidence;
  if (root < 0) return { outcome: 'ok', entry: -1, reason: { message: '', type: '' }, harmlessFailures: 0 };
  const origins = evidence.failures.flatMap((group) => group.origins);
  const background = origins
    .filter(({ isBackground, kind }) => isBackground && kind !== 'cancelled')
    .toSorted((a, b) => a.spanIndex - b.spanIndex)[0];
  const handled = origins.filter((origin) => origin.handledByIndex >= 0 && isNews(origin));
  const isOneOfMany = markOneOfMany(trace, evidence.patterns);
  const notable = handled.filter(({ spanIndex }) => isOneOfMany[spanIndex] === 0);
  const isNoise = countApart(trace, notable, evidence.patterns) > RECOVERED_MAX;
  const atRoot = origins.filter(({ surfacedIndex }) => surfacedIndex === root);
  const origin = decisive(trace, atRoot, root) ?? (isNoise ? undefined : notable[0]);
  const retry =
    origin && evidence.patterns.find((pattern) => pattern.kind === 'retry' && holds(trace, pattern, origin));
  const hasTime = durationNs >= TOLD_MIN_NS && trace.spanCount > 1 && !evidence.isTruncated;
  const pattern = hasTime ? evidence.patterns.find((one) => isTelling(one, durationNs)) : undefined;
  const dominant = hasTime ? dominantOf(evidence) : undefined;
  return {
    outcome: outcomeOf(origin, root, durationNs),
    entry: entryOf(trace, root),
    ...(origin && { origin }),
    reason: origin === undefined ? { message: '', type: '' } : reasonOf(trace, origin),
    ...(retry && { retry }),
    ...(background && { background }),
    harmlessFailures: isNoise ? handled.length : 0,
    ...(pattern && { pattern }),
    ...(dominant && { dominant }),
  };
}

function outcomeOf(origin: ErrorOrigin | undefined, root: number, durationNs: number): StoryOutcome {
  if (origin === undefined) return durationNs >= SLOW_NS ? 'slow' : 'ok';
  if (origin.surfacedIndex !== root) return 'recovered';
  if (origin.kind === 'cancelled') return 'cancelled';
  return origin.kind === 'timeout' && origin.confidence === 'stated' ? 'timed-out' : 'failed';
}

/** Who requests what may not be there does not fail where it is not, and who cancels means to. */
function isNews({ kind, failure }: ErrorOrigin): boolean {
  return kind !== 'cancelled' && (failure.type !== '404' || failure.message !== '');
}

/** 1 for the members of a loop or a fan-out most of which succeeded. */
function markOneOfMany(trace: Trace, patterns: readonly Pattern[]): Uint8Array {
  const marks = new Uint8Array(trace.spanCount);
  for (const { kind, spans, failedSpans } of patterns) {
    if (kind === 'retry' || kind === 'recursion' || failedSpans * 2 >= spans.length) continue;
    for (const span of spans) marks[span] = 1;
  }
  return marks;
}

/** The attempts of a retry count once. */
function countApart(trace: Trace, origins: readonly ErrorOrigin[], patterns: readonly Pattern[]): number {
  const retries = patterns.filter(({ kind }) => kind === 'retry');
  if (origins.length <= RECOVERED_MAX || retries.length === 0) return origins.length;
  // How many attempts begin, less those whose subtree has ended, up to each span.
  const open = new Int32Array(trace.spanCount + 1);
  for (const span of retries.flatMap(({ spans }) => spans)) {
    open[span]!++;
    open[span + trace.subtreeSize[span]!]!--;
  }
  for (let span = 1; span < open.length; span++) open[span]! += open[span - 1]!;
  const apart = origins.filter(({ spanIndex }) => open[spanIndex] === 0).length;
  return apart < origins.length ? apart + retries.length : apart;
}

function holds(trace: Trace, { spans }: Pattern, { spanIndex }: ErrorOrigin): boolean {
  return spans.some((span) => spanIndex >= span && spanIndex < span + trace.subtreeSize[span]!);
}

/**
 * Of the failures that came through to the root, the one that its words name; or the last one, which it did not get
 * over, or of several at the same time the first, which the others may have followed.
 */
function decisive(trace: Trace, origins: readonly ErrorOrigin[], root: number): ErrorOrigin | undefined {
  if (origins.length < 2) return origins[0];
  const { message } = findFailedSpans(trace).failureOf(root);
  const quoted = origins.filter(({ failure }) => failure.message !== '' && message.includes(failure.message));
  const candidates = quoted.length > 0 ? quoted : origins;
  const last = candidates.reduce((latest, origin) =>
    endOf(trace, failedAt(origin)) > endOf(trace, failedAt(latest)) ? origin : latest,
  );
  const startNs = trace.startNs[failedAt(last)]!;
  return candidates.reduce((first, origin) => {
    const endNs = endOf(trace, failedAt(origin));
    const isBeside = endNs > startNs && trace.parentIndex[failedAt(origin)] === trace.parentIndex[failedAt(last)];
    return isBeside && endNs < endOf(trace, failedAt(first)) ? origin : first;
  }, last);
}

/** The span that failed or stopped waiting. */
function failedAt(origin: ErrorOrigin): number {
  return origin.kind === 'error' ? origin.spanIndex : origin.waiterIndex;
}

/** The words of the nearest span, from the one that failed first up to where the failure surfaced, that has any. */
function reasonOf(trace: Trace, origin: ErrorOrigin): Reason {
  const { failureOf, failed } = findFailedSpans(trace);
  for (let span = failedAt(origin); span >= 0 && failed[span] === 1; span = trace.parentIndex[span]!) {
    const { message, type } = failureOf(span);
    const isBare = origin.kind !== 'error' && isBareTimeoutMessage(message);
    if (!isVagueMessage(message) && !isBare) return { message, type };
    if (span === origin.surfacedIndex) break;
  }
  const { message, type } = origin.failure;
  return {
    message: isVagueMessage(message) || isBareTimeoutMessage(message) ? '' : message,
    type: isSayingType(type) ? type : '',
  };
}

function isTelling({ kind, criticalNs, pauseNs }: Pattern, durationNs: number): boolean {
  if (kind === 'retry') return false;
  if (kind === 'n+1') return criticalNs > LOOP_SHARE_MIN * durationNs;
  const ns = kind === 'polling' && criticalNs > 0 ? criticalNs + pauseNs : criticalNs;
  return ns >= DOMINANT_SHARE_MIN * durationNs;
}

function dominantOf({ trace, segments, contributions, durationNs }: Evidence): Contribution | undefined {
  const largest = contributions.reduce<Contribution | undefined>((most, part) => {
    return most === undefined || part.durationNs > most.durationNs ? part : most;
  }, undefined);
  if (largest === undefined || largest.durationNs < DOMINANT_SHARE_MIN * durationNs) return undefined;
  if (largest.place !== 'service' || largest.spans.every((span) => trace.subtreeSize[span] === 1)) return largest;
  // While a child runs that was not waited for, nobody knows what its parent did.
  const selfNs = childlessNs(trace, segments, largest.spans);
  return selfNs < DOMINANT_SHARE_MIN * durationNs ? undefined : { ...largest, durationNs: selfNs };
}
