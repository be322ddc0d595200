import type { KeyboardEvent, RefObject } from 'react';
import button from '../../parts/button.module.css';
import { countText } from '../../parts/count-text.ts';
import { Icon } from '../../parts/icon.tsx';
import { Segmented } from '../../parts/segmented.tsx';
import type { TraceModel } from '../model/trace-model.ts';
import type { SpanFilter } from '../model/span-filter.ts';
import { nextPlace } from './navigation.ts';
import styles from './toolbar.module.css';

interface ToolbarProps {
  readonly model: TraceModel;
  readonly show: SpanFilter | null;
  readonly onShow: (show: SpanFilter | null) => void;
  readonly find: string;
  readonly onFind: (text: string) => void;
  readonly findInput: RefObject<HTMLInputElement | null>;
  readonly matches: ReadonlySet<number> | null;
  readonly active: number;
  readonly onGo: (index: number) => void;
  readonly anyFolded: boolean;
  readonly onFoldAll: () => void;
  readonly onHelp: () => void;
}

export function Toolbar(props: ToolbarProps) {
  const { model, show, onShow, find, onFind, findInput, matches, active, onGo } = props;
  const options = [
    { value: 'all', text: 'All spans' },
    { value: 'errors', text: model.errorCount === 0 ? 'Errors' : `Errors ${countText(model.errorCount)}` },
    { value: 'critical', text: 'Critical path' },
  ] as const;
  const go = (step: 1 | -1): void => {
    const next = nextPlace(model.spanCount, active, step, (index) => matches?.has(index) ?? false);
    if (next >= 0) onGo(next);
  };
  const press = (event: KeyboardEvent<HTMLInputElement>): void => {
    if (event.key === 'Enter') go(event.shiftKey ? -1 : 1);
    if (event.key === 'Escape') {
      onFind('');
      event.currentTarget.blur();
    }
  };
  return (
    <div className={styles['toolbar']}>
      <div className={styles['find']} role="search" aria-label="Find">
        <span className={styles['icon']}>
          <Icon name="search" size={14} />
        </span>
        <input
          ref={findInput}
          className={styles['input']}
          aria-label="Find in this trace: names, IDs, attributes and events"
          placeholder="Find in this trace"
          spellCheck={false}
          value={find}
          onChange={(event) => onFind(event.target.value)}
          onKeyDown={press}
        />
        {matches === null ? (
          <kbd className={styles['key']}>/</kbd>
        ) : (
          <span className={styles['matches']} role="status">
            {matchesText(matches, active)}
          </span>
        )}
      </div>
      <Segmented
        label="Show"
        options={options}
        value={show ?? 'all'}
        onChange={(value) => onShow(value === 'all' ? null : value)}
      />
      <button
        type="button"
        className={button['button']}
        // The first generation always stays in view.
        disabled={!props.anyFolded && model.depthMax < 2}
        onClick={props.onFoldAll}
      >
        {props.anyFolded ? 'Expand all' : 'Collapse all'}
      </button>
      <Legend overflow={model.overflows.size > 0} />
      <button
        type="button"
        className={styles['keys']}
        aria-label="Keyboard shortcuts"
        title="Keyboard shortcuts"
        onClick={props.onHelp}
      >
        ?
      </button>
    </div>
  );
}

function matchesText(matches: ReadonlySet<number>, active: number): string {
  if (matches.size === 0) return 'none';
  const place = [...matches].indexOf(active);
  return place < 0 ? countText(matches.size) : `${countText(place + 1)} of ${countText(matches.size)}`;
}

function Legend({ overflow }: { readonly overflow: boolean }) {
  return (
    <ul className={styles['legend']} aria-label="Legend">
      <li>
        <span className={styles['critical']} /> critical path
      </li>
      <li>
        <span className={styles['waiting']} /> not on the critical path
      </li>
      {overflow ? (
        <li>
          <span className={styles['overflow']} /> ran after the caller ended
        </li>
      ) : null}
    </ul>
  );
}
