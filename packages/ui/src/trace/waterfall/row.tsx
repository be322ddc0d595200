import { memo } from 'react';
import { countText } from '../../parts/count-text.ts';
import { Icon } from '../../parts/icon.tsx';
import { OperationName } from '../../parts/operation-name.tsx';
import { Lane } from './lane.tsx';
import type { Emphasis, RowContext } from './row-state.ts';
import { rowPx } from './geometry.ts';
import styles from './row.module.css';

interface RowProps {
  readonly context: RowContext;
  readonly index: number;
  /** Its place among the visible rows. */
  readonly place: number;
  readonly folded: boolean;
  readonly active: boolean;
  readonly selected: boolean;
  readonly emphasis: Emphasis;
}

/** The id by which the treegrid names its active row. */
export const rowId = (index: number): string => `span-row-${index}`;

/** One span. Clicks are handled by the rows' container, which reads `data-span` and `data-fold`. */
export const Row = memo(function Row({ context, index, place, folded, active, selected, emphasis }: RowProps) {
  const { model, addresses, colours } = context;
  const service = model.serviceIndex[index] ?? 0;
  const depth = model.depth[index] ?? 0;
  const inside = (model.subtreeSize[index] ?? 1) - 1;
  const error = model.isError[index] === 1;
  const shared = addresses.sharedText(index);
  return (
    <div
      id={rowId(index)}
      role="row"
      aria-level={depth + 1}
      // The row of column titles is the first.
      aria-rowindex={place + 2}
      aria-selected={selected}
      aria-expanded={inside === 0 ? undefined : !folded}
      className={styles['row']}
      data-span={index}
      data-active={active}
      data-emphasis={emphasis}
      style={{ transform: `translateY(${place * rowPx}px)` }}
    >
      <div role="gridcell" className={styles['name']}>
        <span className={styles['indent']} style={{ width: depth * context.indentPx }} />
        {inside === 0 ? (
          <span className={styles['leaf']} />
        ) : (
          <span className={styles['fold']} data-fold={index} data-folded={folded}>
            <Icon name="chevron" size={12} />
          </span>
        )}
        <span className={styles['pip']} style={{ background: colours[service] }} />
        <span className={styles['service']}>{model.services[service]}</span>
        {error ? (
          <span className={styles['error']} role="img" aria-label="Error:">
            <Icon name="error" size={13} />
          </span>
        ) : null}
        <span className={styles['operation']} data-error={error} title={model.names[index]}>
          <OperationName name={model.names[index] ?? ''} />
        </span>
        {shared === '' ? null : <span className={styles['spoken']}>, {shared}</span>}
        {folded ? <span className={styles['inside']}>+{countText(inside)}</span> : null}
        {model.missingParent[index] === 1 ? (
          <span
            className={styles['missing']}
            role="img"
            aria-label="The parent span is missing"
            title="The parent span is missing"
          >
            <Icon name="alert" size={13} />
          </span>
        ) : null}
      </div>
      <div role="gridcell" className={styles['lane']}>
        <Lane context={context} index={index} folded={folded} />
      </div>
    </div>
  );
});
