import type { TraceSummary } from '@throughline/trace/client';
import { useEffect, useRef, useState } from 'react';
import { api } from '../api/api.ts';

/** Few enough that the first lines are there soon. */
const batchSize = 10;

/** A trace that has grown has another headline. */
export function headlineKey(trace: TraceSummary): string {
  return `${trace.traceId} ${trace.spanCount}`;
}

/**
 * Headlines by `headlineKey`, fetched after the list in batches from its top; null where one could not be had. What
 * has been fetched stays while the list refreshes.
 */
export function useHeadlines(traces: readonly TraceSummary[]): ReadonlyMap<string, string | null> {
  const [known, setKnown] = useState<ReadonlyMap<string, string | null>>(new Map());
  const asked = useRef(new Set<string>());

  useEffect(() => {
    const missing = traces.filter((trace) => trace.headline === null && !asked.current.has(headlineKey(trace)));
    for (let start = 0; start < missing.length; start += batchSize) {
      const batch = missing.slice(start, start + batchSize);
      for (const trace of batch) asked.current.add(headlineKey(trace));
      void fetchHeadlines(batch).then((fetched) => setKnown((before) => new Map([...before, ...fetched])));
    }
  }, [traces]);

  return known;
}

async function fetchHeadlines(traces: readonly TraceSummary[]): Promise<[string, string | null][]> {
  // A row without a headline shows its root's name: a failure here is not worth a message of its own.
  const answer = await api.headlines(traces.map((trace) => trace.traceId)).catch(() => null);
  return traces.map((trace) => [headlineKey(trace), answer?.headlines[trace.traceId] ?? null]);
}
