import { uiPath, type SamplingResponse } from '@throughline/trace/client';
import { useMemo, useState } from 'react';
import { useLocation, useSearch } from 'wouter';
import button from '../parts/button.module.css';
import { countOf, countText } from '../parts/count-text.ts';
import { NameSelect } from '../parts/name-select.tsx';
import page from '../parts/page.module.css';
import { Snippet } from '../parts/snippet.tsx';
import { useServiceSlots } from '../services/use-service-slots.ts';
import { sampledServices } from './sampled-services.ts';
import { SamplingSettings } from './sampling-settings.tsx';
import { SamplingTable } from './sampling-table.tsx';
import styles from './system-page.module.css';

/** As many rows as a browser draws at once; the others are shown on demand. */
const rowsFirst = 200;

/** From so many rows on, a filter helps more than it takes room. */
const filteredFrom = 10;

interface SamplingSectionProps extends SamplingResponse {
  /** Where applications send to; null until it is known. */
  readonly endpoint: string | null;
}

/** What is sampled and why, per service and operation. */
export function SamplingSection({ operations, settings, endpoint }: SamplingSectionProps) {
  const [service, setService] = useServiceFilter();
  const [rowsMax, setRowsMax] = useState(rowsFirst);
  const names = useMemo(() => [...new Set(operations.map((each) => each.service))], [operations]);
  const slots = useServiceSlots(names);
  const services = useMemo(() => sampledServices(operations, { service, rowsMax }), [operations, service, rowsMax]);
  const meant = service === null ? operations.length : operations.filter((each) => each.service === service).length;
  return (
    <>
      {operations.length < filteredFrom && service === null ? null : (
        <div className={styles['filter']}>
          <NameSelect label="Service" any="Every service" names={names} value={service} onChange={setService} />
          <span className={page['count']}>
            {countOf(operations.length, 'operation')} of {countOf(names.length, 'service')}
          </span>
        </div>
      )}
      {operations.length === 0 ? (
        <NoRemoteSampling endpoint={endpoint} />
      ) : services.length === 0 ? (
        <p className={`${page['card']} ${styles['note']}`}>No operation of {service} is known here.</p>
      ) : (
        <div className={page['card']}>
          <SamplingTable services={services} slots={slots} />
        </div>
      )}
      {meant <= rowsMax ? null : (
        <p className={styles['more']}>
          <button type="button" className={button['button']} onClick={() => setRowsMax(rowsMax + rowsFirst)}>
            Show more: {countText(rowsMax)} of {countText(meant)} are shown
          </button>
        </p>
      )}
      <SamplingSettings settings={settings} />
    </>
  );
}

/** No application uses remote sampling: how one does. */
function NoRemoteSampling({ endpoint }: Pick<SamplingSectionProps, 'endpoint'>) {
  const code = `import { remote, Tracer } from '@throughline/sdk';

new Tracer({ service: 'shop', endpoint: '${endpoint}', sampling: remote() });`;
  return (
    <div className={`${page['card']} ${styles['empty']}`}>
      <h3 className={styles['subheading']}>No application uses remote sampling</h3>
      <p className={styles['text']}>
        Each application samples by its own configuration. With <code>remote()</code> it reports its request metrics
        every five seconds and receives a probability per operation: enough traces to look at, however much traffic
        there is, and more while errors rise.
      </p>
      {endpoint === null ? null : <Snippet text={code} label="Copy the code" />}
    </div>
  );
}

/** The service that the table is narrowed to; it lives in the URL. */
function useServiceFilter(): [service: string | null, change: (service: string | null) => void] {
  const [, navigate] = useLocation();
  const service = new URLSearchParams(useSearch()).get('service') || null;
  const change = (next: string | null): void =>
    navigate(uiPath('system', next === null ? {} : { search: new URLSearchParams({ service: next }).toString() }));
  return [service, change];
}
