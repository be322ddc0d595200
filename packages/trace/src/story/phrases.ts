import { formatDuration } from '../format-duration.ts';
import type { ErrorOrigin } from '../analysis/error-origins.ts';
import { toleranceNs } from '../analysis/failed-spans.ts';
import type { Failure } from '../analysis/failure.ts';
import type { Trace } from '../tree/trace.ts';
import type { Contribution } from './contributions.ts';
import { countOf, countText } from './count-of.ts';
import type { Evidence, OtherRoot } from './evidence.ts';
import type { Labels } from './labels.ts';

/**
 * Where most of the time went: `in recommendation model.predict`, `in transit web → price`, `self time of batch nightly
 * sync`.
 */
export function placeOfTime({ trace }: Evidence, labels: Labels, part: Contribution): string {
  const first = part.spans[0]!;
  if (part.place === 'network') return wayText(labels, part);
  const what = `${timesText(part.spans.length)}${labels.place(first)}`;
  return part.place === 'service' && trace.subtreeSize[first]! > 1 ? `self time of ${what}` : `in ${what}`;
}

/** `57%` */
export function percentText(partNs: number, wholeNs: number): string {
  return `${wholeNs === 0 ? 0 : Math.min(100, Math.round((100 * partNs) / wholeNs))}%`;
}

/** Where time went: `in fraud: SELECT checks (postgresql)`, `in transit payment → fraud`, `in checkout`. */
export function stepText(labels: Labels, step: Contribution): string {
  const first = step.spans[0]!;
  if (step.place === 'network') return wayText(labels, step);
  return `in ${step.place === 'service' ? labels.service(first) : `${timesText(step.spans.length)}${labels.span(first)}`}`;
}

function wayText(labels: Labels, { spans }: Contribution): string {
  return `in transit ${labels.service(spans[0]!)} → ${labels.callee(spans[0]!) ?? ''}`;
}

/** Whether what a timeout waited for went on for longer than it takes to notice that the caller has gone. */
export function hasKeptRunning(trace: Trace, { waiterIndex, overflowNs }: ErrorOrigin): boolean {
  return waiterIndex >= 0 && overflowNs > toleranceNs(trace, waiterIndex);
}

/** `card declined (CardError)`; '' where the span does not say. */
export function failureText(labels: Labels, failure: Failure): string {
  const message = labels.text(failure.message);
  const type = labels.text(failure.type);
  if (message === '') return type;
  return type === '' ? message : `${message} (${type})`;
}

/** `second root span pay POST /pay failed (5 s)` */
export function otherRootText(labels: Labels, { span, durationNs, failed }: OtherRoot): string {
  return `second root span ${labels.span(span)}${failed ? ' failed' : ''} (${formatDuration(durationNs)})`;
}

/** `first 10,000 of 250,000 spans`; '' where all were read. */
export function unreadText({ trace, spansInTrace, isTruncated }: Evidence): string {
  return isTruncated
    ? `first ${countText(trace.spanCount + trace.duplicateSpans)} of ${countOf(spansInTrace, 'span')}`
    : '';
}

/** `3 × ` before what happened three times; nothing before what happened once. */
export function timesText(count: number): string {
  return count === 1 ? '' : `${countText(count)} × `;
}
