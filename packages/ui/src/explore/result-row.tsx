import { formatDuration } from '@throughline/trace';
import { uiPath, type TraceSummary } from '@throughline/trace/client';
import { Link } from 'wouter';
import { countOf } from '../parts/count-text.ts';
import { Icon } from '../parts/icon.tsx';
import { Moment } from '../parts/moment.tsx';
import { OperationName } from '../parts/operation-name.tsx';
import { Skeleton } from '../parts/skeleton.tsx';
import { ServiceName } from '../services/service-name.tsx';
import { unixMs } from '../time/moment-text.ts';
import { totalText } from '../time/total-text.ts';
import styles from './result-row.module.css';

interface ResultRowProps {
  readonly trace: TraceSummary;
  /** Undefined until it is known; null where there is none to be had. */
  readonly headline: string | null | undefined;
  /** The longest duration on the page, against which the bar is drawn. */
  readonly slowestNs: number;
  readonly slots: ReadonlyMap<string, number>;
  readonly nowMs: number;
}

const shownServices = 5;

export function ResultRow({ trace, headline, slowestNs, slots, nowMs }: ResultRowProps) {
  const share = slowestNs === 0 ? 0 : Number(trace.durationNs) / slowestNs;
  // An older collector reports no extent: that is NaN, and says nothing.
  const total = totalText(Number(trace.durationNs), Number(trace.extentNs));
  const moreServices = trace.services.length - shownServices;
  return (
    <li className={styles['row']}>
      <div className={styles['main']}>
        <Link className={styles['headline']} href={uiPath('trace', { traceId: trace.traceId })}>
          {headline || (
            <>
              {trace.rootService} <OperationName name={trace.rootOperation} />
            </>
          )}
          {headline === undefined ? (
            <span className={styles['coming']}>
              <Skeleton width="180px" />
            </span>
          ) : null}
        </Link>
        <div className={styles['facts']}>
          <span className={styles['root']}>
            <ServiceName name={trace.rootService} slots={slots} />
            <span className={styles['operation']}>
              <OperationName name={trace.rootOperation} />
            </span>
          </span>
          {trace.hasRoot ? null : (
            <span className={styles['warning']} title="No span without a parent has arrived yet">
              missing root span
            </span>
          )}
          <span>{countOf(trace.spanCount, 'span')}</span>
          {trace.errorCount === 0 ? null : (
            <span className={styles['errors']}>
              <Icon name="error" size={13} />
              {countOf(trace.errorCount, 'error')}
            </span>
          )}
          {trace.services.length < 2 ? null : (
            <span className={styles['services']}>
              {trace.services.slice(0, shownServices).map(({ name }) => (
                <span key={name} className={styles['service']}>
                  <ServiceName name={name} slots={slots} />
                </span>
              ))}
              {moreServices > 0 ? <span>and {moreServices} more</span> : null}
            </span>
          )}
        </div>
      </div>
      <div className={styles['side']}>
        <span className={styles['duration']}>
          {formatDuration(trace.durationNs)}
          {total === '' ? null : <span className={styles['total']}>{total}</span>}
        </span>
        <span className={styles['track']} aria-hidden="true">
          <span
            className={styles['fill']}
            data-error={trace.errorCount > 0}
            style={{ width: `${Math.max(share * 100, 0.5)}%` }}
          />
        </span>
        <span className={styles['start']}>
          <Moment unixMs={unixMs(trace.startTimeUnixNano)} nowMs={nowMs} />
        </span>
      </div>
    </li>
  );
}
