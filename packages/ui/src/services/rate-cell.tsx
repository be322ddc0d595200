import { rateText } from '../parts/count-text.ts';
import { EstimatedCount } from '../parts/estimated-count.tsx';
import { Skeleton } from '../parts/skeleton.tsx';
import { Sparkline } from '../parts/sparkline.tsx';
import styles from './rate-cell.module.css';
import type { RequestRate } from './request-rates.ts';
import { rateMinutes } from './use-request-rates.ts';

interface RateCellProps {
  /** Undefined until it is known. */
  readonly rates: ReadonlyMap<string, RequestRate> | undefined;
  readonly service: string;
}

/** Requests a second, with their course. */
export function RateCell({ rates, service }: RateCellProps) {
  if (rates === undefined) {
    return (
      <span className={styles['rate']}>
        <Skeleton width="72px" />
      </span>
    );
  }
  const rate = rates.get(service);
  if (rate === undefined) return <span className={styles['none']}>0/s</span>;
  return (
    <span className={styles['rate']} title={rate.isCounted ? 'Counted by the applications, sampled or not' : undefined}>
      <Sparkline values={rate.perStep} />
      <EstimatedCount
        count={rate.count}
        shown={rateText(rate.perSecond)}
        noun="request"
        more={`All within the last ${rateMinutes} minutes.`}
      />
    </span>
  );
}
