import type { PartialAnswer, ServiceSummary } from '@throughline/trace/client';
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { api } from '../api/api.ts';
import { requestRates, type RequestRate } from './request-rates.ts';

/** How far back a rate goes: long enough to be steady, short enough to be of now. */
export const rateMinutes = 15;

const stepSeconds = 60;
const intervalMs = 15_000;
/** The services with the most requests; of others it is not known. */
const seriesMax = 1_000;

interface RequestRates {
  readonly isLoading: boolean;
  /** Null where the service had no request, undefined where that is not known. */
  readonly rateOf: (service: Pick<ServiceSummary, 'name' | 'isOthers'>) => RequestRate | null | undefined;
  /** Whether each of them is an exact one. */
  readonly areExact: boolean;
  /** What they lack; undefined where every shard of the store answered. */
  readonly partial: PartialAnswer | undefined;
}

/** Requests a second by service, fetched periodically. */
export function useRequestRates(): RequestRates {
  const { data, dataUpdatedAt, isPending } = useQuery({
    queryKey: ['request-rates'],
    queryFn: ({ signal }) => {
      const from = String(Date.now() - rateMinutes * 60_000);
      return api.series({ from, step: stepSeconds, limit: seriesMax }, { signal });
    },
    refetchInterval: intervalMs,
  });
  const rates = useMemo(() => data && requestRates(data, dataUpdatedAt), [data, dataUpdatedAt]);
  return {
    isLoading: isPending,
    rateOf: ({ name, isOthers }) =>
      rates?.get(isOthers ? null : name) ?? (data?.truncated === false ? null : undefined),
    areExact: [...(rates?.values() ?? [])].every(({ count }) => count.estimate.basis === 'exact'),
    partial: data?.partial,
  };
}
