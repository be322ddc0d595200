import type { TraceSummary } from '@throughline/trace/client';
import { useMemo } from 'react';
import button from '../parts/button.module.css';
import { classNames } from '../parts/class-names.ts';
import { describeFailure } from '../parts/describe-failure.ts';
import page from '../parts/page.module.css';
import { Skeleton } from '../parts/skeleton.tsx';
import { useNow } from '../parts/use-now.ts';
import { useServiceSlots } from '../services/use-service-slots.ts';
import styles from './result-list.module.css';
import { ResultRow } from './result-row.tsx';
import { headlineKey, useHeadlines } from './use-headlines.ts';

interface ResultListProps {
  readonly traces: readonly TraceSummary[];
  /** True while these are still the results of the query before. */
  readonly stale: boolean;
  /** Null on the last page. */
  readonly onMore: (() => void) | null;
  readonly loadingMore: boolean;
  /** Set when a reload failed; what was there before stays. */
  readonly failure: Error | null;
  readonly onRetry: () => void;
}

export function ResultList({ traces, stale, onMore, loadingMore, failure, onRetry }: ResultListProps) {
  const nowMs = useNow(5_000);
  const headlines = useHeadlines(traces);
  const names = useMemo(() => traces.flatMap((trace) => trace.services.map(({ name }) => name)), [traces]);
  const slots = useServiceSlots(names);
  const slowestNs = traces.reduce((most, trace) => Math.max(most, Number(trace.durationNs)), 0);
  return (
    <>
      {failure === null ? null : (
        <p className={styles['failure']} role="alert">
          {describeFailure(failure).title}. These results are from before.{' '}
          <button type="button" className={styles['retry']} onClick={onRetry}>
            Try again
          </button>
        </p>
      )}
      <ol className={classNames(page['card'], stale && styles['stale'])} aria-busy={stale}>
        {traces.map((trace) => (
          <ResultRow
            key={trace.traceId}
            trace={trace}
            headline={trace.headline ?? headlines.get(headlineKey(trace))}
            slowestNs={slowestNs}
            slots={slots}
            nowMs={nowMs}
          />
        ))}
      </ol>
      {onMore === null ? null : (
        <div className={styles['more']}>
          <button type="button" className={button['button']} disabled={loadingMore} onClick={onMore}>
            {loadingMore ? 'Loading …' : 'Load more'}
          </button>
        </div>
      )}
    </>
  );
}

export function ResultSkeleton() {
  return (
    <div className={page['card']} role="status" aria-label="Searching">
      {['62%', '48%', '70%', '55%', '66%', '44%'].map((width) => (
        <div key={width} className={styles['waiting']}>
          <Skeleton width={width} />
          <Skeleton width="24%" />
        </div>
      ))}
    </div>
  );
}
