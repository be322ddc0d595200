import { useQueryClient } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useLocation, useSearch } from 'wouter';
import { collectorUrl } from '../api/base-path.ts';
import button from '../parts/button.module.css';
import { CopyButton } from '../parts/copy-button.tsx';
import { countText } from '../parts/count-text.ts';
import { Failure } from '../parts/failure.tsx';
import { Icon } from '../parts/icon.tsx';
import page from '../parts/page.module.css';
import { PartialNotice } from '../parts/partial-notice.tsx';
import { usePageTitle } from '../parts/use-page-title.ts';
import { exploreHref, readExploreState, type ExploreState } from './state/explore-state.ts';
import { FilterBar } from './filter-bar.tsx';
import { NothingFound } from './nothing-found.tsx';
import { ResultList, ResultSkeleton } from './result-list.tsx';
import { freezeTimeRange } from './state/time-range.ts';
import { useTraces } from './use-traces.ts';

export function ExplorePage() {
  const search = useSearch();
  const [, navigate] = useLocation();
  const [live, setLive] = useState(false);
  const state = useMemo(() => readExploreState(search), [search]);
  usePageTitle(state.service === null ? 'Explore' : `Explore ${state.service}`);

  const { data, error, fetchNextPage, hasNextPage, isFetching, isFetchingNextPage, isPlaceholderData, refetch } =
    useTraces(state, live);
  const traces = useMemo(() => data?.pages.flatMap(({ traces: found }) => found) ?? null, [data]);

  const queryClient = useQueryClient();
  const searchAgain = (): void => {
    void refetch();
    // A service that has appeared meanwhile is there to be chosen, too.
    for (const key of ['services', 'operations']) void queryClient.invalidateQueries({ queryKey: [key] });
  };
  const change = (changes: Partial<ExploreState>): void => {
    navigate(exploreHref({ ...state, ...changes }));
  };
  const link = (): string => {
    const frozen = { ...state, time: freezeTimeRange(state.time, Date.now()) };
    return collectorUrl() + exploreHref(frozen);
  };
  return (
    <div className={page['page']}>
      <div className={page['head']}>
        <h1 className={page['title']}>Explore</h1>
        {traces === null ? null : (
          <span className={page['count']} role="status">
            {countText(traces.length)}
            {hasNextPage ? '+' : ''} {traces.length === 1 ? 'trace' : 'traces'}, newest first
          </span>
        )}
        <span className={page['spacer']} />
        <button type="button" className={button['button']} aria-pressed={live} onClick={() => setLive(!live)}>
          <Icon name="live" /> Live
        </button>
        <CopyButton label="Copy link" icon="link" text={link} />
      </div>
      <FilterBar state={state} onChange={change} onRefresh={searchAgain} busy={isFetching} live={live} />
      <PartialNotice answers={data?.pages.map(({ partial }) => partial) ?? []} />
      {traces === null ? (
        error === null ? (
          <ResultSkeleton />
        ) : (
          <Failure heading="h2" error={error} onRetry={() => void refetch()} />
        )
      ) : traces.length === 0 ? (
        <NothingFound state={state} onChange={change} />
      ) : (
        <ResultList
          traces={traces}
          stale={isPlaceholderData}
          onMore={hasNextPage ? () => void fetchNextPage() : null}
          loadingMore={isFetchingNextPage}
          failure={error}
          onRetry={() => void refetch()}
        />
      )}
    </div>
  );
}
