import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import type { SpanAddresses } from '../model/span-addresses.ts';
import type { TraceModel } from '../model/trace-model.ts';
import type { TraceSession } from '../model/trace-session.ts';
import { rowBySpan, unfoldTo, visibleRows, withAncestors } from '../model/visible-rows.ts';
import type { SpanFilter } from '../model/span-filter.ts';
import { Axis } from './axis.tsx';
import { indentPx, nameWidthPx, rowPx, sheetQuery, sheetShare, stickyPx } from './geometry.ts';
import type { RowContext } from './row-state.ts';
import { rowId } from './row.tsx';
import { scrollToShow } from './row-window.ts';
import { Rows } from './rows.tsx';
import { ShortcutHelp } from './shortcut-help.tsx';
import { timeTicks } from './time-ticks.ts';
import { Toolbar } from './toolbar.tsx';
import { useFind } from './use-find.ts';
import { useTimeCursor } from './use-time-cursor.ts';
import { useWaterfallKeys } from './use-waterfall-keys.ts';
import { useWidth } from './use-width.ts';
import styles from './waterfall.module.css';

declare module 'react' {
  interface CSSProperties {
    '--name-width'?: string;
  }
}

interface WaterfallProps {
  readonly model: TraceModel;
  readonly addresses: SpanAddresses;
  readonly session: TraceSession;
  readonly colours: readonly string[];
  /** The span whose panel is open; -1 for none. */
  readonly selected: number;
  readonly onSelect: (index: number) => void;
  /** What the story points at. */
  readonly lit: ReadonlySet<number>;
  readonly show: SpanFilter | null;
  readonly onShow: (show: SpanFilter | null) => void;
  readonly find: string;
  readonly onFind: (text: string) => void;
}

const nothingFolded: ReadonlySet<number> = new Set();

export function Waterfall(props: WaterfallProps) {
  const { model, addresses, session, colours, selected, onSelect, lit, show, onShow, find, onFind } = props;
  const [folded, setFolded] = useState(nothingFolded);
  const [active, setActive] = useState(selected);
  const [nameWidth, setNameWidth] = useState(() =>
    Math.min(nameWidthPx.initial, Math.max(nameWidthPx.least, Math.round(innerWidth * 0.38))),
  );
  // A span is selected here, by the story, by the panel's links and by the URL: its row follows in all cases.
  const [followed, setFollowed] = useState(-1);
  if (followed !== selected) {
    setFollowed(selected);
    if (selected >= 0) {
      setActive(selected);
      setFolded(unfoldTo(model, folded, selected));
    }
  }
  const grid = useRef<HTMLDivElement>(null);
  const lane = useRef<HTMLDivElement>(null);
  const findInput = useRef<HTMLInputElement>(null);
  const help = useRef<HTMLDialogElement>(null);
  const panelOpen = selected >= 0;
  const laneWidthPx = useWidth(lane);
  const matches = useFind(session, find);
  const cursor = useTimeCursor(lane, model.extentNs);

  const filterMatches = useMemo(() => spanFilter(model, show), [model, show]);
  const shown = useMemo(
    () => (filterMatches === null ? null : withAncestors(model, filterMatches)),
    [model, filterMatches],
  );
  const rows = useMemo(() => visibleRows(model, folded, shown), [model, folded, shown]);
  const rowOfSpan = useMemo(() => rowBySpan(model, rows), [model, rows]);
  const ticks = useMemo(() => timeTicks(model.extentNs, laneWidthPx), [model, laneWidthPx]);
  const context = useMemo<RowContext>(
    () => ({ model, addresses, colours, laneWidthPx, indentPx: indentPx(model.depthMax, nameWidth) }),
    [model, addresses, colours, laneWidthPx, nameWidth],
  );

  /** Makes a span's row visible, active and, where a panel is open, the one that it shows. */
  const goTo = useCallback(
    (index: number, open: boolean): void => {
      setFolded((old) => unfoldTo(model, old, index));
      setActive(index);
      if (open) onSelect(index);
    },
    [model, onSelect],
  );
  const toggle = useCallback((index: number): void => {
    setFolded((old) => {
      const next = new Set(old);
      if (!next.delete(index)) next.add(index);
      return next;
    });
  }, []);

  useEffect(() => {
    if (active >= 0 && grid.current !== null) showRow(grid.current, rowOfSpan[active] ?? -1, panelOpen);
  }, [active, rowOfSpan, panelOpen]);

  useWaterfallKeys({
    model,
    rows,
    rowOfSpan,
    folded,
    active,
    grid,
    matches,
    panelOpen,
    onGo: goTo,
    onFold: toggle,
    onOpen: onSelect,
    onFind: () => findInput.current?.focus(),
    onHelp: () => help.current?.showModal(),
  });

  const activeRow = rowOfSpan[active] ?? -1;
  return (
    <section className={styles['waterfall']} aria-label="Waterfall">
      <Toolbar
        model={model}
        show={show}
        onShow={onShow}
        find={find}
        onFind={onFind}
        findInput={findInput}
        matches={matches}
        active={active}
        onGo={(index) => goTo(index, panelOpen)}
        anyFolded={folded.size > 0}
        onFoldAll={() => setFolded(folded.size > 0 ? nothingFolded : foldAll(model))}
        onHelp={() => help.current?.showModal()}
      />
      <div
        ref={grid}
        role="treegrid"
        aria-label="Spans"
        aria-rowcount={rows.length + 1}
        aria-activedescendant={activeRow < 0 ? undefined : rowId(rows[activeRow] ?? 0)}
        tabIndex={0}
        className={styles['grid']}
        style={{ '--name-width': `${nameWidth}px` }}
        onPointerMove={cursor.onPointerMove}
        onPointerLeave={cursor.onPointerLeave}
        onFocus={(event) => {
          if (event.target === grid.current && active < 0) setActive(rows[0] ?? -1);
        }}
      >
        <Axis
          ticks={ticks}
          extentNs={model.extentNs}
          nameWidth={nameWidth}
          onNameWidth={setNameWidth}
          laneRef={lane}
          cursorRef={cursor.labelRef}
        />
        <Rows
          context={context}
          rows={rows}
          rowOfSpan={rowOfSpan}
          folded={folded}
          active={active}
          selected={selected}
          lit={lit}
          matches={matches}
          filterMatches={filterMatches}
          ticksNs={ticks.ticksNs}
          onOpen={(index) => {
            goTo(index, true);
            grid.current?.focus({ preventScroll: true });
          }}
          onFold={toggle}
        />
        {rows.length === 0 ? <p className={styles['none']}>No spans match this filter.</p> : null}
      </div>
      <ShortcutHelp ref={help} />
    </section>
  );
}

function spanFilter(model: TraceModel, show: SpanFilter | null): ((index: number) => boolean) | null {
  if (show === 'errors') return (index) => model.isError[index] === 1;
  if (show === 'critical') return (index) => (model.criticalNs[index] ?? 0) > 0;
  return null;
}

/** Everything below the top spans, so that the first generation stays in view. */
function foldAll(model: TraceModel): ReadonlySet<number> {
  const folded = new Set<number>();
  for (let i = 0; i < model.spanCount; i++) {
    if ((model.depth[i] ?? 0) > 0 && (model.subtreeSize[i] ?? 1) > 1) folded.add(i);
  }
  return folded;
}

const marginPx = 2 * rowPx;

function showRow(grid: HTMLElement, row: number, panelOpen: boolean): void {
  if (row < 0) return;
  const rows = grid.querySelector('[role="rowgroup"]:last-of-type') ?? grid;
  const topPx = rows.getBoundingClientRect().top + row * rowPx;
  const covered = panelOpen && matchMedia(sheetQuery).matches ? sheetShare : 0;
  const byPx = scrollToShow(topPx, rowPx, stickyPx, innerHeight * (1 - covered), marginPx);
  if (byPx !== 0) scrollBy({ top: byPx });
}
