import { useQuery } from '@tanstack/react-query';
import { api } from '../api/api.ts';

/** As often as applications report. */
const intervalMs = 5_000;

/** With more operations than these the response is large, and fetched less often. */
const manyOperations = 1_000;
const manyIntervalMs = 30_000;

/** How the collector is, fetched periodically. */
export function useSystem() {
  return useQuery({
    queryKey: ['system'],
    queryFn: ({ signal }) => api.system({ signal }),
    refetchInterval: intervalMs,
  });
}

/** What is sampled and why, of all services. */
export function useSampling() {
  return useQuery({
    queryKey: ['sampling'],
    queryFn: ({ signal }) => api.sampling(undefined, { signal }),
    refetchInterval: ({ state }) =>
      (state.data?.operations.length ?? 0) > manyOperations ? manyIntervalMs : intervalMs,
  });
}
