import { formatDuration } from '@throughline/trace';
import type { TracesResponse, TraceSummary } from '@throughline/trace/client';
import { countOf, countText } from './count-text.ts';
import { markdownCode, markdownText, warningsMarkdown } from './markdown-text.ts';
import { safeText } from './safe-text.ts';
import { type Line, lineWidth, piece, type Piece, type Screen } from './screen.ts';
import { cut, padEnd, padStart, widthOf, wrap } from './text-width.ts';

/** On narrower screens a trace takes two lines. */
const ONE_LINE_MIN = 120;
const AGE_WIDTH = 4;
const DURATION_WIDTH = 10;
const ID_WIDTH = 32;

/** `throughline search`: what was found in a sentence, and a row for each trace, the newest first. */
export function writeSearch(
  { traces, nextCursor }: Pick<TracesResponse, 'traces' | 'nextCursor'>,
  warnings: readonly string[],
  nowMs: number,
  screen: Screen,
): Line[] {
  const more = nextCursor === null ? [] : ['There are older ones: raise --limit, or set --to to the time of the last'];
  return [
    ...wrap(summaryOf(traces, nextCursor !== null), screen.width).map((text): Line => [piece(text, 'bold')]),
    ...(traces.length > 0 ? [[]] : []),
    ...traces.flatMap((trace) => writeFound(trace, nowMs, screen)),
    ...(traces.length > 0 && more.length + warnings.length > 0 ? [[]] : []),
    ...warnings.flatMap((text) => wrap(`Warning: ${text}`, screen.width).map((part): Line => [piece(part, 'yellow')])),
    ...more.flatMap((text) => wrap(text, screen.width).map((part): Line => [piece(part, 'dim')])),
  ];
}

/** The same as Markdown; parameters are named as the API names them. */
export function searchMarkdown(
  { traces, nextCursor }: Pick<TracesResponse, 'traces' | 'nextCursor'>,
  warnings: readonly string[],
  nowMs: number,
): string {
  const items = traces.map((trace) => {
    const { traceId, durationNs, startTimeUnixNano, errorCount } = trace;
    const age = ageOf(startTimeUnixNano, nowMs);
    const when = age === 'now' ? age : `${age} ago`;
    const failed = errorCount > 0 ? ' ✖' : '';
    return `- ${markdownCode(traceId)} ${when}, ${formatDuration(durationNs)}${failed}: ${markdownText(textOf(trace))}`;
  });
  const summary =
    traces.length === 0
      ? 'No trace matches; fewer filters, or an earlier `from`, find more'
      : summaryOf(traces, nextCursor !== null);
  return [
    `### ${summary}`,
    '',
    ...(items.length === 0 ? [] : [...items, '']),
    ...warningsMarkdown(warnings),
    ...(nextCursor === null ? [] : ['There are older ones: raise `limit`, or set `to` to the time of the last', '']),
  ].join('\n');
}

function summaryOf(traces: readonly TraceSummary[], hasMore: boolean): string {
  if (traces.length === 0) return 'No trace matches; fewer filters, or an earlier --from, find more';
  const failed = traces.filter(({ errorCount }) => errorCount > 0).length;
  const slowest = traces.reduce((most, { durationNs }) => Math.max(most, Number(durationNs)), 0);
  const found = hasMore ? `The newest ${countOf(traces.length, 'trace')}` : countOf(traces.length, 'trace');
  const errors = failed === 0 ? 'none with an error' : `${countText(failed)} with an error`;
  return `${found}: ${errors}, the longest took ${formatDuration(slowest)}`;
}

/** One trace: how long ago it began, how long it took, its headline, its ID. */
export function writeFound(trace: TraceSummary, nowMs: number, screen: Screen): Line[] {
  const { errorCount, durationNs, startTimeUnixNano } = trace;
  const hasFailed = errorCount > 0;
  const before: Line = [
    piece(padStart(ageOf(startTimeUnixNano, nowMs), AGE_WIDTH), 'dim'),
    piece(padStart(formatDuration(durationNs), DURATION_WIDTH)),
    piece(hasFailed ? ' ✖ ' : '   ', 'red'),
  ];
  const isOneLine = screen.width >= ONE_LINE_MIN;
  const facts = isOneLine ? [countOf(trace.spanCount, 'span')] : factsOf(trace);
  const behind = isOneLine ? `  ${padStart(facts.join(''), SPANS_WIDTH)}  ${trace.traceId}` : '';
  const room = screen.width - lineWidth(before) - widthOf(behind);
  const what = whatOf(trace, room, hasFailed);
  if (isOneLine) return [[...before, ...what, piece(behind, 'dim')]];
  const indent = Math.max(0, Math.min(lineWidth(before), screen.width - ID_WIDTH));
  const id = `${' '.repeat(indent)}${padEnd(trace.traceId, ID_WIDTH)}  `;
  return [
    [...before, ...what],
    [piece(id, 'dim'), piece(cut(facts.join(' · '), screen.width - widthOf(id)), 'dim')],
  ];
}

const SPANS_WIDTH = 13;

/** The headline in exactly `room` columns; where there is none, the operation. */
function whatOf(trace: TraceSummary, room: number, hasFailed: boolean): Piece[] {
  return [piece(padEnd(textOf(trace), room), ...(hasFailed ? (['red'] as const) : []))];
}

function textOf({ headline, rootService, rootOperation, hasRoot }: TraceSummary): string {
  const root = hasRoot ? '' : ' (root missing)';
  return safeText(headline ?? '') || `${safeText(rootService)} ${safeText(rootOperation) || '(no name)'}${root}`;
}

function factsOf({ spanCount, services }: TraceSummary): string[] {
  return [countOf(spanCount, 'span'), services.map(({ name }) => safeText(name)).join(', ')];
}

/** `now`, `12s`, `3m`, `2h`, `5d`; `-3m` is in the future, by the clock of whoever sent it. */
export function ageOf(unixNano: string, nowMs: number): string {
  const seconds = Math.round((nowMs - Number(BigInt(unixNano) / 1_000_000n)) / 1_000);
  const age = Math.abs(seconds);
  if (age < 1) return 'now';
  const sign = seconds < 0 ? '-' : '';
  const [unit, length] = UNITS.find(([, least]) => age >= least) ?? ['s', 1];
  return `${sign}${Math.floor(age / length)}${unit}`;
}

const UNITS: readonly (readonly [string, number])[] = [
  ['d', 86_400],
  ['h', 3_600],
  ['m', 60],
];
