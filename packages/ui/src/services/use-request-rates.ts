import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { api } from '../api/api.ts';
import { requestRates, type RequestRate } from './request-rates.ts';

/** How far back a rate goes: long enough to be steady, short enough to be of now. */
export const rateMinutes = 15;

const stepSeconds = 60;
const intervalMs = 15_000;
/** The services with the most requests; the rates of others are not shown. */
const seriesMax = 200;

/** Requests a second by service, again and again; undefined until they are known, or where they cannot be had. */
export function useRequestRates(): ReadonlyMap<string, RequestRate> | undefined {
  const { data, dataUpdatedAt } = useQuery({
    queryKey: ['request-rates'],
    queryFn: ({ signal }) => {
      const from = String(Date.now() - rateMinutes * 60_000);
      return api.series({ from, step: stepSeconds, limit: seriesMax }, { signal });
    },
    refetchInterval: intervalMs,
  });
  return useMemo(() => (data === undefined ? undefined : requestRates(data, dataUpdatedAt)), [data, dataUpdatedAt]);
}
