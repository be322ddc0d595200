import type { Ref } from 'react';
import styles from './axis.module.css';
import { nameWidthPx } from './geometry.ts';
import { NameSplitter } from './name-splitter.tsx';
import { tickText, type TimeTicks } from './time-ticks.ts';

interface AxisProps {
  readonly ticks: TimeTicks;
  readonly extentNs: number;
  readonly nameWidth: number;
  readonly onNameWidth: (width: number) => void;
  /** The lane's element: its width is the width of the time axis. */
  readonly laneRef: Ref<HTMLDivElement>;
  /** Written to as the pointer moves over the lanes. */
  readonly cursorRef: Ref<HTMLSpanElement>;
}

/** The row of column titles; the second one is the time axis. */
export function Axis({ ticks, extentNs, nameWidth, onNameWidth, laneRef, cursorRef }: AxisProps) {
  return (
    <div role="rowgroup" className={styles['group']}>
      <div role="row" aria-rowindex={1} className={styles['axis']}>
        <div role="columnheader" className={styles['title']}>
          Service and operation
          <NameSplitter width={nameWidth} limits={nameWidthPx} onChange={onNameWidth} />
        </div>
        <div role="columnheader" aria-label="Time" className={styles['lane']} ref={laneRef}>
          {ticks.ticksNs.map((ns) => {
            const share = ns / (extentNs || 1);
            return (
              <span key={ns} className={styles['tick']} data-last={share > 0.94} style={{ left: `${100 * share}%` }}>
                {tickText(ns, ticks.stepNs)}
              </span>
            );
          })}
          <span ref={cursorRef} className={styles['cursor']} aria-hidden="true" />
        </div>
      </div>
    </div>
  );
}
