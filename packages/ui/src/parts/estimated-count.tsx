import { estimatedText, explainEstimate, relativeErrorText, type CountEstimate } from './count-text.ts';
import styles from './estimated-count.module.css';
import { Explained } from './explained.tsx';

interface EstimatedCountProps {
  readonly count: CountEstimate;
  /** What is counted, in the plural: `spans`. */
  readonly noun: string;
  /** Sentences that follow the explanation. */
  readonly more?: string;
}

/**
 * A plain number where it is exact; else `≈12.3k ±4 %` with a badge that says what the number is worth. A table with some
 * of these sets `--worth-width`, so that its numbers stand below each other.
 */
export function EstimatedCount({ count, noun, more = '' }: EstimatedCountProps) {
  const { basis } = count.estimate;
  return (
    <span className={styles['count']}>
      <span className={styles['number']}>{estimatedText(count)}</span>
      {basis === 'exact' ? (
        <span className={styles['worth']} />
      ) : (
        <span className={styles['worth']}>
          <span className={styles['error']}>{relativeErrorText(count.estimate)}</span>
          <Explained
            label={basis}
            explanation={`${explainEstimate(count, noun)} ${more}`.trim()}
            warning={basis === 'biased'}
          />
        </span>
      )}
    </span>
  );
}
