import button from '../parts/button.module.css';
import { Notice } from '../parts/notice.tsx';
import { emptyExploreState, writeExploreState, type ExploreState } from './explore-state.ts';

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
      title={filtered ? 'No trace matches these filters' : 'No trace in this time'}
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
              Remove the filters
            </button>
          ) : null}
        </>
      }
    >
      Service, operation, status and attributes must hold for one and the same span; the durations and the time are
      those of the whole trace.
    </Notice>
  );
}
