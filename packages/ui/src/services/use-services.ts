import { useQuery } from '@tanstack/react-query';
import { api } from '../api/api.ts';

/** While nothing has arrived, the page waits for the first span and looks often. */
const waitingIntervalMs = 2_000;
const intervalMs = 15_000;

/** The count goes over all that is stored; pages that only want the names do not fetch it again and again. */
const namesStaleMs = 60_000;

/** All services that are stored; `follow` keeps them up to date while the page is open. */
export function useServices({ follow = false }: { readonly follow?: boolean } = {}) {
  return useQuery({
    queryKey: ['services'],
    queryFn: () => api.services(),
    staleTime: follow ? 0 : namesStaleMs,
    refetchInterval: ({ state }) =>
      follow ? (state.data?.services.length === 0 ? waitingIntervalMs : intervalMs) : false,
  });
}
