import { attributeText, criticalNs, formatDuration, type KeyValue, StatusCode } from '@throughline/trace';
import { countText } from './count-text.ts';
import { layOutRows, type Row, type RowOptions } from './lay-out-rows.ts';
import { safeText } from './safe-text.ts';
import { type Line, piece, type Screen } from './screen.ts';
import { cut, padEnd, widthOf } from './text-width.ts';
import { headlineOf, headlineStyles } from './write-story.ts';
import type { TraceReport } from './write-trace.ts';
import { causesOf, Waterfall } from './write-waterfall.ts';

/** A screen that fills all of a terminal. */
export interface FullScreen extends Screen {
  /** In lines. */
  readonly height: number;
}

/** Keys that `press` knows; anything else does nothing. */
export type BrowserKey =
  | 'down'
  | 'up'
  | 'page-down'
  | 'page-up'
  | 'first'
  | 'last'
  | 'fold'
  | 'unfold'
  | 'next-error'
  | 'next-critical'
  | 'details';

const KEYS_TEXT = 'j/k move · h/l fold · e error · c critical · enter details · q quit';
const DETAILS_SHARE = 0.4;

/** The waterfall of a trace on a full screen: a cursor, folded rows, and what a span holds. */
export class TraceBrowser {
  readonly #report: TraceReport;
  readonly #rows: readonly Row[];
  readonly #isCritical: readonly boolean[];
  readonly #isFailed: readonly boolean[];
  readonly #hasChildren: readonly boolean[];
  readonly #folded = new Set<number>();
  #screen: FullScreen;
  #waterfall: Waterfall;
  /** The place of a row, and of the one at the top of the screen. */
  #cursor = 0;
  #top = 0;
  #showsDetails = false;

  /** The cursor is on the cause, or on the first row. */
  constructor(report: TraceReport, options: RowOptions, screen: FullScreen) {
    const { trace, story } = report;
    this.#report = report;
    this.#rows = layOutRows(trace, causesOf(story), options).rows;
    const onPathNs = criticalNs(trace);
    this.#isCritical = this.#rows.map(({ spans }) => spans.some((span) => onPathNs[span]! > 0));
    this.#isFailed = this.#rows.map(({ spans }) => spans.some((span) => trace.statusCode[span] === StatusCode.error));
    const parents = new Set(this.#rows.map(({ parentRow }) => parentRow));
    this.#hasChildren = this.#rows.map((_, at) => parents.has(at));
    this.#screen = screen;
    this.#waterfall = new Waterfall(trace, story, this.#rows, screen);
    const cause = story.summary.cause?.spanIndex;
    this.#cursor = Math.max(0, cause === undefined ? 0 : this.#rows.findIndex(({ spans }) => spans.includes(cause)));
  }

  resize(screen: FullScreen): void {
    this.#screen = screen;
    this.#waterfall = new Waterfall(this.#report.trace, this.#report.story, this.#rows, screen);
  }

  press(key: BrowserKey): void {
    const visible = this.#visibleRows();
    const at = visible.indexOf(this.#cursor);
    const page = Math.max(1, this.#rowLines() - 1);
    const move = (to: number): void => {
      this.#cursor = visible[Math.max(0, Math.min(visible.length - 1, to))] ?? 0;
    };
    switch (key) {
      case 'down':
        return move(at + 1);
      case 'up':
        return move(at - 1);
      case 'page-down':
        return move(at + page);
      case 'page-up':
        return move(at - page);
      case 'first':
        return move(0);
      case 'last':
        return move(visible.length - 1);
      case 'fold':
        return this.#fold();
      case 'unfold':
        this.#folded.delete(this.#cursor);
        return;
      case 'next-error':
        return this.#moveToNext(this.#isFailed);
      case 'next-critical':
        return this.#moveToNext(this.#isCritical);
      case 'details':
        this.#showsDetails = !this.#showsDetails;
    }
  }

  /** Folds what is below the cursor; where that is folded, or nothing is, the cursor goes to the row above it. */
  #fold(): void {
    if (this.#hasChildren[this.#cursor] === true && !this.#folded.has(this.#cursor)) this.#folded.add(this.#cursor);
    else this.#cursor = Math.max(0, this.#rows[this.#cursor]?.parentRow ?? 0);
  }

  /** To the next row that is one, folded or not; behind the last one the first one is the next. */
  #moveToNext(isOne: readonly boolean[]): void {
    const count = this.#rows.length;
    for (let step = 1; step <= count; step++) {
      const row = (this.#cursor + step) % count;
      if (isOne[row] !== true) continue;
      this.#cursor = row;
      for (let above = this.#rows[row]!.parentRow; above >= 0; above = this.#rows[above]!.parentRow) {
        this.#folded.delete(above);
      }
      return;
    }
  }

  /** A row is before those below it: whether its parent is visible is known when it is asked. */
  #visibleRows(): number[] {
    const isHidden = new Uint8Array(this.#rows.length);
    return [...this.#rows.keys()].filter((at) => {
      const { parentRow } = this.#rows[at]!;
      if (parentRow >= 0 && (isHidden[parentRow] === 1 || this.#folded.has(parentRow))) isHidden[at] = 1;
      return isHidden[at] === 0;
    });
  }

  #detailLines(): number {
    return this.#showsDetails ? Math.floor(this.#screen.height * DETAILS_SHARE) : 0;
  }

  /** Lines that there are for rows: the headline, the axis and the keys take one each. */
  #rowLines(): number {
    return Math.max(1, this.#screen.height - 3 - this.#detailLines());
  }

  /** Exactly as many lines as the screen has. */
  view(): Line[] {
    const { width, height } = this.#screen;
    const { story } = this.#report;
    const visible = this.#visibleRows();
    const lines = this.#rowLines();
    const at = visible.indexOf(this.#cursor);
    this.#top = Math.max(0, Math.min(this.#top, at, visible.length - lines), at - lines + 1);
    const rows = visible.slice(this.#top, this.#top + lines).map((row) => this.#row(row));
    const view: Line[] = [
      [piece(cut(headlineOf(story), width), ...headlineStyles(story))],
      ...(this.#waterfall.axis()[0] === undefined ? [[]] : this.#waterfall.axis()),
      ...rows,
      ...Array.from({ length: lines - rows.length }, (): Line => []),
      ...this.#details(this.#detailLines()),
      [piece(padEnd(this.#statusText(at, visible.length), width), 'inverse')],
    ];
    return view.slice(-height);
  }

  #row(at: number): Line {
    const isFolded = this.#folded.has(at);
    const mark = at === this.#cursor ? (isFolded ? '»' : '>') : isFolded ? '+' : ' ';
    return withMark(this.#waterfall.row(at), mark);
  }

  #statusText(at: number, visible: number): string {
    const place = ` ${countText(at + 1)}/${countText(visible)}`;
    return `${cut(` ${KEYS_TEXT}`, this.#screen.width - widthOf(place) - 1)} ${place}`;
  }

  /** What the first span of the row holds, or the first that failed, in so many lines. */
  #details(lines: number): Line[] {
    const { trace } = this.#report;
    const { spans = [] } = this.#rows[this.#cursor] ?? {};
    const index = spans.find((span) => trace.statusCode[span] === StatusCode.error) ?? spans[0];
    if (lines === 0 || index === undefined) return Array.from({ length: lines }, (): Line => []);
    const { width } = this.#screen;
    const { span, resource } = trace.source(index);
    const facts = [
      `span ${trace.spanIds[index]}`,
      `+${formatDuration(Math.round(trace.startNs[index]!))}`,
      `took ${formatDuration(Math.round(trace.durationNs[index]!))}`,
      ...(span.status?.message === undefined ? [] : [span.status.message]),
    ];
    const events = (span.events ?? []).flatMap(({ name, attributes }) => [name, ...textsOf(attributes)].join(' '));
    const texts = [facts.join(' · '), ...textsOf(span.attributes), ...events, ...textsOf(resource?.attributes)];
    const shown = texts.slice(0, lines - 1).map((text): Line => [piece(cut(safeText(text), width))]);
    const name = `${trace.services[trace.serviceIndex[index]!]} ${trace.names[index]}`;
    const rule = cut(`── ${safeText(name)} `, width);
    return [
      [piece(rule + '─'.repeat(Math.max(0, width - widthOf(rule))), 'dim')],
      ...shown,
      ...Array.from({ length: lines - 1 - shown.length }, (): Line => []),
    ];
  }
}

function textsOf(attributes: readonly KeyValue[] | undefined): string[] {
  return (attributes ?? []).map(({ key, value }) => `${key} = ${attributeText(value)}`);
}

/** The blank behind the two marks of a row is free for one of ours. */
function withMark([marks, ...rest]: Line, mark: string): Line {
  if (marks === undefined || mark === ' ') return marks === undefined ? rest : [marks, ...rest];
  return [{ ...marks, text: marks.text.slice(0, -1) }, piece(mark, 'bold', 'inverse'), ...rest];
}
