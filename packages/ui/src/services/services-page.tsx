import { Failure } from '../parts/failure.tsx';
import page from '../parts/page.module.css';
import { usePageTitle } from '../parts/use-page-title.ts';
import { FirstSpan } from './first-span.tsx';
import { ServicesSkeleton, ServicesTable } from './services-table.tsx';
import { useServices } from './use-services.ts';

export function ServicesPage() {
  usePageTitle('Services');
  const { data, error, refetch } = useServices({ follow: true });
  if (data === undefined && error !== null) return <Failure error={error} onRetry={() => void refetch()} />;
  // There may be some on a shard that did not answer.
  if (data?.services.length === 0 && data.partial === undefined) return <FirstSpan />;
  return (
    <div className={page['page']}>
      <div className={page['head']}>
        <h1 className={page['title']}>Services</h1>
        {data === undefined ? null : <span className={page['count']}>{data.services.length}</span>}
      </div>
      {data === undefined ? <ServicesSkeleton /> : <ServicesTable {...data} />}
    </div>
  );
}
