import type { PartialAnswer } from '@throughline/trace/client';
import { Icon } from './icon.tsx';
import styles from './partial-notice.module.css';
import { partialText } from './partial-text.ts';

interface PartialNoticeProps {
  /** What each answer that is shown says of itself. */
  readonly answers: readonly (PartialAnswer | undefined)[];
}

/** Stands above results that lack what is on shards of the store that did not answer; nothing where none lacks any. */
export function PartialNotice({ answers }: PartialNoticeProps) {
  const text = partialText(answers);
  if (text === null) return null;
  return (
    <p className={styles['notice']} role="status">
      <Icon name="alert" /> {text}
    </p>
  );
}
