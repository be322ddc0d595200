import { Link } from 'wouter';
import { exploreHref } from '../explore/state/explore-state.ts';
import button from '../parts/button.module.css';
import { Icon } from '../parts/icon.tsx';
import { Notice } from '../parts/notice.tsx';
import page from '../parts/page.module.css';
import { Skeleton } from '../parts/skeleton.tsx';
import { usePageTitle } from '../parts/use-page-title.ts';
import { describeTraceFailure } from './describe-trace-failure.ts';
import { useGrowth } from './model/use-growth.ts';
import { useTrace } from './model/use-trace.ts';
import styles from './trace-page.module.css';
import { TraceView } from './trace-view.tsx';

export function TracePage({ traceId }: { readonly traceId: string }) {
  const { state, reload } = useTrace(traceId);
  usePageTitle(titleOf(traceId, state));
  useGrowth(state, reload);
  if (state.kind === 'ready') {
    return <TraceView model={state.model} session={state.session} onReload={reload} />;
  }
  if (state.kind === 'loading') return <Loading />;
  const { title, detail } = describeTraceFailure(traceId, state.failure, location.host);
  return (
    <Notice
      bad
      icon="alert"
      title={title}
      actions={
        <>
          <button type="button" className={button['button']} onClick={reload}>
            <Icon name="refresh" /> Try again
          </button>
          <Link className={button['button']} href={exploreHref({})}>
            Newest traces
          </Link>
        </>
      }
    >
      {detail}
    </Notice>
  );
}

function titleOf(traceId: string, state: ReturnType<typeof useTrace>['state']): string {
  if (state.kind !== 'ready') return `Trace ${traceId.slice(0, 8)}`;
  const { services, serviceIndex, names, rootIndex } = state.model;
  return `${services[serviceIndex[rootIndex] ?? 0] ?? ''} ${names[rootIndex] ?? ''}`;
}

function Loading() {
  return (
    <div className={page['page']} role="status" aria-label="Opening the trace">
      <div className={styles['loading']}>
        <Skeleton width="24%" />
        <Skeleton width="62%" />
        <Skeleton width="48%" />
      </div>
    </div>
  );
}
