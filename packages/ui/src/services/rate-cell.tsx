import type { ServiceSummary } from '@throughline/trace/client';
import { rateText } from '../parts/count-text.ts';
import { EstimatedCount } from '../parts/estimated-count.tsx';
import page from '../parts/page.module.css';
import { Skeleton } from '../parts/skeleton.tsx';
import { Sparkline } from '../parts/sparkline.tsx';
import { unixMs } from '../time/moment-text.ts';
import styles from './rate-cell.module.css';
import { perSecond, type RequestRate } from './request-rates.ts';
import { rateMinutes } from './use-request-rates.ts';

interface RateCellProps {
  readonly service: ServiceSummary;
  /** Null where it had no request, undefined where that is not known. */
  readonly rate: RequestRate | null | undefined;
  readonly isLoading: boolean;
}

/** Requests a second, with their course. */
export function RateCell({ service, rate, isLoading }: RateCellProps) {
  if (isLoading) {
    return (
      <span className={styles['rate']}>
        <Skeleton width="72px" />
      </span>
    );
  }
  if (rate === undefined) {
    return (
      <span className={styles['none']}>
        –<span className={page['hidden']}> not known</span>
      </span>
    );
  }
  if (rate === null) return <span className={styles['none']}>0/s</span>;
  const { isCounted, estimate } = rate.count;
  const isAllCounted = isCounted === true && estimate.basis === 'exact';
  return (
    <span
      className={styles['rate']}
      title={isAllCounted ? 'Exact: request metrics of the SDKs, sampled or not' : undefined}
    >
      <Sparkline values={rate.perStep} />
      <EstimatedCount
        count={rate.count}
        shown={rateText(perSecond(rate, unixMs(service.firstSeenUnixNano)))}
        noun="request"
        more={`All within the last ${rateMinutes} minutes.`}
      />
    </span>
  );
}
