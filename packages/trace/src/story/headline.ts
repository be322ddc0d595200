import { formatDuration } from '../duration.ts';
import type { Trace } from '../trace.ts';
import { type Contribution, rollUpSteps } from './contributions.ts';
import type { Evidence, FailureGroup } from './evidence.ts';
import { Labels } from './labels.ts';
import { contributionText, failureText, hasKeptRunning, listText, placeText, timesText } from './phrases.ts';

const HEADLINE_LENGTH_MAX = 160;

/** Names are cut only where the sentence would be too long otherwise, and all of them alike. */
const NAME_LENGTHS_MAX = [80, 40, 28, 20, 14, 10];

/** Below this share of the critical path a timeout does not explain why the root took its time. */
const TIMEOUT_SHARE_MIN = 0.1;
const REPEATED_SHARE_MIN = 0.3;
const DOMINANT_SHARE_MIN = 0.5;

/** One sentence on what the trace is about: the most telling thing that the evidence supports. */
export function writeHeadline(evidence: Evidence): string {
  if (evidence.root < 0) return 'No span of this trace has been received';
  let headline = '';
  for (const nameLengthMax of NAME_LENGTHS_MAX) {
    headline = write(evidence, new Labels(evidence.trace, nameLengthMax));
    if (headline.length <= HEADLINE_LENGTH_MAX) return headline;
  }
  return `${headline.slice(0, HEADLINE_LENGTH_MAX - 1)}…`;
}

function write(evidence: Evidence, labels: Labels): string {
  const { trace, root, durationNs } = evidence;
  const part = trace.hasRoot ? '' : 'the root has not been received; of what has, ';
  const subject = `${part}${labels.span(root)} took ${formatDuration(durationNs)}`;
  return (
    timeoutHeadline(evidence, labels, subject) ??
    errorHeadline(evidence, labels, subject) ??
    slownessHeadline(evidence, labels, subject)
  );
}

function timeoutHeadline(evidence: Evidence, labels: Labels, subject: string): string | undefined {
  const timeout = evidence.failures.find((group) => group.origins[0]!.kind === 'timeout');
  if (timeout === undefined || !explainsRoot(evidence, timeout)) return undefined;
  const { spanIndex } = timeout.origins[0]!;
  const culprit = `${timesText(timeout.origins.length)}${labels.span(spanIndex)}`;
  const time = formatDuration(timeout.criticalNs);
  const story = `${subject}; ${time} of it was ${culprit}, ${endText(evidence, labels, timeout)}`;
  const other = largest(evidence.contributions.filter(({ spans }) => !isBelow(evidence.trace, spans[0]!, spanIndex)));
  if (other === undefined || other.durationNs <= timeout.criticalNs) return story;
  const longer = `${story}; ${formatDuration(other.durationNs)} ${contributionText(evidence.trace, labels, other)}`;
  return longer.length <= HEADLINE_LENGTH_MAX ? longer : story;
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

function errorHeadline(evidence: Evidence, labels: Labels, subject: string): string | undefined {
  const { trace, root } = evidence;
  const atRoot = evidence.failures.flatMap((group) => group.origins.filter((origin) => origin.surfacedIndex === root));
  const endNs = (span: number): number => trace.startNs[span]! + trace.durationNs[span]!;
  // The last failure before the root failed is the one that it did not get over.
  const last = atRoot.reduce((latest, origin) => {
    return latest === undefined || endNs(origin.spanIndex) > endNs(latest.spanIndex) ? origin : latest;
  }, atRoot[0]);
  if (last === undefined) return undefined;
  const reason = failureText(labels, last.failure);
  if (last.kind === 'timeout') {
    const waited = formatDuration(trace.durationNs[last.gaveUpIndex]!);
    return `${subject} and failed: ${labels.service(last.gaveUpIndex)} gave up on ${labels.span(last.spanIndex)} after ${waited}`;
  }
  if (last.spanIndex === root) return `${subject} and failed${reason === '' ? '' : `: ${reason}`}`;
  const what = [labels.operation(last.spanIndex), reason].filter((text) => text !== '').join(' — ');
  return `${subject} and failed in ${labels.service(last.spanIndex)}: ${what}`;
}

function slownessHeadline(evidence: Evidence, labels: Labels, subject: string): string {
  const { trace, durationNs } = evidence;
  if (trace.spanCount === 1) return `${subject}; it is the only span received`;
  const repeated = evidence.repeated[0];
  if (repeated !== undefined && repeated.criticalNs > REPEATED_SHARE_MIN * durationNs) {
    const calls = `${timesText(repeated.spans.length)}${labels.span(repeated.spans[0]!)}`;
    return `${subject}; ${formatDuration(repeated.criticalNs)} of it was ${calls}, one after another`;
  }
  const dominant = largest(evidence.contributions);
  if (dominant === undefined) return subject;
  const share =
    dominant.durationNs >= DOMINANT_SHARE_MIN * durationNs
      ? `${formatDuration(dominant.durationNs)} of it ${contributionText(trace, labels, dominant)}`
      : undefined;
  const handled = handledText(evidence, labels);
  if (share !== undefined || handled !== undefined) return [subject, share, handled].filter(Boolean).join('; ');
  const steps = rollUpSteps(trace, evidence.contributions).toSorted((a, b) => b.durationNs - a.durationNs);
  const places = steps.slice(0, 3).map((step) => placeText(labels, step));
  return `${subject}; nothing unusual; the time is spread over ${listText(places)}`;
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
