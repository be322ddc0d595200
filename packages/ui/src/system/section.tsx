import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Failure } from '../parts/failure.tsx';
import { Icon } from '../parts/icon.tsx';
import { Moment } from '../parts/moment.tsx';
import page from '../parts/page.module.css';
import { Skeleton } from '../parts/skeleton.tsx';
import { useNow } from '../parts/use-now.ts';
import styles from './system-page.module.css';

interface SectionProps<T> {
  readonly id: string;
  readonly title: string;
  readonly answer: UseQueryResult<T>;
  readonly children: (data: T) => ReactNode;
}

/** The result of a query that runs periodically; figures stay when the collector does not respond. */
export function Section<T>({ id, title, answer, children }: SectionProps<T>) {
  const { data, error, dataUpdatedAt, refetch } = answer;
  return (
    <section className={styles['section']} aria-labelledby={id}>
      <div className={styles['head']}>
        <h2 id={id} className={styles['heading']}>
          {title}
        </h2>
        {data === undefined || error === null ? null : <Stale sinceMs={dataUpdatedAt} />}
      </div>
      {data !== undefined ? (
        <div className={error === null ? undefined : styles['old']}>{children(data)}</div>
      ) : error !== null ? (
        <Failure heading="h2" error={error} onRetry={() => void refetch()} />
      ) : (
        <div className={`${page['card']} ${styles['skeleton']}`} role="status" aria-label={`Loading: ${title}`}>
          <Skeleton width="34%" />
          <Skeleton width="52%" />
        </div>
      )}
    </section>
  );
}

/** How old the figures are that are still shown. */
function Stale({ sinceMs }: { readonly sinceMs: number }) {
  const nowMs = useNow(1_000);
  return (
    <span className={styles['stale']}>
      <Icon name="alert" size={14} />
      {/* Announced once; the elapsed time is not announced every second. */}
      <span role="alert">The collector is unreachable; this is from</span>
      <Moment unixMs={sinceMs} nowMs={nowMs} />
    </span>
  );
}
