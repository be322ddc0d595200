import button from '../parts/button.module.css';
import { Notice } from '../parts/notice.tsx';
import { emptyExploreState, writeExploreState, type ExploreState } from './state/explore-state.ts';

interface NothingFoundProps {
  readonly state: ExploreState;
  readonly onChange: (changes: Partial<ExploreState>) => void;
}

export function NothingFound({ state, onChange }: NothingFoundProps) {
  const filtered = writeExploreState({ ...state, time: emptyExploreState.time }) !== '';
  return (
    <Notice
      icon="search"
      heading="h2"
      title={filtered ? 'No traces match these filters' : 'No traces in this time range'}
      actions={
        <>
          {state.time.kind === 'all' ? null : (
            <button type="button" className={button['button']} onClick={() => onChange({ time: { kind: 'all' } })}>
              Search all time
            </button>
          )}
          {filtered ? (
            <button
              type="button"
              className={button['button']}
              onClick={() => onChange({ ...emptyExploreState, time: state.time })}
            >
              Clear filters
            </button>
          ) : null}
        </>
      }
    >
      Service, operation, status and attributes must match the same span; duration and time range apply to the whole
      trace.
    </Notice>
  );
}
