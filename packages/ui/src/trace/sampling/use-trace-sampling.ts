import { useQuery } from '@tanstack/react-query';
import { api } from '../../api/api.ts';

/** Why the trace was sampled, fetched once it is shown, and again when it has grown. */
export function useTraceSampling(traceId: string, spanCount: number) {
  return useQuery({
    queryKey: ['trace-sampling', traceId, spanCount],
    queryFn: ({ signal }) => api.traceSampling(traceId, { signal }),
    placeholderData: (shown) => shown,
  });
}
