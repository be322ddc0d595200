import {
  criticalPath,
  formatDuration,
  StatusCode,
  type Story,
  type StoryErrorOrigin,
  type Trace,
} from '@throughline/trace';
import { countOf, countText } from './count-text.ts';
import { drawBar, type Extent } from './draw-bar.ts';
import { layOutRows, type Row, type RowLayout, type RowOptions } from './lay-out-rows.ts';
import { safeText } from './safe-text.ts';
import { type Line, lineWidth, piece, type Piece, type Screen, type Style } from './screen.ts';
import { cut, padStart, widthOf, wrap } from './text-width.ts';

/** On narrower screens there are no bars. */
const BAR_WIDTH_MIN = 12;
const LEFT_SHARE_MAX = 0.5;
const LEFT_WIDTH_MIN = 20;
const GAP = '  ';
/** Of the cause, and of a span that failed. */
const CAUSE_MARK = '▶';
const FAILED_MARK = '✖';
/** Red is for what failed, and white for text. */
const SERVICE_STYLES: readonly Style[] = ['cyan', 'magenta', 'blue', 'green', 'yellow'];
/** A reason that is longer is in the story. */
const REASON_WIDTH_MAX = 40;
const REASON_WIDTH_MIN = 8;

/**
 * The spans of a trace as a tree beside their bars, at most `rowsMax` of them, and a line that says what is left out. A
 * bar is of blocks where its span is on the critical path, and a line elsewhere.
 */
export function writeWaterfall(trace: Trace, story: Story, options: RowOptions, screen: Screen): Line[] {
  if (trace.spanCount === 0) return [];
  const layout = layOutRows(trace, causesOf(story), options);
  const waterfall = new Waterfall(trace, story, layout.rows, screen);
  return [
    ...waterfall.axis(),
    ...layout.rows.map((_, at) => waterfall.row(at)),
    ...footer(trace, layout, options, screen),
  ];
}

/** Writes rows one by one, all of them in the same columns. */
export class Waterfall {
  readonly #trace: Trace;
  readonly #rows: readonly Row[];
  readonly #screen: Screen;
  readonly #durations: readonly string[];
  readonly #labels: readonly Label[];
  readonly #durationWidth: number;
  readonly #left: number;
  /** 0 where there is no room for bars. */
  readonly #cells: number;
  readonly #segments: ReadonlyMap<number, readonly Extent[]>;

  constructor(trace: Trace, story: Story, rows: readonly Row[], screen: Screen) {
    this.#trace = trace;
    this.#rows = rows;
    this.#screen = screen;
    this.#durations = rows.map((row) => formatDuration(Math.round(extentOf(trace, row))));
    this.#durationWidth = this.#durations.reduce((most, text) => Math.max(most, widthOf(text)), 0);
    const origins = new Map(story.errorOrigins.map((origin) => [origin.spanIndex, origin]));
    this.#labels = rows.map((row) => labelOf(trace, story, origins, rows, row));
    const widest = this.#labels.reduce((most, label) => Math.max(most, labelWidth(label)), LEFT_WIDTH_MIN);
    const leftMax = Math.max(LEFT_WIDTH_MIN, Math.floor(screen.width * LEFT_SHARE_MAX));
    const spare = screen.width - this.#durationWidth - 2 * GAP.length;
    const hasBars = spare - LEFT_WIDTH_MIN >= BAR_WIDTH_MIN;
    this.#left = hasBars ? Math.min(widest, leftMax, spare - BAR_WIDTH_MIN) : spare + GAP.length;
    this.#cells = hasBars ? spare - this.#left : 0;
    this.#segments = segmentsBySpan(trace);
  }

  /** The time that the bars stand for; none where there are no bars. */
  axis(): Line[] {
    if (this.#cells === 0) return [];
    return [axisLine(this.#trace.extentNs, this.#left + this.#durationWidth + 2 * GAP.length, this.#cells)];
  }

  row(at: number): Line {
    const [trace, rows, left] = [this.#trace, this.#rows, this.#left];
    const row = rows[at]!;
    const first = row.spans[0]!;
    const haveFailed = haveAllFailed(trace, row);
    const styles: Style[] = [haveFailed ? 'red' : serviceStyle(trace, first)];
    const label = writeLabel(this.#labels[at]!, left, guidesOf(rows, row, Math.floor(left / 2)), trace, first);
    const duration = padStart(this.#durations[at]!, this.#durationWidth);
    const line = [...label, piece(GAP), piece(duration, ...(haveFailed ? styles : []))];
    if (this.#cells === 0) return line;
    const bar = drawBar(barOf(trace, row, this.#segments, this.#cells, styles), this.#cells, this.#screen.isColored);
    return [...line, piece(GAP), ...bar];
  }
}

/** The one span that decided the outcome, and where failures began. */
export function causesOf({ summary, errorOrigins }: Story): Set<number> {
  const causes = new Set(errorOrigins.filter(({ handled }) => !handled).map(({ spanIndex }) => spanIndex));
  if (summary.cause !== null) causes.add(summary.cause.spanIndex);
  return causes;
}

interface Label {
  readonly marks: string;
  readonly haveFailed: boolean;
  readonly depth: number;
  readonly service: string;
  readonly name: string;
  /** What is said of the row behind its name; it stays where the name is cut. */
  readonly notes: readonly Piece[];
  /** Of a failure that began here; shown in the room that is left. */
  readonly reason: string;
}

function labelOf(
  trace: Trace,
  story: Story,
  origins: ReadonlyMap<number, StoryErrorOrigin>,
  rows: readonly Row[],
  row: Row,
): Label {
  const { spans, parentRow, hiddenSpans, depth } = row;
  const first = spans[0]!;
  const service = trace.services[trace.serviceIndex[first]!]!;
  const above = rows[parentRow]?.spans[0];
  const isOfParent = above !== undefined && trace.serviceIndex[above] === trace.serviceIndex[first];
  const failed = spans.filter((span) => trace.statusCode[span] === StatusCode.error).length;
  const isCause = spans.some((span) => span === story.summary.cause?.spanIndex);
  const notes: Piece[] = [];
  if (spans.length > 1) {
    const sumNs = spans.reduce((sum, span) => sum + trace.durationNs[span]!, 0);
    notes.push(
      piece(` ×${countText(spans.length)}`, 'bold'),
      piece(` ⌀ ${formatDuration(Math.round(sumNs / spans.length))}`, 'dim'),
    );
    if (failed > 0) notes.push(piece(` ${countText(failed)} failed`, 'red'));
  }
  const origin = origins.get(spans.find((span) => origins.has(span)) ?? -1);
  if (hiddenSpans > 0) notes.push(piece(` +${countText(hiddenSpans)}`, 'yellow'));
  return {
    marks: `${isCause ? CAUSE_MARK : ' '}${failed > 0 ? FAILED_MARK : ' '}`,
    haveFailed: haveAllFailed(trace, row),
    depth,
    service: isOfParent ? '' : safeText(service),
    name: safeText(trace.names[first]!) || '(no name)',
    notes,
    reason: origin === undefined ? '' : cut(safeText(origin.type || origin.message), REASON_WIDTH_MAX),
  };
}

const INDENT = 2;

function labelWidth({ marks, depth, service, name, notes, reason }: Label): number {
  const gap = service === '' ? 0 : 1;
  return (
    widthOf(marks) +
    1 +
    depth * INDENT +
    widthOf(service) +
    gap +
    widthOf(name) +
    lineWidth(notes) +
    1 +
    widthOf(reason)
  );
}

function writeLabel(label: Label, width: number, guides: string, trace: Trace, span: number): Piece[] {
  const { marks, haveFailed, service, name, notes } = label;
  const pieces = [piece(`${marks} `, 'red'), piece(guides, 'dim')];
  const room = width - lineWidth(pieces);
  const notesShown = fitting(notes, Math.max(0, room - NAME_WIDTH_MIN));
  const nameRoom = room - lineWidth(notesShown);
  // Of a service whose name fills the room, the operation is to be seen as well.
  const isWide = widthOf(service) + 1 + widthOf(name) > nameRoom;
  const ofService = service === '' ? '' : `${isWide ? cut(service, Math.ceil(nameRoom / 2)) : service} `;
  const ofName = cut(name, nameRoom - widthOf(ofService));
  pieces.push(
    piece(ofService, serviceStyle(trace, span), 'bold'),
    piece(ofName, ...(haveFailed ? (['red'] as const) : [])),
  );
  pieces.push(...notesShown);
  const rest = width - lineWidth(pieces) - 1;
  if (label.reason !== '' && rest >= Math.min(REASON_WIDTH_MIN, widthOf(label.reason)))
    pieces.push(piece(` ${cut(label.reason, rest)}`, 'red'));
  return [...pieces, piece(' '.repeat(Math.max(0, width - lineWidth(pieces))))];
}

/** Of a name at least so much is shown before what is said of it. */
const NAME_WIDTH_MIN = 8;

/** The first notes in the room that there is; the next one is cut. */
function fitting(notes: readonly Piece[], room: number): Piece[] {
  let left = room;
  return notes.flatMap(({ text, styles }) => {
    const shown = cut(text, left);
    left -= widthOf(shown);
    return shown.length < 3 ? [] : [{ text: shown, styles }];
  });
}

/** The lines of the tree before a row, in at most `widthMax` columns; of a deep one the levels next to it. */
function guidesOf(rows: readonly Row[], row: Row, widthMax: number): string {
  if (row.depth === 0) return '';
  const levelsMax = Math.max(1, Math.floor(widthMax / INDENT) - 1);
  let guides = row.isLast ? '└╴' : '├╴';
  let above = rows[row.parentRow];
  for (let level = 1; above !== undefined && above.depth > 0 && level < levelsMax; level++) {
    guides = (above.isLast ? '  ' : '│ ') + guides;
    above = rows[above.parentRow];
  }
  return above !== undefined && above.depth > 0 ? `⋯ ${guides}` : guides;
}

function serviceStyle(trace: Trace, span: number): Style {
  return SERVICE_STYLES[trace.serviceIndex[span]! % SERVICE_STYLES.length]!;
}

/** Of siblings that are alike a few may have failed: then that is said beside the name. */
function haveAllFailed(trace: Trace, { spans }: Row): boolean {
  return spans.every((span) => trace.statusCode[span] === StatusCode.error);
}

/** From the first start of its spans to the last end. */
function extentOf(trace: Trace, { spans }: Row): number {
  let [from, to] = [Infinity, 0];
  for (const span of spans) {
    from = Math.min(from, trace.startNs[span]!);
    to = Math.max(to, trace.startNs[span]! + trace.durationNs[span]!);
  }
  return to - from;
}

function segmentsBySpan(trace: Trace): Map<number, Extent[]> {
  const segments = new Map<number, Extent[]>();
  for (const { spanIndex, startNs, endNs } of criticalPath(trace)) {
    const extent = { from: startNs, to: endNs };
    const others = segments.get(spanIndex);
    if (others === undefined) segments.set(spanIndex, [extent]);
    else others.push(extent);
  }
  return segments;
}

function barOf(
  trace: Trace,
  { spans }: Row,
  segments: ReadonlyMap<number, readonly Extent[]>,
  cells: number,
  styles: readonly Style[],
): Parameters<typeof drawBar>[0] {
  const scale = trace.extentNs === 0 ? 0 : cells / trace.extentNs;
  const scaled = ({ from, to }: Extent): Extent => ({ from: from * scale, to: to * scale });
  return {
    extents: spans.map((span) =>
      scaled({ from: trace.startNs[span]!, to: trace.startNs[span]! + trace.durationNs[span]! }),
    ),
    critical: spans.flatMap((span) => (segments.get(span) ?? []).map(scaled)),
    styles,
  };
}

/** `0`, the middle and the end of the time that the bars stand for. */
function axisLine(extentNs: number, before: number, cells: number): Line {
  const end = formatDuration(Math.round(extentNs));
  const middle = formatDuration(Math.round(extentNs / 2));
  const toMiddle = Math.floor(cells / 2) - 1;
  const toEnd = cells - 1 - toMiddle - widthOf(middle) - widthOf(end);
  const text =
    toEnd >= 2 ? `0${' '.repeat(toMiddle)}${middle}${' '.repeat(toEnd)}${end}` : `0${padStart(end, cells - 1)}`;
  return [piece(' '.repeat(before)), piece(text, 'dim')];
}

function footer(
  trace: Trace,
  { rows, selectedSpans, hiddenSpans }: RowLayout,
  { critical, errors, depthMax, rowsMax }: RowOptions,
  screen: Screen,
): Line[] {
  const parts: string[] = [];
  if (critical || errors) {
    const what = [critical ? ['on the critical path'] : [], errors ? ['with an error'] : []].flat().join(' and ');
    const found = `${countText(selectedSpans)} of ${countOf(trace.spanCount, 'span')}: those ${what}, and their parents`;
    parts.push(selectedSpans === 0 ? `No span ${what}` : found);
  }
  if (hiddenSpans > 0) {
    const isFull = rows.length >= rowsMax;
    const limit = isFull ? `--rows (${countText(rowsMax)})` : `--depth (${countText(depthMax)})`;
    const rule = isFull ? '; the critical path, failures and the longest spans come first' : '';
    parts.push(`${countOf(hiddenSpans, 'span is', 'spans are')} not shown (+N): raise ${limit}${rule}`);
  }
  return parts.flatMap((text) => wrap(text, screen.width).map((line): Line => [piece(line, 'yellow')]));
}
