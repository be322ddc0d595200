import { formatDuration, type Story, type Trace } from '@throughline/trace';
import { countOf } from './count-text.ts';
import type { RowOptions } from './lay-out-rows.ts';
import { markdownBlock, markdownCode, markdownText, warningsMarkdown } from './markdown-text.ts';
import { safeText } from './safe-text.ts';
import { type Line, piece, render, type Screen } from './screen.ts';
import { widthOf, wrap } from './text-width.ts';
import { headlineOf, writeClauses, writeHeadline } from './write-story.ts';
import { writeWaterfall } from './write-waterfall.ts';

/** A trace as it was read, and what is known of it besides. */
export interface TraceReport {
  readonly trace: Trace;
  readonly story: Story;
  /** Where it is in the UI; null for one that is not stored. */
  readonly url: string | null;
  /** What a reader must know before believing the rest; mostly none. */
  readonly warnings: readonly string[];
}

/** `throughline trace`: the headline, the clauses, the waterfall. */
export function writeTrace(report: TraceReport, options: RowOptions, screen: Screen): Line[] {
  const { trace, story } = report;
  return [
    ...writeHeadline(story, screen),
    [],
    ...writeClauses(story, screen, 0),
    ...(story.clauses.length > 0 ? [[]] : []),
    ...writeWaterfall(trace, story, options, screen),
    ...(trace.spanCount > 0 ? [[]] : []),
    ...writeFooter(report, screen),
  ];
}

/** `throughline why`: the headline, what decided it, and every clause with its evidence. */
export function writeWhy(report: TraceReport, spanIdsMax: number, screen: Screen): Line[] {
  const { story } = report;
  return [
    ...writeHeadline(story, screen),
    ...writeCause(story, screen),
    [],
    ...writeClauses(story, screen, spanIdsMax),
    ...(story.clauses.length > 0 ? [[]] : []),
    ...writeFooter(report, screen),
  ];
}

function writeCause({ summary: { cause, shareOfTime } }: Story, screen: Screen): Line[] {
  if (cause === null) return [];
  const { service, operation, kind, confidence, reason, spanId } = cause;
  const share = shareOfTime === null ? '' : `, ${Math.round(shareOfTime * 100)}% of the time`;
  const why = reason === '' ? '' : `: ${safeText(reason, REASON_UNITS_MAX)}`;
  const text = `Cause: ${safeText(service)} ${safeText(operation)} (${CAUSES[kind]}, ${confidence}${share})${why}`;
  return [...wrap(text, screen.width).map((line): Line => [piece(line)]), [piece(`  span ${safeText(spanId)}`, 'dim')]];
}

const CAUSES = { error: 'failed', timeout: 'timed out', cancelled: 'was cancelled', time: 'took the time' } as const;
const REASON_UNITS_MAX = 300;

function writeFooter({ trace, url, warnings }: TraceReport, screen: Screen): Line[] {
  const warned = warnings.flatMap((warning) =>
    wrap(`Warning: ${warning}`, screen.width).map((text): Line => [piece(text, 'yellow')]),
  );
  if (trace.spanCount === 0) return warned;
  const facts = [
    safeText(trace.traceId),
    countOf(trace.spanCount, 'span'),
    countOf(trace.services.length, 'service'),
    timeText(trace.traceStartUnixNano),
  ];
  const lines = [...warned, ...joinFacts(facts, screen.width).map((text): Line => [piece(text, 'dim')])];
  // An address that is broken into two lines cannot be opened.
  return url === null ? lines : [...lines, [piece(safeText(url), 'cyan')]];
}

/** `2026-11-23 05:00:00Z` */
function timeText(unixNano: bigint): string {
  const milliseconds = Number(unixNano / 1_000_000n);
  // Times of a broken clock may lie beyond what a Date holds.
  if (milliseconds > DATE_MS_MAX) return `${unixNano} ns`;
  return new Date(milliseconds).toISOString().replace('T', ' ').replace(/\.\d+/, '');
}

const DATE_MS_MAX = 8.64e15;

/** As many on a line as there is room for. */
function joinFacts(facts: readonly string[], width: number): string[] {
  const lines: string[] = [];
  for (const fact of facts) {
    const longer = `${lines.at(-1)} · ${fact}`;
    if (lines.length > 0 && widthOf(longer) <= width) lines[lines.length - 1] = longer;
    else lines.push(fact);
  }
  return lines;
}

/** What ends a report in Markdown. */
export type MarkdownFacts = Pick<Story, 'traceId' | 'spanCount' | 'durationNs'>;

/** `throughline trace` as Markdown. */
export function traceMarkdown(
  { trace, story, url, warnings }: TraceReport,
  options: RowOptions,
  width: number,
): string {
  return endMarkdown(traceBodyMarkdown(trace, story, options, width), story, url, warnings);
}

/** All of it but its end, which says where it is and what is missing. */
export function traceBodyMarkdown(trace: Trace, story: Story, options: RowOptions, width: number): string {
  const waterfall = render(writeWaterfall(trace, story, options, { width, isColored: false }), { isColored: false });
  return [...storyMarkdown(story), ...(waterfall === '' ? [] : ['', markdownBlock(waterfall)])].join('\n');
}

/** A body with its end. */
export function endMarkdown(
  body: string,
  { traceId, spanCount, durationNs }: MarkdownFacts,
  url: string | null,
  warnings: readonly string[],
): string {
  const facts = [`Trace ${markdownCode(traceId)}`, countOf(spanCount, 'span'), formatDuration(durationNs)];
  return [
    body,
    '',
    ...warningsMarkdown(warnings),
    [...facts, ...(url === null ? [] : [`<${url}>`])].join(' · '),
    '',
  ].join('\n');
}

/** `throughline why` as Markdown. */
export function whyMarkdown(
  { story, url, warnings }: Pick<TraceReport, 'story' | 'url' | 'warnings'>,
  spanIdsMax: number,
): string {
  const facts = [`Trace ${markdownCode(story.traceId)}`, ...(url === null ? [] : [`<${url}>`])];
  return [...storyMarkdown(story, spanIdsMax), '', ...warningsMarkdown(warnings), facts.join(' · '), ''].join('\n');
}

function storyMarkdown(story: Story, spanIdsMax = 0): string[] {
  const items = story.clauses.map(({ text, spanIds, spanCount }) => {
    const ids = spanIds.slice(0, spanIdsMax).map((id) => markdownCode(id));
    if (ids.length > 0 && spanCount > ids.length) ids.push(`and ${spanCount - ids.length} more`);
    return `- ${markdownText(text)}${ids.length > 0 ? ` (${ids.join(', ')})` : ''}`;
  });
  return [`### ${markdownText(headlineOf(story))}`, '', ...items];
}
