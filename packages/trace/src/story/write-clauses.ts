import { formatDuration } from '../format-duration.ts';
import type { ErrorOrigin } from '../analysis/error-origins.ts';
import { findFailedSpans } from '../analysis/failed-spans.ts';
import { isBareTimeoutMessage } from '../analysis/failure.ts';
import { groupBy } from '../group-by.ts';
import type { ClauseKind, StoryClause } from './story.ts';
import { childlessNs } from './childless.ts';
import { rollUpSteps } from './contributions.ts';
import type { Evidence, FailureGroup } from './evidence.ts';
import { Labels } from './labels.ts';
import type { Pattern } from './patterns.ts';
import { failureText, hasKeptRunning, otherRootText, stepText, timesText, unreadText } from './phrases.ts';
import { countOf, countText } from './count-of.ts';

const NAME_LENGTH_MAX = 80;

/** More steps than these are summed up in one; more failures or repetitions than these are not listed one by one. */
const STEPS_MAX = 8;
const FAILURES_MAX = 5;
const REPEATED_MAX = 3;
const OTHER_ROOTS_MAX = 3;
const CLOCKS_MAX = 5;

/** Shares of the root's duration below which something is not worth a clause. */
const REPEATED_SHARE_MIN = 0.05;
const REPEATED_OTHER_SHARE_MIN = 0.3;
const GAP_SHARE_MIN = 0.3;

/** Clocks of the same machine differ by less. */
const CLOCK_SKEW_MIN_NS = 1_000_000;

/** The sentences behind the headline, each with its evidence. */
export function writeClauses(evidence: Evidence, spanIdsMax: number): StoryClause[] {
  if (evidence.root < 0) return [];
  const labels = new Labels(evidence.trace, NAME_LENGTH_MAX);
  const drafts = [
    total(evidence, labels),
    ...steps(evidence, labels),
    ...failures(evidence, labels),
    ...cancellations(evidence),
    ...repetitions(evidence, labels),
    ...gaps(evidence, labels),
    ...otherRoots(evidence, labels),
    ...clocks(evidence, labels),
    ...missingParents(evidence),
    ...malformedParts(evidence),
    ...unreadSpans(evidence),
  ];
  return drafts.map(({ kind, label, isTimeFirst = false, spans, durationNs }) => {
    const spanIndexes = spans.slice(0, spanIdsMax);
    return {
      kind,
      text: isTimeFirst ? `${formatDuration(durationNs)} ${label}` : label,
      label,
      spanIds: spanIndexes.map((span) => evidence.trace.spanIds[span]!),
      spanIndexes,
      spanCount: spans.length,
      durationNs: String(durationNs),
    };
  });
}

interface Draft {
  readonly kind: ClauseKind;
  readonly label: string;
  /** Whether the sentence begins with the time that it is about; false by default. */
  readonly isTimeFirst?: boolean;
  readonly spans: readonly number[];
  readonly durationNs: number;
}

function total({ trace, root, durationNs, isTruncated }: Evidence, labels: Labels): Draft {
  const name = labels.span(root);
  const what = trace.hasRoot || isTruncated ? name : `root span missing; its longest part, ${name},`;
  const label = `${what} took ${formatDuration(durationNs)}`;
  return { kind: 'total', label, spans: [root], durationNs };
}

function steps({ trace, contributions, isTruncated }: Evidence, labels: Labels): Draft[] {
  // Where only a part was read, what a span seems to have done itself is the unread part.
  if (isTruncated) return [];
  const all = rollUpSteps(trace, contributions);
  const kept = new Set(all);
  if (all.length > STEPS_MAX) {
    const bySize = all.toSorted((a, b) => a.durationNs - b.durationNs);
    for (const small of bySize.slice(0, all.length - STEPS_MAX + 1)) kept.delete(small);
  }
  const drafts = [...kept].map((step): Draft => {
    const label = stepText(labels, step);
    return { kind: 'step', label, isTimeFirst: true, spans: step.spans, durationNs: step.durationNs };
  });
  const rest = all.filter((step) => !kept.has(step));
  if (rest.length === 0) return drafts;
  const durationNs = rest.reduce((sum, step) => sum + step.durationNs, 0);
  const label = `in ${countText(rest.length)} smaller steps`;
  return [...drafts, { kind: 'step', label, isTimeFirst: true, spans: rest.flatMap((step) => step.spans), durationNs }];
}

function failures(evidence: Evidence, labels: Labels): Draft[] {
  const told = evidence.failures.slice(0, FAILURES_MAX);
  const drafts = told.flatMap((group) => {
    return group.origins[0]!.kind === 'error'
      ? [plainError(evidence, labels, group)]
      : timeout(evidence, labels, group);
  });
  const untold = evidence.failures.slice(FAILURES_MAX).flatMap((group) => group.origins);
  if (untold.length > 0) drafts.push(otherErrors(evidence, untold));
  const toldOrigins = told.flatMap((group) => group.origins);
  return [...drafts, ...outcomes(evidence, labels, toldOrigins)];
}

function timeout({ trace }: Evidence, labels: Labels, { origins }: FailureGroup): Draft[] {
  const first = origins[0]!;
  const who = labels.service(first.waiterIndex);
  const waits = origins.map((origin) => trace.durationNs[origin.waiterIndex]!);
  const times = origins.length === 1 ? '' : ` ${countText(origins.length)} times`;
  const stopped: Draft = {
    kind: 'stopped-waiting',
    label: `${who} ${stoppedText(first)} ${waitedForText(labels, first)}${times} after ${rangeText(waits)}${givenReasonText(labels, first)}`,
    spans: origins.map((origin) => origin.waiterIndex),
    durationNs: waits.reduce((sum, wait) => sum + wait, 0),
  };
  const late = origins.filter((origin) => hasKeptRunning(trace, origin));
  if (late.length === 0) return [stopped];
  const overflows = late.map((origin) => origin.overflowNs);
  const culprit = `${timesText(late.length)}${labels.span(first.spanIndex)}`;
  const keptRunning: Draft = {
    kind: 'kept-running',
    label: `${culprit} kept running ${rangeText(overflows)} after that`,
    spans: late.map((origin) => origin.spanIndex),
    durationNs: overflows.reduce((most, ns) => Math.max(most, ns), 0),
  };
  return [stopped, keptRunning];
}

/** What is known is stated as known, and what follows from times alone as likely. */
function stoppedText({ kind, confidence }: ErrorOrigin): string {
  if (kind === 'cancelled') return 'cancelled';
  return confidence === 'stated' ? 'timed out on' : 'probably timed out on';
}

function waitedForText(labels: Labels, { waiterIndex, spanIndex }: ErrorOrigin): string {
  const callee = labels.callee(waiterIndex);
  if (waiterIndex !== spanIndex) return callee ?? labels.span(spanIndex);
  const operation = labels.operation(waiterIndex);
  return callee === undefined ? operation : `${callee} ${operation}`;
}

/** What the span that stopped waiting says beyond that; '' where it says no more than the clause does. */
function givenReasonText(labels: Labels, { failure }: ErrorOrigin): string {
  if (
    (failure.cause === 'timeout' || failure.cause === 'cancelled') &&
    (failure.message === '' || isBareTimeoutMessage(failure.message))
  )
    return '';
  const reason = failureText(labels, failure);
  return reason === '' ? '' : `: ${reason}`;
}

function rangeText(durations: readonly number[]): string {
  const least = formatDuration(durations.reduce((low, ns) => Math.min(low, ns), Infinity));
  const most = formatDuration(durations.reduce((high, ns) => Math.max(high, ns), 0));
  if (durations.length === 1) return least;
  return least === most ? `${least} each` : `${least} to ${most}`;
}

function plainError({ trace }: Evidence, labels: Labels, { origins }: FailureGroup): Draft {
  const first = origins[0]!;
  const reason = failureText(labels, first.failure);
  const durationNs = trace.durationNs[first.spanIndex]!;
  const times = origins.length === 1 ? '' : ` ${countText(origins.length)} times, first`;
  const because = reason === '' ? '' : `: ${reason}`;
  const near = first.nearRoundNs === 0 ? '' : `, close to a ${formatDuration(first.nearRoundNs)} timeout`;
  const where = first.isBackground ? ' in the background' : '';
  return {
    kind: 'error',
    label: `${labels.span(first.spanIndex)} failed${where}${times} after ${formatDuration(durationNs)}${near}${because}`,
    spans: origins.map((origin) => origin.spanIndex),
    durationNs,
  };
}

function otherErrors({ trace }: Evidence, origins: readonly ErrorOrigin[]): Draft {
  const spans = origins.map((origin) => origin.spanIndex);
  const durationNs = spans.reduce((sum, span) => sum + trace.durationNs[span]!, 0);
  return { kind: 'error', label: `${countOf(spans.length, 'other span')} failed`, spans, durationNs };
}

function outcomes({ trace }: Evidence, labels: Labels, origins: readonly ErrorOrigin[]): Draft[] {
  const { failed } = findFailedSpans(trace);
  const endNs = (span: number): number => trace.startNs[span]! + trace.durationNs[span]!;
  // One span can have handled a failure and failed of another one later.
  const waitedFor = origins.filter(({ isBackground }) => !isBackground);
  const byOutcome = groupBy(waitedFor, ({ handledByIndex, surfacedIndex }) =>
    handledByIndex >= 0 ? `handled ${handledByIndex}` : `surfaced ${surfacedIndex}`,
  );
  return [...byOutcome.values()].map((group): Draft => {
    const { handledByIndex, surfacedIndex } = group[0]!;
    const where = handledByIndex >= 0 ? handledByIndex : surfacedIndex;
    if (handledByIndex < 0) {
      const durationNs = trace.durationNs[where]!;
      const label = `the error reached ${labels.span(where)} after ${formatDuration(durationNs)}`;
      return { kind: 'surfaced', label, spans: [where], durationNs };
    }
    const surfaced = [...new Set(group.map((origin) => origin.surfacedIndex))];
    const lastEndNs = surfaced.reduce((latest, span) => Math.max(latest, endNs(span)), 0);
    const durationNs = Math.max(0, endNs(where) - lastEndNs);
    const what = surfaced.length === 1 ? '' : ` from ${countText(surfaced.length)} failures`;
    const continued = durationNs > 0 ? ` and continued for ${formatDuration(durationNs)}` : '';
    const ending = failed[where] === 1 ? ', then failed for another reason' : '';
    const label = `${labels.span(where)} recovered${what}${continued}${ending}`;
    return { kind: 'handled', label, spans: [where, ...surfaced], durationNs };
  });
}

/** Those that were cancelled because of others are evidence of nothing else. */
function cancellations({ trace }: Evidence): Draft[] {
  const { isConsequence } = findFailedSpans(trace);
  const spans: number[] = [];
  for (let span = isConsequence.indexOf(1); span >= 0; span = isConsequence.indexOf(1, span + 1)) {
    const parent = trace.parentIndex[span]!;
    if (parent < 0 || isConsequence[parent] === 0) spans.push(span);
  }
  if (spans.length === 0) return [];
  const durationNs = spans.reduce((most, span) => Math.max(most, trace.durationNs[span]!), 0);
  const what = countOf(spans.length, 'span was', 'spans were');
  return [{ kind: 'cancelled', label: `${what} cancelled after another span failed or returned`, spans, durationNs }];
}

function repetitions({ trace, patterns, durationNs: totalNs, isTruncated }: Evidence, labels: Labels): Draft[] {
  if (isTruncated) return [];
  const told = patterns.filter(({ kind, criticalNs, pauseNs }) => {
    const share = (criticalNs + (kind === 'retry' || kind === 'polling' ? pauseNs : 0)) / totalNs;
    return (
      kind === 'retry' || (criticalNs > 0 && share > (kind === 'n+1' ? REPEATED_SHARE_MIN : REPEATED_OTHER_SHARE_MIN))
    );
  });
  return told.slice(0, REPEATED_MAX).map((pattern): Draft => {
    const { spans, durationNs, kind } = pattern;
    const under = labels.span(trace.parentIndex[spans[0]!]! < 0 ? spans[0]! : trace.parentIndex[spans[0]!]!);
    const label = `${patternText(labels, pattern)}${kind === 'recursion' ? '' : ` under ${under}`}: ${timesOfPattern(pattern)}`;
    return { kind: 'repeated', label, spans, durationNs };
  });
}

function patternText(labels: Labels, { kind, spans, width }: Pattern): string {
  const first = labels.span(spans[0]!);
  switch (kind) {
    case 'retry':
      return `${countText(spans.length)} attempts at ${first}`;
    case 'polling':
      return `${first} was polled ${countText(spans.length)} times`;
    case 'fan-out':
      return `${timesText(spans.length)}${first} ran ${countText(width)} at a time`;
    case 'recursion':
      return `${first} is nested ${countText(spans.length)} deep`;
    default:
      return `${timesText(spans.length)}${first} ran one after another`;
  }
}

function timesOfPattern({ kind, spans, durationNs, pauseNs }: Pattern): string {
  const together = formatDuration(durationNs);
  if (kind === 'recursion') return together;
  const average = `${formatDuration(durationNs / spans.length)} each on average`;
  if (kind === 'fan-out') return average;
  const pauses =
    pauseNs > 0 && (kind === 'retry' || kind === 'polling') ? `, ${formatDuration(pauseNs)} between them` : '';
  return `${together} together, ${average}${pauses}`;
}

function gaps(
  { trace, segments, contributions, patterns, durationNs: totalNs, isTruncated }: Evidence,
  labels: Labels,
): Draft[] {
  if (isTruncated) return [];
  // Pauses between attempts have a name of their own.
  const pausing = new Map<number, number>();
  for (const { kind, spans, pauseNs } of patterns) {
    if (kind !== 'retry' && kind !== 'polling') continue;
    const parent = trace.parentIndex[spans[0]!]!;
    pausing.set(parent, (pausing.get(parent) ?? 0) + pauseNs);
  }
  return contributions.flatMap((part): Draft[] => {
    const spans = part.spans.filter((span) => trace.subtreeSize[span]! > 1);
    if (part.place !== 'service' || part.durationNs <= GAP_SHARE_MIN * totalNs || spans.length === 0) return [];
    const named = spans.reduce((sum, span) => sum + (pausing.get(span) ?? 0), 0);
    const durationNs = Math.max(0, childlessNs(trace, segments, spans) - named);
    if (durationNs <= GAP_SHARE_MIN * totalNs) return [];
    const label = `self time in ${labels.span(spans[0]!)}, with no child span active`;
    return [{ kind: 'gap', label, isTimeFirst: true, spans, durationNs }];
  });
}

function otherRoots({ otherRoots: roots }: Evidence, labels: Labels): Draft[] {
  const drafts = roots.slice(0, OTHER_ROOTS_MAX).map((root): Draft => {
    return { kind: 'other-root', label: otherRootText(labels, root), spans: [root.span], durationNs: root.durationNs };
  });
  const rest = roots.slice(OTHER_ROOTS_MAX);
  if (rest.length === 0) return drafts;
  const durationNs = rest.reduce((most, root) => Math.max(most, root.durationNs), 0);
  const label = `${countOf(rest.length, 'more root span of', 'more root spans of up to')} ${formatDuration(durationNs)}`;
  return [...drafts, { kind: 'other-root', label, spans: rest.map(({ span }) => span), durationNs }];
}

function malformedParts({ trace, root }: Evidence): Draft[] {
  if (trace.malformedParts === 0) return [];
  const marked = Array.from(trace.isMalformed.keys()).filter((span) => trace.isMalformed[span] === 1);
  const parts = countOf(trace.malformedParts, 'malformed part was', 'malformed parts were');
  const spans = marked.length === 0 ? [root] : marked;
  const durationNs = spans.reduce((most, span) => Math.max(most, trace.durationNs[span]!), 0);
  return [{ kind: 'missing', label: `${parts} omitted; the rest of each span is shown`, spans, durationNs }];
}

function unreadSpans(evidence: Evidence): Draft[] {
  const { root, durationNs } = evidence;
  const text = unreadText(evidence);
  return text === '' ? [] : [{ kind: 'missing', label: `showing the ${text}`, spans: [root], durationNs }];
}

function clocks({ trace }: Evidence, labels: Labels): Draft[] {
  const moved: number[] = [];
  for (let span = 0; span < trace.spanCount; span++) {
    if (Math.abs(trace.skewNs[span]!) >= CLOCK_SKEW_MIN_NS) moved.push(span);
  }
  const corrected = groupBy(moved, (span) => `${trace.serviceIndex[span]} ${Math.sign(trace.skewNs[span]!)}`);
  return [...corrected.values()].slice(0, CLOCKS_MAX).map((spans): Draft => {
    const durationNs = spans.reduce((most, span) => Math.max(most, Math.abs(trace.skewNs[span]!)), 0);
    const direction = trace.skewNs[spans[0]!]! > 0 ? 'behind' : 'ahead';
    const shift = formatDuration(durationNs);
    const label = `clock skew on ${labels.service(spans[0]!)}: at least ${shift} ${direction}, corrected`;
    return { kind: 'clock', label, spans, durationNs };
  });
}

function missingParents({ trace, isTruncated }: Evidence): Draft[] {
  // They may be among the unread.
  if (isTruncated) return [];
  const spans: number[] = [];
  let durationNs = 0;
  for (let span = trace.missingParent.indexOf(1); span >= 0; span = trace.missingParent.indexOf(1, span + 1)) {
    spans.push(span);
    durationNs = Math.max(durationNs, trace.durationNs[span]!);
  }
  if (spans.length === 0) return [];
  const label = `${countOf(spans.length, 'span has', 'spans have')} a missing parent`;
  return [{ kind: 'missing', label, spans, durationNs }];
}
