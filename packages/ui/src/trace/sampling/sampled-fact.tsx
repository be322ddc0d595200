import type { TraceSamplingResponse } from '@throughline/trace/client';
import { Icon } from '../../parts/icon.tsx';
import styles from './sampled.module.css';
import { traceSampledText } from './sampled-text.ts';

interface SampledFactProps {
  /** Undefined until it is known, or when it cannot be had. */
  readonly sampling: TraceSamplingResponse | undefined;
  readonly open: boolean;
  readonly onToggle: () => void;
  /** The id of what opens. */
  readonly controls: string;
}

/** Why the trace was sampled, in a line that opens its decisions. It holds its place while nothing is known. */
export function SampledFact({ sampling, open, onToggle, controls }: SampledFactProps) {
  if (sampling === undefined) return <span className={styles['place']} />;
  const text = traceSampledText(sampling);
  if (sampling.decisions.length === 0 || sampling.estimate === 'exact') {
    const said = sampling.decisions.map((decision) => decision.text).join('\n');
    return (
      <span className={styles['place']} title={said}>
        {text}
      </span>
    );
  }
  return (
    <span className={styles['place']}>
      <button
        type="button"
        className={styles['toggle']}
        aria-expanded={open}
        aria-controls={open ? controls : undefined}
        onClick={onToggle}
      >
        {text}
        <span className={styles['chevron']} data-open={open}>
          <Icon name="chevron" size={12} />
        </span>
      </button>
    </span>
  );
}
