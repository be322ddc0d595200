import type { SystemResponse } from '@throughline/trace/client';
import { countOf, rateText, shareText, shortCountOf, shortCountText } from '../parts/count-text.ts';
import { Icon } from '../parts/icon.tsx';
import page from '../parts/page.module.css';
import { PartialNotice } from '../parts/partial-notice.tsx';
import { sizeText } from '../parts/size-text.ts';
import { lengthText } from '../time/length-text.ts';
import { CountTable } from './count-table.tsx';
import { Figure } from './figure.tsx';
import styles from './system-page.module.css';

/** How the collector is: what is wrong, what comes in, what is stored, what was rejected. */
export function CollectorSection({ system }: { readonly system: SystemResponse }) {
  const { store, ingest, retention } = system;
  const rejected = ingest.rejectedSpans.map(({ reason, spans }) => ({ name: reason, count: spans }));
  const limits = system.limitsReached.map(({ limit, times }) => ({ name: limit, count: times }));
  return (
    <>
      <Problems problems={system.problems} />
      <PartialNotice answers={[store.partial]} />
      <div className={page['card']}>
        <dl className={styles['figures']}>
          <Figure name="Version" detail={`up for ${lengthText(system.uptimeSeconds)}`}>
            {system.version}
          </Figure>
          <Figure name="Ingest rate" detail={`${shortCountText(ingest.acceptedSpans)} since startup`}>
            {spansRateText(ingest.spansPerSecond)}
          </Figure>
          <Figure
            name="Spool backlog"
            detail={ingest.spoolBytes === 0 ? 'the spool is empty' : waitText(ingest.spoolAgeSeconds)}
          >
            {sizeText(ingest.spoolBytes)}
          </Figure>
          <Figure name="Spans stored" detail={store.firstDay === null ? '' : `since ${store.firstDay}`}>
            {store.spanCount === null ? 'unknown' : shortCountOf(store.spanCount, 'span')}
          </Figure>
          <Figure
            name="Disk usage"
            detail={store.diskBytes && store.spanCount ? bytesPerSpan(store.diskBytes / store.spanCount) : ''}
          >
            {store.diskBytes === null ? 'unknown' : sizeText(store.diskBytes)}
          </Figure>
          <Figure name="Store" detail={storeNames[store.kind]}>
            {store.engineVersion === null ? storeStates[store.state] : `ClickHouse ${store.engineVersion}`}
          </Figure>
          <Figure name="Retention" detail={`or until the disk is ${shareText(retention.maxDiskShare)} full`}>
            {countOf(retention.maxAgeDays, 'day')}
          </Figure>
        </dl>
      </div>
      <div className={styles['tables']}>
        <CountTable
          caption="Rejected spans by reason"
          what="Reason"
          counted="Spans"
          rows={rejected}
          none="None since startup"
        />
        <CountTable caption="Limits hit" what="Setting" counted="Times" rows={limits} none="None since startup" />
      </div>
    </>
  );
}

const storeNames = { embedded: 'embedded', clickhouse: 'external ClickHouse' } as const;
const storeStates = { starting: 'starting', ready: 'ready', down: 'down', closed: 'closed' } as const;

function Problems({ problems }: { readonly problems: readonly string[] }) {
  return (
    <div role="status" className={styles['problems']} data-bad={problems.length > 0}>
      <Icon name={problems.length > 0 ? 'alert' : 'check'} />
      {problems.length === 0 ? (
        'Ingest and queries are healthy'
      ) : (
        <ul>
          {problems.map((problem) => (
            <li key={problem}>{problem}</li>
          ))}
        </ul>
      )}
    </div>
  );
}

function spansRateText(perSecond: number): string {
  return `${rateText(perSecond).replace('/s', '')} spans/s`;
}

function waitText(seconds: number): string {
  return seconds < 1 ? 'for less than a second' : `the oldest for ${lengthText(seconds)}`;
}

function bytesPerSpan(bytes: number): string {
  return `${sizeText(Math.round(bytes))} per span`;
}
