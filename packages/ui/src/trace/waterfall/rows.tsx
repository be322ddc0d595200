import { useMemo, useRef, type MouseEvent } from 'react';
import { rowPx } from './geometry.ts';
import { Row } from './row.tsx';
import { emphasisOf, type RowContext } from './row-state.ts';
import styles from './rows.module.css';
import { threadLines } from './thread-lines.ts';
import { useRowWindow } from './use-row-window.ts';

interface RowsProps {
  readonly context: RowContext;
  /** Span indices, top to bottom. */
  readonly rows: Int32Array;
  /** The row of each span, as `rowBySpan` finds it. */
  readonly rowOfSpan: Int32Array;
  readonly folded: ReadonlySet<number>;
  readonly active: number;
  readonly selected: number;
  readonly lit: ReadonlySet<number>;
  readonly matches: ReadonlySet<number> | null;
  readonly filterMatches: ((index: number) => boolean) | null;
  readonly ticksNs: readonly number[];
  readonly onOpen: (index: number) => void;
  readonly onFold: (index: number) => void;
}

/** The rows in view, recycled: a row's element moves on to another span when it leaves the window. */
export function Rows(props: RowsProps) {
  const { context, rows, rowOfSpan, folded, ticksNs, onOpen, onFold } = props;
  const { model } = context;
  const container = useRef<HTMLDivElement>(null);
  const { first, last } = useRowWindow(container, rows.length);
  const lines = useMemo(() => threadLines(model.segments, rowOfSpan), [model, rowOfSpan]);
  const percent = (ns: number): string => `${(100 * ns) / (model.extentNs || 1)}%`;

  const click = ({ target }: MouseEvent): void => {
    if (!(target instanceof Element)) return;
    const fold = target.closest<HTMLElement>('[data-fold]')?.dataset['fold'];
    if (fold !== undefined) return onFold(Number(fold));
    const span = target.closest<HTMLElement>('[data-span]')?.dataset['span'];
    // Selecting text in a row is not a click on it.
    if (span !== undefined && getSelection()?.isCollapsed !== false) onOpen(Number(span));
  };

  const slots = Math.max(1, last - first);
  const shown = [];
  for (let place = first; place < Math.min(last, rows.length); place++) {
    const index = rows[place] ?? 0;
    shown.push(
      <Row
        key={place % slots}
        context={context}
        index={index}
        place={place}
        folded={folded.has(index)}
        active={index === props.active}
        selected={index === props.selected}
        emphasis={emphasisOf(index, props.lit, props.matches, props.filterMatches)}
      />,
    );
  }
  return (
    <div
      ref={container}
      role="rowgroup"
      className={styles['rows']}
      style={{ height: rows.length * rowPx }}
      onClick={click}
    >
      <div className={styles['grid']} role="presentation">
        {ticksNs.map((ns) => (
          <span key={ns} className={styles['tick']} style={{ left: percent(ns) }} />
        ))}
      </div>
      <div className={styles['threads']} role="presentation" data-quiet={props.lit.size > 0 || props.matches !== null}>
        {lines
          .filter(({ topRow, bottomRow }) => bottomRow >= first && topRow < last)
          .map(({ atNs, topRow, bottomRow }) => (
            <span
              key={`${atNs} ${topRow} ${bottomRow}`}
              className={styles['thread']}
              style={{ left: percent(atNs), top: (topRow + 0.5) * rowPx, height: (bottomRow - topRow) * rowPx }}
            />
          ))}
      </div>
      {shown}
    </div>
  );
}
