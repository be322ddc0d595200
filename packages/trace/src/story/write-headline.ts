import { formatDuration } from '../format-duration.ts';
import type { ErrorOrigin } from '../analysis/error-origins.ts';
import { answersOf, isTellingType, isTimeoutMessage } from '../analysis/failure.ts';
import { SpanKind } from '../otlp.ts';
import type { Evidence } from './evidence.ts';
import { type HeadlinePart, joinParts } from './headline-parts.ts';
import type { Labels } from './labels.ts';
import type { Pattern } from './patterns.ts';
import { hasKeptRunning, percentText, placeOfTime, unreadText } from './phrases.ts';
import type { Verdict } from './verdict.ts';
import { countOf, countText } from './count-of.ts';

/**
 * One sentence on what the trace is about: outcome, cause, time. '' where there is nothing to say that its name does
 * not.
 */
export function writeHeadline(evidence: Evidence, verdict: Verdict): string {
  const { trace, root } = evidence;
  if (root < 0) return 'No span of this trace has been received';
  const tails = [
    ...failureTails(evidence, verdict),
    ...backgroundTails(verdict),
    ...timeTails(evidence, verdict),
    ...harmlessTails(verdict),
    ...otherRootTails(evidence),
  ];
  const unread = unreadText(evidence);
  if (unread !== '') tails.push([{ write: () => unread, rank: 1 }]);
  const outcome = outcomeText(evidence, verdict);
  if (tails.length === 0 && (outcome === '' || verdict.outcome === 'slow')) return '';

  const missing = trace.hasRoot || evidence.isTruncated ? '' : ' (root span missing)';
  const subject: HeadlinePart = { write: (labels) => `${labels.shortOperation(verdict.entry)}${missing}`, rank: 0 };
  const parts: HeadlinePart[] = [subject, { write: () => outcome, rank: 0 }];
  for (const [index, tail] of tails.entries()) {
    const [first, ...rest] = tail;
    if (first === undefined) continue;
    const separator = index === 0 ? (first.separator ?? ': ') : '; ';
    parts.push({ write: (labels) => `${separator}${first.write(labels)}`, rank: first.rank }, ...rest);
  }
  return joinParts(trace, parts);
}

/** A statement, in pieces of which the first one carries the others. */
type Tail = readonly (HeadlinePart & { readonly separator?: string })[];

function outcomeText(evidence: Evidence, { outcome, origin, entry }: Verdict): string {
  if (outcome === 'ok') return '';
  if (outcome === 'failed') return ` failed${codeText(evidence, entry)}`;
  const isOfCaller = origin?.spanIndex === entry || origin?.spanIndex === evidence.root;
  if (outcome === 'cancelled' && isOfCaller) {
    return ` cancelled by its caller after ${formatDuration(evidence.durationNs)}`;
  }
  return outcome === 'timed-out' ? ' timed out' : ` ${outcome}`;
}

/** ` (504)` for the status that the caller was given; '' where there is none. */
function codeText(evidence: Evidence, entry: number): string {
  const code = answeredCode(evidence, entry);
  return code === '' ? '' : ` (${code})`;
}

function answeredCode({ trace }: Evidence, entry: number): string {
  return answersOf(trace.span(entry)).find((code) => /^[45]\d\d$/.test(code)) ?? '';
}

function failureTails(evidence: Evidence, verdict: Verdict): Tail[] {
  const { origin, retry } = verdict;
  if (origin === undefined) return [];
  if (retry !== undefined) {
    if (origin.kind === 'error' || retry.spans.includes(origin.spanIndex)) {
      return [retryTail(evidence, verdict, origin, retry)];
    }
    // What every attempt waited for says more than the attempts do.
    const attempts: Tail = [{ write: () => `${countText(retry.spans.length)} attempts`, rank: 3 }];
    if (origin.kind === 'timeout') return [timeoutTail(evidence, verdict, origin), attempts];
  }
  if (origin.kind === 'error') return errorTails(evidence, verdict, origin);
  return origin.kind === 'timeout'
    ? [timeoutTail(evidence, verdict, origin)]
    : cancelledTails(evidence, origin, verdict);
}

function retryTail({ trace }: Evidence, { reason, outcome }: Verdict, origin: ErrorOrigin, retry: Pattern): Tail {
  const first = retry.spans[0]!;
  const says = (labels: Labels): string => labels.text(reason.message) || labels.text(reason.type);
  const isNumbered = /\b(attempt|retry|try)\b/i.test(trace.names[first]!);
  const isTimeout = origin.kind === 'timeout' && origin.confidence === 'stated';
  const each = isTimeout ? `timed out after ${formatDuration(trace.durationNs[origin.waiterIndex]!)}` : '';
  const why = (labels: Labels): string => (isTimeout ? each : says(labels));
  const pauseText = `, ${formatDuration(retry.pauseNs)} pause${retry.spans.length > 2 ? 's' : ''}`;
  // Who failed for good wants to know why, and not how long that took.
  const pauses = outcome === 'recovered' && retry.pauseNs > 0 ? [{ write: () => pauseText, rank: 3 }] : [];
  return [
    {
      write: (labels) =>
        `${countText(retry.spans.length)} attempts${isNumbered ? '' : ` at ${labels.placeBeside(first, first)}`}`,
      rank: 1,
    },
    { write: (labels) => (why(labels) === '' ? '' : ` (${why(labels)})`), rank: 2 },
    ...pauses,
  ];
}

function errorTails(evidence: Evidence, { reason, entry }: Verdict, origin: ErrorOrigin): Tail[] {
  const { trace, root } = evidence;
  const isElsewhere = origin.spanIndex !== entry && origin.spanIndex !== root;
  const type = reason.message.includes(reason.type) ? '' : shortType(reason.type);
  const near = origin.nearRoundNs === 0 ? '' : nearText(trace.durationNs[origin.spanIndex]!, origin.nearRoundNs);
  if (reason.message === '') {
    // The status is beside the outcome.
    const says = reason.type === answeredCode(evidence, entry) ? '' : reason.type;
    if (!isElsewhere) return says === '' ? [] : [[{ write: (labels) => labels.text(says), rank: 1 }]];
    const what: HeadlinePart[] = says === '' ? [] : [{ write: (labels) => `, ${labels.text(says)}`, rank: 2 }];
    return [[{ write: (labels) => labels.place(origin.spanIndex), rank: 1 }, ...what, { write: () => near, rank: 3 }]];
  }
  // Where it happened helps more than what the class is called.
  const inBrackets = (labels: Labels): string =>
    isElsewhere ? labels.place(origin.spanIndex) : type && labels.text(type);
  return [
    [
      { write: (labels) => labels.text(reason.message), rank: 1 },
      { write: (labels) => (inBrackets(labels) === '' ? '' : ` (${inBrackets(labels)})`), rank: 2 },
    ],
  ];
}

/** The name of an exception without the package or module that it is declared in. */
function shortType(type: string): string {
  return isTellingType(type) ? type.slice(type.search(/[^.:$/\\*]*$/)) : '';
}

function nearText(durationNs: number, roundNs: number): string {
  return ` after ${formatDuration(durationNs)}, close to a ${formatDuration(roundNs)} timeout`;
}

function timeoutTail({ trace, root }: Evidence, verdict: Verdict, origin: ErrorOrigin): Tail {
  const { outcome, reason, entry } = verdict;
  const { waiterIndex, spanIndex } = origin;
  const time = formatDuration(trace.durationNs[waiterIndex]!);
  // What only says once more that time was up is not worth the room.
  const isNews = reason.message !== '' && !isTimeoutMessage(reason.message);
  const why: HeadlinePart[] = isNews ? [{ write: (labels) => `: ${labels.text(reason.message)}`, rank: 3 }] : [];
  const isAtEntry = spanIndex === entry || spanIndex === root;
  const waitsForItself = spanIndex === waiterIndex && trace.kind[spanIndex] !== SpanKind.client;
  if (waitsForItself) {
    const where = (labels: Labels): string => (isAtEntry ? '' : `${labels.place(spanIndex)} `);
    if (reason.message !== '') {
      return [
        { write: (labels) => labels.text(reason.message), rank: 1 },
        { write: (labels) => (isAtEntry ? '' : ` (${labels.place(spanIndex)})`), rank: 2 },
      ];
    }
    return [{ write: (labels) => `${where(labels)}after ${time}`, separator: isAtEntry ? ' ' : ': ', rank: 1 }];
  }
  const waited = (labels: Labels): string => {
    const who = labels.service(waiterIndex);
    if (outcome === 'timed-out') return `${who} waited ${time} for ${labels.waitedFor(spanIndex, waiterIndex)}`;
    const sure = origin.confidence === 'stated' ? '' : 'probably ';
    return `${who} ${sure}timed out after ${time} on ${labels.waitedFor(spanIndex, waiterIndex)}`;
  };
  // Where the root got over it, there is no room for both.
  const keptRunning: HeadlinePart[] =
    outcome === 'timed-out' && hasKeptRunning(trace, origin)
      ? [{ write: () => `, which ran on ${formatDuration(origin.overflowNs)}`, rank: 2 }]
      : [];
  return [{ write: waited, rank: 1 }, ...keptRunning, ...why];
}

function cancelledTails({ trace, root }: Evidence, { spanIndex }: ErrorOrigin, { entry }: Verdict): Tail[] {
  if (spanIndex === root || spanIndex === entry) return [];
  const time = formatDuration(trace.durationNs[spanIndex]!);
  return [
    [
      {
        write: (labels) =>
          `${labels.service(spanIndex)} cancelled ${labels.waitedFor(spanIndex, spanIndex)} after ${time}`,
        rank: 1,
      },
    ],
  ];
}

function backgroundTails({ background }: Verdict): Tail[] {
  if (background === undefined) return [];
  const { spanIndex, failure } = background;
  return [
    [
      { write: (labels) => `${labels.place(spanIndex)} failed in the background`, rank: 1 },
      { write: (labels) => (failure.message === '' ? '' : ` (${labels.text(failure.message)})`), rank: 3 },
    ],
  ];
}

/** A failure that was got over, and took less than this share, leaves room for what took the time. */
const SMALL_SHARE_MAX = 0.25;

/** What took the time, where nothing failed, or what failed did not take it. */
function timeTails(evidence: Evidence, { outcome, origin, retry, pattern, dominant }: Verdict): Tail[] {
  if (outcome === 'failed' || outcome === 'timed-out' || outcome === 'cancelled' || retry !== undefined) return [];
  const { durationNs, criticalBelow } = evidence;
  if (origin !== undefined && criticalBelow(origin.spanIndex) > SMALL_SHARE_MAX * durationNs) return [];
  const rank = origin === undefined ? 1 : 2;
  if (pattern !== undefined) return [patternTail(evidence, pattern, rank)];
  if (dominant === undefined) return [];
  const share = percentText(dominant.durationNs, durationNs);
  // Beside a failure there is room for less.
  const ofAll = origin === undefined ? `${share} of ${formatDuration(durationNs)}` : share;
  return [[{ write: (labels) => `${ofAll} ${placeOfTime(evidence, labels, dominant)}`, rank }]];
}

function patternTail({ durationNs }: Evidence, pattern: Pattern, rank: number): Tail {
  const { kind, spans, width, failedSpans, lastIndex, pauseNs } = pattern;
  const ofAll = `${percentText(pattern.criticalNs, durationNs)} of ${formatDuration(durationNs)}`;
  const first = spans[0]!;
  const count = countText(spans.length);
  const failed: HeadlinePart[] =
    failedSpans > 0 ? [{ write: () => `, ${countText(failedSpans)} failed`, rank: rank + 2 }] : [];
  const share: HeadlinePart = { write: () => ` (${ofAll})`, rank: rank + 1 };
  switch (kind) {
    case 'n+1':
      return [{ write: (labels) => `N+1, ${count} sequential ${labels.place(first)}`, rank }, share, ...failed];
    case 'polling':
      return [
        { write: (labels) => `polled ${labels.place(first)} ${count} times`, rank },
        { write: () => `, ${formatDuration(pauseNs)} between calls`, rank: rank + 1 },
      ];
    case 'fan-out':
      if (width < spans.length) {
        return [
          { write: (labels) => `${count} ${labels.place(first)}, ${countText(width)} at a time`, rank },
          share,
          ...failed,
        ];
      }
      return [
        { write: (labels) => `${ofAll} in the slowest of ${count} parallel: ${labels.place(lastIndex)}`, rank },
        ...failed,
      ];
    case 'recursion':
      return [{ write: (labels) => `${labels.place(first)} nested ${count} deep`, rank }, share];
    default:
      return [{ write: (labels) => `${count} sequential ${labels.place(first)}`, rank }, share, ...failed];
  }
}

function harmlessTails({ harmlessFailures, outcome }: Verdict): Tail[] {
  if (harmlessFailures === 0 || (outcome !== 'ok' && outcome !== 'slow')) return [];
  const failures = countOf(harmlessFailures, 'failure, which did not reach', 'failures, none reached');
  return [[{ write: () => `${failures} the root`, rank: 2 }]];
}

/** A second root is no part of what the headline is about, but nobody should miss that it failed. */
function otherRootTails({ otherRoots }: Evidence): Tail[] {
  const first = otherRoots[0];
  if (first === undefined || !first.failed) return [];
  return [[{ write: (labels) => `second root span ${labels.shortOperation(first.span)} failed`, rank: 3 }]];
}
