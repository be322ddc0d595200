import { type ComparedCalls, type ComparedPath, formatDuration, type TraceComparison } from '@throughline/trace';
import { countOf, countText } from './count-text.ts';
import { markdownBlock, markdownCode, markdownText, warningsMarkdown } from './markdown-text.ts';
import { safeText } from './safe-text.ts';
import { type Line, piece, render, type Screen, type Style } from './screen.ts';
import { cut, padEnd, padStart, widthOf, wrap } from './text-width.ts';
import { headlineOf } from './write-story.ts';
import type { TraceReport } from './write-trace.ts';

const LEFT_WIDTH_MIN = 20;
/** Less than this share of the difference is not worth a row. */
const DELTA_SHARE_MIN = 0.02;
const DELTA_NS_MIN = 1e6;

/** What is said of each of the two traces. */
export type ComparedTrace = Pick<TraceReport, 'story' | 'warnings'>;

/** `throughline diff`: which took longer and because of what, and the paths that differ, with those above them. */
export function writeComparison(
  comparison: TraceComparison,
  a: ComparedTrace,
  b: ComparedTrace,
  rowsMax: number,
  screen: Screen,
): Line[] {
  const shown = choosePaths(comparison, rowsMax);
  const rows = writeRows(comparison, shown, screen);
  const warnings = [...a.warnings, ...b.warnings].map((text) => `Warning: ${safeText(text)}`);
  const facts = factsOf(comparison);
  const isFull = shown.size >= rowsMax;
  return [
    ...wrap(answerOf(comparison), screen.width).map((text): Line => [piece(text, 'bold')]),
    [],
    writeSide('A', a, screen),
    writeSide('B', b, screen),
    ...warnings.flatMap((text) => wrap(text, screen.width).map((line): Line => [piece(line, 'yellow')])),
    ...(rows.length === 0 ? [] : [[], ...rows]),
    [],
    ...wrap(isFull ? `${facts}; --rows ${rowsMax} is the limit` : facts, screen.width).map((text): Line => [
      piece(text, 'dim'),
    ]),
  ];
}

/** The same as Markdown. */
export function comparisonMarkdown(
  comparison: TraceComparison,
  a: ComparedTrace,
  b: ComparedTrace,
  rowsMax: number,
  width: number,
): string {
  const shown = choosePaths(comparison, rowsMax);
  const rows = render(writeRows(comparison, shown, { width, isColored: false }), { isColored: false });
  const side = (name: string, { story }: ComparedTrace): string =>
    `- ${name}: ${markdownCode(story.traceId)} ${markdownText(headlineOf(story))}`;
  return [
    `### ${markdownText(answerOf(comparison))}`,
    '',
    side('A', a),
    side('B', b),
    '',
    ...warningsMarkdown([...a.warnings, ...b.warnings]),
    ...(rows === '' ? [] : [markdownBlock(rows), '']),
    factsOf(comparison) + (shown.size >= rowsMax ? `; ${rowsMax} rows are the limit` : ''),
    '',
  ].join('\n');
}

function factsOf({ paths }: TraceComparison): string {
  const alike = paths.filter(({ differences }) => differences.length === 0).length;
  return `${countOf(paths.length, 'path')}: ${countText(alike)} alike, ${countText(paths.length - alike)} different`;
}

/** `B took 4.9 s longer than A (180 ms → 5.1 s), mostly by fraud SELECT checks (+4.8 s)` */
function answerOf({ durationNsA, durationNsB, paths }: TraceComparison): string {
  const deltaNs = durationNsB - durationNsA;
  const times = `${formatDuration(durationNsA)} → ${formatDuration(durationNsB)}`;
  const differing = paths.filter(({ differences }) => differences.length > 0).length;
  if (Math.abs(deltaNs) < Math.max(DELTA_NS_MIN, 0.02 * durationNsA)) {
    const what = differing === 0 ? 'no path differs' : countOf(differing, 'path differs', 'paths differ');
    return `A and B took about the same time (${times}); ${what}`;
  }
  const sign = Math.sign(deltaNs);
  const most = paths.reduce<ComparedPath | null>(
    (best, path) => (best === null || path.criticalDeltaNs * sign > best.criticalDeltaNs * sign ? path : best),
    null,
  );
  const longer = `B took ${formatDuration(Math.abs(deltaNs))} ${sign > 0 ? 'longer' : 'less'} than A (${times})`;
  if (most === null) return longer;
  return `${longer}, mostly by ${safeText(most.service)} ${nameOf(most)} (${signed(most.criticalDeltaNs)})${whyOf(most)}`;
}

function whyOf({ differences, a, b }: ComparedPath): string {
  if (differences.includes('only-b')) return ', which A does not call';
  if (differences.includes('only-a')) return ', which B does not call';
  const [callsA, callsB] = [a?.calls ?? 0, b?.calls ?? 0];
  return callsA === callsB ? '' : `, called ${countOf(callsB, 'time')} and not ${countText(callsA)}`;
}

function nameOf({ operation }: ComparedPath): string {
  return safeText(operation) || '(no name)';
}

function writeSide(side: string, { story }: ComparedTrace, screen: Screen): Line {
  const before = `${side}  ${safeText(story.traceId)}  `;
  return [piece(before, 'dim'), piece(cut(headlineOf(story), screen.width - widthOf(before)))];
}

/** The places of the paths to show: what differs, and all above it. */
function choosePaths({ paths, durationNsA, durationNsB }: TraceComparison, rowsMax: number): Set<number> {
  const leastNs = Math.max(DELTA_NS_MIN, DELTA_SHARE_MIN * Math.abs(durationNsB - durationNsA));
  const isWorthIt = ({ differences, criticalDeltaNs, parentIndex }: ComparedPath): boolean => {
    if (Math.abs(criticalDeltaNs) >= leastNs) return true;
    const [first] = differences;
    // What is below a call that only one trace makes goes without saying.
    const isBelow = first?.startsWith('only') === true && paths[parentIndex]?.differences.includes(first) === true;
    return differences.length > 0 && !isBelow;
  };
  const ranked = [...paths.entries()]
    .filter(([, path]) => isWorthIt(path))
    .toSorted(([, one], [, other]) => Math.abs(other.criticalDeltaNs) - Math.abs(one.criticalDeltaNs));
  const shown = new Set<number>();
  for (const [index] of ranked) {
    const missing: number[] = [];
    let above = index;
    while (above >= 0 && !shown.has(above) && shown.size + missing.length <= rowsMax) {
      missing.push(above);
      above = paths[above]!.parentIndex;
    }
    if (shown.size + missing.length > rowsMax) continue;
    for (const place of missing) shown.add(place);
  }
  return shown;
}

function writeRows({ paths }: TraceComparison, shown: ReadonlySet<number>, screen: Screen): Line[] {
  if (shown.size === 0) return [];
  const rows = [...shown].toSorted((one, other) => one - other).map((index) => paths[index]!);
  const cells = rows.map((path) => ({ calls: callsText(path), time: timeText(path), delta: deltaText(path) }));
  const columns = fittingColumns(cells, screen.width - LEFT_WIDTH_MIN);
  const widest = rows.reduce(
    (most, path) => Math.max(most, widthOf(leftText(paths, path)) + INDENT * path.depth + MARK_WIDTH),
    LEFT_WIDTH_MIN,
  );
  const left = Math.min(widest, screen.width - columns.reduce((sum, { width }) => sum + width + GAP.length, 0));
  const behind = (texts: Cells): string => columns.map(({ key, width }) => GAP + padStart(texts[key], width)).join('');
  return [
    [piece(' '.repeat(left)), piece(behind(HEADER), 'dim')],
    ...rows.map((path, at): Line => {
      const [mark, style] = markOf(path);
      const indent = ' '.repeat(Math.min(INDENT * path.depth, Math.floor(left / 2)));
      const name = padEnd(`${indent}${leftText(paths, path)}`, left - MARK_WIDTH);
      return [piece(`${mark} `, style), piece(name, ...(mark === ' ' ? [] : [style])), piece(behind(cells[at]!))];
    }),
  ];
}

interface Cells {
  readonly calls: string;
  readonly time: string;
  readonly delta: string;
}

const HEADER: Cells = { calls: 'calls', time: 'time a call', delta: 'critical path' };
const GAP = '  ';
const MARK_WIDTH = 2;

/** On a narrow screen the first ones are left out: the last one is what the comparison is for. */
function fittingColumns(
  cells: readonly Cells[],
  room: number,
): { readonly key: keyof Cells; readonly width: number }[] {
  const columns = (['calls', 'time', 'delta'] as const).map((key) => ({
    key,
    width: cells.reduce((most, row) => Math.max(most, widthOf(row[key])), widthOf(HEADER[key])),
  }));
  while (columns.length > 1 && columns.reduce((sum, { width }) => sum + width + GAP.length, 0) > room) columns.shift();
  return columns;
}

const INDENT = 2;

function leftText(paths: readonly ComparedPath[], path: ComparedPath): string {
  const isOfParent = paths[path.parentIndex]?.service === path.service;
  return isOfParent ? nameOf(path) : `${safeText(path.service)} ${nameOf(path)}`;
}

function markOf({ differences }: ComparedPath): [string, Style] {
  if (differences.includes('only-b')) return ['+', 'yellow'];
  if (differences.includes('only-a')) return ['-', 'cyan'];
  if (differences.includes('more-failures')) return ['✖', 'red'];
  if (differences.includes('slower') || differences.includes('more-calls')) return ['▲', 'red'];
  if (differences.length > 0) return ['▼', 'green'];
  return [' ', 'dim'];
}

function callsText({ a, b }: ComparedPath): string {
  return changeText(a, b, ({ calls, failedCalls }) => {
    if (failedCalls === 0) return countText(calls);
    return failedCalls === calls ? `${countText(calls)} ✖` : `${countText(calls)} (${countText(failedCalls)} ✖)`;
  });
}

function timeText({ a, b }: ComparedPath): string {
  return changeText(a, b, ({ durationNs, calls }) => formatDuration(Math.round(durationNs / calls)));
}

function changeText(a: ComparedCalls | null, b: ComparedCalls | null, text: (calls: ComparedCalls) => string): string {
  const [before, after] = [a, b].map((calls) => (calls === null ? '' : text(calls)));
  if (before === after || after === '') return before ?? '';
  return before === '' ? (after ?? '') : `${before} → ${after}`;
}

function deltaText({ criticalDeltaNs }: ComparedPath): string {
  return Math.abs(criticalDeltaNs) < DELTA_NS_MIN / 10 ? '' : signed(criticalDeltaNs);
}

function signed(ns: number): string {
  return `${ns > 0 ? '+' : '-'}${formatDuration(Math.round(Math.abs(ns)))}`;
}
