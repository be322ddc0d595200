import type { ReactNode } from 'react';
import styles from './system-page.module.css';

interface FigureProps {
  readonly name: string;
  /** A line below the figure. */
  readonly detail?: ReactNode;
  readonly children: ReactNode;
}

/** One thing to know, with its name above and what belongs to it below; inside of a `dl`. */
export function Figure({ name, detail, children }: FigureProps) {
  return (
    <div className={styles['figure']}>
      <dt className={styles['name']}>{name}</dt>
      <dd className={styles['value']}>{children}</dd>
      {detail === undefined ? null : <dd className={styles['detail']}>{detail}</dd>}
    </div>
  );
}
