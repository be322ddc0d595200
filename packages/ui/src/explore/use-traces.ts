import { useInfiniteQuery } from '@tanstack/react-query';
import { writeTag, type TracesQuery } from '@throughline/trace/client';
import { api } from '../api/api.ts';
import type { ExploreState } from './state/explore-state.ts';
import { timeBounds } from './state/time-range.ts';

const pageSize = 50;
const liveIntervalMs = 5_000;

interface PageStart {
  readonly cursor: string | null;
  /** Fixed by the first page, so that a relative range does not move while its pages are read. */
  readonly bounds: { readonly fromMs?: number; readonly toMs?: number } | null;
}

const firstPage: PageStart = { cursor: null, bounds: null };

/** The traces of a search, newest first, page by page; `live` queries again every few seconds. */
export function useTraces(state: ExploreState, live: boolean) {
  return useInfiniteQuery({
    queryKey: ['traces', state],
    initialPageParam: firstPage,
    queryFn: async ({ pageParam, signal }) => {
      const bounds = pageParam.bounds ?? timeBounds(state.time, Date.now());
      const answer = await api.traces(tracesQuery(state, bounds, pageParam.cursor), { signal });
      return { ...answer, bounds };
    },
    getNextPageParam: ({ nextCursor, bounds }): PageStart | null =>
      nextCursor === null ? null : { cursor: nextCursor, bounds },
    refetchInterval: live ? liveIntervalMs : false,
    // What is on the screen stays there, dimmed, until the next response is there.
    placeholderData: (shown) => shown,
  });
}

function tracesQuery(
  state: ExploreState,
  bounds: { readonly fromMs?: number; readonly toMs?: number },
  cursor: string | null,
): TracesQuery {
  return {
    limit: pageSize,
    ...(state.service !== null && { service: state.service }),
    ...(state.operation !== null && { operation: state.operation }),
    ...(state.status !== null && { status: state.status }),
    ...(state.minDurationNs !== null && { minDurationMs: state.minDurationNs / 1e6 }),
    ...(state.maxDurationNs !== null && { maxDurationMs: state.maxDurationNs / 1e6 }),
    ...(state.attributes.length > 0 && { tags: state.attributes.map(writeTag) }),
    ...(bounds.fromMs !== undefined && { from: new Date(bounds.fromMs).toISOString() }),
    ...(bounds.toMs !== undefined && { to: new Date(bounds.toMs).toISOString() }),
    ...(cursor !== null && { cursor }),
  };
}
