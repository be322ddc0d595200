import type { Total } from '../exchange/exchange-message.ts';

/** As it was reported last. */
export interface KnownTotal {
  /** Of the last record that it holds. */
  number: number;
  requests: number;
  durationSumNs: number;
  /** By bucket. */
  readonly counts: Map<number, number>;
}

/** What came to be counted since; null where there is less of anything than there was. */
export function minus(total: Total, before: KnownTotal): Total | null {
  const counts = total.counts.map((count, index) => count - (before.counts.get(total.offset + index) ?? 0));
  const end = total.offset + total.counts.length;
  for (const [bucket, count] of before.counts) {
    if (count > 0 && (bucket < total.offset || bucket >= end)) return null;
  }
  const requests = total.requests - before.requests;
  const durationSumNs = total.durationSumNs - before.durationSumNs;
  if (requests < 0 || durationSumNs < 0 || counts.some((count) => count < 0)) return null;
  const first = Math.max(
    0,
    counts.findIndex((count) => count > 0),
  );
  const last = counts.findLastIndex((count) => count > 0);
  return { ...total, requests, durationSumNs, offset: total.offset + first, counts: counts.slice(first, last + 1) };
}

/** One and the same in all messages of a process. */
export function totalKey({
  startName,
  name,
  kind,
  status,
}: Pick<Total, 'startName' | 'name' | 'kind' | 'status'>): string {
  return JSON.stringify([kind, status, startName, name]);
}
