import type { ReactNode } from 'react';
import { Icon, type IconName } from './icon.tsx';
import styles from './notice.module.css';

interface NoticeProps {
  readonly icon: IconName;
  readonly title: string;
  readonly children?: ReactNode;
  /** Buttons and links that lead on. */
  readonly actions?: ReactNode;
  readonly bad?: boolean;
  /** `h2` where the page has a heading of its own. */
  readonly heading?: 'h1' | 'h2';
}

/** Shown in place of content: nothing found, nothing there yet, or something went wrong. */
export function Notice({ icon, title, children, actions, bad = false, heading: Heading = 'h1' }: NoticeProps) {
  return (
    <section className={styles['notice']} role={bad ? 'alert' : undefined}>
      <span className={`${styles['mark']} ${bad ? styles['bad'] : ''}`}>
        <Icon name={icon} size={20} />
      </span>
      <Heading className={styles['title']}>{title}</Heading>
      {children === undefined ? null : <div className={styles['detail']}>{children}</div>}
      {actions === undefined ? null : <div className={styles['actions']}>{actions}</div>}
    </section>
  );
}
