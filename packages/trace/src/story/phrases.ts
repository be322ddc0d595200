import { formatDuration } from '../duration.ts';
import type { ErrorOrigin } from '../error-origins.ts';
import { toleranceNs } from '../failed-spans.ts';
import type { Failure } from '../failure.ts';
import type { Trace } from '../trace.ts';
import type { Contribution } from './contributions.ts';
import type { OtherRoot } from './evidence.ts';
import type { Labels } from './labels.ts';

/** What took the time: `was fraud → fraud database SELECT checks`, `passed between payment and fraud`. */
export function contributionText(trace: Trace, labels: Labels, part: Contribution): string {
  if (part.place === 'network') return `passed ${wayText(labels, part)}`;
  return `was ${timesText(part.spans.length)}${selfText(trace, labels, part.spans[0]!)}`;
}

/** As a member of a list of places: `fraud → fraud database SELECT checks`, `the way between payment and fraud`. */
export function placeText(labels: Labels, step: Contribution): string {
  const first = step.spans[0]!;
  if (step.place === 'network') return `the way ${wayText(labels, step)}`;
  return step.place === 'service' ? labels.service(first) : `${timesText(step.spans.length)}${labels.span(first)}`;
}

/** Where time went: `in fraud → fraud database SELECT checks`, `between payment and fraud`, `in checkout`. */
export function stepText(labels: Labels, step: Contribution): string {
  return step.place === 'network' ? wayText(labels, step) : `in ${placeText(labels, step)}`;
}

/** A span apart from its children: `checkout POST /checkout itself`. */
export function selfText(trace: Trace, labels: Labels, span: number): string {
  return trace.subtreeSize[span]! > 1 ? `${labels.span(span)} itself` : labels.span(span);
}

function wayText(labels: Labels, { spans }: Contribution): string {
  return `between ${labels.service(spans[0]!)} and ${labels.callee(spans[0]!) ?? ''}`;
}

/** Whether what a timeout waited for went on for longer than it takes to notice that the caller has gone. */
export function hasKeptRunning(trace: Trace, { gaveUpIndex, overflowNs }: ErrorOrigin): boolean {
  return gaveUpIndex >= 0 && overflowNs > toleranceNs(trace, gaveUpIndex);
}

/** `card declined (CardError)`; '' where the span does not say. */
export function failureText(labels: Labels, failure: Failure): string {
  const message = labels.text(failure.message);
  const type = labels.text(failure.type);
  if (message === '') return type;
  return type === '' ? message : `${message} (${type})`;
}

/** `another root, pay POST /pay, took 5 s and failed` */
export function otherRootText(labels: Labels, { span, durationNs, failed }: OtherRoot): string {
  return `another root, ${labels.span(span)}, took ${formatDuration(durationNs)}${failed ? ' and failed' : ''}`;
}

/** `only 10000 of 250000 spans were read`; '' where all were. */
export function unreadText(trace: Trace, spansInTrace: number): string {
  const read = trace.spanCount + trace.duplicateSpans;
  return spansInTrace > read ? `only ${read} of ${spansInTrace} spans were read` : '';
}

/** `3 × ` before what happened three times; nothing before what happened once. */
export function timesText(count: number): string {
  return count === 1 ? '' : `${count} × `;
}

/** `a`, `a and b`, `a, b and c`. */
export function listText(items: readonly string[]): string {
  if (items.length < 2) return items.join('');
  return `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;
}
