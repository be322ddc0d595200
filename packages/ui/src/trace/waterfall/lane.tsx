import { formatDuration } from '@throughline/trace';
import { overflowText } from '../model/overflow.ts';
import { critical, criticalRuns } from './critical-runs.ts';
import { labelWidthPx, laneGutterPx } from './geometry.ts';
import { placeLabel, type LabelPlace } from './label-place.ts';
import styles from './lane.module.css';
import type { RowContext } from './row-state.ts';

interface LaneProps {
  readonly context: RowContext;
  readonly index: number;
  readonly folded: boolean;
}

/**
 * A span's bar: pale where it waited or was not waited for, full where it held the critical path, hatched where it
 * went on after its caller was gone.
 */
export function Lane({ context, index, folded }: LaneProps) {
  const { model, colours, laneWidthPx } = context;
  const extentNs = model.extentNs || 1;
  const startNs = model.startNs[index] ?? 0;
  const endNs = startNs + (model.durationNs[index] ?? 0);
  const overflow = model.overflows.get(index);
  const overflowStartNs = overflow === undefined ? endNs : Math.max(startNs, endNs - overflow.overflowNs);
  const colour = colours[model.serviceIndex[index] ?? 0];
  const percent = (ns: number): string => `${(100 * ns) / extentNs}%`;
  const stretch = (fromNs: number, toNs: number) => ({ left: percent(fromNs), width: percent(toNs - fromNs) });

  const duration = formatDuration(endNs - startNs);
  const note = overflow === undefined ? '' : overflowText(model, overflow);
  const shortNote = overflow === undefined ? '' : `ran on ${formatDuration(overflow.overflowNs)}`;
  const forms = overflow === undefined ? [duration] : [`${duration} · ${note}`, `${duration} · ${shortNote}`, duration];
  const px = (ns: number): number => (ns / extentNs) * laneWidthPx;
  const { place, form } = placeLabel(
    { startPx: px(startNs), endPx: px(endNs), overflowPx: px(overflowStartNs) },
    laneWidthPx + laneGutterPx,
    forms.map(labelWidthPx),
  );
  const anchors: Record<LabelPlace, { left: string } | { right: string }> = {
    after: { left: percent(endNs) },
    before: { right: percent(extentNs - startNs) },
    overflow: { left: percent(overflowStartNs) },
    inside: { left: percent(startNs) },
  };
  return (
    <>
      <div
        className={styles['bar']}
        data-error={model.isError[index] === 1}
        style={{ ...stretch(startNs, endNs), color: colour }}
      />
      {criticalRuns(model, index, folded, extentNs / Math.max(1, laneWidthPx)).map((run) => (
        <div
          key={run.startNs}
          className={styles['critical']}
          data-folded={run.kind === critical.inside}
          style={{ ...stretch(run.startNs, run.endNs), background: colour }}
        />
      ))}
      {overflow === undefined ? null : <div className={styles['overflow']} style={stretch(overflowStartNs, endNs)} />}
      <span className={styles['label']} data-place={place} style={anchors[place]}>
        {duration}
        {note === '' ? null : <span className={form === 0 ? styles['note'] : styles['hidden']}> · {note}</span>}
        {form === 1 ? (
          <span className={styles['note']} aria-hidden="true">
            {' '}
            · {shortNote}
          </span>
        ) : null}
      </span>
    </>
  );
}
