import type { ServicesResponse, ServiceSummary } from '@throughline/trace/client';
import { useMemo } from 'react';
import { Link, useLocation } from 'wouter';
import { exploreHref, type ExploreState } from '../explore/state/explore-state.ts';
import { lastRanges } from '../explore/state/time-range.ts';
import { classNames } from '../parts/class-names.ts';
import { countOf, countText, estimatedText, shareIntervalText, shareText } from '../parts/count-text.ts';
import { EstimatedCount } from '../parts/estimated-count.tsx';
import { Moment } from '../parts/moment.tsx';
import page from '../parts/page.module.css';
import { PartialNotice } from '../parts/partial-notice.tsx';
import { Skeleton } from '../parts/skeleton.tsx';
import table from '../parts/table.module.css';
import { useNow } from '../parts/use-now.ts';
import { unixMs } from '../time/moment-text.ts';
import { RateCell } from './rate-cell.tsx';
import type { RequestRate } from './request-rates.ts';
import { ServiceName } from './service-name.tsx';
import styles from './services-table.module.css';
import { rateMinutes, useRequestRates } from './use-request-rates.ts';
import { useServiceSlots } from './use-service-slots.ts';

/** Services with the largest share of failed spans first, then by name. */
export function ServicesTable({ services, partial }: ServicesResponse) {
  const nowMs = useNow(5_000);
  const names = useMemo(() => services.flatMap(({ name, isOthers }) => (isOthers ? [] : [name])), [services]);
  const slots = useServiceSlots(names);
  const sorted = services.toSorted(
    (a, b) => errorShare(b) - errorShare(a) || Number(a.isOthers) - Number(b.isOthers) || (a.name < b.name ? -1 : 1),
  );
  const rates = useRequestRates();
  const isExact = services.every(({ estimate }) => estimate.basis === 'exact');
  return (
    <>
      <PartialNotice answers={[partial, rates.partial]} />
      <div className={page['card']}>
        <table
          className={classNames(table['table'], styles['table'])}
          data-exact={isExact}
          data-exact-rates={rates.areExact}
        >
          <caption className={page['hidden']}>Services that have sent spans</caption>
          <thead>
            <tr>
              <th scope="col">Service</th>
              <th
                scope="col"
                className={`${styles['number']} ${styles['requests']}`}
                title={`Per second, over the last ${rateMinutes} minutes`}
              >
                Requests
              </th>
              <th scope="col" className={`${styles['number']} ${styles['spans']}`}>
                Spans
              </th>
              <th scope="col" className={styles['number']}>
                Errors
              </th>
              <th scope="col" className={styles['share']}>
                Error rate
              </th>
              <th scope="col" className={`${styles['number']} ${styles['operations']}`}>
                Operations
              </th>
              <th scope="col" className={styles['seen']}>
                Last seen
              </th>
            </tr>
          </thead>
          <tbody>
            {sorted.map((service) => (
              <ServiceRow
                key={`${service.isOthers ? 'others' : 'name'} ${service.name}`}
                service={service}
                rate={rates.rateOf(service)}
                isLoading={rates.isLoading}
                slots={slots}
                nowMs={nowMs}
              />
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

interface ServiceRowProps {
  readonly service: ServiceSummary;
  readonly rate: RequestRate | null | undefined;
  readonly isLoading: boolean;
  readonly slots: ReadonlyMap<string, number>;
  readonly nowMs: number;
}

function ServiceRow({ service, rate, isLoading, slots, nowMs }: ServiceRowProps) {
  const [, navigate] = useLocation();
  const lastSeenMs = unixMs(service.lastSeenUnixNano);
  const range: Partial<ExploreState> = nowMs - lastSeenMs > lastRanges['24h'] ? { time: { kind: 'all' } } : {};
  const href = exploreHref({ ...range, service: service.name });
  const { estimate, isOthers } = service;
  const spans = { stored: service.spanCount, estimated: service.estimatedSpanCount, estimate };
  const errors = { stored: service.errorCount, estimated: service.estimatedErrorCount, estimate };
  const share = errorShare(service);
  // What is stored of a service that keeps everything is the truth, and has no interval.
  const interval = estimate.basis === 'exact' ? '' : shareIntervalText(service.errorRateInterval);
  return (
    <tr
      className={isOthers ? undefined : styles['row']}
      title={
        isOthers
          ? 'Services beyond the limit, or with too long a name, are grouped here; search still finds their spans by name'
          : undefined
      }
      onClick={isOthers ? undefined : () => navigate(href)}
    >
      <th scope="row" className={styles['service']}>
        {isOthers ? (
          <span className={styles['others']}>(other): services not counted by name</span>
        ) : (
          <Link href={href} onClick={(event) => event.stopPropagation()}>
            <ServiceName name={service.name} slots={slots} />
          </Link>
        )}
      </th>
      <td className={`${styles['number']} ${styles['requests']}`}>
        <RateCell service={service} rate={rate} isLoading={isLoading} />
      </td>
      <td className={`${styles['number']} ${styles['spans']}`}>
        <EstimatedCount count={spans} noun="span" more={interval === '' ? '' : `Error rate: ${interval}.`} />
      </td>
      <td className={styles['number']}>
        {service.errorCount === 0 ? (
          <span className={styles['none']}>0</span>
        ) : isOthers ? (
          <span>{estimatedText(errors)}</span>
        ) : (
          <Link
            className={styles['errors']}
            href={exploreHref({ ...range, service: service.name, status: 'error' })}
            title={`Traces in which ${service.name} failed${
              estimate.basis === 'exact' ? '' : `; ${countOf(service.errorCount, 'failed span')} stored`
            }`}
            onClick={(event) => event.stopPropagation()}
          >
            {estimatedText(errors)}
          </Link>
        )}
      </td>
      <td className={styles['share']} title={interval === '' ? undefined : `${interval}, with 95% confidence`}>
        <span className={styles['meter']} aria-hidden="true">
          <span className={styles['fill']} style={{ width: `${share * 100}%` }} />
        </span>
        <span className={styles['percent']}>{shareText(share)}</span>
      </td>
      <td className={`${styles['number']} ${styles['operations']}`}>{countText(service.operationCount)}</td>
      <td className={styles['seen']}>
        <Moment unixMs={lastSeenMs} nowMs={nowMs} />
      </td>
    </tr>
  );
}

function errorShare({ estimatedErrorCount, estimatedSpanCount }: ServiceSummary): number {
  return estimatedSpanCount === 0 ? 0 : estimatedErrorCount / estimatedSpanCount;
}

export function ServicesSkeleton() {
  return (
    <div className={`${page['card']} ${styles['skeleton']}`} role="status" aria-label="Loading the services">
      {['34%', '22%', '28%', '18%', '31%'].map((width) => (
        <Skeleton key={width} width={width} />
      ))}
    </div>
  );
}
