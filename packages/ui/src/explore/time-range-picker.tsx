import { Segmented } from '../parts/segmented.tsx';
import { Icon } from '../parts/icon.tsx';
import { absoluteText } from '../time/moment-text.ts';
import styles from '../parts/field.module.css';
import { defaultTimeRange, lastRangeNames, type LastRange, type TimeRange } from './state/time-range.ts';

interface TimeRangePickerProps {
  readonly time: TimeRange;
  readonly onChange: (time: TimeRange) => void;
}

const options: readonly { value: LastRange | 'all'; text: string }[] = [
  ...lastRangeNames.map((range) => ({ value: range, text: range })),
  { value: 'all', text: 'All' },
];

export function TimeRangePicker({ time, onChange }: TimeRangePickerProps) {
  if (time.kind === 'between') {
    return (
      <span className={styles['chip']} title={`${absoluteText(time.fromMs)} to ${absoluteText(time.toMs)}`}>
        <span className={styles['chipText']}>
          {brief(time.fromMs)} – {brief(time.toMs)}
        </span>
        <button
          type="button"
          className={styles['remove']}
          aria-label="Remove the fixed time range"
          onClick={() => onChange(defaultTimeRange)}
        >
          <Icon name="close" size={12} />
        </button>
      </span>
    );
  }
  return (
    <Segmented
      label="Time range"
      options={options}
      value={time.kind === 'all' ? 'all' : time.range}
      onChange={(value) => onChange(value === 'all' ? { kind: 'all' } : { kind: 'last', range: value })}
    />
  );
}

/** Month, day and time to the second: enough for the eye, and the hover text has the rest. */
function brief(unixMs: number): string {
  return absoluteText(unixMs).slice(5, 19);
}
