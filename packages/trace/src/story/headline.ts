import { formatDuration } from '../duration.ts';
import type { ErrorOrigin } from '../error-origins.ts';
import type { Trace } from '../trace.ts';
import { type Contribution, rollUpSteps } from './contributions.ts';
import type { Evidence, FailureGroup } from './evidence.ts';
import { type HeadlinePart, joinParts } from './headline-parts.ts';
import type { Labels } from './labels.ts';
import {
  contributionText,
  failureText,
  hasKeptRunning,
  listText,
  otherRootText,
  placeText,
  timesText,
  unreadText,
} from './phrases.ts';

/** Below this share of the critical path a timeout does not explain why the root took its time. */
const TIMEOUT_SHARE_MIN = 0.1;
const REPEATED_SHARE_MIN = 0.3;
const DOMINANT_SHARE_MIN = 0.5;

/** One sentence on what the trace is about: the most telling thing that the evidence supports. */
export function writeHeadline(evidence: Evidence): string {
  const { trace, root, durationNs } = evidence;
  if (root < 0) return 'No span of this trace has been received';
  const unread = unreadText(trace, evidence.spansInTrace);
  const noRoot = unread === '' ? 'the root has not been received; of what has, ' : `${unread}, without the root: `;
  const part = trace.hasRoot ? '' : noRoot;
  const subject: HeadlinePart = {
    write: (labels) => `${part}${labels.span(root)} took ${formatDuration(durationNs)}`,
    rank: 0,
  };
  const what = timeoutParts(evidence) ?? errorParts(evidence) ?? slownessParts(evidence);
  return joinParts(trace, [subject, ...what, ...otherRootParts(evidence), ...unreadParts(evidence)]);
}

function timeoutParts(evidence: Evidence): HeadlinePart[] | undefined {
  const timeout = evidence.failures.find((group) => group.origins[0]!.kind === 'timeout');
  if (timeout === undefined || !explainsRoot(evidence, timeout)) return undefined;
  const { spanIndex } = timeout.origins[0]!;
  const times = timesText(timeout.origins.length);
  const time = formatDuration(timeout.criticalNs);
  const parts: HeadlinePart[] = [
    { write: (labels) => `; ${time} of it was ${times}${labels.span(spanIndex)}`, rank: 2 },
    { write: (labels) => `, ${endText(evidence, labels, timeout)}`, rank: 3 },
  ];
  const other = largest(evidence.contributions.filter(({ spans }) => !isBelow(evidence.trace, spans[0]!, spanIndex)));
  if (other === undefined || other.durationNs <= timeout.criticalNs) return parts;
  const otherTime = formatDuration(other.durationNs);
  return [
    ...parts,
    { write: (labels) => `; ${otherTime} ${contributionText(evidence.trace, labels, other)}`, rank: 5 },
  ];
}

/** A second root is no part of what the headline is about, but nobody should miss that it failed. */
function otherRootParts({ otherRoots }: Evidence): HeadlinePart[] {
  const first = otherRoots[0];
  if (first === undefined || !first.failed) return [];
  return [{ write: (labels) => `; ${otherRootText(labels, first)}`, rank: 4 }];
}

function unreadParts({ trace, spansInTrace }: Evidence): HeadlinePart[] {
  const text = unreadText(trace, spansInTrace);
  return text === '' || !trace.hasRoot ? [] : [{ write: () => `; ${text}`, rank: 1 }];
}

/** Whether a timeout is why the root took its time, and the root did not fail of something else. */
function explainsRoot({ failures, root, durationNs }: Evidence, { origins, criticalNs }: FailureGroup): boolean {
  if (criticalNs === 0 || criticalNs < TIMEOUT_SHARE_MIN * durationNs) return false;
  if (origins.some(({ surfacedIndex }) => surfacedIndex === root)) return true;
  return !failures.some((group) => group.origins.some(({ surfacedIndex }) => surfacedIndex === root));
}

function isBelow(trace: Trace, span: number, ancestor: number): boolean {
  return span >= ancestor && span < ancestor + trace.subtreeSize[ancestor]!;
}

function endText(evidence: Evidence, labels: Labels, timeout: FailureGroup): string {
  const late = timeout.origins.filter((origin) => hasKeptRunning(evidence.trace, origin));
  const overflowNs = late.reduce((most, origin) => Math.max(most, origin.overflowNs), 0);
  const gaveUp = timeout.origins[0]!.gaveUpIndex;
  const who = labels.service(gaveUp);
  if (late.length > 0) return `which kept running ${formatDuration(overflowNs)} after ${who} gave up`;
  return `on which ${who} gave up after ${formatDuration(evidence.trace.durationNs[gaveUp]!)}`;
}

function errorParts(evidence: Evidence): HeadlinePart[] | undefined {
  const { trace, root } = evidence;
  const atRoot = evidence.failures.flatMap((group) => group.origins.filter((origin) => origin.surfacedIndex === root));
  const endNs = (span: number): number => trace.startNs[span]! + trace.durationNs[span]!;
  // The last failure before the root failed is the one that it did not get over.
  const last = atRoot.reduce((latest, origin) => {
    return latest === undefined || endNs(origin.spanIndex) > endNs(latest.spanIndex) ? origin : latest;
  }, atRoot[0]);
  if (last === undefined) return undefined;
  return [{ write: (labels) => failedText(trace, labels, last, root), rank: 1 }];
}

function failedText(trace: Trace, labels: Labels, last: ErrorOrigin, root: number): string {
  const reason = failureText(labels, last.failure);
  if (last.kind === 'timeout') {
    const waited = formatDuration(trace.durationNs[last.gaveUpIndex]!);
    return ` and failed: ${labels.service(last.gaveUpIndex)} gave up on ${labels.span(last.spanIndex)} after ${waited}`;
  }
  if (last.spanIndex === root) return ` and failed${reason === '' ? '' : `: ${reason}`}`;
  const what = [labels.operation(last.spanIndex), reason].filter((text) => text !== '').join(' — ');
  return ` and failed in ${labels.service(last.spanIndex)}: ${what}`;
}

function slownessParts(evidence: Evidence): HeadlinePart[] {
  const { trace, durationNs } = evidence;
  if (trace.spanCount === 1) return [{ write: () => '; it is the only span received', rank: 2 }];
  const repeated = evidence.repeated[0];
  if (repeated !== undefined && repeated.criticalNs > REPEATED_SHARE_MIN * durationNs) {
    const time = formatDuration(repeated.criticalNs);
    const calls = (labels: Labels): string => `${timesText(repeated.spans.length)}${labels.span(repeated.spans[0]!)}`;
    return [{ write: (labels) => `; ${time} of it was ${calls(labels)}, one after another`, rank: 2 }];
  }
  const dominant = largest(evidence.contributions);
  if (dominant === undefined) return [];
  const parts: HeadlinePart[] = [];
  if (dominant.durationNs >= DOMINANT_SHARE_MIN * durationNs) {
    const time = formatDuration(dominant.durationNs);
    parts.push({ write: (labels) => `; ${time} of it ${contributionText(trace, labels, dominant)}`, rank: 2 });
  }
  if (evidence.failures.some(({ origins }) => origins.some(({ handledByIndex }) => handledByIndex >= 0))) {
    parts.push({ write: (labels) => `; ${handledText(evidence, labels) ?? ''}`, rank: 3 });
  }
  if (parts.length > 0) return parts;
  const steps = rollUpSteps(trace, evidence.contributions).toSorted((a, b) => b.durationNs - a.durationNs);
  const listed = steps.slice(0, 3);
  const places = (labels: Labels): string => listText(listed.map((step) => placeText(labels, step)));
  return [
    { write: () => '; nothing unusual', rank: 2 },
    { write: (labels) => `; the time is spread over ${places(labels)}`, rank: 3 },
  ];
}

function handledText(evidence: Evidence, labels: Labels): string | undefined {
  const handled = evidence.failures.flatMap((group) => group.origins.filter((origin) => origin.handledByIndex >= 0));
  const first = handled[0];
  if (first === undefined) return undefined;
  const where = `${labels.service(first.spanIndex)}: ${labels.operation(first.spanIndex)}`;
  const byOne = handled.filter((origin) => origin.handledByIndex === first.handledByIndex);
  const what = byOne.length === 1 ? 'a failure' : `${byOne.length} failures`;
  const { trace } = evidence;
  const alike = byOne.every(({ spanIndex }) => {
    const sameService = trace.serviceIndex[spanIndex] === trace.serviceIndex[first.spanIndex];
    return sameService && trace.names[spanIndex] === trace.names[first.spanIndex];
  });
  return `${labels.service(first.handledByIndex)} handled ${what}${alike ? ' in ' : ', one of them in '}${where}`;
}

function largest(parts: readonly Contribution[]): Contribution | undefined {
  return parts.reduce<Contribution | undefined>((most, part) => {
    return most === undefined || part.durationNs > most.durationNs ? part : most;
  }, undefined);
}
