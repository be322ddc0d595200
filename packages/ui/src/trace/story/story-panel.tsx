import { formatDuration, type StoryClause } from '@throughline/trace';
import { useState } from 'react';
import { countOf } from '../../parts/count-text.ts';
import { Icon, type IconName } from '../../parts/icon.tsx';
import { totalText } from '../../time/total-text.ts';
import type { TraceModel } from '../model/trace-model.ts';
import { Evidence } from './evidence.tsx';
import { PathStrip } from './path-strip.tsx';
import type { StoryPanelProps } from './story-panel-props.ts';
import styles from './story-panel.module.css';

const icons: Readonly<Partial<Record<StoryClause['kind'], IconName>>> = {
  'stopped-waiting': 'clock',
  'kept-running': 'overrun',
  usual: 'clock',
  error: 'error',
  surfaced: 'error',
  cancelled: 'clock',
  handled: 'check',
  repeated: 'repeat',
  gap: 'gap',
  clock: 'clock',
  missing: 'alert',
};

/** More than this would push the waterfall out of view. */
const clausesFirst = 4;

/** Why the request took as long as it did: the headline, where the time went, and what else happened. */
export function StoryPanel(props: StoryPanelProps) {
  const { story } = props.model;
  const [all, setAll] = useState(false);
  const events = story.clauses.filter(({ kind }) => kind !== 'total' && kind !== 'step');
  const shown = all ? events : events.slice(0, clausesFirst);
  return (
    <section className={styles['story']} aria-label="Story">
      {/* Without a headline the name of the operation is the title. */}
      <h2 className={styles['headline']}>{story.headline || story.summary.operation}</h2>
      <PathStrip {...props} />
      <Steps {...props} />
      {events.length === 0 ? null : (
        <ul className={styles['events']}>
          {shown.map((clause, place) => (
            // Two roots may have the same name and duration, and so the same text.
            // oxlint-disable-next-line react/no-array-index-key
            <li key={`${place} ${clause.text}`}>
              <Evidence {...props} clause={clause} className={styles['event']}>
                <span className={styles['icon']} data-kind={clause.kind}>
                  <Icon name={icons[clause.kind] ?? 'alert'} size={14} />
                </span>
                {clause.text}
              </Evidence>
            </li>
          ))}
          {shown.length === events.length ? null : (
            <li>
              <button type="button" className={styles['more']} onClick={() => setAll(true)}>
                {countOf(events.length - shown.length, 'more finding')}
              </button>
            </li>
          )}
        </ul>
      )}
    </section>
  );
}

/** The total and the steps that add up to it, in one flowing line. */
function Steps(props: StoryPanelProps) {
  const { model, colours } = props;
  const total = model.story.clauses.find(({ kind }) => kind === 'total');
  const steps = model.story.clauses.filter(({ kind }) => kind === 'step');
  return (
    <ol className={styles['steps']} aria-label="Where the time went">
      {total === undefined ? null : (
        <li>
          <Evidence {...props} clause={total} className={styles['step']}>
            <strong className={styles['time']}>{formatDuration(total.durationNs)}</strong>
            {` ${wholeText(model)}`}
          </Evidence>
        </li>
      )}
      {steps.map((clause, place) => {
        const first = clause.spanIndexes[0] ?? -1;
        return (
          // oxlint-disable-next-line react/no-array-index-key
          <li key={`${place} ${clause.text}`}>
            <Evidence {...props} clause={clause} className={styles['step']}>
              <span className={styles['pip']} style={{ background: colours[model.serviceIndex[first] ?? -1] }} />
              <strong className={styles['time']}>{formatDuration(clause.durationNs)}</strong>
              {` ${clause.label}`}
            </Evidence>
          </li>
        );
      })}
    </ol>
  );
}

/** The steps add up to the root's duration, which is not the whole of a trace that goes on after it. */
function wholeText({ hasRoot, rootIndex, durationNs, extentNs }: TraceModel): string {
  if (totalText(durationNs[rootIndex] ?? 0, extentNs) === '') return 'total';
  return hasRoot ? 'in the root span' : 'in the longest part';
}
