import { estimatedText, explainEstimate, relativeErrorText, type CountEstimate } from './count-text.ts';
import styles from './estimated-count.module.css';
import { Explained } from './explained.tsx';

interface EstimatedCountProps {
  readonly count: CountEstimate;
  /** What is shown of it, where that is not the count: a rate. */
  readonly shown?: string;
  /** What is counted, in the singular: `span`. */
  readonly noun: string;
  /** Sentences that follow the explanation. */
  readonly more?: string;
}

/**
 * A plain number where it is exact; else `≈12.3k ±4%` with a badge that says what the number is worth. A table with
 * some of these sets `--worth-width`, so that its numbers line up.
 */
export function EstimatedCount({ count, shown, noun, more = '' }: EstimatedCountProps) {
  const { basis } = count.estimate;
  const number = shown === undefined ? estimatedText(count) : basis === 'exact' ? shown : `≈${shown}`;
  return (
    <span className={styles['count']}>
      <span className={styles['number']}>{number}</span>
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
