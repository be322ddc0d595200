import { countOf, countText } from './count-text.ts';
import { safeText } from './safe-text.ts';
import { type Line, lineWidth, piece, type Screen } from './screen.ts';
import { padEnd, padStart, widthOf, wrap } from './text-width.ts';
import { ageOf } from './write-search.ts';

/** Failures that began at the same place for the same reason. */
export interface ErrorGroup {
  readonly service: string;
  readonly operation: string;
  readonly kind: 'error' | 'timeout' | 'cancelled';
  /** '' where no span says. */
  readonly reason: string;
  /** Traces, the newest first; 1 or more. */
  readonly traces: readonly { readonly traceId: string; readonly startTimeUnixNano: string }[];
}

/** `throughline errors`: the most frequent origin in a sentence, and a row for each, with its newest trace. */
export function writeErrors(
  groups: readonly ErrorGroup[],
  traceCount: number,
  hasMore: boolean,
  warnings: readonly string[],
  nowMs: number,
  screen: Screen,
): Line[] {
  const countWidth = Math.max(0, ...groups.map(({ traces }) => widthOf(countText(traces.length)) + 1));
  const grouped = groups.reduce((sum, { traces }) => sum + traces.length, 0);
  const leftOut = countOf(traceCount - grouped, 'trace is', 'traces are');
  const notes = [
    ...(grouped < traceCount ? [`${leftOut} left out: the failures in them did not decide how they ended`] : []),
    ...(hasMore ? ['There are older ones: raise --limit, or set --to'] : []),
  ];
  return [
    ...wrap(answerOf(groups, traceCount, hasMore), screen.width).map((text): Line => [piece(text, 'bold')]),
    ...(groups.length > 0 ? [[]] : []),
    ...groups.flatMap((group) => writeGroup(group, countWidth, nowMs, screen)),
    ...(notes.length + warnings.length > 0 ? [[]] : []),
    ...warnings.flatMap((text) => wrap(`Warning: ${text}`, screen.width).map((part): Line => [piece(part, 'yellow')])),
    ...notes.flatMap((text) => wrap(text, screen.width).map((part): Line => [piece(part, 'dim')])),
  ];
}

function answerOf([most]: readonly ErrorGroup[], traceCount: number, hasMore: boolean): string {
  if (most === undefined) return traceCount === 0 ? 'No trace with an error' : 'No origin of a failure was found';
  const { service, operation, traces } = most;
  const all = `${hasMore ? 'the newest ' : ''}${countOf(traceCount, 'trace')} with an error`;
  if (traces.length === traceCount) {
    return `${traceCount === 1 ? 'The failure' : `The failures of all ${all}`} began in ${placeOf(service, operation)}`;
  }
  return `The failures of ${countText(traces.length)} of ${all} began in ${placeOf(service, operation)}`;
}

/** Service and operation, made harmless. */
export function placeOf(service: string, operation: string): string {
  return `${safeText(service)} ${safeText(operation) || '(no name)'}`;
}

/** What became of a span that failed. */
export const FAILURE_VERBS = { error: 'failed', timeout: 'timed out', cancelled: 'was cancelled' } as const;

function writeGroup(
  { service, operation, kind, reason, traces }: ErrorGroup,
  countWidth: number,
  nowMs: number,
  screen: Screen,
): Line[] {
  const newest = traces[0]!;
  const oldest = traces.at(-1)!;
  const before: Line = [piece(`${padStart(countText(traces.length), countWidth)}  `, 'bold')];
  const indent = ' '.repeat(lineWidth(before));
  const room = screen.width - lineWidth(before);
  const what = `${placeOf(service, operation)} ${FAILURE_VERBS[kind]}`;
  const [newestAge, oldestAge] = [newest, oldest].map(({ startTimeUnixNano }) => ageOf(startTimeUnixNano, nowMs));
  const when = newestAge === oldestAge ? `${newestAge} ago` : `${newestAge} to ${oldestAge} ago`;
  const lines: Line[] = [[...before, piece(padEnd(what, room), 'red')]];
  for (const text of reason === '' ? [] : wrap(safeText(reason, REASON_UNITS_MAX), room))
    lines.push([piece(indent), piece(text)]);
  for (const text of wrap(`${newest.traceId} ${when.replace('now ago', 'now')}`, room)) {
    lines.push([piece(indent), piece(text, 'dim')]);
  }
  return lines;
}

const REASON_UNITS_MAX = 300;
