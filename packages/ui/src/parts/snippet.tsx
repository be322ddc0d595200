import { CopyButton } from './copy-button.tsx';
import styles from './snippet.module.css';

interface SnippetProps {
  readonly text: string;
  /** What the button says that copies it. */
  readonly label: string;
}

/** Lines to paste into a terminal or a file. */
export function Snippet({ text, label }: SnippetProps) {
  return (
    <div className={styles['snippet']}>
      <pre className={styles['code']} tabIndex={0}>
        {text}
      </pre>
      <div className={styles['copy']}>
        <CopyButton label={label} text={() => text} iconOnly />
      </div>
    </div>
  );
}
